"""Recipes: from (name, dataset seed, index) to a scene description.

A recipe draws a camera, then sets objects on the ground one after the other. About half of them are aimed at an object
that already stands there: on nearly the same line of sight, nearer or farther, so that one hides part of the other by a
fraction that is spread widely. Footprints never intersect. Nothing here reads a mesh: the catalogue's metric sizes are
enough, so a description is the same on every machine.

Wide recipes play in the same settings, with every kind of the catalogue that belongs there; they are made to be drawn
from `wide_catalogue`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from occlusight.errors import BadInput
from occlusight.randomness import stream
from occlusight.scenes.description import RGB, Camera, Placed, Scene, Surroundings
from occlusight.scenes.meshes.catalogue import FIXTURE, Catalogue, Kind, MeshInfo
from occlusight.scenes.render.lighting import sample_light

MIN_OBJECTS, MAX_OBJECTS = 4, 10
SHAPES = ((256, 256), (288, 224), (224, 288))  # width, height in units that scale with the picture
INTERACT = 0.65  # share of objects that are aimed at another one
TWIN = 0.35  # share of scenes with a second object of a kind that is there already


@dataclass(frozen=True)
class Setting:
    """What a recipe draws from. Lengths in metres, angles in degrees, `horizon` as a share of the height from the
    top."""

    name: str
    camera_height: tuple[float, float]
    fov: tuple[float, float]
    horizon: tuple[float, float]
    near: float
    far: float
    apparent: tuple[float, float]  # an object's size (see `_Spot`) as a share of the picture's width
    surroundings: Callable[[np.random.Generator, float], Surroundings]
    cast: tuple[str, ...] | None  # kinds of objects, keys of the catalogue; None for all opaque ones that belong there

    def kinds(self, catalogue: Catalogue) -> tuple[Kind, ...]:
        """The kinds of its objects."""
        if self.cast is not None:
            return tuple(catalogue.kind(key) for key in self.cast)
        staged = (FIXTURE,)  # what needs a stage of its own: panes, mirrors, signs
        return tuple(
            k
            for k in catalogue.in_setting(self.name)
            if k.material in ("opaque", "porous") and catalogue.meshes(k.key)[0].library not in staged
        )


def _grey(rng: np.random.Generator, low: float, high: float, tint: float = 0.08) -> RGB:
    """A colour near grey: linear reflectance in [low, high], channels apart by up to `tint` of it."""
    base = rng.uniform(low, high)
    r, g, b = np.clip(base * (1 + rng.uniform(-tint, tint, 3)), 0.02, 0.95)
    return float(r), float(g), float(b)


def _street_ground(rng: np.random.Generator, far: float) -> Surroundings:
    if rng.random() < 0.35:  # a facade behind
        return Surroundings("ground", _grey(rng, 0.12, 0.45), _grey(rng, 0.25, 0.7, 0.25), far + rng.uniform(1.0, 6.0))
    if rng.random() < 0.25:  # grass
        return Surroundings("ground", (0.10 * rng.uniform(0.7, 1.4), 0.20 * rng.uniform(0.7, 1.4), 0.06))
    return Surroundings("ground", _grey(rng, 0.12, 0.45))


def _desk_top(rng: np.random.Generator, far: float) -> Surroundings:
    wood = tuple(float(c * rng.uniform(0.6, 1.5)) for c in (0.38, 0.24, 0.14))
    top = (wood[0], wood[1], wood[2]) if rng.random() < 0.5 else _grey(rng, 0.15, 0.75)
    return Surroundings("table", top, _grey(rng, 0.3, 0.8, 0.15), far + rng.uniform(0.1, 0.6))


def _room(rng: np.random.Generator, far: float) -> Surroundings:
    wood = tuple(float(c * rng.uniform(0.6, 1.5)) for c in (0.35, 0.22, 0.13))
    floor = (wood[0], wood[1], wood[2]) if rng.random() < 0.5 else _grey(rng, 0.2, 0.7)
    return Surroundings("room", floor, _grey(rng, 0.35, 0.85, 0.15), far + rng.uniform(0.2, 1.5))


STREET = (
    "car bus truck van bicycle motorbike scooter man woman street_lamp traffic_light stop_sign billboard cone hydrant "
    "tree bush dog cat bench trash_can mailbox barrel parasol box horse"
)
DESK = (
    "cup book laptop bottle table_lamp plant headphones vase kettle basketball teddy_bear handbag backpack hat camera "
    "bowl fan gift"
)
ROOM = (
    "sofa armchair chair table bed bookcase television refrigerator floor_lamp stool piano suitcase plant man "
    "woman dog cat basketball trash_can guitar"
)
SETTINGS = {
    "street": Setting(
        "street", (1.3, 3.2), (42, 62), (0.15, 0.42), 1.8, 22.0, (0.13, 0.38), _street_ground, tuple(STREET.split())
    ),
    "desk": Setting(
        "desk", (0.28, 0.62), (36, 52), (-0.25, 0.15), 0.4, 1.9, (0.13, 0.34), _desk_top, tuple(DESK.split())
    ),
    "room": Setting("room", (1.25, 2.0), (46, 64), (0.10, 0.35), 1.3, 6.5, (0.14, 0.38), _room, tuple(ROOM.split())),
}

WIDE_SETTINGS = {f"{name}-wide": replace(setting, cast=None) for name, setting in SETTINGS.items()}
RECIPES = {**SETTINGS, **WIDE_SETTINGS}
NUMBERS = {"desk": 0, "room": 1, "street": 2, "desk-wide": 3, "room-wide": 4, "street-wide": 5}
"""By which streams of random numbers know a recipe: a new one takes the next, so that the others' scenes stay."""


@dataclass(frozen=True)
class _Spot:
    """A candidate position: metres along and across the view; the radius of the footprint; mean width and height.

    An object's size is the geometric mean of these two, so that thin and tall things count by their area."""

    y: float
    x: float
    radius: float
    width: float
    height: float


def number_of(recipe: str) -> int:
    """The number by which streams of random numbers know a recipe."""
    return NUMBERS[recipe]


def make_scene(
    recipe: str, seed: int, index: int, catalogue: Catalogue, *, width: int = 512, heldout: bool = False
) -> Scene:
    """Return the scene `index` of data set `seed`. `width` is the picture's size in pixels (the side of a square
    picture of the same area); `heldout` draws meshes that training never sees. Raises BadInput for an unknown
    recipe."""
    if recipe not in RECIPES:
        raise BadInput(f"there is no recipe {recipe!r}; the recipes are {', '.join(RECIPES)}")
    rng = stream("free scenes", seed, index, number_of(recipe))
    while True:
        scene = _attempt(recipe, seed, index, rng, catalogue, width, heldout)
        if scene is not None:
            return scene


def _attempt(
    recipe: str, seed: int, index: int, rng: np.random.Generator, catalogue: Catalogue, width: int, heldout: bool
) -> Scene | None:
    setting = RECIPES[recipe]
    shape = SHAPES[rng.integers(len(SHAPES))]
    unit = width / 256
    height_m = float(rng.uniform(*setting.camera_height))
    fov = float(rng.uniform(*setting.fov))
    focal = 0.5 / math.tan(math.radians(fov) / 2)  # in picture widths
    aspect = shape[1] / shape[0]
    # The horizon lies `horizon` of the height from the top: tan(pitch) = (0.5 - horizon) * aspect / focal.
    pitch = math.atan((0.5 - rng.uniform(*setting.horizon)) * aspect / focal)
    camera = Camera(
        position=(0.0, 0.0, height_m),
        target=(0.0, math.cos(pitch), height_m - math.sin(pitch)),
        fov=fov,
        width=round(shape[0] * unit / 16) * 16,
        height=round(shape[1] * unit / 16) * 16,
    )
    wanted = int(rng.integers(MIN_OBJECTS, 9 + 1)) if rng.random() < 0.9 else MAX_OBJECTS
    order = _order(setting, rng, catalogue)
    if rng.random() < TWIN:
        order.insert(int(rng.integers(1, wanted)), order[0])
    placed: list[Placed] = []
    spots: list[_Spot] = []
    for kind in order:
        if len(placed) == wanted:
            break
        meshes = catalogue.meshes(kind.key, heldout=heldout) or catalogue.meshes(kind.key)
        mesh = meshes[int(rng.integers(len(meshes)))]
        scale = float(rng.uniform(0.9, 1.1))
        yaw = float(rng.uniform(0, 360))
        for _ in range(12):
            spot = _spot(setting, rng, mesh, scale, spots, camera, focal, pitch)
            if spot is not None and all(_apart(spot, other) for other in spots):
                colour, rgb = _paint(kind.paintable, rng, catalogue, {p.colour for p in placed if p.kind == kind.key})
                position = (spot.x, spot.y, 0.0)
                placed.append(Placed(f"o{len(placed) + 1}", kind.key, mesh.id, position, yaw, scale, colour, rgb))
                spots.append(spot)
                break
    if len(placed) < MIN_OBJECTS:
        return None
    far = max(s.y + s.radius for s in spots)
    return Scene(
        recipe,
        seed,
        index,
        tuple(placed),
        camera,
        sample_light(rng, setting.name == "street"),
        setting.surroundings(rng, far),
    )


def _order(setting: Setting, rng: np.random.Generator, catalogue: Catalogue) -> list[Kind]:
    """The kinds of a setting in the order in which they are tried. Of a wide cast, those of many meshes come first more
    often, by the square root of their number, so that kinds of one mesh do not fill the pictures."""
    kinds = setting.kinds(catalogue)
    if setting.cast is not None:
        return [kinds[i] for i in rng.permutation(len(kinds))]
    weight = np.sqrt([len(catalogue.meshes(k.key)) for k in kinds])
    return [kinds[i] for i in rng.choice(len(kinds), len(kinds), replace=False, p=weight / weight.sum())]


def _paint(
    paintable: bool, rng: np.random.Generator, catalogue: Catalogue, taken: set[str | None]
) -> tuple[str | None, RGB | None]:
    """A named colour for a paintable kind, other than those that objects of its kind have already."""
    if not paintable:
        return None, None
    free = [name for name in catalogue.colours if name not in taken]
    name = free[int(rng.integers(len(free)))]
    return name, catalogue.colours[name].sample(rng)


def _apart(a: _Spot, b: _Spot) -> bool:
    return math.hypot(a.x - b.x, a.y - b.y) > 1.02 * (a.radius + b.radius)


def _spot(
    setting: Setting,
    rng: np.random.Generator,
    mesh: MeshInfo,
    scale: float,
    spots: list[_Spot],
    camera: Camera,
    focal: float,
    pitch: float,
) -> _Spot | None:
    """A place for `mesh`, or None where it would be out of the picture or of an unsuitable size."""
    width, depth, height = (s * scale for s in mesh.size)
    radius = 0.5 * math.hypot(width, depth) * 0.88
    across = 0.5 * (width + depth)
    size = math.sqrt(across * height)
    if spots and rng.random() < INTERACT:
        target = spots[int(rng.integers(len(spots)))]
        gap = radius + target.radius
        y = target.y + float(rng.choice((-1.0, 1.0))) * gap * float(rng.uniform(1.05, 2.2))
        reach = 0.5 * (across / max(y, 0.1) + target.width / target.y)
        x = y * (target.x / target.y + reach * float(rng.uniform(-0.8, 0.8)))
    else:
        y = focal * size / float(rng.uniform(*setting.apparent))
        x = y * float(rng.uniform(-0.46, 0.46)) / focal
    if not setting.near < y < setting.far:
        return None
    apparent = focal * size / y
    if not 0.75 * setting.apparent[0] < apparent < 1.2 * setting.apparent[1] or focal * max(across, height) / y > 0.8:
        return None
    aspect = camera.height / camera.width
    u = focal * x / y
    foot, top = (_row(z, y, camera.position[2], focal, pitch) for z in (0.0, height))
    inside = abs(u) + 0.3 * focal * across / y < 0.5 and foot < 0.5 * aspect and top > -0.62 * aspect
    return _Spot(y, x, radius, across, height) if inside else None


def _row(z: float, y: float, camera_height: float, focal: float, pitch: float) -> float:
    """Row of the point (0, y, z) in picture widths below the centre."""
    down = camera_height - z
    along = y * math.cos(pitch) + down * math.sin(pitch)
    below = down * math.cos(pitch) - y * math.sin(pitch)
    return focal * below / along


def with_size(scene: Scene, width: int, height: int) -> Scene:
    """The same scene seen by a sensor of another resolution (and the same horizontal field of view)."""
    return replace(scene, camera=replace(scene.camera, width=width, height=height))
