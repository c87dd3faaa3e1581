"""Path-traced pictures of scenes (Mitsuba 3, `scalar_rgb`).

Truth never comes from here: see `truth`. Mitsuba is imported when the first picture is made.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlusight.scenes.description import Camera, Light, Scene
from occlusight.scenes.render.backdrop import backdrop
from occlusight.scenes.render.surfaces import mitsuba, shapes

FAR = 400.0  # metres: half the side of the ground
MAX_DEPTH = 6  # bounces


def exposure(light: Light) -> float:
    """Return the factor that takes radiance to display: a white floor in this light comes out at 0.9."""
    down = max(0.0, -light.sun_direction[2]) / max(1e-9, math.hypot(*light.sun_direction))
    white = sum(s * down / math.pi + k for s, k in zip(light.sun, light.sky, strict=True)) / 3
    return 0.9 / max(white, 1e-3)


def to_srgb(linear: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Map display-referred linear values to sRGB bytes; highlights above 0.75 are rolled off instead of clipped."""
    x = np.maximum(np.nan_to_num(linear), 0.0)
    x = np.where(x > 0.75, 0.75 + 0.25 * (1 - np.exp(-(x - 0.75) / 0.25)), x)
    s = np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.maximum(x, 1e-9) ** (1 / 2.4) - 0.055)
    return np.asarray(np.clip(s * 255 + 0.5, 0, 255), dtype=np.uint8)


def render(scene: Scene, samples: int = 32) -> NDArray[np.uint8]:
    """Return the picture of a scene, (H, W, 3) sRGB. The same scene gives the same bytes on one machine type.

    Raises BadData when a mesh is not imported.
    """
    mi = mitsuba()
    light = scene.light
    document: dict[str, Any] = {
        "type": "scene",
        "integrator": {"type": "path", "max_depth": MAX_DEPTH},
        "sensor": sensor(scene.camera, samples),
        "sun": {
            "type": "directional",
            "direction": list(light.sun_direction),
            "irradiance": {"type": "rgb", "value": list(light.sun)},
        },
        "sky": {"type": "constant", "radiance": {"type": "rgb", "value": list(light.sky)}},
        **backdrop(scene),
    }
    for placed in scene.objects:
        for i, shape in enumerate(shapes(placed)):
            document[f"object_{placed.id}_{i}".replace(".", "_")] = shape
    seed = (scene.seed * 1_000_003 + scene.index) % 2**31
    picture = mi.render(mi.load_dict(document, parallel=False), seed=seed)
    linear = np.asarray(picture, dtype=np.float32)[..., :3]
    return to_srgb(linear * np.float32(exposure(light)))


def sensor(camera: Camera, samples: int) -> dict[str, Any]:
    """Return the Mitsuba plugin of a camera that takes so many samples a pixel."""
    mi = mitsuba()
    return {
        "type": "perspective",
        "fov": camera.fov,
        "fov_axis": "x",
        "near_clip": 0.01,
        "far_clip": 2000.0,
        "to_world": mi.ScalarTransform4f().look_at(list(camera.position), list(camera.target), [0, 0, 1]),
        "film": {
            "type": "hdrfilm",
            "width": camera.width,
            "height": camera.height,
            "pixel_format": "rgb",
            "rfilter": {"type": "box"},
        },
        "sampler": {"type": "multijitter", "sample_count": samples},
    }
