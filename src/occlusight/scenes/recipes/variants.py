"""The same scene otherwise: without the occluder, with it moved aside, with two things swapped in depth, and from
another camera."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from occlusight.scenes.description import Camera, Placed, Scene
from occlusight.scenes.truth.physics import physics_failures
from occlusight.scenes.truth.raycast import View
from occlusight.scenes.truth.targeted import SecondCamera

EDITS = ("removed", "aside", "swapped", "view")
ASIDE = 1.35  # of the summed half-widths: how far aside an occluder is moved
DEGREES = 40  # that the second camera goes round


@dataclass(frozen=True)
class Variant:
    """A scene as it is or otherwise: `edit` is one of EDITS, None where it is as it is; `second` the camera that shows
    the group's last scene, None for that scene itself."""

    scene: Scene
    edit: str | None
    second: SecondCamera | None


def variant_of(scene: Scene, focus: tuple[str, ...], group_member: int, rotation_index: int) -> Variant:
    """Return group member 0 (as it is), 1 (removed), 2 (aside or swapped) or 3 (another camera) of a scene's group."""
    side = "right" if rotation_index % 2 else "left"
    second = SecondCamera(second_camera(scene, DEGREES if side == "right" else -DEGREES), side, DEGREES)
    if group_member == 0:
        return Variant(scene, None, second)
    if group_member == 3:
        return Variant(replace(scene, camera=second.camera), "view", None)
    edited, edit = (
        (removed(scene, focus[0]), "removed") if group_member == 1 else _moved_away(scene, focus, rotation_index)
    )
    return Variant(edited, edit, second)


def _moved_away(scene: Scene, focus: tuple[str, ...], rotation_index: int) -> tuple[Scene, str]:
    """The two swapped in depth in every second group, else the occluder aside as far as there is room; removed where
    neither stands."""
    if rotation_index % 2:
        other = swapped(scene, focus[0], focus[1])
        if not physics_failures(other):
            return other, "swapped"
    width = next(p.scale for p in scene.objects if p.id == focus[0])
    for step in range(1, 9):
        other = aside(scene, focus[0], focus[1], ASIDE * width * step * 0.25 * scene.objects[0].position[1] / 6)
        if not physics_failures(other):
            return other, "aside"
    return removed(scene, focus[0]), "removed"


def removed(scene: Scene, id: str) -> Scene:
    """The scene without an object, and without what stands on it."""
    return replace(scene, objects=tuple(p for p in scene.objects if id not in (p.id, p.supported_by)))


def aside(scene: Scene, id: str, other: str, width: float) -> Scene:
    """The scene with an object moved across the line of sight, away from `other`, by `width` metres; what it carries
    goes along."""
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
