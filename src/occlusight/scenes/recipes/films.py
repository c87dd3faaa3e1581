"""Recipes of clips beside `clips`: behind boards in a row, behind glass, behind a mirror, two alike behind one board,
and a thing that is put into a box that moves; in every third the camera moves, too.

Each frame is a targeted scene of its own, measured and rendered as such; `film_choice` says which drawings are kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from occlusight.errors import BadInput
from occlusight.randomness import stream
from occlusight.scenes.description import Camera, Placed
from occlusight.scenes.meshes.catalogue import Catalogue, whole_catalogue
from occlusight.scenes.recipes.clips import FACING, MOVERS, REACH, SPEED, WALK, along
from occlusight.scenes.recipes.film import Film, Pose
from occlusight.scenes.recipes.preview import cover, rectangles
from occlusight.scenes.recipes.sightlines import Board, largest
from occlusight.scenes.recipes.stage import ASIDE, SETTINGS, Stage, Unplaced

LOW = {
    "street": ("dog", "suitcase", "barrel"),
    "crossing": ("dog", "suitcase", "barrel"),
    "room": ("dog", "suitcase", "stool"),
    "desk": ("cup", "cube", "camera", "cake", "hamburger"),
    "line": ("cup", "cube", "camera", "glass"),
}
"""What is low enough for small boards and mirrors."""
LEAST = 0.5  # of its size: what would have to be smaller to be hidden wholly, and seen before and after, is not taken
PEOPLE = ("man", "woman")  # they keep their size
GLASS = {"street": "shop_window", "crossing": "shelter", "room": "window", "desk": "guard", "line": "guard"}
INTO = ("basketball", "teddy_bear", "vase", "kettle", "gift")
BOX = "scopia-open-cardboard-box"
WALL = (0.28, 0.72)  # of the box's depth, of its height: how far before its middle its front wall stands, and how high
CAMERA_EVERY = 3  # in one clip of so many the camera moves
TRAVEL = 0.08  # of the distance: how far it goes
COMPANY = 7  # things that stand about, before those in the way are left out
LANE = 1.3  # times the room that a thing takes where it stands is kept free along its way


@dataclass
class Drawn:
    """What a type places: the poses of what moves, how long its way is in metres, and which of two ways it takes."""

    moves: dict[str, list[Pose]]
    length: float
    focus: tuple[str, str]
    hiders: tuple[str, ...]
    path: str = "through"
    speed: float | None = field(default=None)


def _line(stage: Stage, mover: Placed, end: float, shares: Sequence[float]) -> list[Pose]:
    """A thing's poses along a line from where it stands to another x; what walks looks where it goes."""
    x, y, _ = mover.position
    poses = []
    for k, u in enumerate(shares):
        ahead = shares[min(k + 1, len(shares) - 1)] - shares[max(0, k - 1)]
        heading = math.copysign(90.0, (end - x) * (ahead or 1.0))
        yaw = heading if mover.kind in FACING else mover.yaw
        poses.append(Pose(x + u * (end - x), y, 0.0, yaw))
    return poses


def _side(stage: Stage) -> float:
    return 1.0 if stage.rng.random() < 0.5 else -1.0


def _mover(
    stage: Stage,
    cameras: Sequence[Camera],
    kinds: Sequence[str],
    hiders: Sequence[Placed],
    xs: Sequence[float],
    y: float,
) -> Placed:
    """A thing that goes along `xs` at `y`, no larger than is seen at both ends and hidden by each hider.

    Raises Unplaced where it would have to be much smaller than it is."""
    kind = stage.one_of([k for k in kinds if k in stage.catalogue.kinds])
    mesh, yaw = stage.mesh_of(kind), stage.uniform(-30, 30)
    boards = []
    for hider in hiders:
        w, _, h = stage.size(hider)
        boards.append(Board(hider.position[0], hider.position[1], w * math.cos(math.radians(hider.yaw)), h))
    scale = min(1.0, largest(cameras, boards, mesh.size, 90.0 if kind in FACING else yaw, xs, y))
    if scale < (1.0 if kind in PEOPLE else LEAST):
        raise Unplaced(mesh.id)
    return stage.place(mesh, xs[0], y, yaw, scale=scale)


def _small(stage: Stage) -> bool:
    return stage.setting.name in ("desk", "line")


def row(stage: Stage, cameras: Sequence[Camera], path: str) -> Drawn:
    """Two boards beside each other, with room between them in which the thing is seen."""
    s = stage.setting
    far, near = s.focus * stage.uniform(1.0, 1.1), s.focus * stage.uniform(0.8, 0.86)
    board = stage.catalogue.mesh("fixture-panel-desk" if _small(stage) else "fixture-panel")
    scale = stage.uniform(0.58, 0.64) if _small(stage) else stage.uniform(0.5, 0.56)
    apart = stage.uniform(0.145, 0.155) if _small(stage) else stage.uniform(0.13, 0.15)
    boards = [stage.place(board, at * near, near, stage.uniform(-5, 5), scale=scale) for at in (-apart, apart)]
    side = _side(stage)
    end, shares = side * 1.05 * REACH * far, along("through", len(cameras))
    mover = _mover(stage, cameras, LOW[s.name], boards, [(2 * u - 1) * end for u in shares], far)
    moves = {mover.id: _line(stage, mover, end, shares)}
    first = boards[0] if side > 0 else boards[1]
    return Drawn(moves, 2 * abs(end), (first.id, mover.id), tuple(b.id for b in boards))


def behind(
    stage: Stage,
    cameras: Sequence[Camera],
    path: str,
    what: str,
    kinds: Sequence[str],
    scale: float,
    at: float,
    hidden: bool,
) -> Drawn:
    """One thing in front, and one that goes behind it, and on or back."""
    s = stage.setting
    far, near = s.focus * stage.uniform(1.0, 1.12), s.focus * at
    mesh = stage.catalogue.mesh(what) if what.startswith("fixture-") else what
    middle = stage.uniform(-0.04, 0.04)
    hider = stage.place(mesh, middle * near, near, stage.uniform(-6, 6), scale=scale)
    side, shares = _side(stage), along(path, len(cameras))
    xs = [(middle + (2 * u - 1) * side * REACH) * far for u in shares]
    mover = _mover(stage, cameras, kinds, [hider] if hidden else [], xs, far)
    end = (middle + side * REACH) * far
    length = sum(abs(b - a) for a, b in pairwise(shares)) * 2 * REACH * far
    return Drawn({mover.id: _line(stage, mover, end, shares)}, length, (hider.id, mover.id), (hider.id,), path)


def glass(stage: Stage, cameras: Sequence[Camera], path: str) -> Drawn:
    """Behind a pane: covered, and seen all the time."""
    s = stage.setting
    at = 0.72 if s.name == "crossing" else 0.86
    return behind(stage, cameras, path, GLASS[s.name], MOVERS[s.name], 1.0, at, hidden=False)


def mirror(stage: Stage, cameras: Sequence[Camera], path: str) -> Drawn:
    """Behind a mirror, which shows other things than what it hides."""
    small = _small(stage)
    what = "fixture-mirror-desk" if small else "fixture-mirror-wide"
    scale = stage.uniform(0.5, 0.58)
    return behind(stage, cameras, path, what, LOW[stage.setting.name], scale, stage.uniform(0.76, 0.84), hidden=True)


def exchange(stage: Stage, cameras: Sequence[Camera], path: str) -> Drawn:
    """Two that look alike go behind a board from its two sides; each comes out where it went in (`return`), or on the
    other side (`through`). The pictures of both are the same."""
    s = stage.setting
    small = _small(stage)
    far, near = s.focus * stage.uniform(1.02, 1.1), s.focus * stage.uniform(0.74, 0.82)
    board = stage.catalogue.mesh("fixture-panel-desk" if small else "fixture-panel")
    hider = stage.place(board, 0.0, near, stage.uniform(-4, 4), scale=stage.uniform(1.0, 1.1))
    shares = along(path, len(cameras))
    one = _mover(stage, cameras, MOVERS[s.name], [hider], [(2 * u - 1) * REACH * far for u in shares], far)
    mesh = stage.catalogue.mesh(one.mesh)
    two = stage.place(mesh, REACH * far, far, one.yaw, colour=one.colour, scale=one.scale)
    stage.objects[-1] = two = replace(two, rgb=one.rgb)
    w, d, _ = stage.size(one)
    bulge = 0.6 * math.hypot(w, d)
    moves = {}
    for mover, end, to in ((one, REACH * far, -1.0), (two, -REACH * far, 1.0)):
        poses = []
        for pose, u in zip(_line(stage, mover, end, shares), shares, strict=True):
            inner = min(1.0, max(0.0, (u - 0.36) / 0.28))
            poses.append(replace(pose, y=far + to * bulge * math.sin(math.pi * inner)))
        moves[mover.id] = poses
    length = sum(abs(b - a) for a, b in pairwise(shares)) * 2 * REACH * far
    return Drawn(moves, length, (hider.id, one.id), (hider.id, one.id, two.id), path)


def container(stage: Stage, cameras: Sequence[Camera], path: str) -> Drawn:
    """A thing is put into an open box, which then moves; with `return` it is taken out again at the end."""
    s = stage.setting
    y, side = 0.72 * s.focus, _side(stage)
    scale = stage.uniform(1.0, 1.15)
    box = stage.place(stage.catalogue.mesh(BOX), -side * 0.08 * y, y, stage.uniform(-8, 8), scale=scale)
    mesh = stage.mesh_of(stage.one_of([k for k in INTO if k in stage.catalogue.kinds]))
    _, deep, high = stage.size(box)
    wall = Board(box.position[0], y - WALL[0] * deep, 0.0, WALL[1] * high)
    fits = wall.over(cameras[0], mesh.size[2], 0.5 * math.hypot(mesh.size[0], mesh.size[1]), y)
    if fits < LEAST:
        raise Unplaced(mesh.id)
    size = min(fits, stage.uniform(1.0, 1.2))
    thing = stage.place(mesh, -side * 0.32 * y, 0.96 * y, stage.uniform(-30, 30), scale=size)
    top, bottom = high + 0.04, stage.top(box)
    end = side * 0.16 * y
    frames = len(cameras)
    stands, put = max(2, frames // 5), max(2, frames // 8)
    last, moved = stands, frames - 2 * stands - put
    x0, x1, yaw = box.position[0], end, thing.yaw
    outside = Pose(thing.position[0], thing.position[1], 0.0, yaw)
    held = [replace(outside, z=top), Pose(x0, y, top, yaw)]
    way = [x0 + (x1 - x0) * (k + 1) / moved for k in range(moved)]
    things = [outside] * stands + _spread(held, put) + [Pose(x, y, bottom, yaw, box.id) for x in way]
    boxes = [x0] * (stands + put) + way + [x1] * last
    if path == "return":
        out = Pose(x1 + side * 0.19 * y, 0.96 * y, 0.0, yaw)
        things += _spread([Pose(x1, y, top, yaw), replace(out, z=top), out], last)
    else:
        things += [Pose(x1, y, bottom, yaw, box.id)] * last
    moves = {thing.id: things, box.id: [Pose(x, y, 0.0, box.yaw) for x in boxes]}
    return Drawn(moves, frames * 0.12 * s.focus, (box.id, thing.id), (box.id,), path, WALK)


def _spread(poses: Sequence[Pose], count: int) -> list[Pose]:
    """So many poses, each of these for about as long; the last ones where there is no room for all."""
    if count < len(poses):
        return list(poses[len(poses) - count :])
    return [poses[k * len(poses) // count] for k in range(count)]


DRAW: Mapping[str, Callable[[Stage, Sequence[Camera], str], Drawn]] = {
    "row": row,
    "glass": glass,
    "mirror": mirror,
    "exchange": exchange,
    "container": container,
}
PLACES: Mapping[str, tuple[str, ...]] = {
    "row": tuple(SETTINGS),
    "glass": tuple(SETTINGS),
    "mirror": ("street", "room", "desk", "line"),
    "exchange": tuple(SETTINGS),
    "container": ("street", "room"),
}
TYPES = tuple(DRAW)
RECIPES: tuple[str, ...] = tuple(f"clip-{type}-{place}" for type in TYPES for place in PLACES[type])
PATHS = ("through", "return")  # in turn


def type_of(recipe: str) -> str:
    """Return the type of a recipe.

    >>> type_of("clip-row-street")
    'row'
    """
    return recipe.split("-")[1]


def draw_film(
    recipe: str, seed: int, index: int, attempt: int, frames: int, rotation_index: int, width: int, heldout: bool
) -> Film | None:
    """Return one attempt, None where its objects have no room. Raises BadInput for an unknown recipe."""
    if recipe not in RECIPES:
        raise BadInput(f"there is no recipe of clips {recipe!r}; they are {', '.join(RECIPES)}")
    rng = stream("films", seed, index, RECIPES.index(recipe), attempt)
    stage = Stage(SETTINGS[recipe.split("-")[2]], rng, whole_catalogue(), heldout)
    travel = (TRAVEL * stage.setting.focus * _side(stage)) if rotation_index % CAMERA_EVERY == CAMERA_EVERY - 1 else 0.0
    stage.camera = stage.look(width, stage.uniform(-ASIDE, ASIDE))
    cameras = tuple(_gone(stage.camera, travel * (k / (frames - 1) - 0.5)) for k in range(frames))
    try:
        drawn = DRAW[type_of(recipe)](stage, cameras, PATHS[rotation_index % len(PATHS)])
    except Unplaced:
        return None
    _company(stage, drawn)
    scene = stage.scene(recipe, seed, index, width)
    speed = drawn.speed or SPEED.get(stage.setting.name, WALK)
    step = round(drawn.length / speed / (frames - 1), 4)
    moves = {id: tuple(poses) for id, poses in drawn.moves.items()}
    film = Film(scene, moves, cameras, step, drawn.path, drawn.focus, drawn.hiders, attempt)
    before = in_the_way(film, stage.catalogue)
    kept = tuple(p for p in film.frame(0).objects if p.id not in before)
    return replace(film, scene=replace(film.frame(0), objects=kept))


def in_the_way(film: Film, catalogue: Catalogue) -> frozenset[str]:
    """Return what stands about, and before what moves in any frame, by the catalogue's sizes."""
    about = {*film.moves, *film.hiders}
    found: set[str] = set()
    for k in range(len(film.cameras)):
        scene = film.frame(k)
        boxes = rectangles(scene, catalogue)
        far = {p.id: p.position[1] for p in scene.objects}
        found |= {
            id
            for id in boxes.keys() - about
            if any(far[id] < far[one] and cover(boxes[id], boxes[one]) > 0 for one in film.moves if one in boxes)
        }
    return frozenset(found)


def _company(stage: Stage, drawn: Drawn) -> None:
    """Let other things stand about, none in the way of what moves: its places are taken meanwhile."""
    first = len(stage.objects)
    radii = {p.id: r for p, r in zip(stage.objects, stage.radii, strict=True)}
    placed = {p.id: p for p in stage.objects}
    taken = [(id, pose) for id, poses in drawn.moves.items() for pose in dict.fromkeys(poses)]
    stage.objects += [replace(placed[id], position=(pose.x, pose.y, 0.0)) for id, pose in taken]
    stage.radii += [LANE * radii[id] for id, _ in taken]
    stage.company(COMPANY)
    del stage.objects[first : first + len(taken)], stage.radii[first : first + len(taken)]
    stage.objects[first:] = [replace(p, id=f"o{first + 1 + at}") for at, p in enumerate(stage.objects[first:])]


def _gone(camera: Camera, by: float) -> Camera:
    """A camera that stands so far to the side and looks at the same point."""
    x, y, z = camera.position
    return replace(camera, position=(x + by, y, z)) if by else camera
