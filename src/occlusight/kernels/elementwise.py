"""Passes over rows of numbers: rounding, norms, rotation, gates."""

# mypy: ignore-errors
# (Numba gives what is called here other types than Python would.)

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray

from occlusight.kernels import rope as rotation
from occlusight.kernels.openmp import as_float, loop, pointer
from occlusight.kernels.quantize import round_row
from occlusight.kernels.scalar import exponential, share


@loop
def quantize(p: Any) -> None:
    """`x (M, K)` fp32 to `codes (M, K)` uint8 around 128 and `scale (M,)` fp32. Sizes: M, K."""
    rows, width = p[3], p[4]
    codes = carray(pointer(p[1], np.uint8), (rows, width))
    scale = carray(pointer(p[2], np.float32), rows)
    first, end = share(rows)
    for row in range(first, end):
        round_row(p[0] + 4 * width * row, codes[row], scale[row : row + 1])


@loop
def rms_norm(p: Any) -> None:
    """`x (M, K)` and `weight (K,)` to `out (M, K)`, all fp32. Sizes: M, K, the bits of eps."""
    rows, width, eps = p[3], p[4], as_float(np.uint32(p[5]))
    x = carray(pointer(p[0], np.float32), (rows, width))
    weight = carray(pointer(p[1], np.float32), width)
    out = carray(pointer(p[2], np.float32), (rows, width))
    first, end = share(rows)
    for row in range(first, end):
        square = np.float32(0)
        for k in range(width):
            square += x[row, k] * x[row, k]
        factor = np.float32(1) / np.sqrt(square / np.float32(width) + eps)
        for k in range(width):
            out[row, k] = x[row, k] * factor * weight[k]


@loop
def turn(p: Any) -> None:
    """Heads `x (M, T, d)` fp32 to bf16 `(M, T, d)`: the first `turned` of them normalised if there are
    `norms (turned, d)`, and turned.

    Arguments: x, norms or 0, cos and sin `(M, d / 2)`, out, M, T, turned, d, the bits of eps. Channels are in
    `pair_order`; d is even, and at least `LANES`.
    """
    rows, heads, turned, width, eps = p[5], p[6], p[7], p[8], as_float(np.uint32(p[9]))
    x = carray(pointer(p[0], np.float32), (rows, heads, width))
    first, end = share(rows)
    for row in range(first, end):
        for head in range(turned):
            factor = np.float32(1)
            if p[1] != 0:
                square = np.float32(0)
                for k in range(width):
                    square += x[row, head, k] * x[row, head, k]
                factor = np.float32(1) / np.sqrt(square / np.float32(width) + eps)
            place = 4 * width * (heads * row + head)
            rotation.turned(
                p[0] + place,
                factor,
                p[1] + 4 * width * head if p[1] != 0 else 0,
                p[2] + 2 * width * row,
                p[3] + 2 * width * row,
                p[4] + place // 2,
                width,
            )
        if heads > turned:
            place = 4 * width * (heads * row + turned)
            rotation.halved(p[0] + place, p[4] + place // 2, width * (heads - turned))


@loop
def swiglu(p: Any) -> None:
    """`gates and ups (M, 2 F)` to silu(gate) x up, `(M, F)`, fp32. Arguments: x, out, M, F."""
    rows, width = p[2], p[3]
    x = carray(pointer(p[0], np.float32), (rows, 2 * width))
    out = carray(pointer(p[1], np.float32), (rows, width))
    first, end = share(rows)
    for row in range(first, end):
        for k in range(width):
            gate = x[row, k]
            out[row, k] = gate * x[row, width + k] / (np.float32(1) + exponential(min(-gate, np.float32(88))))


@loop
def gelu(p: Any) -> None:
    """GELU with tanh, in place, of so many fp32 numbers. Arguments: x, their number."""
    first, end = share(p[1])
    x = carray(pointer(p[0] + 4 * first, np.float32), end - first)
    for i in range(len(x)):
        inner = x[i] * (np.float32(1.5957691216) + np.float32(0.0713548163) * x[i] * x[i])
        x[i] = x[i] / (np.float32(1) + exponential(min(-inner, np.float32(88))))
