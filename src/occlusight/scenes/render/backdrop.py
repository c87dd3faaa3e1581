"""What is around a scene's objects: ground, table top, walls, with procedural textures. Mitsuba plugins as
dictionaries.

The textures depend on the scene's seed and index alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from occlusight.randomness import stream
from occlusight.scenes.description import RGB, Scene
from occlusight.scenes.render.surfaces import mitsuba

FAR = 300.0  # metres: half the side of the ground
TILE = 256  # pixels of a texture's side
GROUND_TILE, TABLE_TILE, FLOOR_TILE, FACADE_TILE = 3.0, 1.2, 2.4, 6.0  # metres that a texture covers


def backdrop(scene: Scene) -> dict[str, Any]:
    """Return the Mitsuba shapes of a scene's surroundings. Raises ValueError for an unknown kind."""
    around = scene.surroundings
    rng = stream("backdrops", scene.seed, scene.index)
    if around.kind == "ground":
        floor = _plane(grain(rng, around.floor, 0.16), FAR, GROUND_TILE)
    elif around.kind == "table":
        floor = _plane(wood(rng, around.floor), 6.0, TABLE_TILE)
    elif around.kind == "room":
        texture = tiles(rng, around.floor) if rng.random() < 0.5 else wood(rng, around.floor)
        floor = _plane(texture, FAR, FLOOR_TILE)
    else:
        raise ValueError(f"surroundings {around.kind!r} are not ground, table or room")
    found: dict[str, Any] = {"floor": floor}
    if around.back is not None:
        wall = around.wall or around.floor
        if around.kind == "ground":
            found["wall"] = _wall(facade(rng, wall), around.back, height=9.0, width=120.0, tile=FACADE_TILE)
        else:
            high = 12.0 if around.kind == "room" else 6.0
            found["wall"] = _wall(grain(rng, wall, 0.03), around.back, height=high, width=30.0, tile=2.0)
    return found


def grain(rng: np.random.Generator, rgb: RGB, strength: float) -> NDArray[np.float32]:
    """Return a seamless texture of a rough surface such as asphalt, plaster or grass: noise at four scales, (T, T,
    3)."""
    shade = np.zeros((TILE, TILE), np.float32)
    for side, weight in ((4, 0.3), (16, 0.25), (64, 0.2), (256, 0.25)):
        noise = rng.normal(0, 1, (side, side)).astype(np.float32)
        noise = np.pad(noise, 1, mode="wrap")
        cell = TILE // side
        wide = np.asarray(Image.fromarray(noise).resize(((side + 2) * cell,) * 2, Image.Resampling.BICUBIC))
        shade += weight * wide[cell : cell + TILE, cell : cell + TILE]
    return _shaded(1 + strength * shade, rgb)


def wood(rng: np.random.Generator, rgb: RGB) -> NDArray[np.float32]:
    """Return planks with a wavy grain, (T, T, 3)."""
    y, x = np.mgrid[0:TILE, 0:TILE].astype(np.float32) / TILE
    planks = int(rng.integers(2, 6))
    which = (y * planks).astype(int)
    tone = rng.uniform(0.85, 1.12, planks)[which]
    phase = rng.uniform(0, 10, planks)[which]
    waves = np.sin(2 * np.pi * (y * planks * 7 + phase + 0.35 * np.sin(2 * np.pi * (x + phase))))
    seam = np.where((y * planks) % 1 < 0.02, 0.6, 1.0)
    return _shaded(tone * (1 + 0.06 * waves) * seam, rgb)


def tiles(rng: np.random.Generator, rgb: RGB) -> NDArray[np.float32]:
    """Return square tiles with joints, (T, T, 3)."""
    n = int(rng.integers(2, 6))
    y, x = np.mgrid[0:TILE, 0:TILE].astype(np.float32) * n / TILE
    tone = rng.uniform(0.92, 1.06, (n, n))[y.astype(int), x.astype(int)]
    joint = ((x % 1) < 0.03) | ((y % 1) < 0.03)
    return _shaded(np.where(joint, 0.6, tone), rgb)


def facade(rng: np.random.Generator, rgb: RGB) -> NDArray[np.float32]:
    """Return a wall with rows of windows, (T, T, 3)."""
    columns, rows = int(rng.integers(2, 4)), 2
    y, x = np.mgrid[0:TILE, 0:TILE].astype(np.float32) / TILE
    u, v = (x * columns) % 1, (y * rows) % 1
    window = (abs(u - 0.5) < rng.uniform(0.18, 0.32)) & (abs(v - 0.45) < rng.uniform(0.2, 0.33))
    frame = (abs(u - 0.5) < 0.36) & (abs(v - 0.45) < 0.37) & ~window
    glass = np.asarray([0.06, 0.08, 0.1], np.float32) * rng.uniform(0.7, 1.8)
    wall = grain(rng, rgb, 0.05)
    wall[frame] *= np.float32(rng.uniform(0.8, 1.1))
    wall[window] = glass
    return np.asarray(np.clip(wall, 0.01, 0.95), np.float32)


def _shaded(shade: NDArray[Any], rgb: RGB) -> NDArray[np.float32]:
    return np.asarray(np.clip(shade[..., None] * np.asarray(rgb), 0.01, 0.95), np.float32)


def textured(texture: NDArray[np.float32], repeat_x: float, repeat_y: float) -> dict[str, Any]:
    mi = mitsuba()
    picture = {
        "type": "bitmap",
        "bitmap": mi.Bitmap(np.ascontiguousarray(texture)),
        "raw": True,
        "to_uv": mi.ScalarTransform4f().scale([repeat_x, repeat_y, 1.0]),
    }
    return {"type": "twosided", "inner": {"type": "diffuse", "reflectance": picture}}


def _plane(texture: NDArray[np.float32], half: float, tile: float) -> dict[str, Any]:
    mi = mitsuba()
    return {
        "type": "rectangle",
        "to_world": mi.ScalarTransform4f().scale(half),
        "bsdf": textured(texture, 2 * half / tile, 2 * half / tile),
    }


def _wall(texture: NDArray[np.float32], y: float, height: float, width: float, tile: float) -> dict[str, Any]:
    mi = mitsuba()
    place = mi.ScalarTransform4f().translate([0, y, height / 2]).rotate([1, 0, 0], 90)
    return {
        "type": "rectangle",
        "to_world": place.scale([width / 2, height / 2, 1]),
        "bsdf": textured(texture, width / tile, height / tile),
    }
