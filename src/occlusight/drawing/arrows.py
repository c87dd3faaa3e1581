"""Where the arrows of a drawn graph run: short, across the outline of what hides, onto what is hidden."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from occlusight.drawing.placing import Area, Point

REACH = 40  # pixels that an arrow goes from the outline that it crosses to either side
SHORTEST = 40  # pixels
INSET = 22  # pixels: how far its ends keep from outlines, where there is room
NARROW = 18  # pixels: parts of what is hidden that are narrower are pointed at where there are no others
APART = 15  # pixels: arrows whose middles are nearer to each other are moved apart
NARROW_COST = 120.0  # pixels of way that are gone to avoid them


@dataclass(frozen=True)
class Arrow:
    """From what hides to what is hidden, in pixels."""

    start: Point
    end: Point
    width: float

    @property
    def middle(self) -> Point:
        """The point half way."""
        return ((self.start[0] + self.end[0]) / 2, (self.start[1] + self.end[1]) / 2)

    @property
    def points(self) -> list[Point]:
        """Points along it, from end to end."""
        (x0, y0), (x1, y1) = self.start, self.end
        return [(x0 + n / 4 * (x1 - x0), y0 + n / 4 * (y1 - y0)) for n in range(5)]


def arrow(a: Area, b: Area, size: tuple[float, float], width: float) -> Arrow:
    """Return an arrow from box a to box b on a sheet of a size: from where they meet in a to the nearest part of b that
    is outside a."""
    meet = (between(a[0], a[2], b[0], b[2]), between(a[1], a[3], b[1], b[3]))
    parts = [part for part in _outside(b, a) if part[2] - part[0] > 4 and part[3] - part[1] > 4]
    if not parts:
        return _stretched(meet if _distance(meet, middle(a)) < 1 else middle(a), middle(b), size, width)

    def way(part: Area) -> float:
        narrow = min(part[2] - part[0], part[3] - part[1]) < NARROW
        return _distance(meet, _clamped(meet, part)) + (NARROW_COST if narrow else 0.0)

    end = _clamped(meet, min(parts, key=way))
    edge = (max(a[0], min(a[2], end[0])), max(a[1], min(a[3], end[1])))
    length = _distance(meet, end) or 1.0
    dx, dy = (meet[0] - end[0]) / length, (meet[1] - end[1]) / length
    start = _clamped((edge[0] + REACH * dx, edge[1] + REACH * dy), a)
    return _stretched(start, end, size, width)


def spread(arrows: Sequence[Arrow]) -> list[Arrow]:
    """Return arrows moved sideways, so that none lies on one before it."""
    found: list[Arrow] = []
    for one in arrows:
        steps = (0, 1, -1, 2, -2, 3, -3)
        moved = [_sideways(one, APART * step) for step in steps]
        free = (m for m in moved if all(_distance(m.middle, other.middle) >= APART - 1 for other in found))
        found.append(next(free, one))
    return found


def _sideways(one: Arrow, far: float) -> Arrow:
    dx, dy = one.end[0] - one.start[0], one.end[1] - one.start[1]
    length = math.hypot(dx, dy) or 1.0
    x, y = -dy / length * far, dx / length * far
    return replace(one, start=(one.start[0] + x, one.start[1] + y), end=(one.end[0] + x, one.end[1] + y))


def between(a0: float, a1: float, b0: float, b1: float) -> float:
    """The middle of what two stretches share, or of the gap between them."""
    return (max(a0, b0) + min(a1, b1)) / 2


def middle(area: Area) -> Point:
    """The middle of a rectangle."""
    return ((area[0] + area[2]) / 2, (area[1] + area[3]) / 2)


def _outside(b: Area, a: Area) -> list[Area]:
    """The parts of b to the left, to the right, above and below a."""
    return [
        (b[0], b[1], min(b[2], a[0]), b[3]),
        (max(b[0], a[2]), b[1], b[2], b[3]),
        (b[0], b[1], b[2], min(b[3], a[1])),
        (b[0], max(b[1], a[3]), b[2], b[3]),
    ]


def _clamped(point: Point, area: Area) -> Point:
    """The point of a rectangle, a little inside its outline, that is nearest to a point."""
    dx, dy = min(INSET, (area[2] - area[0]) / 2), min(INSET, (area[3] - area[1]) / 2)
    return (max(area[0] + dx, min(area[2] - dx, point[0])), max(area[1] + dy, min(area[3] - dy, point[1])))


def _distance(a: Point, b: Point) -> float:
    return math.hypot(a[0] - b[0], a[1] - b[1])


def _stretched(start: Point, end: Point, size: tuple[float, float], width: float) -> Arrow:
    """An arrow that is long enough to be seen, on the sheet."""
    length = _distance(start, end)
    dx, dy = ((end[0] - start[0]) / length, (end[1] - start[1]) / length) if length >= 1 else (0.0, -1.0)
    more = max(0.0, SHORTEST - length)

    def kept(point: Point) -> Point:
        return (max(8.0, min(size[0] - 8.0, point[0])), max(8.0, min(size[1] - 8.0, point[1])))

    return Arrow(kept((start[0] - dx * more, start[1] - dy * more)), kept(end), width)
