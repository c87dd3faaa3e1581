"""Rows rounded to 8 bits, and laid out as tiles take them."""

# mypy: ignore-errors
# (What is called here builds instructions, or is compiled by Numba; both have other types than Python would give.)

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.core import cgutils
from numba.extending import intrinsic

from occlusight.model.loops.instructions import BEST, Instructions
from occlusight.model.loops.numbers import ROUNDING, exact
from occlusight.model.loops.team import as_bits, pointer
from occlusight.model.loops.vectors import ADDRESS, BYTE, FLOAT, HALF, INT, at, constant, everywhere, load, vector

TINY = np.float32(1e-30)
LANES = BEST.lanes
WORD = 4
"""Bytes that a tile reads of a row at a time."""
WHOLE = int(ROUNDING.view(np.int32))
"""The bits of 0 when `ROUNDING` is added."""


def largest_size(by: Instructions) -> Any:
    """Build `largest(x, count)`: the largest absolute value of so many floats at an address, a multiple of `by.lanes`."""
    wide = vector(INT, by.lanes)

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        x, count = values
        most = cgutils.alloca_once_value(builder, ir.Constant(wide, None))
        sizes = constant(0x7FFFFFFF, INT, by.lanes)
        steps = builder.udiv(count, ir.Constant(ADDRESS, by.lanes))
        with cgutils.for_range(builder, steps) as step:
            # of floats without a sign the larger has the larger bits
            own = builder.and_(load(builder, at(builder, x, step.index, 4 * by.lanes), wide), sizes)
            before = builder.load(most)
            builder.store(builder.select(builder.icmp_unsigned(">", own, before), own, before), most)
        every, found = builder.load(most), ir.Constant(INT, 0)
        for lane in range(by.lanes):
            own = builder.extract_element(every, ir.Constant(INT, lane))
            found = builder.select(builder.icmp_unsigned(">", own, found), own, found)
        return builder.bitcast(found, FLOAT)

    @intrinsic
    def largest(typing: Any, x: Any, count: Any) -> Any:
        return types.float32(types.int64, types.int64), emit

    return largest


def rounded(by: Instructions, depth: int) -> Any:
    """Build `round_words(x, count, factor, into, line)`: so many floats at an address, a multiple of `by.lanes`, times `factor`, rounded half to
    even; `depth` of them are a word, bytes or halves, and words are `line` bytes apart. Returns their sum.
    """
    real, wide = vector(FLOAT, by.lanes), vector(INT, by.lanes)
    level = BYTE if depth == WORD else HALF
    words = by.lanes // depth

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        x, count, factor, into, line = values
        factors, ready = everywhere(builder, factor, by.lanes), constant(float(ROUNDING), FLOAT, by.lanes)
        total = cgutils.alloca_once_value(builder, ir.Constant(wide, None))
        steps = builder.udiv(count, ir.Constant(ADDRESS, by.lanes))
        apart = builder.mul(line, ir.Constant(ADDRESS, words))
        with cgutils.for_range(builder, steps) as step:
            given = load(builder, at(builder, x, step.index, 4 * by.lanes), real)
            bits = builder.bitcast(builder.fadd(builder.fmul(given, factors), ready), wide)
            whole = builder.sub(bits, constant(WHOLE, INT, by.lanes))
            builder.store(builder.add(builder.load(total), whole), total)
            packed = builder.bitcast(builder.trunc(whole, vector(level, by.lanes)), vector(INT, words))
            place = at(builder, into, step.index, apart)
            for word in range(words):
                own = builder.extract_element(packed, ir.Constant(INT, word))
                there = builder.add(place, builder.mul(line, ir.Constant(ADDRESS, word)))
                builder.store(own, builder.inttoptr(there, INT.as_pointer()), align=4)
        every, found = builder.load(total), ir.Constant(INT, 0)
        for lane in range(by.lanes):
            found = builder.add(found, builder.extract_element(every, ir.Constant(INT, lane)))
        return found

    @intrinsic
    def round_words(typing: Any, x: Any, count: Any, factor: Any, into: Any, line: Any) -> Any:
        return types.int32(types.int64, types.int64, types.float32, types.int64, types.int64), emit

    return round_words


largest = largest_size(BEST)
round_bytes, round_halves = rounded(BEST, 4), rounded(BEST, 2)


@exact
def steps_of(address: int, width: int) -> tuple[Any, Any]:
    """A row's factor to whole steps from -127 to 127, and its scale back."""
    even = width // LANES * LANES
    x, most = carray(pointer(address, np.float32), width), max(TINY, largest(address, even))
    for k in range(even, width):
        most = max(most, abs(x[k]))
    return np.float32(127) / most, most / np.float32(127)


@exact
def step(x: Any, factor: Any) -> Any:
    """The whole number nearest to `x * factor`, half to even, in the lowest bits of what is given."""
    return as_bits(x * factor + ROUNDING)


@exact
def lay(address: int, count: int, width: int, group: int, depth: int, target: int, scale: Any) -> None:
    """Round rows `(count, width)` fp32 to 8 bits and write them as `tiles` takes them.

    For each group of inputs `depth` neighbours of each row in a word, bytes or halves, then the next; where they are bytes, behind them
    each row's sum, fp32. Zeros are added where the depth does not divide a group.
    """
    words = (group + depth - 1) // depth
    line = WORD * count
    behind = WORD if depth == WORD else 0
    for row in range(count):
        begin = address + WORD * width * row
        factor, scale[row] = steps_of(begin, width)
        for number in range(width // group):
            given = begin + WORD * group * number
            place = target + (words + behind // WORD) * line * number
            even = group // LANES * LANES
            if depth == WORD:
                total = round_bytes(given, even, factor, place + WORD * row, line)
            else:
                total = round_halves(given, even, factor, place + WORD * row, line)
            if even < group:
                x, into = carray(pointer(given, np.float32), group), carray(pointer(place, np.uint32), (words, count))
                bits = np.uint32(32 // depth)
                for word in range(even // depth, words):
                    packed = np.uint32(0)
                    for i in range(min(depth, group - word * depth)):
                        own = np.int32(step(x[word * depth + i], factor) - np.uint32(WHOLE))
                        total = np.int32(total + own)
                        mask = np.uint32(0xFF if depth == WORD else 0xFFFF)
                        packed = np.uint32(packed | np.uint32((np.uint32(own) & mask) << np.uint32(bits * np.uint32(i))))
                    into[word, row] = packed
            if behind:
                carray(pointer(place + words * line, np.float32), count)[row] = np.float32(total)


@exact
def round_row(address: int, levels: Any, scale: Any) -> None:
    """Round a row to levels around 128."""
    x = carray(pointer(address, np.float32), len(levels))
    factor, scale[0] = steps_of(address, len(levels))
    for k in range(len(levels)):
        levels[k] = np.uint8(np.uint32(step(x[k], factor) + np.uint32(128)) & np.uint32(0xFF))
