"""Pictures of frames: rendered as staged scenes are, all of a clip with the exposure of its first frame.

With one of its own a frame would grow brighter when a dark thing leaves it, which tells what the picture does not show. The path from scene
to light is `staged_renderer`'s, whose bytes name the published sets' generator and so stay as they are; a test compares the two.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlusight.errors import BadInput
from occlusight.scenes.description import Scene
from occlusight.scenes.mesh import load_mesh, placed_vertices, rotation_z
from occlusight.scenes.mitsuba_renderer import sensor, to_srgb
from occlusight.scenes.scenery import scenery, sky
from occlusight.scenes.staged_renderer import FIREFLY, GUIDE_SAMPLES, MAX_DEPTH, exposure
from occlusight.scenes.surfaces import mitsuba, shapes

METER = 96, 16  # pixels and samples of the picture that the exposure is measured on


def render_frame(scene: Scene, first: Scene, samples: int = 64) -> NDArray[np.uint8]:
    """Return the picture of a frame, (H, W, 3) sRGB, exposed as the clip's first frame is. Raises like `render_staged`."""
    return to_srgb(radiance(scene, samples) * np.float32(exposure_of(first)))


@lru_cache(maxsize=4)
def exposure_of(first: Scene) -> float:
    """Return the exposure of a clip: measured on its first frame, in few pixels."""
    side, samples = METER
    return exposure(radiance(replace(first, camera=replace(first.camera, width=side, height=side)), samples))


def radiance(scene: Scene, samples: int) -> NDArray[np.float32]:
    """Return the light that reaches each pixel of a staged scene, (H, W, 3), linear and without noise."""
    try:
        from pyoidn import denoise
    except ImportError:
        raise BadInput("staged scenes need a denoiser; run: pip install 'occlusight[scenes]'") from None
    mi = mitsuba()
    c = scene.camera
    document: dict[str, Any] = {
        "type": "scene",
        "integrator": {"type": "volpath", "max_depth": MAX_DEPTH, "rr_depth": 6},
        "sensor": sensor(c.position, c.target, c.fov, c.width, c.height, samples),
        "sky": sky(scene.light, scene.surroundings.kind in ("plaza", "crossing")),
        **scenery(scene),
    }
    for placed in scene.objects:
        mesh = load_mesh(placed.mesh)
        normals = (mesh.normals @ rotation_z(placed.yaw).T).astype(np.float32)
        for i, shape in enumerate(shapes(placed.mesh, placed.rgb, placed_vertices(placed, mesh), normals)):
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
