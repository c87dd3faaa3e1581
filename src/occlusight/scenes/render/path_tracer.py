"""Path-traced pictures of scenes and of single objects (Mitsuba 3, `scalar_rgb`).

Truth never comes from here: see `truth`. Mitsuba is imported when the first picture is made.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlusight.scenes.description import RGB, Camera, Light, Scene, Vector
from occlusight.scenes.meshes.library import load_mesh
from occlusight.scenes.meshes.mesh import placed_vertices, rotation_z
from occlusight.scenes.render.backdrop import backdrop
from occlusight.scenes.render.surfaces import mitsuba, shapes
from occlusight.scenes.truth.raycast import View, depth_map

FAR = 400.0  # metres: half the side of the ground
SPRITE_GROUND = 0.3  # reflectance of the unseen ground below a sprite
MAX_DEPTH = 4


@dataclass(frozen=True, eq=False)
class Sprite:
    """One object alone. `anchor` is the pixel (x, y) of the centre of its base, and `scale` the pixels per metre there;
    depth is in metres behind that point along the view axis, inf where the object is not."""

    rgba: NDArray[np.uint8]  # (S, S, 4) sRGB, not premultiplied; alpha is coverage
    depth: NDArray[np.float16]  # (S, S)
    scale: float
    anchor: tuple[float, float]


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
    c = scene.camera
    document: dict[str, Any] = {
        "type": "scene",
        "integrator": {"type": "path", "max_depth": MAX_DEPTH + 2},
        "sensor": sensor(c.position, c.target, c.fov, c.width, c.height, samples),
        **_lights(scene.light, _sky(scene.light)),
        **backdrop(scene),
    }
    for placed in scene.objects:
        mesh = load_mesh(placed.mesh)
        normals = (mesh.normals @ rotation_z(placed.yaw).T).astype(np.float32)
        for i, shape in enumerate(shapes(placed.mesh, placed.rgb, placed_vertices(placed, mesh), normals)):
            document[f"object_{placed.id}_{i}".replace(".", "_")] = shape
    seed = (scene.seed * 1_000_003 + scene.index) % 2**31
    picture = mi.render(mi.load_dict(document, parallel=False), seed=seed)
    linear = np.asarray(picture, dtype=np.float32)[..., :3]
    return to_srgb(linear * np.float32(exposure(scene.light)))


def render_sprite(
    mesh_id: str,
    rgb: RGB | None,
    yaw: float,
    elevation: float,
    light: Light,
    size: int = 144,
    samples: int = 16,
    distance_in_sizes: float = 4.0,
) -> Sprite:
    """Return one object alone, seen from `elevation` degrees above the horizon and from as many of its own sizes away.

    It is lit by the sun, the sky and what a plain ground below would throw back; the ground itself is not in the
    picture. `rgb` is linear paint, None for the mesh's own look. Raises BadData when the mesh is not imported.
    """
    mi = mitsuba()
    mesh = load_mesh(mesh_id)
    view = _fitted_view(mesh.vertices, yaw, elevation, size, distance_in_sizes)
    # the object stays as it is and the world turns round it, so that its shapes are made once
    back = rotation_z(-yaw)
    position, target = (_vector(back @ np.asarray(p)) for p in (view.camera.position, view.camera.target))
    sun = _vector(back @ np.asarray(light.sun_direction))
    turned = Light(sun, light.sun, light.sky)
    document: dict[str, Any] = {
        "type": "scene",
        "integrator": {"type": "path", "max_depth": MAX_DEPTH, "hide_emitters": True},
        "sensor": sensor(position, target, view.camera.fov, size, size, samples, "rgba"),
        **_lights(turned, _surround(light)),
    }
    for i, shape in enumerate(shapes(mesh_id, rgb)):
        document[f"object{i}"] = shape
    picture = np.asarray(mi.render(mi.load_dict(document, parallel=False), seed=1), dtype=np.float32)  # premultiplied
    alpha = np.clip(picture[..., 3:], 0.0, 1.0)
    colour = to_srgb(picture[..., :3] / np.maximum(alpha, 1e-3) * np.float32(exposure(light)))
    rgba = np.concatenate([colour, np.asarray(alpha * 255 + 0.5, np.uint8)], axis=-1)
    turn = rotation_z(yaw).astype(np.float32)
    depth = depth_map(mesh, mesh.vertices @ turn.T, view)
    (x, y), distance = view.project((0.0, 0.0, 0.0))
    return Sprite(rgba, (depth - distance).astype(np.float16), view.focal / distance, (x, y))


def _fitted_view(vertices: NDArray[np.float32], yaw: float, elevation: float, size: int, sizes: float) -> View:
    """Return a square view that holds the turned vertices with a margin of 3 % on each side."""
    step = max(1, len(vertices) // 3000)  # a sample of a dense mesh and its extreme points outline it well enough
    ends = np.concatenate([vertices.argmin(axis=0), vertices.argmax(axis=0)])
    v = np.concatenate([vertices[::step], vertices[ends]]) @ rotation_z(yaw).astype(np.float32).T
    centre = (v.min(axis=0) + v.max(axis=0)) / 2
    distance = sizes * float(np.linalg.norm(np.ptp(v, axis=0)))
    e = math.radians(elevation)
    position = centre + distance * np.array([0.0, -math.cos(e), math.sin(e)])
    target, fov = centre, 30.0
    for _ in range(2):  # aim at the middle of the outline, then widen until it fits
        view = View(Camera(_vector(position), _vector(target), fov, size, size))
        pixels, depth = view.project_all(v)
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        middle = (low + high) / 2
        target = view.point((float(middle[0]), float(middle[1])), float(np.median(depth)))
    view = View(Camera(_vector(position), _vector(target), fov, size, size))
    pixels, _ = view.project_all(v)
    reach = float(np.abs(pixels - size / 2).max()) * 1.06
    fov = 2 * math.degrees(math.atan(reach / view.focal))
    return View(Camera(_vector(position), _vector(target), fov, size, size))


def _vector(p: NDArray[np.floating[Any]]) -> Vector:
    return float(p[0]), float(p[1]), float(p[2])


def sensor(
    position: Vector, target: Vector, fov: float, width: int, height: int, samples: int, pixels: str = "rgb"
) -> dict[str, Any]:
    mi = mitsuba()
    return {
        "type": "perspective",
        "fov": fov,
        "fov_axis": "x",
        "near_clip": 0.01,
        "far_clip": 2000.0,
        "to_world": mi.ScalarTransform4f().look_at(list(position), list(target), [0, 0, 1]),
        "film": {
            "type": "hdrfilm",
            "width": width,
            "height": height,
            "pixel_format": pixels,
            "rfilter": {"type": "box"},
        },
        "sampler": {"type": "multijitter", "sample_count": samples},
    }


def _lights(light: Light, environment: dict[str, Any]) -> dict[str, Any]:
    return {
        "sun": {
            "type": "directional",
            "direction": list(light.sun_direction),
            "irradiance": {"type": "rgb", "value": list(light.sun)},
        },
        "sky": environment,
    }


def _sky(light: Light) -> dict[str, Any]:
    return {"type": "constant", "radiance": {"type": "rgb", "value": list(light.sky)}}


def _surround(light: Light) -> dict[str, Any]:
    """Return an environment that is the sky above the horizon and a sunlit grey ground below it."""
    mi = mitsuba()
    down = max(0.0, -light.sun_direction[2]) / max(1e-9, math.hypot(*light.sun_direction))
    rows = np.zeros((32, 64, 3), np.float32)
    rows[:16] = light.sky
    rows[16:] = [SPRITE_GROUND * (s * down / math.pi + k) for s, k in zip(light.sun, light.sky, strict=True)]
    return {
        "type": "envmap",
        "bitmap": mi.Bitmap(rows),
        "to_world": mi.ScalarTransform4f().rotate([1, 0, 0], 90),
    }
