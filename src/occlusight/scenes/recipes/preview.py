"""A preview of an attempt, from the catalogue's sizes alone: where each object's box would be in the picture.

It costs nothing beside measuring, so a recipe can throw away most of what will not do.
"""

from __future__ import annotations

import math

import numpy as np

from occlusight.scenes.description import Scene
from occlusight.scenes.meshes.catalogue import Catalogue
from occlusight.scenes.truth.raycast import View

Rectangle = tuple[float, float, float, float]


def rectangles(scene: Scene, catalogue: Catalogue) -> dict[str, Rectangle]:
    """Return the rectangle x0, y0, x1, y1 of each object in the picture, as shares of it; those behind the camera are
    left out."""
    view = View(scene.camera)
    found: dict[str, Rectangle] = {}
    for p in scene.objects:
        w, d, h = (s * p.scale for s in catalogue.mesh(p.mesh).size)
        c, s = math.cos(math.radians(p.yaw)), math.sin(math.radians(p.yaw))
        corners = [
            (p.position[0] + c * x - s * y, p.position[1] + s * x + c * y, p.position[2] + z)
            for x in (-w / 2, w / 2)
            for y in (-d / 2, d / 2)
            for z in (0.0, h)
        ]
        pixels, depth = view.project_all(np.asarray(corners))
        if depth.min() <= 0.05:
            continue
        low, high = pixels.min(axis=0) / scene.camera.width, pixels.max(axis=0) / scene.camera.width
        found[p.id] = float(low[0]), float(low[1]), float(high[0]), float(high[1])
    return found


def cover(a: Rectangle, b: Rectangle) -> float:
    """Return the share of rectangle `b` that `a` overlaps."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    area = (b[2] - b[0]) * (b[3] - b[1])
    return max(0.0, width) * max(0.0, height) / area if area > 0 else 0.0


def inside(r: Rectangle) -> float:
    """Return the share of a rectangle that is in the picture."""
    return cover((0.0, 0.0, 1.0, 1.0), r)


def clear(scene: Scene, boxes: dict[str, Rectangle], focus: list[str], most: float = 0.12) -> bool:
    """Whether no other object is in the way of what the scene is about, and that is in the picture."""
    at = {p.id: p.position[1] for p in scene.objects}
    for f in focus:
        if f not in boxes or inside(boxes[f]) < 0.72:
            return False
        for p in scene.objects:
            if p.id not in focus and at[p.id] < at[f] and p.id in boxes and cover(boxes[p.id], boxes[f]) > most:
                return False
    return True
