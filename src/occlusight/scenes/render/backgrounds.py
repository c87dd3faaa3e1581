"""What stands behind the objects of varied scenes: street fronts, walls, halls, tables' ends. All of it is beyond
y = `back`, but for what lies flat on the ground.

Each background adds boxes to `Blocks`, in metres; "cover" is the finish of the surroundings, other names are finishes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from occlusight.scenes.render.blocks import Blocks

Build = Callable[[np.random.Generator, Blocks, float], None]
GLASS = "window-glass"  # not a finish: it mirrors the sky


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    return float(rng.uniform(low, high))


def _kerb(b: Blocks, y: float) -> None:
    """A pavement that lies flat before what stands at y, with a kerb of stone."""
    b.box((-90, y - 2.6, -0.1), (90, y - 2.4, 0.012), "stone")
    b.box((-90, y - 2.4, -0.1), (90, y + 0.5, 0.006), "trim")


def _house(rng: np.random.Generator, b: Blocks, x0: float, x1: float, y: float, cover: str) -> None:
    """A house: shops or doors below, rows of windows set back in the wall, sills, cornice, roof."""
    floors, storey, ground = int(rng.integers(2, 5)), _between(rng, 2.9, 3.5), _between(rng, 3.3, 4.2)
    top = ground + floors * storey
    deep, wide = _between(rng, 0.12, 0.3), x1 - x0
    columns = max(2, round(wide / _between(rng, 2.2, 3.2)))
    bay = wide / columns
    share, sill, head = _between(rng, 0.4, 0.62), _between(rng, 0.18, 0.32), _between(rng, 0.1, 0.2)
    stone = str(rng.choice(["stone", "trim"]))
    b.box((x0, y + deep, ground), (x1, y + deep + 0.05, top), GLASS)
    b.box((x0, y + 2.0, 0), (x1, y + 10, top), cover)
    for k in range(floors):
        low = ground + k * storey
        b.box((x0, y, low), (x1, y + deep, low + sill * storey), cover)
        b.box((x0, y, low + (1 - head) * storey), (x1, y + deep, low + storey), cover)
        for i in range(columns + 1):
            half = bay * (1 - share) / 2
            left, right = x0 + i * bay - half, x0 + i * bay + half
            b.box((max(x0, left), y, low), (min(x1, right), y + deep, low + storey), cover)
        for i in range(columns):
            left, right = x0 + (i + 0.5 - share / 2) * bay, x0 + (i + 0.5 + share / 2) * bay
            z0, z1 = low + sill * storey, low + (1 - head) * storey
            b.box((left - 0.06, y - 0.09, z0 - 0.07), (right + 0.06, y + deep, z0), stone)
            middle = (left + right) / 2
            b.box((middle - 0.03, y + deep - 0.05, z0), (middle + 0.03, y + deep, z1), "trim")
            b.box((left, y + deep - 0.05, z0 + 0.62 * (z1 - z0)), (right, y + deep, z0 + 0.66 * (z1 - z0)), "trim")
            if rng.random() < 0.35:
                b.box((left, y + deep - 0.02, z1 - _between(rng, 0.2, 0.8) * (z1 - z0)), (right, y + deep, z1), "blind")
    _shops(rng, b, (x0, x1), y, ground, cover)
    b.box((x0, y - 0.12, ground - 0.16), (x1, y + deep, ground + 0.1), stone)
    b.box((x0, y - 0.3, top - 0.05), (x1, y + 0.4, top + 0.3), stone)
    if rng.random() < 0.5:
        low, ridge, eaves, far = top + 0.3, top + _between(rng, 2.3, 3.7), y - 0.3, y + 4.5
        corners = [(x0, eaves, low), (x1, eaves, low), (x1, far, ridge), (x0, far, ridge)]
        b.plate(corners, "roof", [(x0, 0), (x1, 0), (x1, 5.8), (x0, 5.8)])


def _shops(
    rng: np.random.Generator, b: Blocks, sides: tuple[float, float], y: float, ground: float, cover: str
) -> None:
    """The ground floor: openings between piers, a board above each or an awning."""
    x0, x1 = sides
    n = max(1, round((x1 - x0) / _between(rng, 3.4, 4.8)))
    bay, colour = (x1 - x0) / n, str(rng.choice(["accent", "timber", "iron"]))
    for i in range(n + 1):
        at = x0 + i * bay
        b.box((max(x0, at - 0.35), y - 0.06, 0), (min(x1, at + 0.35), y + 0.6, ground), cover)
    for i in range(n):
        left, right = x0 + i * bay + 0.35, x0 + (i + 1) * bay - 0.35
        high = ground - 0.85
        b.box((left, y + 0.1, high), (right, y + 0.5, ground), colour)
        b.box((left, y + 0.2, 0), (right, y + 0.3, 0.45), colour)
        b.box((left, y + 0.4, 0.45), (right, y + 0.45, high), GLASS)
        door = left + (right - left) * _between(rng, 0.1, 0.7)
        for x in (left, door, door + 1.0, right - 0.08):
            b.box((x, y + 0.2, 0.4), (x + 0.08, y + 0.42, high), colour)
        if rng.random() < 0.45:
            low, near, wall = high - _between(rng, 0.3, 0.6), y - _between(rng, 0.75, 0.9), y + 0.1
            corners = [(left, near, low), (right, near, low), (right, wall, high + 0.2), (left, wall, high + 0.2)]
            b.plate(corners, "awning", [(left, 0), (right, 0), (right, 1.3), (left, 1.3)])


def _street_front(rng: np.random.Generator, b: Blocks, back: float) -> None:
    _kerb(b, back)
    x, at = -48.0, 0
    covers = ["cover", *rng.permutation(["render", "red-brick", "yellow-brick", "ashlar", "grey-brick"])]
    while x < 48:
        wide = _between(rng, 7, 15)
        if rng.random() > 0.12 or at == 0:  # else a gap between two houses
            setback = 1.0 + float(rng.choice([0.0, 0.0, 0.25, 0.5]))
            _house(rng, b, x, x + wide, back + setback, str(covers[at % len(covers)]))
            at += 1
        x += wide
    for x in np.arange(-40.0, 40.0, _between(rng, 1.6, 3.0)):
        b.box((x - 0.06, back + 0.02, 0), (x + 0.06, back + 0.14, 0.9), "iron")


def _garden_wall(rng: np.random.Generator, b: Blocks, back: float) -> None:
    """A wall with piers and coping, the map's view above it."""
    high, bay = _between(rng, 1.5, 2.5), _between(rng, 3.0, 5.0)
    b.box((-90, back + 0.2, 0), (90, back + 0.5, high), "cover")
    b.box((-90, back + 0.12, high), (90, back + 0.58, high + 0.09), "stone")
    for x in np.arange(-60.0 + _between(rng, 0, bay), 60.0, bay):
        b.box((x - 0.28, back + 0.05, 0), (x + 0.28, back + 0.6, high + 0.3), "cover")
        b.box((x - 0.34, back, high + 0.3), (x + 0.34, back + 0.66, high + 0.4), "stone")


def _parapet(rng: np.random.Generator, b: Blocks, back: float) -> None:
    """A low parapet with posts and rails, the map's view above it."""
    rail, bay = _between(rng, 0.95, 1.15), _between(rng, 2.0, 3.2)
    metal = str(rng.choice(["iron", "stone"]))
    b.box((-90, back + 0.05, 0), (90, back + 0.4, 0.35), "cover")
    for z in (rail, rail - 0.35):
        b.box((-90, back + 0.18, z - 0.06), (90, back + 0.27, z), metal)
    for x in np.arange(-60.0, 60.0, bay):
        b.box((x - 0.08, back + 0.14, 0.35), (x + 0.08, back + 0.3, rail + 0.06), metal)
    if metal == "iron":
        for x in np.arange(-30.0, 30.0, 0.16):
            b.box((x - 0.012, back + 0.2, 0.35), (x + 0.012, back + 0.24, rail), metal)


def _arcade(rng: np.random.Generator, b: Blocks, back: float) -> None:
    """Piers that carry a storey or two, in deep shade behind."""
    _kerb(b, back)
    bay, high, y = _between(rng, 3.2, 4.6), _between(rng, 3.6, 4.6), back + 1.0
    for x in np.arange(-50.0 + _between(rng, 0, bay), 50.0, bay):
        b.box((x - 0.4, y, 0), (x + 0.4, y + 0.8, high), "stone")
        b.box((x - 0.5, y - 0.08, high - 0.3), (x + 0.5, y + 0.88, high), "stone")
        b.box((x - 0.5, y - 0.08, 0), (x + 0.5, y + 0.88, 0.3), "stone")
        b.box((x + 0.8, y + 3.4, 0), (x + bay - 0.8, y + 3.5, high - 0.7), GLASS)
    b.box((-60, y + 3.45, 0), (60, y + 4.0, high), "cover")
    b.box((-60, y, high), (60, y + 4.0, high + 0.5), "stone")
    for x in np.arange(-54.0, 54.0, 3 * bay):
        storeys(rng, b, (x, x + 3 * bay), y, high + 0.5)


def storeys(rng: np.random.Generator, b: Blocks, sides: tuple[float, float], y: float, low: float) -> None:
    """Two rows of windows over an arcade."""
    x0, x1 = sides
    b.box((x0, y + 0.25, low), (x1, y + 4, low + 6.4), GLASS)
    for z0, z1 in ((0, 0.9), (2.6, 3.9), (5.6, 6.6)):
        b.box((x0, y, low + z0), (x1, y + 0.24, low + z1), "cover")
    for x in np.arange(x0, x1, 1.9):
        b.box((x, y, low), (x + 0.8, y + 0.24, low + 6.5), "cover")
    b.box((x0, y - 0.3, low + 6.5), (x1, y + 1, low + 6.9), "stone")


def _wall(b: Blocks, back: float, high: float, half: float = 9.0) -> None:
    b.box((-half, back + 0.06, -0.1), (half, back + 0.4, high), "cover")


def _gallery(rng: np.random.Generator, b: Blocks, back: float) -> None:
    """A wall with a skirting and flat panels of colour in frames."""
    _wall(b, back, 3.4)
    b.box((-9, back + 0.03, 0), (9, back + 0.06, _between(rng, 0.08, 0.16)), "trim")
    x = -4.5 + _between(rng, 0, 1)
    frame = str(rng.choice(["iron", "timber", "trim"]))
    while x < 4.5:
        w, h = _between(rng, 0.5, 1.5), _between(rng, 0.5, 1.1)
        z = 1.75 - h / 2
        b.box((x, back + 0.025, z), (x + w, back + 0.06, z + h), frame)
        b.box((x + 0.04, back + 0.02, z + 0.04), (x + w - 0.04, back + 0.03, z + h - 0.04), "trim")
        inner = 0.16 * min(w, h)
        cut = _between(rng, 0.25, 0.75)
        left, right = x + 0.04 + inner, x + w - 0.04 - inner
        low, top = z + 0.04 + inner, z + h - 0.04 - inner
        b.box((left, back + 0.014, low), (right, back + 0.025, low + cut * (top - low)), "accent")
        b.box((left, back + 0.014, low + cut * (top - low)), (right, back + 0.025, top), "blind")
        x += w + _between(rng, 0.35, 1.6)


def _wainscot(rng: np.random.Generator, b: Blocks, back: float) -> None:
    """Panels up to a rail, the cover above."""
    rail, bay = _between(rng, 0.8, 1.2), _between(rng, 0.6, 1.0)
    _wall(b, back, 3.4)
    b.box((-9, back + 0.04, 0), (9, back + 0.06, rail), "trim")
    b.box((-9, back, rail), (9, back + 0.06, rail + 0.06), "trim")
    b.box((-9, back, 0), (9, back + 0.06, 0.14), "trim")
    for x in np.arange(-6.0, 6.0, bay):
        b.box((x, back + 0.015, 0.14), (x + 0.09, back + 0.06, rail), "trim")


def _bays(rng: np.random.Generator, b: Blocks, back: float) -> None:
    """Pilasters, a beam, and a ledge between them."""
    _wall(b, back, 3.4)
    bay, y = _between(rng, 1.6, 2.6), back + 0.06
    for x in np.arange(-7.0 + _between(rng, 0, bay), 7.0, bay):
        b.box((x - 0.16, back - 0.0, 0), (x + 0.16, y, 3.4), str(rng.choice(["cover", "cover", "trim"])))
    b.box((-9, back, 2.85), (9, y, 3.1), "trim")
    b.box((-9, back, 0), (9, y, 0.1), "trim")


def _open(rng: np.random.Generator, b: Blocks, back: float) -> None:
    """Nothing: the map's view, out of focus."""


def _ledge(rng: np.random.Generator, b: Blocks, back: float) -> None:
    """The cover with a ledge along it."""
    _wall(b, back, 2.4, 4.0)
    z = _between(rng, 0.5, 0.75)
    b.box((-4, back + 0.0, z), (4, back + 0.08, z + 0.025), str(rng.choice(["timber", "trim", "stone"])))


def _board(rng: np.random.Generator, b: Blocks, back: float) -> None:
    """A board with sheets pinned to it, on the cover."""
    _wall(b, back, 2.4, 4.0)
    x, w, z, h = _between(rng, -0.9, -0.5), _between(rng, 1.1, 1.7), _between(rng, 0.16, 0.3), _between(rng, 0.6, 0.8)
    b.box((x - 0.03, back + 0.035, z - 0.03), (x + w + 0.03, back + 0.06, z + h + 0.03), "timber")
    b.box((x, back + 0.03, z), (x + w, back + 0.05, z + h), "cork")
    for _ in range(int(rng.integers(5, 10))):
        sx, sz = x + _between(rng, 0.02, w - 0.24), z + _between(rng, 0.02, h - 0.3)
        b.box((sx, back + 0.022, sz), (sx + _between(rng, 0.08, 0.2), back + 0.03, sz + _between(rng, 0.1, 0.27)),
              str(rng.choice(["trim", "trim", "blind", "accent"])))  # fmt: skip


def _cabinets(rng: np.random.Generator, b: Blocks, back: float) -> None:
    """Switch cabinets before the hall's wall, with lights and handles."""
    b.box((-12, back + 0.9, -0.9), (12, back + 1.1, 4), "cover")
    x = -4.0
    while x < 4.0:
        w, h = _between(rng, 0.5, 0.9), _between(rng, 0.7, 1.1)
        b.box((x, back + 0.2, -0.9), (x + w - 0.02, back + 0.8, h), str(rng.choice(["machine", "machine", "accent"])))
        b.box((x + 0.06, back + 0.18, h - 0.36), (x + 0.3, back + 0.2, h - 0.16), "shade")
        for k in range(3):
            b.box((x + 0.36 + 0.05 * k, back + 0.18, h - 0.24), (x + 0.385 + 0.05 * k, back + 0.2, h - 0.215),
                  str(rng.choice(["accent", "trim"])))  # fmt: skip
        b.box((x + w - 0.1, back + 0.17, 0.1), (x + w - 0.07, back + 0.2, 0.3), "iron")
        x += w
    b.box((-12, back + 0.5, 1.5), (12, back + 0.8, 1.56), "iron")


def _pipes(rng: np.random.Generator, b: Blocks, back: float) -> None:
    """Ducts and columns along the hall's wall, a painted band below."""
    b.box((-12, back + 0.6, -0.9), (12, back + 0.8, 4), "cover")
    b.box((-12, back + 0.58, -0.9), (12, back + 0.6, _between(rng, 0.1, 0.4)), "accent")
    z = _between(rng, 0.5, 0.7)
    for _ in range(int(rng.integers(2, 4))):
        thick = _between(rng, 0.05, 0.14)
        b.box((-12, back + 0.3, z), (12, back + 0.3 + thick, z + thick), str(rng.choice(["machine", "iron", "trim"])))
        z += thick + _between(rng, 0.08, 0.2)
    for x in np.arange(-5.0 + _between(rng, 0, 1), 5.0, _between(rng, 1.3, 2.2)):
        b.box((x - 0.07, back + 0.15, -0.9), (x + 0.07, back + 0.29, 4), "machine")


BACKGROUNDS: Mapping[str, Build] = {
    "arcade": _arcade,
    "bays": _bays,
    "board": _board,
    "cabinets": _cabinets,
    "gallery": _gallery,
    "garden_wall": _garden_wall,
    "ledge": _ledge,
    "open": _open,
    "parapet": _parapet,
    "pipes": _pipes,
    "street_front": _street_front,
    "wainscot": _wainscot,
}
