"""The innermost loops of products in 8 and 4 bits, and of attention's in fp32, in the vectors of the CPU: each instruction is named, since
a compiler does not find these in a plain loop.

A tile is some rows times `PANEL` outputs; while it is computed the next panel's weights are fetched. Its sums stay in registers while the inputs go by a few at a time (Goto and van de Geijn, Anatomy
of High-Performance Matrix Multiplication, 2008). Where the CPU adds up products of four bytes in one instruction (x86's `vpdpbusd`), one of
the two has no sign: weights have 128 added, and 128 times the row's sum is taken away. Elsewhere `vpmaddwd` multiplies pairs of 16 bits and `vpmaddubsw` pairs of 8, and each adds up
neighbours. The latter's sums have 16 bits, too few for weights of 8 bits, enough for those of 4.
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

from occlusight.model.loops.instructions import BEST, Instructions, added, ints
from occlusight.model.loops.vectors import (
    ADDRESS,
    BYTE,
    FLOAT,
    HALF,
    INT,
    added_up,
    at,
    constant,
    everywhere,
    fetch,
    floats_of,
    largest,
    load,
    multiply_add,
    power_of_two,
    store,
    vector,
)

LANES = BEST.lanes
PANEL = BEST.panel
"""Outputs that are computed together: two vectors of sums."""
DEPTH = 2 if BEST.dot is None else 4
"""Inputs in 8 bits that are multiplied together."""
TILE, NARROW_TILE = BEST.rows, BEST.narrow_rows
"""Rows that are computed together, by weights of 8 and of 4 bits."""
GROUP = 32
"""Inputs whose 4-bit weights share a scale and an offset in a panel."""
QUAD = 4
"""Inputs of 4-bit weights that are multiplied together. `GROUP` of them add up to at most 8 x 2 x 15 x 128 in 16 bits."""


def group_bytes(panel: int) -> int:
    """Of a panel of 4-bit weights a group: levels, then scales and offsets in bf16."""
    return GROUP * panel // 2 + 2 * 2 * panel


GROUP_BYTES = group_bytes(PANEL)


def tile_8(by: Instructions) -> Any:
    """Build the loop for weights of 8 bits: `tile(rows, x, panel, steps, sums, ahead)`, all of them int64, rows from 1 to `by.rows`.

    Without `dot`: x: address of the rows' halves `(steps, rows, 2)`; panel: address of the weights' bytes `(steps, panel, 2)`.
    With it: x: address of the rows' signed bytes `(steps, rows, 4)`, then of each row's sum, fp32; panel: address of
    unsigned bytes, the weights plus 128, `(steps, panel, 4)`. sums: address of
    `(rows, panel)` fp32, which it sets; they are whole numbers, added up as such. ahead: how many bytes behind the panel the one lies that is
    fetched meanwhile; 0: none.
    """
    wide, depth = vector(INT, by.lanes), 2 if by.dot is None else 4
    pairs = vector(HALF, 2 * by.lanes)

    def weights(builder: Any, begin: Any) -> list[Any]:
        if by.dot is not None:
            return [load(builder, begin, wide, 4 * by.lanes * half) for half in range(2)]
        bytes_ = vector(BYTE, 2 * by.lanes)
        return [builder.sext(load(builder, begin, bytes_, 2 * by.lanes * half), pairs) for half in range(2)]

    def add(builder: Any, total: Any, weight: Any, some: Any) -> Any:
        if by.dot is not None:
            return by.dot(builder, total, weight, some)
        return builder.add(total, by.halves(builder, builder.bitcast(some, pairs), weight))

    def generate(builder: Any, rows: int, x: Any, panel: Any, steps: Any, sums: Any, ahead: Any) -> None:
        totals = _zeros(builder, rows, wide)
        if by.dot is not None:
            behind = at(builder, x, steps, 4 * rows)
            for row, own in enumerate(totals):
                total = builder.fptosi(load(builder, behind, FLOAT, 4 * row), INT)
                begin = everywhere(builder, builder.mul(total, ir.Constant(INT, -128)), by.lanes)
                for place in own:
                    builder.store(begin, place)
        with cgutils.for_range(builder, steps) as step:
            begin, given = at(builder, panel, step.index, depth * by.panel), at(builder, x, step.index, 4 * rows)
            if 1 < rows <= by.fetching:
                for line in range(0, depth * by.panel, 64):
                    fetch(builder, begin, builder.add(ahead, ir.Constant(ahead.type, line)))
            both = weights(builder, begin)
            for row, own in enumerate(totals):
                some = everywhere(builder, load(builder, given, INT, 4 * row), by.lanes)
                for total, weight in zip(own, both, strict=True):
                    builder.store(add(builder, builder.load(total), weight, some), total)
        _hand_out(builder, totals, sums)

    return _for_rows(generate, by.rows)


def tile_4(by: Instructions) -> Any:
    """Build the loop for weights of 4 bits: `tile(rows, x, panel, groups, sums, ahead)`, all of them int64, rows from 1 to `by.narrow_rows`.

    x: address, for each group, of the rows' signed bytes `(GROUP / QUAD, rows, QUAD)` and, fp32, their sum `(rows,)`; panel: address, for
    each group, of levels `(GROUP / QUAD, lanes, QUAD)`, those of the first half of the outputs in the low halves of the bytes, of the
    second in the high ones,
    and, bf16, of scales and offsets `(2, panel)`; sums: address of `(rows, panel)` fp32, which it sets: of each group
    (sum of x level - 8 sum of x) scale + sum of x offset. ahead: see `tile_8`.
    """
    lanes = by.lanes
    bytes_, halves, wide = vector(BYTE, 4 * lanes), vector(HALF, 2 * lanes), vector(INT, lanes)
    real, few = vector(FLOAT, lanes), vector(HALF, lanes)
    low, four, upper = constant(15, BYTE, 4 * lanes), constant(4, HALF, 2 * lanes), constant(16, INT, lanes)
    size = group_bytes(by.panel)

    def generate(builder: Any, rows: int, x: Any, panel: Any, groups: Any, sums: Any, ahead: Any) -> None:
        totals = _zeros(builder, rows, real)
        with cgutils.for_range(builder, groups) as step:
            begin = at(builder, panel, step.index, size)
            for line in range(0, size, 64):
                fetch(builder, begin, builder.add(ahead, ir.Constant(ahead.type, line)))
            given = at(builder, x, step.index, (GROUP + 4) * rows)
            found: list[list[Any]] = [[None, None] for _ in range(rows)]
            for quad in range(GROUP // QUAD):
                both = load(builder, begin, bytes_, 4 * lanes * quad)
                high = builder.bitcast(builder.lshr(builder.bitcast(both, halves), four), bytes_)
                levels = builder.and_(both, low), builder.and_(high, low)
                for row in range(rows):
                    four_bytes = everywhere(builder, load(builder, given, INT, QUAD * (rows * quad + row)), lanes)
                    own = builder.bitcast(four_bytes, bytes_)
                    for half in range(2):
                        found[row][half] = added(builder, by, found[row][half], levels[half], own)
            constants = []
            for place in range(4):
                upper_half = load(builder, begin, few, GROUP * by.panel // 2 + 2 * lanes * place)
                constants.append(builder.bitcast(builder.shl(builder.zext(upper_half, wide), upper), real))
            for row in range(rows):
                group_sum = everywhere(builder, load(builder, given, FLOAT, GROUP * rows + 4 * row), lanes)
                eight = builder.fmul(group_sum, constant(8.0, FLOAT, lanes))
                for half in range(2):
                    scale, offset = constants[half], constants[2 + half]
                    dot = builder.fsub(builder.sitofp(ints(builder, by, found[row][half]), real), eight)
                    scaled = multiply_add(builder, dot, scale, builder.load(totals[row][half]))
                    builder.store(multiply_add(builder, group_sum, offset, scaled), totals[row][half])
        _hand_out(builder, totals, sums)

    return _for_rows(generate, by.narrow_rows)


def tile_32(by: Instructions, halves: int) -> Any:
    """Build the loop for floats: `tile(rows, x, row, step, panel, count, sums)`, all of them int64, rows from 1 to `by.rows`.

    x: address of the first row's first float; row, step: bytes from a row and from an input to the next; panel: address of the other
    side's floats `(count, width)`; sums: address of `(rows, width)` fp32, to which it adds. The width is that of a panel, or half of it.
    """

    def add(builder: Any, total: Any, number: Any, other: Any) -> Any:
        return multiply_add(builder, number, other, total)

    return _tile_of_floats(by, halves, FLOAT, add)


def tile_16(by: Instructions, halves: int) -> Any:
    """`tile_32` for bf16: an input is a pair of these, which lie beside one another on both sides."""
    return _tile_of_floats(by, halves, INT, by.bf16)


def _tile_of_floats(by: Instructions, halves: int, kind: Any, add: Callable[[Any, Any, Any, Any], Any]) -> Any:
    real, given, size = vector(FLOAT, by.lanes), vector(kind, by.lanes), 4 * by.lanes

    def generate(builder: Any, rows: int, x: Any, row: Any, step: Any, panel: Any, count: Any, sums: Any) -> None:
        totals = _zeros(builder, rows, real, halves)
        begins = [at(builder, x, ir.Constant(row.type, place), row) for place in range(rows)]
        for place, own in enumerate(totals):
            for half, total in enumerate(own):
                builder.store(load(builder, sums, real, size * (halves * place + half)), total)
        with cgutils.for_range(builder, count) as index:
            line = at(builder, panel, index.index, size * halves)
            others = [load(builder, line, given, size * half) for half in range(halves)]
            for begin, own in zip(begins, totals, strict=True):
                number = load(builder, at(builder, begin, index.index, step), kind)
                number = everywhere(builder, number, by.lanes)
                for total, other in zip(own, others, strict=True):
                    builder.store(add(builder, builder.load(total), number, other), total)
        _hand_out(builder, totals, sums)

    return _for_rows(generate, by.rows, wide=True)


def _for_rows(generate: Callable[..., None], most: int, wide: bool = False) -> Any:
    """What Numba calls with six int64, or with seven: a loop for each number of rows, the first argument."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        rows, *others = values
        end = builder.append_basic_block("end")
        choice = builder.switch(rows, end)
        for count in range(1, most + 1):
            block = builder.append_basic_block(f"rows_{count}")
            choice.add_case(count, block)
            builder.position_at_end(block)
            generate(builder, count, *others)
            builder.branch(end)
        builder.position_at_end(end)
        return context.get_dummy_value()

    if wide:

        @intrinsic
        def tile(typing: Any, rows: Any, x: Any, row: Any, step: Any, panel: Any, count: Any, sums: Any) -> Any:
            return types.void(*[types.int64] * 7), emit
    else:

        @intrinsic
        def tile(typing: Any, rows: Any, x: Any, panel: Any, count: Any, sums: Any, ahead: Any) -> Any:
            return types.void(*[types.int64] * 6), emit

    return tile


def finish_rows(by: Instructions) -> Any:
    """Build what follows a tile: `finish(rows, sums, scale, factors, bias, out, line)`, all of them int64.

    sums: address of floats `(rows, panel)`; scale, bias: of `(panel,)`; factors: of `(rows,)`; out: of the first row's `(panel,)`, which become
    sum scale factor + bias; line: bytes from a row of these to the next.
    """
    real, size = vector(FLOAT, by.lanes), 4 * by.lanes

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        rows, sums, scale, factors, bias, out, line = values
        scales = [load(builder, scale, real, size * half) for half in range(2)]
        biases = [load(builder, bias, real, size * half) for half in range(2)]
        with cgutils.for_range(builder, rows) as row:
            given, into = at(builder, sums, row.index, 2 * size), at(builder, out, row.index, line)
            factor = everywhere(builder, load(builder, at(builder, factors, row.index, 4), FLOAT), by.lanes)
            for half in range(2):
                scaled = builder.fmul(load(builder, given, real, size * half), scales[half])
                store(builder, multiply_add(builder, scaled, factor, biases[half]), into, size * half)
        return context.get_dummy_value()

    @intrinsic
    def finish(typing: Any, rows: Any, sums: Any, scale: Any, factors: Any, bias: Any, out: Any, line: Any) -> Any:
        return types.void(*[types.int64] * 7), emit

    return finish


def softmax_step(by: Instructions, halves: int, pairs: bool = False) -> Any:
    """Build one step of a softmax along keys (arXiv:1805.02867): `weigh(scores, count, scale, most, sums, out, width)`, all int64 but `scale`.

    scores: address of floats `(count, lanes)`, which become 2^(scale (score - largest)); most, sums: of `(lanes,)`, the largest score and
    the sum of weights yet; out: of `(width, lanes)`, what has been found yet. The last three are brought up to date, `out` without what these keys add.
    With `pairs` the weights are bf16, those of two keys beside one another, `(count / 2, lanes, 2)`; `count` is even.
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
    """Build `scores(count, size, queries, keys, step, tokens, width, out, line)`, all of them int64: the products of one or two queries and keys.

    queries: address of fp32 `(count, width)`, the width a multiple of `by.lanes`; keys: of the first token's, of `size` bytes a number, bf16 or
    fp32, tokens `step` bytes apart; out: of the first query's floats `(tokens,)`, which it sets; the next query's are `line` bytes behind.
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
    """Build `found(count, size, weights, line, values, step, tokens, width, out)`, all of them int64: add values to what queries have found.

    weights: address of the first query's floats `(tokens,)`, the next one's `line` bytes behind; values: as the keys of `look_up`; out: address
    of fp32 `(count, width)`.
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
                places = [[builder.add(first, ir.Constant(ADDRESS, part)) for part in range(together)]] * count
                begins = [at(builder, out, ir.Constant(ADDRESS, 4 * place), width) for place in range(count)]
                into = [
                    [at(builder, begin, part, 4 * by.lanes) for part in own]
                    for begin, own in zip(begins, places, strict=True)
                ]
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
                    for part in range(together):
                        numbers = floats_of(builder, by.lanes, size, value, places[0][part])
                        for own, weight in zip(totals, spread, strict=True):
                            builder.store(multiply_add(builder, numbers, weight, builder.load(own[part])), own[part])
                for own, addresses in zip(totals, into, strict=True):
                    for total, address in zip(own, addresses, strict=True):
                        store(builder, builder.load(total), address)
            done = builder.add(done, builder.mul(rounds, ir.Constant(ADDRESS, together)))

    return _for_one_or_two(generate)


def _for_one_or_two(generate: Callable[[Any, int, int, Any], None]) -> Any:
    """What Numba calls with nine int64: code for a count of 1 and 2, the first argument, and sizes of 2 and 4 bytes, the second."""

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


def _zeros(builder: Any, rows: int, kind: Any, halves: int = 2) -> list[list[Any]]:
    zero = ir.Constant(kind, None)
    return [[cgutils.alloca_once_value(builder, zero) for _ in range(halves)] for _ in range(rows)]


def _hand_out(builder: Any, totals: list[list[Any]], sums: Any) -> None:
    for row, own in enumerate(totals):
        for half, total in enumerate(own):
            value = builder.load(total)
            if value.type.element == INT:
                value = builder.sitofp(value, vector(FLOAT, value.type.count))
            store(builder, value, sums, 4 * value.type.count * (len(own) * row + half))


multiply_8, multiply_4, finish = tile_8(BEST), tile_4(BEST), finish_rows(BEST)
PAIRS = BEST.bf16 is not None
"""Whether attention multiplies bf16 as it is; else it becomes fp32."""
_float_tile = tile_16 if PAIRS else tile_32
scores, found = look_up(BEST), take_up(BEST)
multiply_32, multiply_32_half = tile_32(BEST, 2), tile_32(BEST, 1)
multiply_16, multiply_16_half = _float_tile(BEST, 2), _float_tile(BEST, 1)
weigh, weigh_half = softmax_step(BEST, 2), softmax_step(BEST, 1)
weigh_pairs, weigh_pairs_half = softmax_step(BEST, 2, PAIRS), softmax_step(BEST, 1, PAIRS)
