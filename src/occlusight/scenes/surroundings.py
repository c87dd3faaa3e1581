"""Surroundings that vary: HDR maps for light and background, finishes of ground and walls, what stands behind, and
cameras of other heights and lenses.

What there is to choose from is in `surroundings.toml`. Nothing here is an object: the truth knows the camera, the light
and where the background begins (`back`), as of plain surroundings.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np

from occlusight.randomness import stream
from occlusight.scenes.description import RGB, Camera, Scene, VariedSurroundings

PLAIN, VARIED, EVALUATION = "plain", "varied", "evaluation"
SURROUNDINGS = (PLAIN, VARIED, EVALUATION)
"""Plain ones are those of the recipes; varied ones are drawn from here, with the maps that are free for training, or
with those that are kept for evaluation."""
FREE_PLACES = {"ground": ("street", "plaza"), "room": ("room", "studio"), "table": ("desk", "desk")}
"""Where free scenes play, by the kind of their plain surroundings: a place, and the kind of varied ones there."""
PORTRAIT = 2.5  # metres from a camera at eye level to what it looks at: nearer, its height and lens stay
EYE_LEVEL = 1.0  # metres
LOWEST = 0.14  # of the way to what it looks at: how high a camera stands at least


@dataclass(frozen=True)
class Package:
    """A package that HDR maps come in: an npm tarball or a Debian package, its digest and licence. A map's file has its
    name between `folder` and `suffix`."""

    key: str
    name: str
    file: str
    url: str
    sha256: str
    author: str
    licence: str
    folder: str
    suffix: str


@dataclass(frozen=True)
class LightMap:
    """An equirectangular HDR map, `file` inside its package. `bright` is the column, as a share of the width, from
    which most light comes; `blur` how far its picture is out of focus, degrees; `evaluation` whether it is kept for
    evaluation alone."""

    key: str
    package: str
    file: str
    bright: float
    blur: float
    evaluation: bool = False


@dataclass(frozen=True)
class Finish:
    """How a surface is laid: a pattern of `render.finishes` that repeats every `tile` metres, in one of `colours`
    (linear) with joints of `seam`. `units` are how many bricks, planks or tiles go into a tile across and up;
    `strength` is how uneven it is; `gloss` the roughness of a clear coat, 0 without one."""

    key: str
    pattern: str
    tile: float
    colours: tuple[RGB, ...]
    units: tuple[int, int] = (1, 1)
    strength: float = 0.1
    seam: RGB | None = None
    gloss: float = 0.0


@dataclass(frozen=True)
class Look:
    """What surroundings of a place are drawn from: HDR maps, finishes, backgrounds, how far back these may begin beyond
    the plain ones (metres), the factor of the field of view, and by how many degrees the camera looks down more."""

    place: str
    maps: tuple[str, ...]
    grounds: tuple[str, ...]
    covers: tuple[str, ...]
    behind: tuple[str, ...]
    farther: tuple[float, float]
    lens: tuple[float, float]
    rise: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Looks:
    """All of `surroundings.toml`, by names."""

    packages: Mapping[str, Package]
    maps: Mapping[str, LightMap]
    finishes: Mapping[str, Finish]
    places: Mapping[str, Look]


@lru_cache(maxsize=1)
def looks() -> Looks:
    """Return what surroundings are drawn from. Raises TypeError for a field that no record has."""
    text = files("occlusight.scenes").joinpath("surroundings.toml").read_text("utf-8")
    data = tomllib.loads(text)

    def records(name: str, record: type[Any], key: str = "key") -> dict[str, Any]:
        return {one[key]: record(**{field: _frozen(value) for field, value in one.items()}) for one in data[name]}

    return Looks(
        records("package", Package),
        records("map", LightMap),
        records("finish", Finish),
        records("look", Look, "place"),
    )


def _frozen(value: Any) -> Any:
    return tuple(_frozen(v) for v in value) if isinstance(value, list) else value


def attribution_of(surroundings: str) -> list[str]:
    """Return whom to name for the maps of surroundings of a sort, a line a package; none for plain ones."""
    if surroundings == PLAIN:
        return []
    kept = surroundings == EVALUATION
    lines = []
    for package in looks().packages.values():
        keys = [m.key for m in looks().maps.values() if m.package == package.key and m.evaluation == kept]
        lines.append(f"HDR maps of {package.name}: {', '.join(keys)} by {package.author}, {package.licence}")
    return lines


def maps_of(place: str, surroundings: str) -> list[LightMap]:
    """Return the maps that light a place in surroundings of a sort."""
    kept = surroundings == EVALUATION
    return [m for m in map(looks().maps.__getitem__, looks().places[place].maps) if m.evaluation == kept]


def vary(scene: Scene, place: str, turn: int, surroundings: str) -> Scene:
    """Return a scene of a recipe in varied surroundings, from another camera. `turn` counts the scenes of the place:
    maps, finishes and backgrounds take turns; all else depends on the scene's seed and index."""
    look = looks().places[place]
    rng = stream("surroundings", scene.seed, scene.index)
    choices = ([m.key for m in maps_of(place, surroundings)], look.grounds, look.covers, look.behind)
    chosen = [_in_turn(names, turn, scene.seed, i) for i, names in enumerate(choices)]
    light_map, ground, cover = looks().maps[chosen[0]], looks().finishes[chosen[1]], looks().finishes[chosen[2]]
    floor, wall = (_shade(rng, finish) for finish in (ground, cover))
    sun = scene.light.sun_direction
    sun = (sun[0], abs(sun[1]), sun[2])  # from behind us: what stands behind the objects throws no shadow on them
    round_to = math.degrees(math.atan2(-sun[0], -sun[1])) - 360 * light_map.bright + float(rng.uniform(-50, 50))
    plain = scene.surroundings
    back = (plain.back or 0.0) + float(rng.uniform(*look.farther))
    around = VariedSurroundings(
        plain.kind,
        floor,
        wall,
        back,
        light_map=light_map.key,
        turn=round(round_to % 360, 3),
        ground=ground.key,
        cover=cover.key,
        behind=chosen[3],
    )
    light = replace(scene.light, sun_direction=sun)
    return replace(scene, camera=_another(rng, scene.camera, look), light=light, surroundings=around)


def vary_free(scene: Scene, turn: int, beyond: float, surroundings: str) -> Scene:
    """Return a scene of a free recipe in varied surroundings, from its own camera. What stands behind begins where its
    wall does, or at y = `beyond`, metres; `turn` is as in `vary`."""
    place, kind = FREE_PLACES[scene.surroundings.kind]
    plain = replace(scene.surroundings, kind=kind, back=scene.surroundings.back or beyond)
    varied = vary(replace(scene, surroundings=plain), place, turn, surroundings)
    return replace(varied, camera=scene.camera)


def _in_turn(names: Sequence[str], turn: int, seed: int, what: int) -> str:
    """The name whose turn it is: all of them in one order, then all of them in another, and so on."""
    cycle, place = divmod(turn, len(names))
    return names[int(stream("turns of surroundings", seed, what, cycle).permutation(len(names))[place])]


def _shade(rng: np.random.Generator, finish: Finish) -> RGB:
    """One of the finish's colours, a little lighter or darker."""
    r, g, b = finish.colours[int(rng.integers(len(finish.colours)))]
    k = float(rng.uniform(0.88, 1.12))
    return r * k, g * k, b * k


def _another(rng: np.random.Generator, camera: Camera, look: Look) -> Camera:
    """The camera with another lens, as far away that what it looks at stays as large, and higher or lower."""
    lens, rise = float(rng.uniform(*look.lens)), math.radians(float(rng.uniform(*look.rise)))
    x, y, z = (p - t for p, t in zip(camera.position, camera.target, strict=True))
    away = math.hypot(x, y)
    if camera.position[2] > EYE_LEVEL and away < PORTRAIT:
        return camera
    fov = camera.fov * lens
    k = math.tan(math.radians(camera.fov / 2)) / math.tan(math.radians(fov / 2))
    height = max(camera.target[2] + k * (z + away * math.tan(rise)), LOWEST * k * away)
    return replace(camera, position=(camera.target[0] + k * x, camera.target[1] + k * y, height), fov=fov)
