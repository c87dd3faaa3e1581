"""What the loops do with single numbers and rows, and how threads share their work."""

# mypy: ignore-errors
# (Numba gives what is called here other types than Python would.)

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from occlusight.kernels.openmp import ORDERED, QUICK, as_bits, as_float, part, parts

inline = njit(fastmath=set(QUICK), error_model="numpy")
ordered = njit(fastmath=set(ORDERED), error_model="numpy")
exact = njit(fastmath=set(ORDERED - {"contract"}), error_model="numpy")
LOG2_E, LN2_HIGH, LN2_LOW = np.float32(1.44269504), np.float32(0.693359375), np.float32(-2.12194440e-4)
ROUNDING = np.float32(3 << 22)
"""Added to a small float it rounds this half to even; the whole number is then in the lowest bits."""
LEAST = np.float32(-87.0)
"""Its exponential is the smallest that is told from 0."""


@inline
def share(count: int) -> tuple[int, int]:
    """The half-open range of so many things that this thread takes."""
    return count * part() // parts(), count * (part() + 1) // parts()


@ordered
def exponential(x: Any) -> Any:
    """exp of a float of at most 88 (Cephes' expf: a polynomial of what is left after the powers of two)."""
    x = max(x, LEAST)
    whole = x * LOG2_E + ROUNDING
    power = whole - ROUNDING
    x = x - power * LN2_HIGH - power * LN2_LOW
    y = np.float32(1.9875691500e-4) * x + np.float32(1.3981999507e-3)
    y = y * x + np.float32(8.3334519073e-3)
    y = y * x + np.float32(4.1665795894e-2)
    y = y * x + np.float32(1.6666665459e-1)
    y = y * x + np.float32(5.0000001201e-1)
    y = y * x * x + x + np.float32(1)
    return y * as_float(np.uint32(np.uint32(as_bits(whole) + np.uint32(127)) << np.uint32(23)))


@inline
def to_bf16(x: Any) -> Any:
    """The upper half of a float, rounded half to even."""
    bits = as_bits(x)
    return np.uint16(np.uint32(bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16))


@inline
def from_bf16(half: Any) -> Any:
    """The float whose upper half is given."""
    return as_float(np.uint32(np.uint32(half) << np.uint32(16)))
