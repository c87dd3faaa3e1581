"""Products with weights of 8 and 4 bits."""

# mypy: ignore-errors
# (Numba gives what is called here other types than Python would.)

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray

from occlusight.model.loops import tiles
from occlusight.model.loops.numbers import exact, share, step, steps_of
from occlusight.model.loops.team import loop, part, parts, pointer, wait_for_all
from occlusight.model.loops.tiles import DEPTH, GROUP, GROUP_BYTES, NARROW_TILE, PANEL, QUAD, TILE

LAID = 4 * TILE * PANEL
"""Bytes of a thread's sums, which rounded numbers go through, too, before they are laid out."""
ROOM = LAID + 2 * 4 * PANEL
"""Bytes of a thread: its sums, and the scales and the bias of a weight that has none."""


@exact
def lay_pairs(x: Any, address: int, scale: Any) -> None:
    """Round rows to 8 bits and write them as `tiles.tile_8` takes them: two neighbours of each row in a word, then the next two."""
    count, width = x.shape
    into = carray(pointer(address, np.uint32), ((width + 1) // 2, count))
    for row in range(count):
        given = x[row]
        factor, scale[row] = steps_of(given)
        for k in range(width // 2):
            low, high = step(given[2 * k], factor), step(given[2 * k + 1], factor)
            into[k, row] = np.uint32(low & np.uint32(0xFFFF)) | np.uint32(high << np.uint32(16))
        if width % 2:
            into[width // 2, row] = step(given[width - 1], factor) & np.uint32(0xFFFF)


@exact
def lay_quads(x: Any, group: int, address: int, scale: Any, room: int) -> None:
    """Round rows to 8 bits and write them as `tiles` takes them where four bytes are multiplied together: for each group of inputs four
    neighbours of each row in a word, then the next four, and behind them each row's sum. `room`: `LAID` bytes.
    """
    count, width = x.shape
    quads = (group + QUAD - 1) // QUAD
    levels, words = carray(pointer(room, np.int8), LAID), carray(pointer(room, np.uint32), LAID // QUAD)
    for row in range(count):
        factor, scale[row] = steps_of(x[row])
        for begin in range(0, width, group):
            place = address + begin // group * (QUAD * quads + 4) * count
            into = carray(pointer(place, np.uint32), (quads, count))
            total = np.int32(0)
            for first in range(0, group, LAID):
                some = min(LAID, group - first)
                given = x[row, begin + first : begin + first + some]
                for k in range(some):
                    levels[k] = np.int8(step(given[k], factor) & np.uint32(0xFF))
                for k in range(some, (some + QUAD - 1) // QUAD * QUAD):
                    levels[k] = np.int8(0)
                for k in range(some):
                    total = np.int32(total + np.int32(levels[k]))
                for quad in range((some + QUAD - 1) // QUAD):
                    into[first // QUAD + quad, row] = words[quad]
            carray(pointer(place + QUAD * quads * count, np.float32), count)[row] = np.float32(total)


@loop
def multiply(p: Any) -> None:
    """`x (M, K)` fp32, each row rounded to 8 bits by its largest value, times a weight `(N, K)`; times `scale (N,)`, plus `bias (N,)` if any.

    Arguments: x, panels, scale (0: the weight has 4 bits, and scales of its own), bias or 0, out `(M, N)` fp32, scratch, M, N, K, the rows that
    are laid out together. Panels are `(N / PANEL, K / DEPTH, PANEL, DEPTH)` bytes, or in 4 bits `(N / PANEL, K / GROUP, GROUP_BYTES)`. Each thread takes
    some; a panel is read once for all rows that are together.
    """
    rows, outputs, width, together = p[6], p[7], p[8], p[9]
    x = carray(pointer(p[0], np.float32), (rows, width))
    out = carray(pointer(p[4], np.float32), (rows, outputs))
    narrow = p[2] == 0
    tile = NARROW_TILE if narrow else TILE
    quads = narrow or DEPTH == QUAD
    group = GROUP if narrow else width
    if narrow:
        steps = width // GROUP
        line, panel_bytes = steps * (GROUP + 4), steps * GROUP_BYTES
    else:
        steps = (width + DEPTH - 1) // DEPTH
        line, panel_bytes = 4 * steps + (4 if quads else 0), steps * DEPTH * PANEL
    own = p[5] + ROOM * part()
    ones_at, zeros_at = own + LAID, own + LAID + 4 * PANEL
    carray(pointer(ones_at, np.float32), PANEL)[:] = np.float32(1)
    carray(pointer(zeros_at, np.float32), PANEL)[:] = np.float32(0)
    sums = carray(pointer(own, np.float32), (TILE, PANEL))
    factors_at = p[5] + ROOM * parts()
    factors = carray(pointer(factors_at, np.float32), together)
    laid = factors_at + 4 * together
    first, end = share((outputs + PANEL - 1) // PANEL)
    for base in range(0, rows, together):
        count = min(together, rows - base)
        pieces = (count + tile - 1) // tile
        if base:
            wait_for_all()
        begin, behind = share(pieces)
        for t in range(begin, behind):
            row, stop = count * t // pieces, count * (t + 1) // pieces
            if quads:
                lay_quads(x[base + row : base + stop], group, laid + line * row, factors[row:stop], own)
            else:
                lay_pairs(x[base + row : base + stop], laid + line * row, factors[row:stop])
        wait_for_all()
        for panel in range(first, end):
            weights, n = p[1] + panel_bytes * panel, panel * PANEL
            some = min(PANEL, outputs - n)
            for t in range(pieces):
                row, stop = count * t // pieces, count * (t + 1) // pieces
                if narrow:
                    tiles.multiply_4(stop - row, laid + line * row, weights, steps, own)
                else:
                    tiles.multiply_8(stop - row, laid + line * row, weights, steps, own)
                scale_at = ones_at if narrow else p[2] + 4 * n
                bias_at = zeros_at if p[3] == 0 else p[3] + 4 * n
                into = p[4] + 4 * (outputs * (base + row) + n)
                if some == PANEL:
                    tiles.finish(stop - row, own, scale_at, factors_at + 4 * row, bias_at, into, 4 * outputs)
                    continue
                scales, biases = carray(pointer(scale_at, np.float32), some), carray(pointer(bias_at, np.float32), some)
                for m in range(stop - row):
                    for i in range(some):
                        out[base + row + m, n + i] = sums[m, i] * scales[i] * factors[row + m] + biases[i]
