"""The innermost loops of attention, in the vectors of the CPU: products of floats or bf16, softmax, and one or two
queries alone.
"""

# mypy: ignore-errors
# (What is called here builds instructions; Numba gives it other types than Python would.)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from occlusight.kernels.gemm_tiles import for_rows, hand_out, zeros
from occlusight.kernels.isa import BEST, Instructions
from occlusight.kernels.simd import (
    ADDRESS,
    FLOAT,
    INT,
    added_up,
    at,
    constant,
    everywhere,
    floats_of,
    largest,
    load,
    multiply_add,
    power_of_two,
    store,
    vector,
)

PAIRS = BEST.bf16 is not None
"""Whether attention multiplies bf16 as it is; else it becomes fp32."""


def tile_32(by: Instructions, halves: int) -> Any:
    """Build the loop for floats: `tile(rows, x, row, step, panel, count, before, sums)`, all of them int64, rows from 1
    to `by.rows`.

    x: address of the first row's first float; row, step: bytes from a row and from an input to the next; panel: address
    of the other side's floats `(count, width)`; before: address of `(rows, width)` fp32, to which it adds (0: to
    nothing); sums: of those that it sets. The width is that of a panel, or half of it.
    """

    def add(builder: Any, total: Any, number: Any, other: Any) -> Any:
        return multiply_add(builder, number, other, total)

    return _tile_of_floats(by, halves, FLOAT, add)


def tile_16(by: Instructions, halves: int) -> Any:
    """`tile_32` for bf16: an input is a pair of these, which lie beside one another on both sides."""
    return _tile_of_floats(by, halves, INT, by.bf16)


def _tile_of_floats(by: Instructions, halves: int, kind: Any, add: Callable[[Any, Any, Any, Any], Any]) -> Any:
    real, given, size = vector(FLOAT, by.lanes), vector(kind, by.lanes), 4 * by.lanes

    def generate(
        builder: Any, rows: int, x: Any, row: Any, step: Any, panel: Any, count: Any, before: Any, sums: Any
    ) -> None:
        totals = zeros(builder, rows, real, halves)
        begins = [at(builder, x, ir.Constant(row.type, place), row) for place in range(rows)]
        with builder.if_then(builder.icmp_unsigned("!=", before, ir.Constant(ADDRESS, 0))):
            for place, own in enumerate(totals):
                for half, total in enumerate(own):
                    builder.store(load(builder, before, real, size * (halves * place + half)), total)
        with cgutils.for_range(builder, count) as index:
            line = at(builder, panel, index.index, size * halves)
            others = [load(builder, line, given, size * half) for half in range(halves)]
            for begin, own in zip(begins, totals, strict=True):
                number = load(builder, at(builder, begin, index.index, step), kind)
                number = everywhere(builder, number, by.lanes)
                for total, other in zip(own, others, strict=True):
                    builder.store(add(builder, builder.load(total), number, other), total)
        hand_out(builder, totals, sums)

    return for_rows(generate, by.rows, wide=True)


def softmax_step(by: Instructions, halves: int, pairs: bool = False) -> Any:
    """Build one step of a softmax along keys (arXiv:1805.02867): `weigh(scores, count, scale, most, sums, out, width)`,
    all int64 but `scale`.

    scores: address of floats `(count, lanes)`, which become 2^(scale (score - largest)); most, sums: of `(lanes,)`, the
    largest score and the sum of weights yet; out: of `(width, lanes)`, what has been found yet. The last three are
    brought up to date, `out` without what these keys add. With `pairs` the weights are bf16, those of two keys beside
    one another, `(count / 2, lanes, 2)`; `count` is even.
    """
    real, wide, size = vector(FLOAT, by.lanes), vector(INT, by.lanes), 4 * by.lanes
    half_step, upper = constant(0x8000, INT, by.lanes), constant(-0x10000, INT, by.lanes)

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        scores, count, scale, most, sums, out, width = values
        scale = everywhere(builder, scale, by.lanes)
        tops = [cgutils.alloca_once_value(builder, load(builder, most, real, size * half)) for half in range(halves)]
        totals = [cgutils.alloca_once_value(builder, constant(0.0, FLOAT, by.lanes)) for _ in range(halves)]
        with cgutils.for_range(builder, count) as key:
            line = at(builder, scores, key.index, size * halves)
            for half, top in enumerate(tops):
                builder.store(largest(builder, load(builder, line, real, size * half), builder.load(top)), top)

        def weight(score: Any, top: Any) -> Any:
            return power_of_two(builder, builder.fmul(builder.fsub(score, builder.load(top)), scale))

        def count_in(weight: Any, total: Any) -> None:
            builder.store(builder.fadd(builder.load(total), weight), total)

        factors = []
        for half, top in enumerate(tops):
            factors.append(weight(load(builder, most, real, size * half), top))
            store(builder, builder.load(top), most, size * half)
            builder.store(builder.fmul(load(builder, sums, real, size * half), factors[-1]), totals[half])
        if pairs:
            with cgutils.for_range(builder, builder.udiv(count, ir.Constant(count.type, 2))) as pair:
                lines = at(builder, scores, pair.index, 2 * size * halves)
                packed = at(builder, scores, pair.index, size * halves)
                rounded = []
                for place in range(2 * halves):
                    found = weight(load(builder, lines, real, size * place), tops[place % halves])
                    bits = builder.and_(builder.add(builder.bitcast(found, wide), half_step), upper)
                    count_in(builder.bitcast(bits, real), totals[place % halves])
                    rounded.append(bits)
                for half in range(halves):
                    first = builder.lshr(rounded[half], constant(16, INT, by.lanes))
                    store(builder, builder.or_(first, rounded[halves + half]), packed, size * half)
        else:
            with cgutils.for_range(builder, count) as key:
                line = at(builder, scores, key.index, size * halves)
                for half, top in enumerate(tops):
                    found = weight(load(builder, line, real, size * half), top)
                    store(builder, found, line, size * half)
                    count_in(found, totals[half])
        for half, total in enumerate(totals):
            store(builder, builder.load(total), sums, size * half)
        with cgutils.for_range(builder, width) as channel:
            line = at(builder, out, channel.index, size * halves)
            for half, factor in enumerate(factors):
                store(builder, builder.fmul(load(builder, line, real, size * half), factor), line, size * half)
        return context.get_dummy_value()

    @intrinsic
    def weigh(typing: Any, scores: Any, count: Any, scale: Any, most: Any, sums: Any, out: Any, width: Any) -> Any:
        numbers = [types.int64, types.int64, types.float32, *[types.int64] * 4]
        return types.void(*numbers), emit

    return weigh


def look_up(by: Instructions) -> Any:
    """Build `scores(count, size, queries, keys, step, tokens, width, out, line)`, all of them int64: the products of
    one or two queries and keys.

    queries: address of fp32 `(count, width)`, the width a multiple of `by.lanes`; keys: of the first token's, of `size`
    bytes a number, bf16 or fp32, tokens `step` bytes apart; out: of the first query's floats `(tokens,)`, which it
    sets; the next query's are `line` bytes behind.
    """

    def generate(builder: Any, count: int, size: int, values: Any) -> None:
        queries, keys, step, tokens, width, out, line = values
        real = vector(FLOAT, by.lanes)
        vectors = builder.udiv(width, ir.Constant(width.type, by.lanes))
        totals = [cgutils.alloca_once(builder, real) for _ in range(count)]
        with cgutils.for_range(builder, tokens) as token:
            key = at(builder, keys, token.index, step)
            for total in totals:
                builder.store(ir.Constant(real, None), total)
            with cgutils.for_range(builder, vectors) as part:
                numbers = floats_of(builder, by.lanes, size, key, part.index)
                for place, total in enumerate(totals):
                    begin = at(builder, queries, ir.Constant(ADDRESS, 4 * place), width)
                    query = load(builder, at(builder, begin, part.index, 4 * by.lanes), real)
                    builder.store(multiply_add(builder, numbers, query, builder.load(total)), total)
            for place, total in enumerate(totals):
                into = at(builder, at(builder, out, ir.Constant(ADDRESS, place), line), token.index, 4)
                builder.store(
                    added_up(builder, builder.load(total)), builder.inttoptr(into, FLOAT.as_pointer()), align=4
                )

    return _for_one_or_two(generate)


def take_up(by: Instructions) -> Any:
    """Build `found(count, size, weights, line, values, step, tokens, width, out)`, all of them int64: add values to
    what queries have found.

    weights: address of the first query's floats `(tokens,)`, the next one's `line` bytes behind; values: as the keys of
    `look_up`; out: address of fp32 `(count, width)`.
    """

    def generate(builder: Any, count: int, size: int, values: Any) -> None:
        weights, line, given, step, tokens, width, out = values
        real = vector(FLOAT, by.lanes)
        vectors = builder.udiv(width, ir.Constant(width.type, by.lanes))
        done = ir.Constant(ADDRESS, 0)
        for together in (4, 1):  # vectors whose sums stay in registers
            rounds = builder.udiv(builder.sub(vectors, done), ir.Constant(ADDRESS, together))
            with cgutils.for_range(builder, rounds) as turn:
                first = builder.add(done, builder.mul(turn.index, ir.Constant(ADDRESS, together)))
                places = [builder.add(first, ir.Constant(ADDRESS, part)) for part in range(together)]
                begins = [at(builder, out, ir.Constant(ADDRESS, 4 * query), width) for query in range(count)]
                into = [[at(builder, begin, place, 4 * by.lanes) for place in places] for begin in begins]
                totals = [[cgutils.alloca_once(builder, real) for _ in own] for own in into]
                for own, addresses in zip(totals, into, strict=True):
                    for total, address in zip(own, addresses, strict=True):
                        builder.store(load(builder, address, real), total)
                with cgutils.for_range(builder, tokens) as token:
                    value = at(builder, given, token.index, step)
                    spread = []
                    for place in range(count):
                        weight = at(builder, at(builder, weights, ir.Constant(ADDRESS, place), line), token.index, 4)
                        spread.append(everywhere(builder, load(builder, weight, FLOAT), by.lanes))
                    for part, place in enumerate(places):
                        numbers = floats_of(builder, by.lanes, size, value, place)
                        for own, weight in zip(totals, spread, strict=True):
                            builder.store(multiply_add(builder, numbers, weight, builder.load(own[part])), own[part])
                for own, addresses in zip(totals, into, strict=True):
                    for total, address in zip(own, addresses, strict=True):
                        store(builder, builder.load(total), address)
            done = builder.add(done, builder.mul(rounds, ir.Constant(ADDRESS, together)))

    return _for_one_or_two(generate)


def _for_one_or_two(generate: Callable[[Any, int, int, Any], None]) -> Any:
    """What Numba calls with nine int64: code for a count of 1 and 2, the first argument, and sizes of 2 and 4 bytes,
    the second.
    """

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        count, size, *others = values
        one = builder.icmp_unsigned("==", count, ir.Constant(ADDRESS, 1))
        two_bytes = builder.icmp_unsigned("==", size, ir.Constant(ADDRESS, 2))
        with builder.if_else(one) as (single, pair):
            for branch, number in ((single, 1), (pair, 2)):
                with branch, builder.if_else(two_bytes) as (short, long):
                    with short:
                        generate(builder, number, 2, others)
                    with long:
                        generate(builder, number, 4, others)
        return context.get_dummy_value()

    @intrinsic
    def tile(typing: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any, i: Any) -> Any:
        return types.void(*[types.int64] * 9), emit

    return tile


scores, found = look_up(BEST), take_up(BEST)
_float_tile = tile_16 if PAIRS else tile_32
multiply_32, multiply_32_half = tile_32(BEST, 2), tile_32(BEST, 1)
multiply_16, multiply_16_half = _float_tile(BEST, 2), _float_tile(BEST, 1)
weigh, weigh_half = softmax_step(BEST, 2), softmax_step(BEST, 1)
weigh_pairs, weigh_pairs_half = softmax_step(BEST, 2, PAIRS), softmax_step(BEST, 1, PAIRS)
