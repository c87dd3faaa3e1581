"""Pictures of targeted scenes: glass, mirrors and soft light need longer paths, and a denoiser takes away what noise is
left.

Intel Open Image Denoise reads the picture with its albedo and normals; truth never comes from here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlusight.errors import BadInput
from occlusight.extras import install
from occlusight.scenes.description import Scene, VariedSurroundings
from occlusight.scenes.render.light_maps import map_sky
from occlusight.scenes.render.path_tracer import sensor, to_srgb
from occlusight.scenes.render.scenery import scenery, sky
from occlusight.scenes.render.surfaces import mitsuba, shapes
from occlusight.scenes.render.varied_scenery import varied_scenery

MAX_DEPTH = 12  # bounces: a jar alone takes four surfaces each way
GUIDE_SAMPLES = 3  # per pixel, of albedo and normals
MIDDLE, BRIGHT = 0.36, 0.86  # where the picture's median and its 97 % quantile are put, whichever asks for less light
FIREFLY = 30.0  # radiance above this times the median is noise


def render_targeted(scene: Scene, samples: int = 64) -> NDArray[np.uint8]:
    """Return the picture of a targeted scene, (H, W, 3) sRGB. The same scene gives the same bytes on one machine type.

    Raises BadData when a mesh is not imported, BadInput when the denoiser is not installed.
    """
    linear = radiance(scene, samples)
    return to_srgb(linear * np.float32(exposure(linear)))


def radiance(scene: Scene, samples: int) -> NDArray[np.float32]:
    """Return the light that reaches each pixel of a targeted scene, (H, W, 3), linear and without noise. Raises as
    `render_targeted`."""
    try:
        from pyoidn import denoise
    except ImportError:
        raise BadInput(f"targeted scenes need a denoiser; {install('scenes')}") from None
    mi = mitsuba()
    path = {"type": "volpath", "max_depth": MAX_DEPTH, "rr_depth": 6}
    document: dict[str, Any] = {
        "type": "scene",
        "integrator": path,
        "sensor": sensor(scene.camera, samples),
        **_around(scene),
    }
    for placed in scene.objects:
        for i, shape in enumerate(shapes(placed)):
            document[f"object_{placed.id}_{i}"] = shape
    seed = (scene.seed * 1_000_003 + scene.index) % 2**31
    loaded = mi.load_dict(document, parallel=False)
    guides = mi.load_dict({"type": "aov", "aovs": "albedo:albedo,normal:sh_normal"})
    colour = np.ascontiguousarray(np.nan_to_num(np.asarray(mi.render(loaded, seed=seed), dtype=np.float32)[..., :3]))
    layers = np.asarray(mi.render(loaded, integrator=guides, spp=GUIDE_SAMPLES, seed=seed), dtype=np.float32)
    albedo, normal = (np.ascontiguousarray(np.nan_to_num(part)) for part in (layers[..., -6:-3], layers[..., -3:]))
    level = float(np.median(colour.mean(axis=-1)))
    colour = np.minimum(colour, np.float32(FIREFLY * max(level, 1e-3)))
    return np.asarray(denoise(colour, np.clip(albedo, 0, 1), np.clip(normal, -1, 1), hdr=True), dtype=np.float32)


def _around(scene: Scene) -> dict[str, Any]:
    """The environment and the shapes of a scene's surroundings."""
    around = scene.surroundings
    if isinstance(around, VariedSurroundings):
        return {"sky": map_sky(scene, around), **varied_scenery(scene, around)}
    return {"sky": sky(scene.light, around.kind in ("plaza", "crossing")), **scenery(scene)}


def exposure(linear: NDArray[np.float32]) -> float:
    """Return the factor that shows a picture neither too dark nor too bright."""
    light = linear.mean(axis=-1)
    middle, bright = float(np.median(light)), float(np.quantile(light, 0.97))
    return min(MIDDLE / max(middle, 1e-4), BRIGHT / max(bright, 1e-4))
