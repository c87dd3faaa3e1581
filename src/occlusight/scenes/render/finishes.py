"""Finishes of grounds and walls as seamless textures: bricks, planks, flags, tiles, plaster. Mitsuba plugins as
dictionaries.

A pattern gives how light each pixel is, (S, S), and how much of it is joint, (S, S), from 0 to 1; row 0 is the top.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from occlusight.scenes.description import RGB
from occlusight.scenes.render.surfaces import mitsuba
from occlusight.scenes.surroundings import Finish

S = 512  # pixels of a texture's side
Field = NDArray[np.float32]
Pattern = Callable[[np.random.Generator, Finish], tuple[Field, Field]]


def laid(rng: np.random.Generator, finish: Finish, rgb: RGB) -> Field:
    """Return the texture of a finish in a colour, (S, S, 3) linear."""
    shade, joint = PATTERNS[finish.pattern](rng, finish)
    mottled = 1 + finish.strength * 0.5 * noise(rng, (2, 4, 8), (0.4, 0.35, 0.25))
    body = (shade * mottled)[..., None] * np.asarray(rgb, np.float32)
    between = np.asarray(finish.seam if finish.seam is not None else [0.45 * c for c in rgb], np.float32)
    between = between * (1 + 0.15 * noise(rng, (64, 256), (0.5, 0.5)))[..., None]
    return np.asarray(np.clip(body + joint[..., None] * (between - body), 0.008, 0.92), np.float32)


def bsdf(rng: np.random.Generator, finish: Finish, rgb: RGB) -> dict[str, Any]:
    """Return the BSDF of a finish whose texture coordinates count its tiles."""
    mi = mitsuba()
    texture = {"type": "bitmap", "bitmap": mi.Bitmap(np.ascontiguousarray(laid(rng, finish, rgb))), "raw": True}
    if finish.gloss:
        coat = {"type": "roughplastic", "alpha": finish.gloss, "int_ior": 1.45, "diffuse_reflectance": texture}
        return {"type": "twosided", "inner": coat}
    return {"type": "twosided", "inner": {"type": "diffuse", "reflectance": texture}}


def noise(rng: np.random.Generator, sides: tuple[int, ...], weights: tuple[float, ...]) -> Field:
    """Return seamless noise at several scales, about 0, (S, S): `sides` are how many cells each has across."""
    found = np.zeros((S, S), np.float32)
    for side, weight in zip(sides, weights, strict=True):
        cells = np.pad(rng.normal(0, 1, (side, side)).astype(np.float32), 2, mode="wrap")
        wide = Image.fromarray(cells).resize(((side + 4) * (S // side),) * 2, Image.Resampling.BICUBIC)
        cut = 2 * (S // side)
        found += weight * np.asarray(wide)[cut : cut + S, cut : cut + S]
    return found


def _grid() -> tuple[Field, Field]:
    """How far each pixel is to the right and up, from 0 to 1."""
    at = (np.arange(S, dtype=np.float32) + 0.5) / S
    return np.broadcast_to(at, (S, S)), np.broadcast_to(at[::-1, None], (S, S))


def _near(u: NDArray[Any], v: NDArray[Any], across: float, up: float) -> Field:
    """Whether a pixel is within the joint round its unit; `across` and `up` are half its width, as shares of the
    unit."""
    far = np.maximum((abs(u - 0.5) - 0.5 + across) / across, (abs(v - 0.5) - 0.5 + up) / up)
    return np.asarray(np.clip(far * 1.5, 0, 1), np.float32)


def _tones(rng: np.random.Generator, rows: int, columns: int, strength: float) -> Field:
    return np.asarray(np.clip(rng.normal(1, strength, (rows, columns)), 0.5, 1.5), np.float32)


def _grain(rng: np.random.Generator, f: Finish) -> tuple[Field, Field]:
    shade = 1 + f.strength * noise(rng, (4, 16, 64, 256, 512), (0.3, 0.24, 0.18, 0.18, 0.1))
    return shade, np.zeros((S, S), np.float32)


def _panels(rng: np.random.Generator, f: Finish) -> tuple[Field, Field]:
    """Cast concrete: wide joints, four holes of ties in each panel, pores."""
    x, y = _grid()
    u, v = x * f.units[0] % 1, y * f.units[1] % 1
    joint = _near(u, v, 0.006, 0.006)
    for a in (0.2, 0.8):
        for b in (0.22, 0.78):
            joint = np.maximum(joint, (np.hypot(u - a, (v - b) * f.units[0] / f.units[1]) < 0.012).astype(np.float32))
    pores = noise(rng, (256,), (1.0,)) > 2.7
    tone = _tones(rng, f.units[1], f.units[0], 0.06)[(y * f.units[1]).astype(int), (x * f.units[0]).astype(int)]
    shade = tone * (1 + f.strength * noise(rng, (4, 8, 32, 256), (0.3, 0.3, 0.2, 0.15)))
    return np.where(pores, shade * 0.75, shade).astype(np.float32), joint


def _bond(rng: np.random.Generator, f: Finish, joint: float) -> tuple[Field, Field, Field, Field]:
    """Tone, joint and the place within the brick, of rows each of which is half a brick on."""
    x, y = _grid()
    n, rows = f.units
    row = (y * rows).astype(int)
    along = x * n + 0.5 * (row % 2)
    u, v = along % 1, y * rows % 1
    tone = _tones(rng, rows, n, f.strength)[row, along.astype(int) % n]
    return tone, _near(u, v, joint, joint * rows / n * 1.05), np.asarray(u), np.asarray(v)


def _brick(rng: np.random.Generator, f: Finish) -> tuple[Field, Field]:
    tone, joint, _, v = _bond(rng, f, 0.035)
    rough = 1 + 0.1 * noise(rng, (128, 256), (0.5, 0.5))
    return np.asarray(tone * rough * (0.9 + 0.2 * np.clip(v * 4, 0, 1) * 0.5), np.float32), joint


def _cobbles(rng: np.random.Generator, f: Finish) -> tuple[Field, Field]:
    """Rounded stones, darker to their edges."""
    tone, joint, u, v = _bond(rng, f, 0.07)
    round_off = 1 - 0.55 * (np.maximum(abs(u - 0.5), abs(v - 0.5)) * 2) ** 4
    return np.asarray(tone * round_off * (1 + 0.06 * noise(rng, (256,), (1.0,))), np.float32), joint


def _flags(rng: np.random.Generator, f: Finish) -> tuple[Field, Field]:
    """Rows of unlike heights, of stones of unlike widths."""
    n, rows = f.units
    heights = rng.uniform(0.7, 1.3, rows)
    edges = np.concatenate([[0], np.cumsum(heights) / heights.sum()])
    x, y = _grid()
    row = np.clip(np.searchsorted(edges, y, side="right") - 1, 0, rows - 1)
    v = (y - edges[row]) / (edges[row + 1] - edges[row])
    tone, joint = np.ones((S, S), np.float32), np.zeros((S, S), np.float32)
    for r in range(rows):
        widths = rng.uniform(0.6, 1.4, n)
        ends = np.concatenate([[0], np.cumsum(widths) / widths.sum()])
        mine = row == r
        along = (x + rng.uniform()) % 1
        stone = np.clip(np.searchsorted(ends, along, side="right") - 1, 0, n - 1)
        u = (along - ends[stone]) / (ends[stone + 1] - ends[stone])
        tone[mine] = _tones(rng, 1, n, f.strength)[0][stone][mine]
        joint[mine] = _near(u, v, 0.022, 0.022 * rows / n)[mine]
    return tone * (1 + 0.5 * f.strength * noise(rng, (16, 64, 256), (0.4, 0.3, 0.3))), joint


def _tiles(rng: np.random.Generator, f: Finish) -> tuple[Field, Field]:
    x, y = _grid()
    n, rows = f.units
    tone = _tones(rng, rows, n, f.strength * 0.5)[(y * rows).astype(int), (x * n).astype(int)]
    cloud = 1 + 0.5 * f.strength * noise(rng, (8, 32, 128), (0.5, 0.3, 0.2))
    return np.asarray(tone * cloud, np.float32), _near(x * n % 1, y * rows % 1, 0.014, 0.014)


def _chequer(rng: np.random.Generator, f: Finish) -> tuple[Field, Field]:
    x, y = _grid()
    n, rows = f.units
    dark = ((x * n).astype(int) + (y * rows).astype(int)) % 2 == 1
    veins = 1 + f.strength * noise(rng, (8, 32, 128), (0.5, 0.3, 0.2))
    return np.asarray(np.where(dark, 0.16, 1.0) * veins, np.float32), 0.5 * _near(x * n % 1, y * rows % 1, 0.01, 0.01)


def _wood(rng: np.random.Generator, along: Field, across: Field, which: NDArray[Any], f: Finish) -> Field:
    """The grain of planks: `along` and `across` count planks, `which` numbers them from 0."""
    count = int(which.max()) + 1
    phase = rng.uniform(0, 40, count).astype(np.float32)[which]
    tone = np.clip(rng.normal(1, f.strength * 0.6, count), 0.6, 1.4).astype(np.float32)[which]
    bend = 0.35 * np.sin(2 * np.pi * along + phase) + 0.12 * np.sin(4 * np.pi * along + 3 * phase)
    rings = np.sin(2 * np.pi * (across * 3.1 + bend + phase)) + 0.5 * np.sin(
        2 * np.pi * (across * 8.3 + 2 * bend + phase)
    )
    fibre = noise(rng, (256, 512), (0.5, 0.5))
    return np.asarray(tone * (1 + f.strength * (0.2 * rings + 0.2 * fibre)), np.float32)


def _planks(rng: np.random.Generator, f: Finish) -> tuple[Field, Field]:
    x, y = _grid()
    n, rows = f.units
    row = (y * rows).astype(int)
    along = x * n + rng.uniform(0, 1, rows).astype(np.float32)[row] * (n > 1)
    which = row * n + along.astype(int) % n
    return _wood(rng, along, y * rows, which, f), _near(along % 1, y * rows % 1, 0.0015 * rows / n, 0.02)


def _upright(rng: np.random.Generator, f: Finish) -> tuple[Field, Field]:
    """Boards that stand on end."""
    x, y = _grid()
    n = f.units[0]
    shade = _wood(rng, y, x * n, (x * n).astype(int), f)
    return shade, _near(x * n % 1, np.full((S, S), 0.5, np.float32), 0.03, 0.5)


def _herringbone(rng: np.random.Generator, f: Finish) -> tuple[Field, Field]:
    """Blocks of 1 by 4, each at right angles to the next; a tile holds `units` times 8 of their widths."""
    k = 4
    cells = 2 * k * f.units[0]
    x, y = _grid()
    i, j = (x * cells).astype(int), (y * cells).astype(int)
    step = (i - j) % (2 * k)
    flat = step < k
    first = np.where(flat, (i - step) % cells, i), np.where(flat, j, (j - (2 * k - 1 - step)) % cells)
    which = np.unique(first[0] * cells + first[1], return_inverse=True)[1].reshape(S, S)
    u, v = x * cells % 1, y * cells % 1
    along = np.where(flat, step + u, 2 * k - 1 - step + v) / k
    across = np.where(flat, v, u)
    joint = _near(along.astype(np.float32), across.astype(np.float32), 0.045 / k, 0.045)
    return _wood(rng, along.astype(np.float32), across.astype(np.float32), which, f), joint


def _terrazzo(rng: np.random.Generator, f: Finish) -> tuple[Field, Field]:
    shade = np.ones((S, S), np.float32)
    for side, tone in ((128, 0.55), (128, 1.3), (64, 0.75), (256, 0.4)):
        shade = np.where(noise(rng, (side,), (1.0,)) > 1.25, np.float32(1 + f.strength * (tone - 1)), shade)
    return shade, np.zeros((S, S), np.float32)


def _marble(rng: np.random.Generator, f: Finish) -> tuple[Field, Field]:
    """Veins where a warped field crosses nought."""
    field = noise(rng, (2, 4, 8, 32, 128), (0.5, 0.35, 0.25, 0.08, 0.02))
    fine = noise(rng, (4, 8, 16, 64), (0.4, 0.3, 0.25, 0.1))
    veins = f.strength * np.exp(-abs(field) * 22) + 0.5 * f.strength * np.exp(-abs(fine) * 40)
    return np.asarray(1 - veins + 0.03 * fine, np.float32), np.zeros((S, S), np.float32)


def _stripes(rng: np.random.Generator, f: Finish) -> tuple[Field, Field]:
    """Upright ribs: light on one flank, dark in the groove."""
    x, _ = _grid()
    u = x * f.units[0] % 1
    rib = 1 - f.strength * (np.cos(2 * np.pi * u) * 0.5 + 0.5) ** 3
    return np.asarray(rib * (1 + 0.03 * noise(rng, (64, 256), (0.5, 0.5))), np.float32), np.zeros((S, S), np.float32)


def _weave(rng: np.random.Generator, f: Finish) -> tuple[Field, Field]:
    x, y = _grid()
    threads = np.sin(2 * np.pi * f.units[0] * x) * np.sin(2 * np.pi * f.units[1] * y)
    uneven = noise(rng, (64, 256, 512), (0.35, 0.35, 0.15))
    return np.asarray(1 + f.strength * (0.25 * threads + 0.45 * uneven), np.float32), np.zeros((S, S), np.float32)


PATTERNS: Mapping[str, Pattern] = {
    "brick": _brick,
    "chequer": _chequer,
    "cobbles": _cobbles,
    "flags": _flags,
    "grain": _grain,
    "herringbone": _herringbone,
    "marble": _marble,
    "panels": _panels,
    "planks": _planks,
    "planks-upright": _upright,
    "stripes": _stripes,
    "terrazzo": _terrazzo,
    "tiles": _tiles,
    "weave": _weave,
}
