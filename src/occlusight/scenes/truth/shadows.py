"""Where objects shade the ground: from every visible point of the ground a ray goes to the sun, past each object
alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from occlusight.scenes.description import Scene
from occlusight.scenes.truth.optics import OpticalMaps, Reach, opaque_reach
from occlusight.scenes.truth.raycast import View

SAME = 0.5  # of the shadow's length: how far it goes sideways before it is said to fall to a side
FARTHEST = 120.0  # metres from the camera, to where the ground is looked at

Mask = NDArray[np.bool_]


def ground_shown(scene: Scene, maps: OpticalMaps, view: View) -> tuple[Mask, NDArray[np.float32]]:
    """Return which pixels show the ground (z = 0), directly or through glass, (H, W), and the points that they show,
    (N, 3)."""
    height, width = view.camera.height, view.camera.width
    rays = view.rays((0, 0, width, height))
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = np.where(rays[:, 2] < 0, -view.origin[2] / rays[:, 2], np.inf).astype(np.float32)
    front = maps.solid.min(axis=0).ravel() if len(maps.solid) else np.full(height * width, np.inf, np.float32)
    y = view.origin[1] + np.where(np.isfinite(depth), depth, 0) * rays[:, 1]
    back = scene.surroundings.back
    shown = (depth < front) & (depth < FARTHEST) & (True if back is None else y < back)
    points = view.origin.astype(np.float32) + rays[shown] * depth[shown, None]
    return shown.reshape(height, width), points


def shadow_masks(scene: Scene, maps: OpticalMaps, view: View | None = None, *, reach: Reach = opaque_reach) -> Mask:
    """Return where each object shades the ground that the picture shows, (n, H, W), whatever else shades it too."""
    view = view or View(scene.camera)
    shown, points = ground_shown(scene, maps, view)
    to_sun = -np.asarray(scene.light.sun_direction, np.float32)
    to_sun = to_sun / np.linalg.norm(to_sun)
    lit = ~in_walls_shadow(scene, points, to_sun)
    shown[shown] = lit
    points = points[lit]
    starts = points + np.float32(2e-3) * to_sun
    masks = np.zeros((len(scene.objects), *shown.shape), bool)
    directions = np.broadcast_to(to_sun, points.shape).astype(np.float32)
    for i, p in enumerate(scene.objects):
        masks[i][shown] = np.isfinite(reach(p, starts, directions))
    return masks


def in_walls_shadow(scene: Scene, points: NDArray[np.float32], to_sun: NDArray[np.float32]) -> Mask:
    """Return which points the walls of the surroundings shade, (N,)."""
    around = scene.surroundings
    shaded = np.zeros(len(points), bool)
    side = around.side
    for axis, at in ((1, around.back), (1, around.front), (0, side), (0, None if side is None else -side)):
        if at is None or to_sun[axis] == 0:
            continue
        way = (at - points[:, axis]) / to_sun[axis]
        shaded |= (way > 0) & (way * to_sun[2] < around.wall_height)
    return shaded


def direction(scene: Scene) -> str:
    """Return where shadows fall, seen from the camera: left, right, front (towards it) or behind."""
    view = View(scene.camera)
    fall = np.asarray(scene.light.sun_direction, np.float64)
    away = np.array([view.forward[0], view.forward[1], 0.0])
    away /= np.linalg.norm(away)
    sideways, along = float(fall @ view.right), float(fall @ away)
    if abs(sideways) >= SAME * abs(along):
        return "left" if sideways < 0 else "right"
    return "behind" if along > 0 else "front"
