"""What is around targeted scenes: plaza, crossing, studio, desk and conveyor belt, and the sky. Mitsuba plugins as
dictionaries.

The textures depend on the scene's seed and index alone.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlusight.randomness import stream
from occlusight.scenes.description import Light, Scene
from occlusight.scenes.render.backdrop import facade, grain, textured, tiles, wood
from occlusight.scenes.render.surfaces import mitsuba

TARGETED = ("plaza", "crossing", "studio", "desk", "belt")
FAR = 250.0  # metres: half the side of the ground
SKY_ROWS = 256


def sky(light: Light, outdoors: bool) -> dict[str, Any]:
    """Return an environment: outdoors paler near the horizon, with a sun of the light's softness whose irradiance is
    its own.

    A direction (x, y, z) of the world is at column atan2(x, y) / 2 pi and row acos(z) / pi of the bitmap.
    """
    mi = mitsuba()
    rows, columns = SKY_ROWS, 2 * SKY_ROWS
    up = np.cos((np.arange(rows) + 0.5) / rows * math.pi)[:, None]
    radiance = np.broadcast_to(np.asarray(light.sky, np.float64), (rows, columns, 3)).copy()
    if outdoors:
        height = np.clip(up, 0, 1)[..., None]
        pale = np.asarray(light.sky) * [1.25, 1.15, 1.05]
        deep = np.asarray(light.sky) * [0.62, 0.8, 1.08]
        radiance = np.where(up[..., None] > 0, pale + (deep - pale) * height**0.6, 0.35 * pale)
    radiance = radiance + sun_disc(light, rows)
    return {
        "type": "envmap",
        "bitmap": mi.Bitmap(np.ascontiguousarray(radiance, np.float32)),
        "to_world": mi.ScalarTransform4f().rotate([1, 0, 0], 90),
    }


def sun_disc(light: Light, rows: int) -> NDArray[np.float64]:
    """Return the radiance of a light's sun in an environment of so many rows, (rows, 2 rows, 3)."""
    theta = (np.arange(rows) + 0.5) / rows * math.pi
    phi = (np.arange(2 * rows) + 0.5) / (2 * rows) * 2 * math.pi
    up, flat = np.cos(theta)[:, None], np.sin(theta)[:, None]
    x, y = flat * np.sin(phi), flat * np.cos(phi)
    sun = -np.asarray(light.sun_direction) / np.linalg.norm(light.sun_direction)
    cosine = x * sun[0] + y * sun[1] + up * sun[2]
    radius = max(light.softness, 0.9)
    weight = np.clip((cosine - math.cos(math.radians(radius))) / (1 - math.cos(math.radians(radius))) * 2, 0, 1)
    solid = float((weight * flat).sum()) * (math.pi / rows) * (2 * math.pi / (2 * rows))  # steradians
    return np.asarray(weight[..., None] / solid * np.asarray(light.sun))


def scenery(scene: Scene) -> dict[str, Any]:
    """Return the shapes of what is around a targeted scene. Raises ValueError for surroundings that no targeted scene
    has."""
    around = scene.surroundings
    rng = stream("scenery", scene.seed, scene.index)
    if around.kind not in TARGETED:
        raise ValueError(f"surroundings {around.kind!r} are not one of {', '.join(TARGETED)}")
    found: dict[str, Any] = {}
    outdoors = around.kind in ("plaza", "crossing")
    if around.kind == "plaza":
        texture = tiles(rng, around.floor) if rng.random() < 0.6 else grain(rng, around.floor, 0.12)
        found["floor"] = _flat(texture, 2.4, 0.0)
    elif around.kind == "crossing":
        found["floor"] = _flat(grain(rng, around.floor, 0.14), 3.0, 0.0)
        found |= _stripes(rng, 0.002)
    elif around.kind == "studio":
        texture = wood(rng, around.floor) if rng.random() < 0.6 else tiles(rng, around.floor)
        found["floor"] = _flat(texture, 2.4, 0.0)
    elif around.kind == "desk":
        found["floor"] = _flat(wood(rng, around.floor), 1.2, 0.0)
    else:
        found |= _belt(rng, scene)
    wall = around.wall or around.floor
    high = around.wall_height
    for name, y, turn in (("back", around.back, 90), ("front", around.front, -90)):
        if y is not None:
            texture = facade(rng, wall) if outdoors else grain(rng, wall, 0.025)
            found[f"wall_{name}"] = _upright(
                texture, (0.0, y), 0.0, turn, 140.0 if outdoors else 40.0, high, 6.0 if outdoors else 2.0
            )
    if around.side is not None:
        for name, x, spin in (("left", -around.side, 90.0), ("right", around.side, -90.0)):
            found[f"wall_{name}"] = _upright(grain(rng, wall, 0.025), (x, 0.0), spin, 90, 60.0, high, 2.0)
    return found


def _flat(texture: NDArray[np.float32], tile: float, z: float) -> dict[str, Any]:
    mi = mitsuba()
    place = mi.ScalarTransform4f().translate([0, 0, z]).scale(FAR)
    return {"type": "rectangle", "to_world": place, "bsdf": textured(texture, 2 * FAR / tile, 2 * FAR / tile)}


def _upright(
    texture: NDArray[np.float32],
    at: tuple[float, float],
    spin: float,
    turn: float,
    width: float,
    height: float,
    tile: float,
) -> dict[str, Any]:
    """A wall on the ground at (x, y), spun about z."""
    mi = mitsuba()
    place = mi.ScalarTransform4f().translate([at[0], at[1], height / 2 - 0.02]).rotate([0, 0, 1], spin)
    place = place.rotate([1, 0, 0], turn).scale([width / 2, height / 2, 1])
    return {"type": "rectangle", "to_world": place, "bsdf": textured(texture, width / tile, height / tile)}


def _stripes(rng: np.random.Generator, z: float) -> dict[str, Any]:
    """Zebra stripes across the road between y = 4 and y = 7.5, worn here and there."""
    mi = mitsuba()
    found: dict[str, Any] = {}
    for i, x in enumerate(np.arange(-7.2, 7.3, 0.9)):
        paint = grain(rng, (0.62, 0.62, 0.6), 0.1)
        place = mi.ScalarTransform4f().translate([float(x), 5.6, z]).scale([0.24, 1.7, 1])
        found[f"stripe{i}"] = {"type": "rectangle", "to_world": place, "bsdf": textured(paint, 1.0, 4.0)}
    return found


def _box(low: tuple[float, float, float], high: tuple[float, float, float], bsdf: dict[str, Any]) -> dict[str, Any]:
    mi = mitsuba()
    middle = [(a + b) / 2 for a, b in zip(low, high, strict=True)]
    half = [(b - a) / 2 for a, b in zip(low, high, strict=True)]
    return {"type": "cube", "to_world": mi.ScalarTransform4f().translate(middle).scale(half), "bsdf": bsdf}


def _belt(rng: np.random.Generator, scene: Scene) -> dict[str, Any]:
    """A rubber belt whose top is at z = 0 between steel rails, in a hall whose floor is 0.9 m below."""
    steel = {"type": "roughconductor", "material": "Al", "alpha": 0.25}
    y0, y1 = 0.35, (scene.surroundings.back or 3.0) - 0.55
    rubber = textured(grain(rng, (0.2, 0.21, 0.22), 0.1), 8.0, 2.0)
    found = {
        "belt": _box((-4, y0, -0.06), (4, y1, 0.0), rubber),
        "rail_near": _box((-4, y0 - 0.06, -0.2), (4, y0, 0.012), steel),
        "rail_far": _box((-4, y1, -0.2), (4, y1 + 0.06, 0.02), steel),
        "floor": _flat(grain(rng, scene.surroundings.floor, 0.05), 3.0, -0.9),
    }
    for i, x in enumerate((-2.4, 0.0, 2.4)):
        found[f"post{i}"] = _box((x - 0.04, y1 + 0.06, -0.9), (x + 0.04, y1 + 0.12, 0.02), steel)
    return found
