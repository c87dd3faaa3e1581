"""Heads turned by their positions' angles, and numbers rounded to bf16, in the vectors of the CPU."""

# mypy: ignore-errors
# (What is called here builds instructions; Numba gives it other types than Python would.)

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from occlusight.kernels.isa import BEST, Instructions
from occlusight.kernels.simd import (
    ADDRESS,
    FLOAT,
    HALF,
    INT,
    at,
    constant,
    everywhere,
    load,
    multiply_add,
    store,
    vector,
)


def turning(by: Instructions) -> Any:
    """Build `turned(x, factor, norms, cos, sin, out, width)`, all of them int64 but `factor`: a head's pairs of
    channels, turned, as bf16.

    x: address of fp32 `(width,)`, an even width of `by.lanes` or more, first multiplied by `factor` and by `norms`
    `(width,)` unless their address is 0; cos, sin: of `(width / 2,)`, a pair's angle.
    """
    real = vector(FLOAT, by.lanes)
    places = range(by.lanes)
    twice, other = ([place // 2 for place in places], [place ^ 1 for place in places])
    signs = ir.Constant(real, [-1.0 if place % 2 == 0 else 1.0 for place in places])

    def order(builder: Any, numbers: Any, which: list[int]) -> Any:
        return builder.shuffle_vector(numbers, numbers, ir.Constant(vector(INT, by.lanes), which))

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        x, factor, norms, cos, sin, out, width = values
        spread = everywhere(builder, factor, by.lanes)
        own = cgutils.alloca_once(builder, real)
        for first in vectors_of(builder, by, width):
            builder.store(load(builder, at(builder, x, first, 4), real), own)
            with builder.if_then(builder.icmp_unsigned("!=", norms, ir.Constant(ADDRESS, 0))):
                weights = load(builder, at(builder, norms, first, 4), real)
                builder.store(builder.fmul(builder.fmul(builder.load(own), spread), weights), own)
            given = builder.load(own)
            few = vector(FLOAT, by.lanes // 2)
            cosines = order(builder, load(builder, at(builder, cos, first, 2), few), twice)
            sines = order(builder, load(builder, at(builder, sin, first, 2), few), twice)
            across = builder.fmul(order(builder, given, other), builder.fmul(sines, signs))
            halves = rounded(builder, multiply_add(builder, given, cosines, across))
            store(builder, halves, at(builder, out, first, 2))
        return context.get_dummy_value()

    @intrinsic
    def turned(typing: Any, x: Any, factor: Any, norms: Any, cos: Any, sin: Any, out: Any, width: Any) -> Any:
        return types.void(types.int64, types.float32, *[types.int64] * 5), emit

    return turned


def rounding_to_bf16(by: Instructions) -> Any:
    """Build `halved(x, out, count)`, all of them int64: so many floats, `by.lanes` or more, as bf16."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        x, out, count = values
        for first in vectors_of(builder, by, count):
            given = load(builder, at(builder, x, first, 4), vector(FLOAT, by.lanes))
            store(builder, rounded(builder, given), at(builder, out, first, 2))
        return context.get_dummy_value()

    @intrinsic
    def halved(typing: Any, x: Any, out: Any, count: Any) -> Any:
        return types.void(*[types.int64] * 3), emit

    return halved


def vectors_of(builder: Any, by: Instructions, count: Any) -> Iterator[Any]:
    """Within a loop: the first number of each vector of so many, `by.lanes` or more; the last one overlaps the one
    before where it must.
    """
    lanes = ir.Constant(ADDRESS, by.lanes)
    last = builder.sub(count, lanes)
    steps = builder.udiv(builder.add(count, ir.Constant(ADDRESS, by.lanes - 1)), lanes)
    with cgutils.for_range(builder, steps) as step:
        first = builder.mul(step.index, lanes)
        yield builder.select(builder.icmp_unsigned("<", first, last), first, last)


def rounded(builder: Any, x: Any) -> Any:
    """The upper halves of floats, rounded half to even."""
    lanes = x.type.count
    wide = vector(INT, lanes)
    bits, upper = builder.bitcast(x, wide), constant(16, INT, lanes)
    odd = builder.and_(builder.lshr(bits, upper), constant(1, INT, lanes))
    bits = builder.add(bits, builder.add(odd, constant(0x7FFF, INT, lanes)))
    return builder.trunc(builder.lshr(bits, upper), vector(HALF, lanes))


turned, halved = turning(BEST), rounding_to_bf16(BEST)
