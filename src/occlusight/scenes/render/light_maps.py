"""HDR maps as the environment of a scene: its light, and its background out of focus."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from occlusight.scenes.description import Scene, VariedSurroundings
from occlusight.scenes.meshes.map_assets import map_file
from occlusight.scenes.render.scenery import sun_disc
from occlusight.scenes.render.surfaces import mitsuba
from occlusight.scenes.surroundings import looks

ROWS = 1024  # of the environment's bitmap
GLARE = 10.0  # times the map's mean: what is brighter is its own sun, for which ours stands
LIFT = 0.6  # power of the map's contrast: what its own sun lit is in its shade here, and would look black beside ours
BLINDING = 1e4  # radiance above this is a fault of the camera that took the map


def map_sky(scene: Scene, around: VariedSurroundings) -> dict[str, Any]:
    """Return the environment of a scene: its HDR map, turned, out of focus and as light as the scene's sky, with the
    scene's sun. Raises BadData when the map is not imported."""
    mi = mitsuba()
    view = np.roll(view_of(around.light_map), round(around.turn / 360 * 2 * ROWS), axis=1)
    radiance = view * (sum(scene.light.sky) / 3 / _level(view)) + sun_disc(scene.light, ROWS)
    return {
        "type": "envmap",
        "bitmap": mi.Bitmap(np.ascontiguousarray(radiance, np.float32)),
        "to_world": mi.ScalarTransform4f().rotate([1, 0, 0], 90),
    }


def view_of(light_map: str) -> NDArray[np.float32]:
    """Return what is far away in a map, (ROWS, 2 ROWS, 3): out of focus, without its own sun, its contrast lifted.
    Raises BadData when it is not imported."""
    one = looks().maps[light_map]
    radiance = _focused(np.clip(np.nan_to_num(_pixels(map_file(one))), 0, BLINDING), one.blur)
    level = _level(radiance)
    radiance = np.minimum(radiance, GLARE * level)
    lifted = np.maximum(radiance.mean(axis=-1, keepdims=True) / level, 1e-3) ** (LIFT - 1)
    return np.asarray(radiance * lifted, np.float32)


def _pixels(file: Path) -> NDArray[np.float32]:
    """A map's pixels, (H, W, 3)."""
    mi = mitsuba()
    with two_threads():
        bitmap = mi.Bitmap(str(file)).convert(mi.Bitmap.PixelFormat.RGB, mi.Struct.Type.Float32, False)
    return np.asarray(bitmap)


@contextmanager
def two_threads() -> Iterator[None]:
    """Have drjit's pool at least two threads: with one, as on one core and in worker processes, files of OpenEXR are
    waited for without end."""
    import drjit

    threads = drjit.thread_count()
    drjit.set_thread_count(max(2, threads))
    try:
        yield
    finally:
        drjit.set_thread_count(threads)


def _level(radiance: NDArray[np.float32]) -> float:
    """The mean over the upper half of the sphere."""
    rows = len(radiance) // 2
    weight = np.sin((np.arange(rows) + 0.5) / (2 * rows) * math.pi)[:, None, None]
    return float((radiance[:rows] * weight).mean() / weight.mean())


def _focused(radiance: NDArray[np.float32], degrees: float) -> NDArray[np.float32]:
    """The map as a lens shows it that is out of focus by so many degrees, (ROWS, 2 ROWS, 3)."""
    sigma = max(0.6, degrees / 360 * radiance.shape[1])
    pad = math.ceil(3 * sigma)
    taps = np.exp(-0.5 * (np.arange(-pad, pad + 1) / sigma) ** 2)
    taps = taps / taps.sum()
    for axis, mode in ((0, "edge"), (1, "wrap")):
        wide = [(0, 0)] * 3
        wide[axis] = (pad, pad)
        padded = np.pad(radiance, wide, mode=mode)  # type: ignore[call-overload]
        n = radiance.shape[axis]
        radiance = sum(w * np.take(padded, range(k, k + n), axis) for k, w in enumerate(taps)).astype(np.float32)
    planes = [Image.fromarray(radiance[..., c]).resize((2 * ROWS, ROWS), Image.Resampling.BICUBIC) for c in range(3)]
    return np.asarray(np.maximum(np.stack([np.asarray(p) for p in planes], axis=-1), 0), np.float32)
