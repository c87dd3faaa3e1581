"""The staged recipes by name, such as "transparent-room", and the search for a drawing that shows what it should."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from occlusight.errors import BadInput, OcclusightError
from occlusight.occlusion.facts import Facts
from occlusight.randomness import stream
from occlusight.scenes.description import Scene
from occlusight.scenes.meshes.catalogue import Catalogue
from occlusight.scenes.recipes import chain, complete, partial, reflective, transparent
from occlusight.scenes.recipes.preview import Rectangle, rectangles
from occlusight.scenes.recipes.stage import SETTINGS, Stage, Unplaced
from occlusight.scenes.truth.physics import physics_failures
from occlusight.scenes.truth.targeted import StagedTruth, measure_staged

Draw = Callable[[Stage, int], list[str]]
Plausible = Callable[[Scene, dict[str, Rectangle], list[str], int], bool]
Shows = Callable[[StagedTruth, list[str], int], bool]

FAMILIES: dict[str, tuple[Draw, Plausible, Shows]] = {
    "partial": (partial.draw, partial.plausible, partial.shows),
    "complete": (complete.draw, complete.plausible, complete.shows),
    "chain": (chain.draw, chain.plausible, chain.shows),
    "transparent": (transparent.draw, transparent.plausible, transparent.shows),
    "reflective": (reflective.draw, reflective.plausible, reflective.shows),
}
PLACES = tuple(SETTINGS)
STAGES: tuple[str, ...] = tuple(f"{family}-{place}" for place in PLACES for family in FAMILIES)
LIMIT = 20_000  # drawings until the search gives up
GLANCE = 112  # pixels of the picture at which a drawing is judged first
LEAST_OBJECTS, MOST_OBJECTS = 4, 10


@dataclass(frozen=True, eq=False)
class Staged:
    """A staged scene, its truth, which drawing of its index it is, and the ids of what it is about."""

    scene: Scene
    truth: StagedTruth
    drawing: int
    focus: tuple[str, ...]


def family_of(recipe: str) -> str:
    """Return the type of occlusion of a recipe. Raises BadInput for an unknown one."""
    if recipe not in STAGES:
        raise BadInput(f"there is no staged recipe {recipe!r}; they are {', '.join(STAGES)}")
    return recipe.partition("-")[0]


def draw_stage(
    recipe: str, seed: int, index: int, drawing: int, catalogue: Catalogue, turn: int, width: int, heldout: bool
) -> tuple[Scene, list[str]] | None:
    """Return one drawing and what it is about, None where its objects have no room. Raises BadInput for an unknown recipe."""
    family, place = family_of(recipe), recipe.partition("-")[2]
    rng = stream("targeted scenes", seed, index, STAGES.index(recipe), drawing)
    stage = Stage(SETTINGS[place], rng, catalogue, heldout)
    try:
        focus = FAMILIES[family][0](stage, turn)
    except Unplaced:
        return None
    return stage.scene(recipe, seed, index, width), focus


def choose_stage(
    recipe: str, seed: int, index: int, catalogue: Catalogue, *, turn: int = 0, width: int = 512, heldout: bool = False
) -> Staged:
    """Return the first drawing of an index that stands as things do and shows what the recipe is about.

    `turn` says the how-manieth scene of its recipe it is: what takes turns goes by it.
    Raises BadInput for an unknown recipe, BadData when a mesh is not imported, OcclusightError when no drawing will do.
    """
    family = family_of(recipe)
    shows = FAMILIES[family][2]
    for drawing, scene, focus in plausible_drawings(recipe, seed, index, catalogue, turn, width, heldout):
        small = replace(scene, camera=replace(scene.camera, width=GLANCE, height=GLANCE))
        if not shows(
            measure_staged(small, catalogue, shadows=tells_by_shadows(family)), focus, turn
        ) or physics_failures(scene):
            continue
        scene = replace(scene, camera=replace(scene.camera, width=width, height=width))
        scene, truth = _without_invisible(scene, measure_staged(scene, catalogue), focus, catalogue)
        if shows(truth, focus, turn) and enough(truth):
            return Staged(scene, truth, drawing, tuple(focus))
    raise OcclusightError(f"none of {LIMIT} drawings of {recipe} {index} (seed {seed}) shows what it should")


def plausible_drawings(
    recipe: str, seed: int, index: int, catalogue: Catalogue, turn: int, width: int, heldout: bool = False
) -> Iterator[tuple[int, Scene, list[str]]]:
    """Yield the drawings of an index whose boxes overlap as they should: which it is, the scene, and what it is about."""
    plausible = FAMILIES[family_of(recipe)][1]
    for drawing in range(LIMIT):
        drawn = draw_stage(recipe, seed, index, drawing, catalogue, turn, width, heldout)
        if drawn is not None and plausible(drawn[0], rectangles(drawn[0], catalogue), drawn[1], turn):
            yield drawing, *drawn


def tells_by_shadows(family: str) -> bool:
    """Whether a type needs its shadows to be seen to show what it is about."""
    return family == "complete"


def _without_invisible(
    scene: Scene, truth: StagedTruth, focus: list[str], catalogue: Catalogue
) -> tuple[Scene, StagedTruth]:
    """Take out what nobody sees and what the scene is not about."""
    seen = {
        o.id
        for o in truth.graph.objects
        if o.seen != "nowhere" and (o.visible_fraction >= 0.02 or o.seen == "reflection")
    }
    kept = tuple(p for p in scene.objects if p.id in seen or p.id in focus)
    if len(kept) == len(scene.objects):
        return scene, truth
    scene = replace(scene, objects=kept)
    return scene, measure_staged(scene, catalogue)


def enough(truth: StagedTruth) -> bool:
    """Whether 4 to 10 objects can be noticed."""
    return len(Facts(truth.graph).noticeable) >= LEAST_OBJECTS and len(truth.graph.objects) <= MOST_OBJECTS
