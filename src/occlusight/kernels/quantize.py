"""Rows rounded to 8 bits, and laid out as tiles take them."""

# mypy: ignore-errors
# (What is called here builds instructions, or is compiled by Numba; both have other types than Python would give.)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.core import cgutils
from numba.extending import intrinsic

from occlusight.kernels.gemm_tiles import LANES
from occlusight.kernels.isa import BEST, Instructions
from occlusight.kernels.openmp import as_bits, pointer
from occlusight.kernels.scalar import ROUNDING, exact, from_bf16
from occlusight.kernels.simd import (
    ADDRESS,
    BYTE,
    FLOAT,
    HALF,
    INT,
    at,
    constant,
    everywhere,
    floats_of,
    load,
    vector,
)

TINY = np.float32(1e-30)
WORD = 4
"""Bytes that a tile reads of a row at a time."""
WHOLE = int(ROUNDING.view(np.int32))
"""The bits of 0 when `ROUNDING` is added."""


def given_numbers(builder: Any, by: Instructions, size: int, x: Any, factors: Any, step: Any) -> Any:
    """Read the next `by.lanes` numbers of `size` bytes, fp32 or bf16, as floats, times as many floats at `factors`
    (None: as they are).
    """
    numbers = floats_of(builder, by.lanes, size, x, step)
    if factors is None:
        return numbers
    return builder.fmul(numbers, load(builder, at(builder, factors, step, 4 * by.lanes), numbers.type))


def for_each_kind(builder: Any, size: Any, factors: Any, generate: Callable[[int, Any], None]) -> None:
    """Code for numbers of 4 and 2 bytes, with factors and without (their address is 0)."""
    wide = builder.icmp_unsigned("==", size, ir.Constant(ADDRESS, 4))
    treated = builder.icmp_unsigned("!=", factors, ir.Constant(ADDRESS, 0))
    with builder.if_else(wide) as (four, two):
        for branch, count in ((four, 4), (two, 2)):
            with branch, builder.if_else(treated) as (scaled, plain):
                with scaled:
                    generate(count, factors)
                with plain:
                    generate(count, None)


def largest_size(by: Instructions) -> Any:
    """Build `largest(x, size, factors, count)`: the largest absolute value of so many numbers, a multiple of
    `by.lanes`: see `given_numbers`.
    """
    wide = vector(INT, by.lanes)

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        x, size, factors, count = values
        most = cgutils.alloca_once_value(builder, ir.Constant(wide, None))
        sizes = constant(0x7FFFFFFF, INT, by.lanes)
        steps = builder.udiv(count, ir.Constant(ADDRESS, by.lanes))

        def go_through(bytes_: int, own_factors: Any) -> None:
            with cgutils.for_range(builder, steps) as step:
                # of floats without a sign the larger has the larger bits
                given = given_numbers(builder, by, bytes_, x, own_factors, step.index)
                own, before = builder.and_(builder.bitcast(given, wide), sizes), builder.load(most)
                builder.store(builder.select(builder.icmp_unsigned(">", own, before), own, before), most)

        for_each_kind(builder, size, factors, go_through)
        every, found = builder.load(most), ir.Constant(INT, 0)
        for lane in range(by.lanes):
            own = builder.extract_element(every, ir.Constant(INT, lane))
            found = builder.select(builder.icmp_unsigned(">", own, found), own, found)
        return builder.bitcast(found, FLOAT)

    @intrinsic
    def largest(typing: Any, x: Any, size: Any, factors: Any, count: Any) -> Any:
        return types.float32(*[types.int64] * 4), emit

    return largest


def rounded(by: Instructions, depth: int) -> Any:
    """Build `round_words(x, size, factors, count, factor, into, line)`: so many numbers, a multiple of `by.lanes` (see
    `given_numbers`), times `factor`, rounded half to even; `depth` of them are a word, bytes or halves, and words are
    `line` bytes apart. Returns their sum.
    """
    wide = vector(INT, by.lanes)
    kind = BYTE if depth == WORD else HALF
    words = by.lanes // depth

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        x, size, factors, count, factor, into, line = values
        spread, ready = everywhere(builder, factor, by.lanes), constant(float(ROUNDING), FLOAT, by.lanes)
        total = cgutils.alloca_once_value(builder, ir.Constant(wide, None))
        steps = builder.udiv(count, ir.Constant(ADDRESS, by.lanes))
        apart = builder.mul(line, ir.Constant(ADDRESS, words))

        def go_through(bytes_: int, own_factors: Any) -> None:
            with cgutils.for_range(builder, steps) as step:
                given = given_numbers(builder, by, bytes_, x, own_factors, step.index)
                bits = builder.bitcast(builder.fadd(builder.fmul(given, spread), ready), wide)
                whole = builder.sub(bits, constant(WHOLE, INT, by.lanes))
                builder.store(builder.add(builder.load(total), whole), total)
                packed = builder.bitcast(builder.trunc(whole, vector(kind, by.lanes)), vector(INT, words))
                place = at(builder, into, step.index, apart)
                for word in range(words):
                    own = builder.extract_element(packed, ir.Constant(INT, word))
                    there = builder.add(place, builder.mul(line, ir.Constant(ADDRESS, word)))
                    builder.store(own, builder.inttoptr(there, INT.as_pointer()), align=4)

        for_each_kind(builder, size, factors, go_through)
        every, found = builder.load(total), ir.Constant(INT, 0)
        for lane in range(by.lanes):
            found = builder.add(found, builder.extract_element(every, ir.Constant(INT, lane)))
        return found

    @intrinsic
    def round_words(typing: Any, x: Any, size: Any, factors: Any, count: Any, factor: Any, into: Any, line: Any) -> Any:
        return types.int32(*[types.int64] * 4, types.float32, types.int64, types.int64), emit

    return round_words


largest = largest_size(BEST)
round_bytes, round_halves = rounded(BEST, 4), rounded(BEST, 2)


@exact
def number(address: int, size: int, factors: int, k: int) -> Any:
    """The number at a place: see `given_numbers`."""
    if size == 4:
        x = carray(pointer(address, np.float32), k + 1)[k]
    else:
        x = from_bf16(carray(pointer(address, np.uint16), k + 1)[k])
    return x * carray(pointer(factors, np.float32), k + 1)[k] if factors != 0 else x


@exact
def steps_of(address: int, size: int, factors: int, width: int) -> tuple[Any, Any]:
    """A row's factor to whole steps from -127 to 127, and its scale back."""
    even = width // LANES * LANES
    most = max(TINY, largest(address, size, factors, even))
    for k in range(even, width):
        most = max(most, abs(number(address, size, factors, k)))
    return np.float32(127) / most, most / np.float32(127)


@exact
def step(x: Any, factor: Any) -> Any:
    """The whole number nearest to `x * factor`, half to even, in the lowest bits of what is given."""
    return as_bits(x * factor + ROUNDING)


@exact
def lay(
    address: int, size: int, factors: int, count: int, width: int, group: int, depth: int, target: int, scale: Any
) -> None:
    """Round rows `(count, width)` of numbers (see `given_numbers`) to 8 bits and write them as `tiles` takes them.

    For each group of inputs `depth` neighbours of each row in a word, bytes or halves, then the next; where they are
    bytes, behind them each row's sum, fp32. Zeros are added where the depth does not divide a group.
    """
    words = (group + depth - 1) // depth
    line = WORD * count
    behind = WORD if depth == WORD else 0
    for row in range(count):
        begin = address + size * width * row
        factor, scale[row] = steps_of(begin, size, factors, width)
        for part in range(width // group):
            given, own_factors = begin + size * group * part, 0 if factors == 0 else factors + 4 * group * part
            place = target + (words + behind // WORD) * line * part
            even = group // LANES * LANES
            if depth == WORD:
                total = round_bytes(given, size, own_factors, even, factor, place + WORD * row, line)
            else:
                total = round_halves(given, size, own_factors, even, factor, place + WORD * row, line)
            if even < group:
                into = carray(pointer(place, np.uint32), (words, count))
                bits = np.uint32(32 // depth)
                for word in range(even // depth, words):
                    packed = np.uint32(0)
                    for i in range(min(depth, group - word * depth)):
                        x = number(given, size, own_factors, word * depth + i)
                        own = np.int32(step(x, factor) - np.uint32(WHOLE))
                        total = np.int32(total + own)
                        mask = np.uint32(0xFF if depth == WORD else 0xFFFF)
                        packed = np.uint32(
                            packed | np.uint32((np.uint32(own) & mask) << np.uint32(bits * np.uint32(i)))
                        )
                    into[word, row] = packed
            if behind:
                carray(pointer(place + words * line, np.float32), count)[row] = np.float32(total)


@exact
def round_row(address: int, codes: Any, scale: Any) -> None:
    """Round a row to codes around 128."""
    x = carray(pointer(address, np.float32), len(codes))
    factor, scale[0] = steps_of(address, 4, 0, len(codes))
    for k in range(len(codes)):
        codes[k] = np.uint8(np.uint32(step(x[k], factor) + np.uint32(128)) & np.uint32(0xFF))
