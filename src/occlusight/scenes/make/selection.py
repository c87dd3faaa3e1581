"""Which scenes a data set keeps, and the search for one that meets the rules of evaluation pictures.

A recipe draws freely, and many of its scenes would make poor questions. The attempts of an index are made in a fixed
order until one keeps the rules, so an index stands for the same scene wherever and whenever it is made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlusight.occlusion.facts import Facts
from occlusight.scenes.description import Scene
from occlusight.scenes.meshes.catalogue import Catalogue
from occlusight.scenes.recipes.free import MAX_OBJECTS, MIN_OBJECTS, make_scene
from occlusight.scenes.recipes.search import first_that_fits, without_invisible
from occlusight.scenes.truth.measure import Truth, graph_from_depths
from occlusight.scenes.truth.raycast import depth_maps

Band = tuple[float, float]
Look = Callable[[Scene], NDArray[np.float32]]

RECOGNISED = 3  # the fewest objects that are seen well enough to be counted
CLEARLY_COVERED = 0.10  # at least one pair must be covered by this much
BANDS: tuple[Band, ...] = ((0.1, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.95))  # visible fractions, one a scene in turn
HELDOUT_OBJECTS = 2  # the fewest meshes that training never sees in a scene of a held-out set
STRIDE = 1_000_000  # attempt k of index i is the recipe's scene i + k * STRIDE
PATIENCE, LIMIT = 48, 400  # attempts until any band will do, and until the search gives up


@dataclass(frozen=True, eq=False)
class Selection:
    """A scene that a data set keeps, its truth, and which attempt of its index it is."""

    scene: Scene
    truth: Truth
    attempt: int


def select(
    recipe: str,
    seed: int,
    index: int,
    catalogue: Catalogue,
    *,
    band: Band,
    width: int = 512,
    heldout: bool = False,
    look: Look = depth_maps,
) -> Selection:
    """Return the first attempt of an index that keeps the rules and has an object visible by a fraction in `band`.

    After PATIENCE attempts any band will do. `look` casts the rays (`depth_maps`, or the quicker `quick_depth_maps`).
    Raises BadInput for an unknown recipe, BadData when a mesh is not imported.
    """

    def attempt(k: int) -> Selection | None:
        drawn = make_scene(recipe, seed, index + k * STRIDE, catalogue, width=width, heldout=heldout)
        scene, truth = seen_scene(drawn, catalogue, look)
        bands = (band,) if k < PATIENCE else BANDS
        if keeps_rules(scene, truth, bands) and (not heldout or shows_heldout(scene, truth, catalogue)):
            return Selection(scene, truth, k)
        return None

    return first_that_fits(attempt, LIMIT, f"{recipe} {index} (seed {seed})")


def seen_scene(scene: Scene, catalogue: Catalogue, look: Look = depth_maps) -> tuple[Scene, Truth]:
    """Return the scene without the objects that cannot be seen in it, and its truth at the camera's resolution."""
    depths = look(scene)
    truth = graph_from_depths(depths, scene.objects, catalogue, scene.camera)
    kept = without_invisible(scene, truth.graph)
    if kept is scene:
        return scene, truth
    rows = [scene.objects.index(p) for p in kept.objects]
    return kept, graph_from_depths(depths[rows], kept.objects, catalogue, kept.camera)


def keeps_rules(scene: Scene, truth: Truth, bands: tuple[Band, ...]) -> bool:
    """Whether 4 to 10 objects can be noticed, enough of them recognised, a pair is clearly covered, and an object is
    visible by a fraction in one of the bands."""
    facts = Facts(truth.graph)
    if len(facts.noticeable) < MIN_OBJECTS or len(scene.objects) > MAX_OBJECTS or len(facts.recognised) < RECOGNISED:
        return False
    visible = [facts.objects[id].visible_fraction for id in facts.nameable]
    return bool(clear_pairs(facts)) and any(low <= v < high for v in visible for low, high in bands)


def clear_pairs(facts: Facts) -> list[tuple[str, str]]:
    """Return the pairs (occluder, occluded) that can be asked about and are covered by CLEARLY_COVERED or more."""
    nameable = set(facts.nameable)
    return [
        (a, b)
        for (a, b), r in facts.relations.items()
        if a in nameable and b in nameable and r.covered_fraction >= CLEARLY_COVERED and facts.hides(a, b)
    ]


def shows_heldout(scene: Scene, truth: Truth, catalogue: Catalogue) -> bool:
    """Whether enough held-out meshes are there, and one of them hides another object or is hidden."""
    unseen = {p.id for p in scene.objects if catalogue.mesh(p.mesh).heldout}
    return len(unseen) >= HELDOUT_OBJECTS and any(unseen & set(pair) for pair in clear_pairs(Facts(truth.graph)))
