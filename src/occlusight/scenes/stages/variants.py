"""The same scene otherwise: without the occluder, with it moved aside, with two things swapped in depth, and from another camera."""

from __future__ import annotations

import math
from dataclasses import replace

from occlusight.scenes.description import Camera, Placed, Scene
from occlusight.scenes.raycast import View

EDITS = ("removed", "aside", "swapped", "view")
ASIDE = 1.35  # of the summed half-widths: how far aside an occluder is moved


def removed(scene: Scene, id: str) -> Scene:
    """The scene without an object, and without what stands on it."""
    return replace(scene, objects=tuple(p for p in scene.objects if id not in (p.id, p.supported_by)))


def aside(scene: Scene, id: str, other: str, width: float) -> Scene:
    """The scene with an object moved across the line of sight, away from `other`, by `width` metres; what it carries goes along."""
    at = {p.id: p.position for p in scene.objects}
    way = 1.0 if at[id][0] / at[id][1] >= at[other][0] / at[other][1] else -1.0
    return _moved(scene, id, (at[id][0] + way * width, at[id][1]))


def swapped(scene: Scene, a: str, b: str) -> Scene:
    """The scene with two objects in each other's place."""
    at = {p.id: p.position for p in scene.objects}
    return _moved(_moved(scene, a, at[b][:2]), b, at[a][:2])


def _moved(scene: Scene, id: str, to: tuple[float, float]) -> Scene:
    by_id = {p.id: p for p in scene.objects}
    dx, dy = to[0] - by_id[id].position[0], to[1] - by_id[id].position[1]

    def there(p: Placed) -> Placed:
        x, y, z = p.position
        return replace(p, position=(x + dx, y + dy, z)) if id in (p.id, p.supported_by) else p

    return replace(scene, objects=tuple(there(p) for p in scene.objects))


def second_camera(scene: Scene, degrees: float) -> Camera:
    """The camera gone round what it looks at, on its own height: positive degrees to the right, as it sees it."""
    c = scene.camera
    forward = View(c).forward
    pivot = c.target
    if abs(forward[2]) > 1e-6 and abs(pivot[1] - c.position[1]) < 1.5:  # a target that only gives a direction
        distance = max(1.0, sum(p.position[1] for p in scene.objects) / max(1, len(scene.objects)))
        pivot = (c.position[0] + forward[0] * distance, c.position[1] + forward[1] * distance, c.target[2])
    turn = math.radians(degrees)
    x, y = c.position[0] - pivot[0], c.position[1] - pivot[1]
    position = (
        pivot[0] + math.cos(turn) * x - math.sin(turn) * y,
        pivot[1] + math.sin(turn) * x + math.cos(turn) * y,
        c.position[2],
    )
    return replace(c, position=position, target=pivot)
