"""How large a thing may be that boards hide wholly and that is seen beside them, by lines from the camera past their
edges."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from occlusight.scenes.description import Camera, Vector

SEEN = 0.96  # of a thing's width is seen at both ends at least, and as much is in the picture


@dataclass(frozen=True)
class Board:
    """What hides: where its middle stands, its width and height, metres."""

    x: float
    y: float
    width: float
    height: float

    def shade(self, camera: Camera, far: float) -> tuple[float, float]:
        """Return the middle and half the width of what a camera does not see of a line at `far` behind it."""
        eye, ratio = camera.position, (far - camera.position[1]) / (self.y - camera.position[1])
        return eye[0] + (self.x - eye[0]) * ratio, self.width / 2 * ratio

    def over(self, camera: Camera, tall: float, deep: float, far: float) -> float:
        """Return the largest scale at which a camera does not see a thing over the board that is `tall` metres high
        and `deep` from its middle to its back, and stands at `far`; less than 0 where it sees the ground there."""
        _, back, eye = camera.position
        if self.height >= eye:
            return math.inf
        near, drop = self.y - back, eye - self.height
        return (eye * near - drop * (far - back)) / (drop * deep + tall * near)


def largest(
    cameras: Sequence[Camera], boards: Sequence[Board], size: Vector, yaw: float, xs: Sequence[float], far: float
) -> float:
    """Return the largest scale of a thing (width, depth, height; turned by `yaw`) that goes along `xs` at `far`, with a
    place and a camera for each frame: it is seen beside each board and in the picture at both ends, and hidden wholly
    by each board in the frame in which it is nearest to the board's middle."""
    w, d, tall = size
    c, s = abs(math.cos(math.radians(yaw))), abs(math.sin(math.radians(yaw)))
    wide, deep = (w * c + d * s) / 2, (w * s + d * c) / 2
    part = wide * (2 * SEEN - 1)  # of it, from its middle, is beside what it has to clear
    scales = []
    for k in (0, -1):
        half = math.tan(math.radians(cameras[k].fov / 2)) * (far - cameras[k].position[1])
        scales.append((half - abs(xs[k])) / part)
    for board in boards:
        shades = [board.shade(camera, far) for camera in cameras]
        beside = [abs(x - middle) for x, (middle, _) in zip(xs, shades, strict=True)]
        behind = min(range(len(xs)), key=beside.__getitem__)
        scales += [(beside[k] - shades[k][1]) / part for k in (0, -1)]
        scales += [(shades[behind][1] - beside[behind]) / wide, board.over(cameras[behind], tall, deep, far)]
    return min(scales)
