"""The innermost loops of products in 8 and 4 bits, in the vectors of the CPU: each instruction is named, since a compiler does not find
these in a plain loop.

A tile is some rows times `PANEL` outputs; while it is computed the next panel's weights are fetched. Its sums stay in registers while the inputs go by a few at a time (Goto and van de Geijn, Anatomy
of High-Performance Matrix Multiplication, 2008). x86's `vpmaddwd` multiplies 16 pairs of 16 bits, `vpmaddubsw` 32 pairs of 8, and each adds up
neighbours: two and four times as many products an instruction as there are floats in a vector. The latter's sums have 16 bits,
too few for weights of 8 bits, enough for those of 4.
"""

# mypy: ignore-errors
# (What is called here builds instructions; Numba gives it other types than Python would.)

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from occlusight.model.loops.vectors import (
    BYTES,
    FEW_HALVES,
    FLOAT,
    FLOATS,
    HALVES,
    INT,
    INTS,
    MANY_BYTES,
    at,
    everywhere,
    exponential,
    fetch,
    floats,
    largest,
    load,
    multiply_add,
    store,
)

PANEL = 16
"""Outputs that are computed together: two vectors of eight sums."""
TILE = 6
"""Rows that are computed together: their 12 vectors of sums, two of weights and one of a row fill the 16 registers."""
FETCHED_ROWS = 4
"""Tiles of so few rows wait for weights, one row apart, which reads as fast as it can; tiles of more lose by fetching ahead."""
NARROW_TILE = 4
"""The same in 4 bits, whose low and high halves and mask take registers too: six rows take 1.7 times as long a row as four."""
GROUP = 32
"""Inputs whose 4-bit weights share a scale and an offset in a panel."""
QUAD = 4
"""Inputs of 4-bit weights that are multiplied together. `GROUP` of them add up to at most 8 x 2 x 15 x 128 in 16 bits."""
GROUP_BYTES = GROUP * PANEL // 2 + 2 * 2 * PANEL
"""Of a panel of 4-bit weights: levels, then scales and offsets in bf16."""


@dataclass(frozen=True)
class Instructions:
    """How neighbours are multiplied and added up.

    halves: two vectors of 16 signed halves to eight ints.
    bytes: 32 unsigned bytes and 32 signed ones to 16 halves.
    """

    halves: Callable[[Any, Any, Any], Any]
    bytes: Callable[[Any, Any, Any], Any]


def _x86(name: str, out: Any, given: Any) -> Callable[[Any, Any, Any], Any]:
    kind = ir.FunctionType(out, (given, given))
    return lambda builder, a, b: builder.call(
        cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.avx2.{name}"), (a, b)
    )


def _plainly(out: Any, first_signed: bool) -> Callable[[Any, Any, Any], Any]:
    def multiply(builder: Any, a: Any, b: Any) -> Any:
        products = []
        for odd in (0, 1):
            places = ir.Constant(ir.VectorType(INT, out.count), [2 * place + odd for place in range(out.count)])
            first, second = (builder.shuffle_vector(x, x, places) for x in (a, b))
            first = builder.sext(first, out) if first_signed else builder.zext(first, out)
            products.append(builder.mul(first, builder.sext(second, out)))
        return builder.add(*products)

    return multiply


AVX2 = Instructions(_x86("pmadd.wd", INTS, HALVES), _x86("pmadd.ub.sw", HALVES, MANY_BYTES))
PLAIN = Instructions(_plainly(INTS, True), _plainly(HALVES, False))
BEST = AVX2 if llvm.get_host_cpu_features().get("avx2", False) else PLAIN


def tile_8(by: Instructions) -> Any:
    """Build the loop for weights of 8 bits: `tile(rows, x, panel, pairs, sums)`, all of them int64, rows from 1 to `TILE`.

    x: address of the rows' halves `(pairs, rows, 2)`; panel: address of the weights' bytes `(pairs, PANEL, 2)`; sums: address of
    `(rows, PANEL)` fp32, which it sets; they are whole numbers, added up as such.
    """

    def generate(builder: Any, rows: int, x: Any, panel: Any, pairs: Any, sums: Any) -> None:
        totals = _zeros(builder, rows, INTS)
        whole = builder.mul(pairs, ir.Constant(pairs.type, 2 * PANEL))
        with cgutils.for_range(builder, pairs) as step:
            begin, given = at(builder, panel, step.index, 2 * PANEL), at(builder, x, step.index, 4 * rows)
            if 1 < rows <= FETCHED_ROWS:
                fetch(builder, begin, whole)
            weights = [builder.sext(load(builder, begin, BYTES, PANEL * half), HALVES) for half in range(2)]
            for row, own in enumerate(totals):
                pair = builder.bitcast(everywhere(builder, load(builder, given, INT, 4 * row)), HALVES)
                for total, weight in zip(own, weights, strict=True):
                    builder.store(builder.add(builder.load(total), by.halves(builder, pair, weight)), total)
        _hand_out(builder, totals, sums)

    return _for_rows(generate)


def tile_4(by: Instructions) -> Any:
    """Build the loop for weights of 4 bits: `tile(rows, x, panel, groups, sums)`, all of them int64, rows from 1 to `TILE`.

    x: address, for each group, of the rows' signed bytes `(GROUP / QUAD, rows, QUAD)` and, fp32, their sum `(rows,)`; panel: address, for
    each group, of levels `(GROUP / QUAD, 8, QUAD)`, those of outputs 0 to 7 in the low halves of the bytes, of 8 to 15 in the high ones,
    and, bf16, of scales and offsets `(2, PANEL)`; sums: address of `(rows, PANEL)` fp32, which it sets: of each group
    (sum of x level - 8 sum of x) scale + sum of x offset.
    """
    low = ir.Constant(MANY_BYTES, [15] * 32)
    four, upper = ir.Constant(HALVES, [4] * 16), ir.Constant(INTS, [16] * 8)
    ones = ir.Constant(HALVES, [1] * 16)

    def generate(builder: Any, rows: int, x: Any, panel: Any, groups: Any, sums: Any) -> None:
        totals = _zeros(builder, rows, FLOATS)
        whole = builder.mul(groups, ir.Constant(groups.type, GROUP_BYTES))
        with cgutils.for_range(builder, groups) as step:
            begin = at(builder, panel, step.index, GROUP_BYTES)
            for line in range(0, GROUP_BYTES, 64):
                fetch(builder, begin, builder.add(whole, ir.Constant(whole.type, line)))
            given = at(builder, x, step.index, (GROUP + 4) * rows)
            found: list[list[Any]] = [[None, None] for _ in range(rows)]
            for quad in range(GROUP // QUAD):
                both = load(builder, begin, MANY_BYTES, 32 * quad)
                high = builder.bitcast(builder.lshr(builder.bitcast(both, HALVES), four), MANY_BYTES)
                levels = builder.and_(both, low), builder.and_(high, low)
                for row in range(rows):
                    four_bytes = load(builder, given, INT, QUAD * (rows * quad + row))
                    own = builder.bitcast(everywhere(builder, four_bytes), MANY_BYTES)
                    for half in range(2):
                        product = by.bytes(builder, levels[half], own)
                        before = found[row][half]
                        found[row][half] = product if before is None else builder.add(before, product)
            constants = []
            for place in range(4):
                upper_half = builder.zext(load(builder, begin, FEW_HALVES, GROUP * PANEL // 2 + 16 * place), INTS)
                constants.append(builder.bitcast(builder.shl(upper_half, upper), FLOATS))
            for row in range(rows):
                group_sum = everywhere(builder, load(builder, given, FLOAT, GROUP * rows + 4 * row))
                eight = builder.fmul(group_sum, floats(8.0))
                for half in range(2):
                    scale, offset = constants[half], constants[2 + half]
                    dot = builder.fsub(builder.sitofp(by.halves(builder, found[row][half], ones), FLOATS), eight)
                    scaled = multiply_add(builder, dot, scale, builder.load(totals[row][half]))
                    builder.store(multiply_add(builder, group_sum, offset, scaled), totals[row][half])
        _hand_out(builder, totals, sums)

    return _for_rows(generate)


def tile_32(halves: int) -> Any:
    """Build the loop for floats: `tile(rows, x, row, step, panel, count, sums)`, all of them int64, rows from 1 to `TILE`.

    x: address of the first row's first float; row, step: bytes from a row and from an input to the next; panel: address of the other
    side's floats `(count, lanes)`; sums: address of `(rows, lanes)` fp32, to which it adds. There are 8 lanes for each of the `halves` of a panel.
    """

    def generate(builder: Any, rows: int, x: Any, row: Any, step: Any, panel: Any, count: Any, sums: Any) -> None:
        totals = _zeros(builder, rows, FLOATS, halves)
        begins = [at(builder, x, ir.Constant(row.type, place), row) for place in range(rows)]
        for place, own in enumerate(totals):
            for half, total in enumerate(own):
                builder.store(load(builder, sums, FLOATS, 32 * (halves * place + half)), total)
        with cgutils.for_range(builder, count) as index:
            line = at(builder, panel, index.index, 32 * halves)
            others = [load(builder, line, FLOATS, 32 * half) for half in range(halves)]
            for begin, own in zip(begins, totals, strict=True):
                number = everywhere(builder, load(builder, at(builder, begin, index.index, step), FLOAT))
                for total, other in zip(own, others, strict=True):
                    builder.store(multiply_add(builder, number, other, builder.load(total)), total)
        _hand_out(builder, totals, sums)

    return _for_rows(generate, wide=True)


def _for_rows(generate: Callable[..., None], wide: bool = False) -> Any:
    """What Numba calls with five int64, or with seven: a loop for each number of rows, the first argument."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        rows, *others = values
        end = builder.append_basic_block("end")
        choice = builder.switch(rows, end)
        for count in range(1, TILE + 1):
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
        def tile(typing: Any, rows: Any, x: Any, panel: Any, count: Any, sums: Any) -> Any:
            return types.void(*[types.int64] * 5), emit

    return tile


def softmax_step(halves: int) -> Any:
    """Build one step of a softmax along keys (arXiv:1805.02867): `weigh(scores, count, most, sums, out, width)`, all of them int64.

    scores: address of floats `(count, lanes)`, which become exp(score - largest); most, sums: of `(lanes,)`, the largest score and the sum of
    weights yet; out: of `(width, lanes)`, what has been found yet. The last three are brought up to date, `out` without what these keys add.
    """

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        scores, count, most, sums, out, width = values
        tops = [cgutils.alloca_once_value(builder, load(builder, most, FLOATS, 32 * half)) for half in range(halves)]
        totals = [cgutils.alloca_once_value(builder, floats(0.0)) for _ in range(halves)]
        with cgutils.for_range(builder, count) as key:
            line = at(builder, scores, key.index, 32 * halves)
            for half, top in enumerate(tops):
                builder.store(largest(builder, load(builder, line, FLOATS, 32 * half), builder.load(top)), top)
        factors = []
        for half, top in enumerate(tops):
            before, now = load(builder, most, FLOATS, 32 * half), builder.load(top)
            factors.append(exponential(builder, builder.fsub(before, now)))
            store(builder, now, most, 32 * half)
            builder.store(builder.fmul(load(builder, sums, FLOATS, 32 * half), factors[-1]), totals[half])
        with cgutils.for_range(builder, count) as key:
            line = at(builder, scores, key.index, 32 * halves)
            for half, top in enumerate(tops):
                score = load(builder, line, FLOATS, 32 * half)
                weight = exponential(builder, builder.fsub(score, builder.load(top)))
                store(builder, weight, line, 32 * half)
                builder.store(builder.fadd(builder.load(totals[half]), weight), totals[half])
        for half, total in enumerate(totals):
            store(builder, builder.load(total), sums, 32 * half)
        with cgutils.for_range(builder, width) as channel:
            line = at(builder, out, channel.index, 32 * halves)
            for half, factor in enumerate(factors):
                store(builder, builder.fmul(load(builder, line, FLOATS, 32 * half), factor), line, 32 * half)
        return context.get_dummy_value()

    @intrinsic
    def weigh(typing: Any, scores: Any, count: Any, most: Any, sums: Any, out: Any, width: Any) -> Any:
        return types.void(*[types.int64] * 6), emit

    return weigh


def _zeros(builder: Any, rows: int, kind: Any, halves: int = 2) -> list[list[Any]]:
    zero = ir.Constant(kind, None)
    return [[cgutils.alloca_once_value(builder, zero) for _ in range(halves)] for _ in range(rows)]


def _hand_out(builder: Any, totals: list[list[Any]], sums: Any) -> None:
    for row, own in enumerate(totals):
        for half, total in enumerate(own):
            value = builder.load(total)
            if value.type == INTS:
                value = builder.sitofp(value, FLOATS)
            store(builder, value, sums, 32 * (len(own) * row + half))


multiply_8, multiply_4 = tile_8(BEST), tile_4(BEST)
multiply_32, multiply_32_half = tile_32(2), tile_32(1)
weigh, weigh_half = softmax_step(2), softmax_step(1)
