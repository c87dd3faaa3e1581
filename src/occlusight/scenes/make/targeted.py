"""Targeted scenes in a data set: each is drawn until it shows what its recipe is about.

With variants a set goes in groups: a scene, the same without its occluder, with it moved aside or two things swapped in
depth, and the same from another camera.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph
from occlusight.occlusion.kinds import Lang, Names
from occlusight.questions.question import Question
from occlusight.randomness import stream
from occlusight.scenes.check.targeted_proofs import measured_again, targeted_failures
from occlusight.scenes.make.family import CardText, MeasuredScene, SceneFamily
from occlusight.scenes.make.quiz import ask_alike
from occlusight.scenes.make.slot import Slot
from occlusight.scenes.make.targeted_line import targeted_line
from occlusight.scenes.meshes.catalogue import Catalogue, whole_catalogue
from occlusight.scenes.recipes.targeted import RECIPES, TYPES, choose_targeted, preview_targeted, type_of
from occlusight.scenes.recipes.variants import variant_of
from occlusight.scenes.render.targeted import render_targeted
from occlusight.scenes.truth.quick_raycast import quick_optical_maps, quick_reach
from occlusight.scenes.truth.targeted import measure_targeted

PER_SCENE: Mapping[str, int] = {
    "recognition": 1,
    "explanation": 2,
    "occlusion": 2,
    "position": 3,
    "depth_pair": 1,
    "nearest": 1,
    "count": 1,
    "hidden_part": 1,
    "who_hides": 1,
    "remove": 2,
    "through": 2,
    "mirrored": 2,
    "mirror_shows": 1,
    "unknown": 2,
    "viewpoint": 2,
}
FROM_A_VIEW = ("viewpoint",)  # asked only in sets that show the other view


def with_views(wanted: Mapping[str, int], group_size: int) -> Mapping[str, int]:
    """Return what is asked in a set: about the second view only where its groups show it."""
    return {kind: n for kind, n in wanted.items() if group_size > 1 or kind not in FROM_A_VIEW}


def _draw(slot: Slot, catalogue: Catalogue) -> MeasuredScene:
    """The scene of a slot, as it is or otherwise (see `variant_of`)."""
    chosen = choose_targeted(
        slot.recipe,
        slot.seed,
        slot.base,
        catalogue,
        rotation_index=slot.rotation_index,
        width=slot.width,
        heldout=slot.heldout,
        surroundings=slot.surroundings,
    )
    variant = variant_of(chosen.scene, chosen.focus, slot.group_member, slot.rotation_index)
    truth = measure_targeted(variant.scene, catalogue, variant.second)
    type = type_of(slot.recipe)
    line = targeted_line(
        slot,
        variant.scene,
        truth,
        chosen.focus,
        catalogue,
        type={"chain": "partial"}.get(type, type),
        family=type,
        attempt=chosen.attempt,
        edit=variant.edit,
    )
    return MeasuredScene(variant.scene, truth.graph, line)


def _measure(slot: Slot, catalogue: Catalogue) -> list[Graph]:
    """The graphs of a scene and of its variants, with quick rays; only the variants are proved to stand."""
    measure = partial(measure_targeted, catalogue=catalogue, look=quick_optical_maps, reach=quick_reach)
    scene, focus, truth = preview_targeted(
        slot.recipe,
        slot.seed,
        slot.base,
        catalogue,
        rotation_index=slot.rotation_index,
        width=slot.width,
        measure=measure,
        surroundings=slot.surroundings,
    )
    if slot.group_size == 1:
        return [truth.graph]
    group = [variant_of(scene, focus, member, slot.rotation_index) for member in range(slot.group_size)]
    return [measure(one.scene, second=one.second).graph for one in group]


def render(made: MeasuredScene, samples: int) -> NDArray[np.uint8]:
    """Return the picture of a targeted scene, or of one of signs, (H, W, 3) sRGB."""
    return render_targeted(made.scene, samples)


def _ask(facts: Facts, names: Names, slot: Slot, langs: Sequence[Lang]) -> list[Question]:
    state = slot.seed, slot.base, RECIPES.index(slot.recipe), slot.group_member
    draws = partial(stream, "targeted questions", *state)
    wanted = with_views(PER_SCENE, slot.group_size)
    return ask_alike(facts, names, draws, langs, wanted, scene=slot.id, image=slot.image)


TARGETED = SceneFamily(
    name="targeted",
    recipes=RECIPES,
    named={"staged": RECIPES, **{type: tuple(r for r in RECIPES if type_of(r) == type) for type in TYPES}},
    version=1,
    digest_before="328f5e74d31be1f72f12c9ce9924c423b6ab9a7840d039bf54c742586141c281",
    catalogue=whole_catalogue,
    draw=_draw,
    render=render,
    ask=_ask,
    prove=targeted_failures,
    remeasure=measured_again,
    measure=_measure,
    balanced=partial(with_views, PER_SCENE),
    variants=True,
    varied=True,
    card=CardText(
        title="A set of staged scenes",
        subject="five types of occlusion",
        about="""- **A complete occlusion** is shown with what tells of it (a shadow on the ground, a reflection) \
beside a board of which nothing tells:
  there the right answer is that it cannot be told.""",
    ),
)
