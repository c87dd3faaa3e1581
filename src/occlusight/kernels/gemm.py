"""Products with weights of 8 and 4 bits."""

# mypy: ignore-errors
# (Numba gives what is called here other types than Python would.)

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray

from occlusight.kernels import gemm_tiles as tiles
from occlusight.kernels.gemm_tiles import DEPTH, GROUP, GROUP_BYTES, NARROW_TILE, PANEL, QUAD, TILE
from occlusight.kernels.openmp import loop, part, parts, pointer, wait_for_all
from occlusight.kernels.quantize import lay
from occlusight.kernels.scalar import share

SUMS = 4 * TILE * PANEL
ROOM = SUMS + 2 * 4 * PANEL
"""Bytes of a thread: its sums, and the scales and the bias of a weight that has none."""


@loop
def multiply(p: Any) -> None:
    """`x (M, K)` fp32 or bf16, times `factors (K,)` if any, each row rounded to 8 bits by its largest value, times a
    weight `(N, K)`; times `scale (N,)`, plus `bias (N,)` if any.

    Arguments: x, panels, scale (0: the weight has 4 bits, and scales of its own), bias or 0, out `(M, N)` fp32,
    scratch, M, N, K, the rows that are laid out together, bytes of a number of x, factors or 0. Panels are
    `(N / PANEL, K / DEPTH, PANEL, DEPTH)` bytes, or in 4 bits `(N / PANEL, K / GROUP, GROUP_BYTES)`. Each thread takes
    some; a panel is read once for all rows that are together.
    """
    rows, outputs, width, together, size = p[6], p[7], p[8], p[9], p[10]
    out = carray(pointer(p[4], np.float32), (rows, outputs))
    narrow = p[2] == 0
    tile = NARROW_TILE if narrow else TILE
    depth = QUAD if narrow else DEPTH
    group = GROUP if narrow else width
    if narrow:
        steps = width // GROUP
        line, panel_bytes = steps * (GROUP + 4), steps * GROUP_BYTES
    else:
        steps = (width + DEPTH - 1) // DEPTH
        line, panel_bytes = 4 * steps + (4 if depth == QUAD else 0), steps * DEPTH * PANEL
    own = p[5] + ROOM * part()
    ones_at, zeros_at = own + SUMS, own + SUMS + 4 * PANEL
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
            given, target = p[0] + size * width * (base + row), laid + line * row
            lay(given, size, p[11], stop - row, width, group, depth, target, factors[row:stop])
        wait_for_all()
        for panel in range(first, end):
            weights, n = p[1] + panel_bytes * panel, panel * PANEL
            some = min(PANEL, outputs - n)
            for t in range(pieces):
                row, stop = count * t // pieces, count * (t + 1) // pieces
                ahead = panel_bytes if t == 0 else 0  # the first tile waits for the panel; the next one should not
                if narrow:
                    tiles.multiply_4(stop - row, laid + line * row, weights, steps, own, ahead)
                else:
                    tiles.multiply_8(stop - row, laid + line * row, weights, steps, own, ahead)
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
