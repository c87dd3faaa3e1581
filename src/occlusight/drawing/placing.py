"""Where labels go on a drawing: each beside its box, over nothing that matters, as far as there is room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Area = tuple[float, float, float, float]  # x0, y0, x1, y1 in pixels
Point = tuple[float, float]

STEPS = (0, 22, 44, 70, 100)  # pixels that a label goes further from its box when there is no room nearer
FAR = 0.6  # cost of a pixel of that way
OVER_LABEL, OVER_POINT, OUTSIDE = 12.0, 60.0, 40.0  # cost of a pixel of another label, of a point to keep free, outside


@dataclass(frozen=True)
class Label:
    """A label of a size in pixels that belongs to a box."""

    wide: float
    tall: float
    of: Area


def place(labels: Sequence[Label], size: tuple[float, float], free: Sequence[Point] = ()) -> list[Area]:
    """Return where each label goes, in the order given, on a sheet of a size; `free` are points to be left free."""
    placed: dict[int, Area] = {}
    small_first = sorted(range(len(labels)), key=lambda n: _extent(labels[n].of))
    for n in small_first:
        options = list(_options(labels[n]))
        costs = [(_cost(area, size, free, list(placed.values())) + more, i) for i, (area, more) in enumerate(options)]
        placed[n] = _within(options[min(costs)[1]][0], size)
    return [placed[n] for n in range(len(labels))]


def shared(a: Area, b: Area) -> float:
    """Return the area that two rectangles share."""
    wide, tall = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return wide * tall if wide > 0 and tall > 0 else 0.0


def _extent(area: Area) -> float:
    return (area[2] - area[0]) * (area[3] - area[1])


def _options(label: Label) -> list[tuple[Area, float]]:
    """Places for a label, each with what it costs to be there: above its box, inside it, below, then further off."""
    x0, y0, x1, y1 = label.of
    wide, tall = label.wide, label.tall
    lefts = (x0, x1 - wide, (x0 + x1 - wide) / 2)
    found: list[tuple[Area, float]] = []

    def put(left: float, top: float, cost: float) -> None:
        found.append(((left, top, left + wide, top + tall), cost))

    for step in STEPS:
        for i, left in enumerate(lefts):
            put(left, y0 - tall - 1 - step, i + FAR * step)
            put(left, y1 + 1 + step, 8 + i + FAR * step)
            if y1 - y0 > tall + 4 + step:
                put(left, y0 + 3 + step, 5 + i + FAR * step)
                put(left, y1 - tall - 3 - step, 10 + i + FAR * step)
        for top in (y0, (y0 + y1 - tall) / 2, y1 - tall):
            put(x0 - wide - 1 - step, top, 14 + FAR * step)
            put(x1 + 1 + step, top, 12 + FAR * step)
    return found


def _cost(area: Area, size: tuple[float, float], free: Sequence[Point], placed: Sequence[Area]) -> float:
    outside = max(0.0, -area[0]) + max(0.0, -area[1]) + max(0.0, area[2] - size[0]) + max(0.0, area[3] - size[1])
    over = sum(shared(area, other) for other in placed)
    points = sum(area[0] - 3 <= x <= area[2] + 3 and area[1] - 3 <= y <= area[3] + 3 for x, y in free)
    return OUTSIDE * outside + OVER_LABEL * over + OVER_POINT * points


def _within(area: Area, size: tuple[float, float]) -> Area:
    """Return an area pushed onto the sheet."""
    x = max(0.0, min(area[0], size[0] - (area[2] - area[0])))
    y = max(0.0, min(area[1], size[1] - (area[3] - area[1])))
    return (x, y, x + area[2] - area[0], y + area[3] - area[1])
