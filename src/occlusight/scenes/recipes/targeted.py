"""The targeted recipes by name, such as "transparent-room", and the search for an attempt that shows what it should."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from occlusight.errors import BadInput
from occlusight.occlusion.facts import Facts
from occlusight.randomness import stream
from occlusight.scenes.description import Scene
from occlusight.scenes.meshes.catalogue import Catalogue
from occlusight.scenes.recipes import chain, complete, partial, reflective, transparent
from occlusight.scenes.recipes.preview import Rectangle, rectangles
from occlusight.scenes.recipes.search import first_that_fits, without_invisible
from occlusight.scenes.recipes.stage import SETTINGS, Stage, Unplaced
from occlusight.scenes.surroundings import PLAIN, vary
from occlusight.scenes.truth.physics import physics_failures
from occlusight.scenes.truth.targeted import TargetedTruth, measure_targeted

Draw = Callable[[Stage, int], list[str]]
Plausible = Callable[[Scene, dict[str, Rectangle], list[str], int], bool]
Shows = Callable[[TargetedTruth, list[str], int], bool]

TYPES: dict[str, tuple[Draw, Plausible, Shows]] = {
    "partial": (partial.draw, partial.plausible, partial.shows),
    "complete": (complete.draw, complete.plausible, complete.shows),
    "chain": (chain.draw, chain.plausible, chain.shows),
    "transparent": (transparent.draw, transparent.plausible, transparent.shows),
    "reflective": (reflective.draw, reflective.plausible, reflective.shows),
}
PLACES = tuple(SETTINGS)
RECIPES: tuple[str, ...] = tuple(f"{type}-{place}" for place in PLACES for type in TYPES)
LIMIT = 20_000  # attempts until the search gives up
PREVIEW = 112  # pixels of the picture at which an attempt is judged first
LEAST_OBJECTS, MOST_OBJECTS = 4, 10


@dataclass(frozen=True, eq=False)
class TargetedScene:
    """A targeted scene, its truth, which attempt of its index it is, and the ids of what it is about."""

    scene: Scene
    truth: TargetedTruth
    attempt: int
    focus: tuple[str, ...]


def type_of(recipe: str) -> str:
    """Return the type of occlusion of a recipe. Raises BadInput for an unknown one."""
    if recipe not in RECIPES:
        raise BadInput(f"there is no targeted recipe {recipe!r}; they are {', '.join(RECIPES)}")
    return recipe.partition("-")[0]


def draw_targeted(
    recipe: str,
    seed: int,
    index: int,
    attempt: int,
    catalogue: Catalogue,
    rotation_index: int,
    width: int,
    heldout: bool,
    surroundings: str = PLAIN,
) -> tuple[Scene, list[str]] | None:
    """Return one attempt and what it is about, None where its objects have no room. Raises BadInput for an unknown
    recipe."""
    type, place = type_of(recipe), recipe.partition("-")[2]
    rng = stream("targeted scenes", seed, index, RECIPES.index(recipe), attempt)
    stage = Stage(SETTINGS[place], rng, catalogue, heldout)
    try:
        focus = TYPES[type][0](stage, rotation_index)
    except Unplaced:
        return None
    scene = stage.scene(recipe, seed, index, width)
    if surroundings != PLAIN:
        scene = vary(scene, place, rotation_index * len(TYPES) + tuple(TYPES).index(type), surroundings)
    return scene, focus


def choose_targeted(
    recipe: str,
    seed: int,
    index: int,
    catalogue: Catalogue,
    *,
    rotation_index: int = 0,
    width: int = 512,
    heldout: bool = False,
    surroundings: str = PLAIN,
) -> TargetedScene:
    """Return the first attempt of an index that stands as things do and shows what the recipe is about.

    `rotation_index` counts the scenes of its recipe before it: what takes turns goes by it. `surroundings` is one of
    SURROUNDINGS.
    Raises BadInput for an unknown recipe, BadData when a mesh is not imported, OcclusightError when no attempt will do.
    """
    type = type_of(recipe)
    shows = TYPES[type][2]

    def attempt(k: int) -> TargetedScene | None:
        drawn = plausible_attempt(recipe, seed, index, k, catalogue, rotation_index, width, heldout, surroundings)
        if drawn is None:
            return None
        scene, focus = drawn
        small = replace(scene, camera=replace(scene.camera, width=PREVIEW, height=PREVIEW))
        preview = measure_targeted(small, catalogue, shadows=tells_by_shadows(type))
        if not shows(preview, focus, rotation_index) or physics_failures(scene):
            return None
        scene = replace(scene, camera=replace(scene.camera, width=width, height=width))
        truth = measure_targeted(scene, catalogue)
        kept = without_invisible(scene, truth.graph, focus)
        if kept is not scene:
            truth = measure_targeted(kept, catalogue)
        fits = shows(truth, focus, rotation_index) and enough(truth)
        return TargetedScene(kept, truth, k, tuple(focus)) if fits else None

    return first_that_fits(attempt, LIMIT, f"{recipe} {index} (seed {seed})")


def preview_targeted(
    recipe: str,
    seed: int,
    index: int,
    catalogue: Catalogue,
    *,
    rotation_index: int,
    width: int,
    measure: Callable[..., TargetedTruth],
    surroundings: str = PLAIN,
) -> tuple[Scene, tuple[str, ...], TargetedTruth]:
    """Return the first attempt that shows what the recipe is about, `width` pixels wide, what it is about, and its
    truth.

    `measure` is `measure_targeted`, perhaps with quicker rays. Whether things stand in one another is not looked at.
    Raises as `choose_targeted`.
    """
    type = type_of(recipe)

    def attempt(k: int) -> tuple[Scene, tuple[str, ...], TargetedTruth] | None:
        drawn = plausible_attempt(recipe, seed, index, k, catalogue, rotation_index, width, surroundings=surroundings)
        if drawn is None:
            return None
        scene, focus = drawn
        scene = replace(scene, camera=replace(scene.camera, width=width, height=width))
        truth = measure(scene, shadows=tells_by_shadows(type))
        fits = TYPES[type][2](truth, focus, rotation_index) and enough(truth)
        return (scene, tuple(focus), truth) if fits else None

    return first_that_fits(attempt, LIMIT, f"{recipe} {index} (seed {seed})")


def plausible_attempt(
    recipe: str,
    seed: int,
    index: int,
    attempt: int,
    catalogue: Catalogue,
    rotation_index: int,
    width: int,
    heldout: bool = False,
    surroundings: str = PLAIN,
) -> tuple[Scene, list[str]] | None:
    """Return an attempt and what it is about where its boxes overlap as they should, else None."""
    drawn = draw_targeted(recipe, seed, index, attempt, catalogue, rotation_index, width, heldout, surroundings)
    if drawn is None:
        return None
    scene, focus = drawn
    plausible = TYPES[type_of(recipe)][1]
    return drawn if plausible(scene, rectangles(scene, catalogue), focus, rotation_index) else None


def tells_by_shadows(type: str) -> bool:
    """Whether a type needs its shadows to be seen to show what it is about."""
    return type == "complete"


def enough(truth: TargetedTruth) -> bool:
    """Whether 4 to 10 objects can be noticed."""
    return len(Facts(truth.graph).noticeable) >= LEAST_OBJECTS and len(truth.graph.objects) <= MOST_OBJECTS
