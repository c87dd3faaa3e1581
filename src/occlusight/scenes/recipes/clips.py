"""Recipes of clips: a thing moves along a line behind a board, and comes out on the other side or where it went in; in
five settings.

Only that thing moves; the camera stands still. Each frame is a targeted scene of its own, measured and rendered as
such.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

from occlusight.errors import BadInput
from occlusight.occlusion.facts import Facts
from occlusight.randomness import stream
from occlusight.scenes.meshes.catalogue import Catalogue, whole_catalogue
from occlusight.scenes.recipes.film import Film, Pose
from occlusight.scenes.recipes.preview import inside, rectangles
from occlusight.scenes.recipes.search import first_that_fits, without_invisible
from occlusight.scenes.recipes.stage import SETTINGS, Stage, Unplaced
from occlusight.scenes.recipes.targeted import LEAST_OBJECTS, LIMIT, MOST_OBJECTS
from occlusight.scenes.truth.physics import physics_failures
from occlusight.scenes.truth.targeted import TargetedTruth, measure_targeted

TYPE = "clip"
RECIPES: tuple[str, ...] = tuple(f"{TYPE}-{place}" for place in SETTINGS)
SEEN, SLIVER = 0.9, 0.04  # of the moving thing: seen at both ends at least, hidden by anything but the board at most
REACH = 0.29  # of its distance: how far from the middle of the picture the thing starts
PATHS = ("through", "return")  # in turn
MOVERS = {
    "street": ("man", "woman", "dog", "stroller", "suitcase"),
    "crossing": ("man", "woman", "dog", "stroller", "barrel"),
    "room": ("woman", "man", "dog", "suitcase", "stool"),
    "desk": ("cup", "candle", "bottle", "cube", "gift"),
    "line": ("bottle", "milk", "cup", "gift", "cube"),
}
FACING = ("man", "woman", "dog", "stroller")  # they look where they go
SPEED = {"desk": 0.2, "line": 0.2}  # metres a second
WALK = 1.2


def along(path: str, frames: int) -> tuple[float, ...]:
    """Return how far along the line the thing is in each frame: 0 at its start, 1 at the other end, 0.5 behind the
    middle of the board.

    >>> along("through", 5)
    (0.0, 0.25, 0.5, 0.75, 1.0)
    >>> along("return", 5)
    (0.0, 0.25, 0.5, 0.25, 0.0)
    """
    t = [k / (frames - 1) for k in range(frames)]
    return tuple(t) if path == "through" else tuple(0.5 - abs(0.5 - u) for u in t)


def draw(stage: Stage, path: str, frames: int) -> tuple[list[Pose], float, tuple[str, str]]:
    """Place a board, the thing and what stands about; return the thing's poses, the seconds a frame, and the ids of
    both."""
    s = stage.setting
    small = s.name in ("desk", "line")
    board = stage.catalogue.mesh("fixture-panel-desk" if small else "fixture-panel")
    side = 1.0 if stage.rng.random() < 0.5 else -1.0
    far = s.focus * stage.uniform(1.0, 1.12)
    near = far - s.focus * stage.uniform(0.16, 0.26)
    middle = stage.uniform(-0.04, 0.04)  # where the board is, as a share of the distance
    kind = stage.one_of([k for k in MOVERS[s.name] if k in stage.catalogue.kinds])
    hiding = stage.place(board, middle * near, near, stage.uniform(-5, 5))
    start, end = (middle - side * REACH) * far, (middle + side * REACH) * far
    yaw = stage.uniform(-30, 30)
    mover = stage.place(kind, start, far, yaw)
    stage.company(5)
    poses = []
    shares = along(path, frames)
    for k, u in enumerate(shares):
        forth = path == "through" or k < frames / 2
        heading = side * (90.0 if forth else -90.0)
        poses.append(Pose(start + u * (end - start), far, 0.0, heading if kind in FACING else yaw))
    length = sum(abs(b - a) for a, b in pairwise(shares)) * abs(end - start)
    step = length / SPEED.get(s.name, WALK) / (frames - 1)
    return poses, round(step, 4), (hiding.id, mover.id)


def free_lane(clip: Film, catalogue: Catalogue) -> bool:
    """Whether nothing stands in the thing's way, by the catalogue's sizes."""
    placed = {p.id: p for p in clip.scene.objects}

    def radius(id: str) -> float:
        w, d, _ = catalogue.mesh(placed[id].mesh).size
        return 0.5 * math.hypot(w, d) * placed[id].scale

    lane, mine = clip.moves[clip.focus[1]][0].y, radius(clip.focus[1])
    return all(abs(p.position[1] - lane) > mine + radius(p.id) for p in placed.values() if p.id not in clip.focus)


def in_picture(clip: Film, catalogue: Catalogue) -> bool:
    """Whether board and thing are in the picture from beginning to end."""
    for k in (0, len(clip.cameras) // 2, len(clip.cameras) - 1):
        boxes = rectangles(clip.frame(k), catalogue)
        if not all(f in boxes and inside(boxes[f]) > 0.99 for f in clip.focus):
            return False
    return True


def seen(truth: TargetedTruth, clip: Film) -> float | None:
    """Return the share of the thing that is visible in a frame, None where anything but the board hides more than a
    sliver of it."""
    hiding, mover = clip.focus
    found = {o.id: o for o in truth.graph.objects}
    if mover not in found or hiding not in found:
        return None
    others = [r.covered_fraction for r in truth.graph.relations if r.occluded == mover and r.occluder != hiding]
    return None if max(others, default=0.0) > SLIVER else found[mover].visible_fraction


def comes_back(shares: list[float | None]) -> bool:
    """Whether the thing is seen, then wholly hidden once, then seen again."""
    if None in shares or not shares:
        return False
    hidden = [k for k, v in enumerate(shares) if v == 0.0]
    if not hidden or hidden != list(range(hidden[0], hidden[-1] + 1)):
        return False
    return min(shares[0] or 0.0, shares[-1] or 0.0) >= SEEN


def _preview(clip: Film, catalogue: Catalogue) -> Iterator[float | None]:
    for k in range(len(clip.cameras)):
        share = seen(measure_targeted(clip.small(k), catalogue, shadows=False), clip)
        yield share
        if share is None or (k == 0 and share < SEEN):
            return


def draw_clip(
    recipe: str, seed: int, index: int, attempt: int, frames: int, rotation_index: int, width: int, heldout: bool
) -> Film | None:
    """Return one attempt, None where its objects have no room. Raises BadInput for an unknown recipe."""
    if recipe not in RECIPES:
        raise BadInput(f"there is no recipe of clips {recipe!r}; they are {', '.join(RECIPES)}")
    rng = stream("clips", seed, index, RECIPES.index(recipe), attempt)
    stage = Stage(SETTINGS[recipe.partition("-")[2]], rng, whole_catalogue(), heldout)
    path = PATHS[rotation_index % len(PATHS)]
    try:
        poses, step, focus = draw(stage, path, frames)
    except Unplaced:
        return None
    scene = stage.scene(recipe, seed, index, width)
    clip = Film(scene, {focus[1]: tuple(poses)}, (scene.camera,) * frames, step, path, focus, focus[:1], attempt)
    return replace(clip, scene=clip.frame(0))


@lru_cache(maxsize=4)
def choose_clip(
    recipe: str, seed: int, index: int, frames: int, rotation_index: int, width: int, heldout: bool
) -> Film:
    """Return the first attempt of an index in which the thing goes behind the board and comes back, and nothing else is
    in its way.

    Raises BadInput for an unknown recipe, BadData when a mesh is not imported, OcclusightError when no attempt will do.
    """
    catalogue = whole_catalogue()

    def attempt(k: int) -> Film | None:
        clip = draw_clip(recipe, seed, index, k, frames, rotation_index, width, heldout)
        if clip is None or not free_lane(clip, catalogue) or not in_picture(clip, catalogue):
            return None
        preview = list(_preview(clip, catalogue))
        if len(preview) < frames or not comes_back(preview):
            return None
        graph = measure_targeted(clip.scene, catalogue).graph  # as the clip begins
        clip = replace(clip, scene=without_invisible(clip.scene, graph, clip.focus))
        stands = enough(clip, catalogue) and not any(physics_failures(clip.frame(k)) for k in range(frames))
        return clip if stands else None

    return first_that_fits(attempt, LIMIT, f"{recipe} {index} (seed {seed})")


def enough(clip: Film, catalogue: Catalogue) -> bool:
    """Whether 4 to 10 objects can be noticed in every frame, board and thing can be named, and the thing is hidden at
    full size."""
    shares: list[float | None] = []
    for k in range(len(clip.cameras)):
        truth = measure_targeted(clip.frame(k), catalogue, shadows=False)
        facts = Facts(truth.graph)
        if len(facts.noticeable) < LEAST_OBJECTS or len(facts.objects) > MOST_OBJECTS:
            return False
        if k == 0 and not set(clip.focus) <= set(facts.nameable):
            return False
        shares.append(seen(truth, clip))
    return comes_back(shares)
