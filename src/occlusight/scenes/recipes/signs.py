"""Recipes of signs: one of which something covers a part of the text, and one that can be read; in five settings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from occlusight.errors import BadInput
from occlusight.occlusion.facts import COVERED, READ, Facts
from occlusight.randomness import stream
from occlusight.scenes.description import Camera, Placed, Scene
from occlusight.scenes.meshes.boards import sign_id
from occlusight.scenes.meshes.catalogue import LETTERED, Catalogue
from occlusight.scenes.meshes.lettering import STYLES, sign_texts
from occlusight.scenes.meshes.library import load_mesh
from occlusight.scenes.recipes.preview import clear, cover, rectangles
from occlusight.scenes.recipes.search import first_that_fits, without_invisible
from occlusight.scenes.recipes.stage import SETTINGS, Stage, Unplaced
from occlusight.scenes.recipes.targeted import LIMIT, enough
from occlusight.scenes.truth.inscriptions import SignTruth, measure_signs, placed_face
from occlusight.scenes.truth.physics import physics_failures
from occlusight.scenes.truth.raycast import View, reach

TYPE = "signs"
RECIPES: tuple[str, ...] = tuple(f"{TYPE}-{place}" for place in SETTINGS)
PREVIEW = 208  # pixels of the picture at which an attempt is judged first
SLACK = 0.1  # by which shares may be wrong there
SHAPES = {  # of the sign that is covered, and of the other
    "street": (("board", "pillar"), ("pillar", "board")),
    "crossing": (("plate", "street"),),
    "room": (("notice", "notice"),),
    "desk": (("desk", "desk"), ("desk", "parcel")),
    "line": (("parcel", "parcel"),),
}
COVERING = {
    "street": ("man", "woman", "bush", "trash_can", "motorbike", "bicycle", "suitcase", "barrel", "stroller"),
    "crossing": ("cone", "hydrant", "dog", "suitcase", "barrel"),
    "room": ("man", "woman", "chair", "plant", "suitcase", "armchair"),
    "desk": ("cup", "vase", "bottle", "camera", "candle", "basketball", "teddy_bear"),
    "line": ("bottle", "milk", "cup", "kettle", "camera"),
}
BESIDE = {"crossing": ("cone", "hydrant", "dog", "bush", "suitcase", "trash_can")}
PLATES = ("blue", "green", "yellow")


def draw(stage: Stage, rotation_index: int) -> list[str]:
    """Place two signs and what covers a part of the first; return the ids of what covers, the first and the second."""
    s = stage.setting
    shapes = SHAPES[s.name][rotation_index % len(SHAPES[s.name])]
    styles = [list(STYLES)[i] for i in stage.rng.permutation(len(STYLES))[:2]]
    if s.name == "crossing":
        return _plate(stage, styles[1])
    side = 1.0 if stage.rng.random() < 0.5 else -1.0
    y = s.focus * stage.uniform(0.84, 0.95)
    first = _sign(stage, shapes[0], styles[0], -side * s.focus * stage.uniform(0.07, 0.17), y, stage.uniform(-10, 10))
    far = s.focus * stage.uniform(0.86, 1.12)
    _sign(stage, shapes[1], styles[1], side * s.focus * stage.uniform(0.2, 0.27), far, -side * stage.uniform(0, 16))
    covering = _cover(stage, first, y * stage.uniform(0.62, 0.86), COVERING[s.name])
    second = stage.objects[1]
    stage.company(3)
    return [covering.id, first.id, second.id]


def _sign(
    stage: Stage,
    shape: str,
    style: str,
    x: float,
    y: float,
    yaw: float,
    text: str | None = None,
    z: float = 0.0,
    on: str | None = None,
) -> Placed:
    """Place a sign with a text of its shape's; it is called by its style's colour."""
    shown = {p.mesh.rpartition(LETTERED)[2] for p in stage.objects}
    said = text or stage.one_of(
        [t for t in sign_texts()[shape] if t not in shown]
    )  # two alike would tell of each other
    stage.place(stage.catalogue.mesh(sign_id(shape, style, said)), x, y, yaw, z=z, on=on)
    stage.objects[-1] = replace(stage.objects[-1], colour=style)
    return stage.objects[-1]


def _cover(stage: Stage, sign: Placed, y: float, kinds: Sequence[str]) -> Placed:
    """Place a thing at distance `y` so that it is before some part of a sign's text."""
    corner, right, up = placed_face(sign)
    at = corner + stage.uniform(0.0, 1.0) * right + 0.5 * up
    eye = stage.camera.position[0] if stage.camera is not None else 0.0
    kind = stage.one_of([k for k in kinds if k in stage.catalogue.kinds])
    return stage.place(kind, eye + (at[0] - eye) * y / at[1], y, _yaw(stage, kind))


def _yaw(stage: Stage, kind: str) -> float:
    if kind in ("bicycle", "motorbike", "stroller", "dog"):
        return stage.uniform(55, 120) * (1 if stage.rng.random() < 0.5 else -1)
    return stage.uniform(-30, 30)


def _plate(stage: Stage, style: str) -> list[str]:
    """A car, near, with its number plate behind something that stands on the road; beside it the name of the street."""
    y = stage.uniform(5.4, 5.9)
    side = 1.0 if stage.rng.random() < 0.5 else -1.0
    car = stage.place("car", side * stage.uniform(0.25, 0.5), y, stage.uniform(-12, 12))
    texts = sign_texts()
    number = "".join(stage.one_of(texts["plate"]) for _ in range(5))
    text = f"{stage.one_of(texts['provinces'])}{stage.one_of(texts['plate'][:22])}·{number}"
    plate = _fixed(stage, car, stage.one_of(PLATES), text)
    front = plate.position[1]
    near = front - stage.uniform(0.35, 0.9)
    stage.camera = Camera((0.0, 0.0, stage.uniform(0.95, 1.15)), (0.0, front, 0.52), stage.uniform(33, 37), 512, 512)
    street = _sign(
        stage,
        "street",
        style,
        -side * stage.uniform(0.55, 0.85),
        front - stage.uniform(0.0, 0.5),
        side * stage.uniform(0, 14),
    )
    covering = _cover(stage, plate, near, COVERING["crossing"])
    for kind in stage.pick(BESIDE["crossing"], 2):
        if kind not in {p.kind for p in stage.objects}:
            stage.place(kind, side * stage.uniform(-1.6, 1.6), stage.uniform(6.5, 11.0))
    stage.place("traffic_light", -side * stage.uniform(1.2, 2.4), stage.uniform(9.0, 12.0))
    return [covering.id, plate.id, street.id]


def _fixed(stage: Stage, car: Placed, style: str, text: str) -> Placed:
    """Fix a plate to the front of a car: as deep as the foremost part of the car behind it allows."""
    mesh = load_mesh(car.mesh)
    info = stage.catalogue.mesh(sign_id("plate", style, text))
    w, d, h = info.size
    z = stage.uniform(0.36, 0.46)
    x = np.linspace(-w / 2, w / 2, 9)
    heights = np.linspace(z, z + h, 5)
    starts = np.array([(a, -10.0, b) for a in x for b in heights], np.float32)
    far = reach(mesh, mesh.vertices, starts, np.broadcast_to(np.array([0, 1, 0], np.float32), starts.shape).copy())
    if not np.isfinite(far).any():
        raise Unplaced(info.id)
    ahead = float(far.min()) - 10.0 - d / 2 - 0.004  # along the car's own axis, from its middle
    turn = math.radians(car.yaw)
    cx, cy, _ = car.position
    return _sign(
        stage, "plate", style, cx - math.sin(turn) * ahead, cy + math.cos(turn) * ahead, car.yaw, text, z, on=car.id
    )


def plausible(scene: Scene, catalogue: Catalogue, focus: list[str]) -> bool:
    """Whether both signs are in the picture, nothing but what covers the first is in their way, and that covers a part
    of it."""
    boxes = rectangles(scene, catalogue)
    covering, first, second = focus
    if not all(f in boxes for f in focus) or not clear(scene, boxes, [covering, first], 0.2):
        return False
    if any(b[0] < 0.01 or b[2] > 0.99 or b[1] < 0.01 or b[3] > 0.99 for b in (boxes[first], boxes[second])):
        return False
    at = {p.id: p.position[1] for p in scene.objects}
    before = [p.id for p in scene.objects if at[p.id] < at[second] and p.id != second and p.id in boxes]
    if any(cover(boxes[id], boxes[second]) > 0.15 for id in before):
        return False
    view = View(scene.camera)
    placed = {p.id: p for p in scene.objects}
    corner, right, up = placed_face(placed[first])
    ends, _ = view.project_all(np.array([corner, corner + right + up]))
    low, high = sorted(ends[:, 0] / scene.camera.width)
    x0, _, x1, _ = boxes[covering]
    hidden = (min(high, x1) - max(low, x0)) / (high - low)
    return 0.12 <= hidden <= 0.8 and cover(boxes[covering], boxes[first]) > 0.08


def shows(truth: SignTruth, focus: list[str]) -> bool:
    """Whether of the first sign some characters can be read and some cannot, none is doubtful, and all of the second
    can be read."""
    facts = Facts(truth.graph)
    covering, first, second = focus
    if not set(focus) <= set(facts.nameable) or not facts.legible(first) or not facts.legible(second):
        return False
    read = facts.readable(first)
    return True in read and False in read and facts.covering(first) == [covering] and all(facts.readable(second))


def promising(truth: SignTruth, focus: list[str]) -> bool:
    """Whether in a preview of few pixels nearly every character of the first sign is clearly seen or clearly hidden."""
    texts = {i.object: [c.visible_fraction for c in i.characters] for i in truth.graph.inscriptions}
    first, second = texts.get(focus[1], []), texts.get(focus[2], [])
    seen, hidden = [f > READ - SLACK for f in first], [f < COVERED + SLACK for f in first]
    each = all(a or b for a, b in zip(seen, hidden, strict=True))
    return any(seen) and any(hidden) and each and bool(second) and min(second) > READ - SLACK


@dataclass(frozen=True, eq=False)
class SignScene:
    """A scene of signs, its truth, which attempt of its index it is, and the ids of what covers, of the first sign and
    the second."""

    scene: Scene
    truth: SignTruth
    attempt: int
    focus: tuple[str, ...]


def draw_signs(
    recipe: str,
    seed: int,
    index: int,
    attempt: int,
    catalogue: Catalogue,
    rotation_index: int,
    width: int,
    heldout: bool,
) -> tuple[Scene, list[str]] | None:
    """Return one attempt and what it is about, None where its objects have no room. Raises BadInput for an unknown
    recipe."""
    if recipe not in RECIPES:
        raise BadInput(f"there is no recipe of signs {recipe!r}; they are {', '.join(RECIPES)}")
    rng = stream("signs", seed, index, RECIPES.index(recipe), attempt)
    stage = Stage(SETTINGS[recipe.partition("-")[2]], rng, catalogue, heldout)
    try:
        focus = draw(stage, rotation_index)
    except Unplaced:
        return None
    return stage.scene(recipe, seed, index, width), focus


def choose_signs(
    recipe: str,
    seed: int,
    index: int,
    catalogue: Catalogue,
    *,
    rotation_index: int = 0,
    width: int = 512,
    heldout: bool = False,
) -> SignScene:
    """Return the first attempt of an index that stands as things do and shows what it should.

    Raises BadInput for an unknown recipe, BadData when a mesh is not imported, OcclusightError when no attempt will do.
    """

    def attempt(k: int) -> SignScene | None:
        drawn = draw_signs(recipe, seed, index, k, catalogue, rotation_index, width, heldout)
        if drawn is None or not plausible(drawn[0], catalogue, drawn[1]):
            return None
        scene, focus = drawn
        about = tuple(p for p in scene.objects if p.id in focus)
        small = replace(scene, objects=about, camera=replace(scene.camera, width=PREVIEW, height=PREVIEW))
        if not promising(measure_signs(small, catalogue, shadows=False), focus):
            return None
        scene = replace(scene, camera=replace(scene.camera, width=width, height=width))
        truth = measure_signs(scene, catalogue)
        if not shows(truth, focus) or physics_failures(scene):
            return None
        kept = without_invisible(scene, truth.graph, focus)
        if kept is not scene:
            truth = measure_signs(kept, catalogue)
        fits = shows(truth, focus) and enough(truth.targeted)
        return SignScene(kept, truth, k, tuple(focus)) if fits else None

    return first_that_fits(attempt, LIMIT, f"{recipe} {index} (seed {seed})")
