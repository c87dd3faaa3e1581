"""The innermost loops of products in 8 and 4 bits, in the vectors of the CPU: each instruction is named, since
a compiler does not find these in a plain loop.

A tile is some rows times `PANEL` outputs; while it is computed the next panel's weights are fetched. Its sums stay in
registers while the inputs go by a few at a time (Goto and van de Geijn, Anatomy of High-Performance Matrix
Multiplication, 2008). Where the CPU adds up products of four bytes in one instruction (x86's `vpdpbusd`), one of the
two has no sign: weights have 128 added, and 128 times the row's sum is taken away. Elsewhere `vpmaddwd` multiplies
pairs of 16 bits and `vpmaddubsw` pairs of 8, and each adds up neighbours. The latter's sums have 16 bits, too few for
weights of 8 bits, enough for those of 4.
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

from occlusight.kernels.isa import BEST, Instructions, added, ints
from occlusight.kernels.simd import (
    BYTE,
    FLOAT,
    HALF,
    INT,
    at,
    constant,
    everywhere,
    fetch,
    load,
    multiply_add,
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
"""Inputs of 4-bit weights that are multiplied together. `GROUP` of them add up to at most 8 x 2 x 15 x 128 in 16
bits.
"""


def group_bytes(panel: int) -> int:
    """Of a panel of 4-bit weights a group: codes, then scales and offsets in bf16."""
    return GROUP * panel // 2 + 2 * 2 * panel


GROUP_BYTES = group_bytes(PANEL)


def tile_8(by: Instructions) -> Any:
    """Build the loop for weights of 8 bits: `tile(rows, x, panel, steps, sums, ahead)`, all of them int64, rows from 1
    to `by.rows`.

    Without `dot`: x: address of the rows' halves `(steps, rows, 2)`; panel: address of the weights' bytes
    `(steps, panel, 2)`. With it: x: address of the rows' signed bytes `(steps, rows, 4)`, then of each row's sum, fp32;
    panel: address of unsigned bytes, the weights plus 128, `(steps, panel, 4)`. sums: address of
    `(rows, panel)` fp32, which it sets; they are whole numbers, added up as such. ahead: how many bytes behind the
    panel the one lies that is fetched meanwhile; 0: none.
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
        totals = zeros(builder, rows, wide)
        if by.dot is not None:
            behind = at(builder, x, steps, 4 * rows)
            for row, own in enumerate(totals):
                total = builder.fptosi(load(builder, behind, FLOAT, 4 * row), INT)
                begin = everywhere(builder, builder.mul(total, ir.Constant(INT, -128)), by.lanes)
                for place in own:
                    builder.store(begin, place)
        with cgutils.for_range(builder, steps) as step:
            begin, given = at(builder, panel, step.index, depth * by.panel), at(builder, x, step.index, 4 * rows)
            if rows in by.fetching:
                for line in range(0, depth * by.panel, 64):
                    fetch(builder, begin, builder.add(ahead, ir.Constant(ahead.type, line)))
            both = weights(builder, begin)
            for row, own in enumerate(totals):
                some = everywhere(builder, load(builder, given, INT, 4 * row), by.lanes)
                for total, weight in zip(own, both, strict=True):
                    builder.store(add(builder, builder.load(total), weight, some), total)
        hand_out(builder, totals, sums)

    return for_rows(generate, by.rows)


def tile_4(by: Instructions) -> Any:
    """Build the loop for weights of 4 bits: `tile(rows, x, panel, groups, sums, ahead)`, all of them int64, rows from 1
    to `by.narrow_rows`.

    x: address, for each group, of the rows' signed bytes `(GROUP / QUAD, rows, QUAD)` and, fp32, their sum `(rows,)`;
    panel: address, for each group, of codes `(GROUP / QUAD, lanes, QUAD)`, those of the first half of the outputs in
    the low halves of the bytes, of the second in the high ones,
    and, bf16, of scales and offsets `(2, panel)`; sums: address of `(rows, panel)` fp32, which it sets: of each group
    (sum of x code - 8 sum of x) scale + sum of x offset. ahead: see `tile_8`.
    """
    lanes = by.lanes
    bytes_, halves, wide = vector(BYTE, 4 * lanes), vector(HALF, 2 * lanes), vector(INT, lanes)
    real, few = vector(FLOAT, lanes), vector(HALF, lanes)
    low, four, upper = constant(15, BYTE, 4 * lanes), constant(4, HALF, 2 * lanes), constant(16, INT, lanes)
    size = group_bytes(by.panel)

    def generate(builder: Any, rows: int, x: Any, panel: Any, groups: Any, sums: Any, ahead: Any) -> None:
        totals = zeros(builder, rows, real)
        with cgutils.for_range(builder, groups) as step:
            begin = at(builder, panel, step.index, size)
            for line in range(0, size if rows in by.narrow_fetching else 0, 64):
                fetch(builder, begin, builder.add(ahead, ir.Constant(ahead.type, line)))
            given = at(builder, x, step.index, (GROUP + 4) * rows)
            found: list[list[Any]] = [[None, None] for _ in range(rows)]
            for quad in range(GROUP // QUAD):
                both = load(builder, begin, bytes_, 4 * lanes * quad)
                high = builder.bitcast(builder.lshr(builder.bitcast(both, halves), four), bytes_)
                codes = builder.and_(both, low), builder.and_(high, low)
                for row in range(rows):
                    four_bytes = everywhere(builder, load(builder, given, INT, QUAD * (rows * quad + row)), lanes)
                    own = builder.bitcast(four_bytes, bytes_)
                    for half in range(2):
                        found[row][half] = added(builder, by, found[row][half], codes[half], own)
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
        hand_out(builder, totals, sums)

    return for_rows(generate, by.narrow_rows)


def finish_rows(by: Instructions) -> Any:
    """Build what follows a tile: `finish(rows, sums, scale, factors, bias, out, line)`, all of them int64.

    sums: address of floats `(rows, panel)`; scale, bias: of `(panel,)`; factors: of `(rows,)`; out: of the first row's
    `(panel,)`, which become sum scale factor + bias; line: bytes from a row of these to the next.
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


def for_rows(generate: Callable[..., None], most: int, wide: bool = False) -> Any:
    """What Numba calls with six int64, or with eight: a loop for each number of rows, the first argument."""

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
        def tile(
            typing: Any, rows: Any, x: Any, row: Any, step: Any, panel: Any, count: Any, before: Any, sums: Any
        ) -> Any:
            return types.void(*[types.int64] * 8), emit
    else:

        @intrinsic
        def tile(typing: Any, rows: Any, x: Any, panel: Any, count: Any, sums: Any, ahead: Any) -> Any:
            return types.void(*[types.int64] * 6), emit

    return tile


def zeros(builder: Any, rows: int, kind: Any, halves: int = 2) -> list[list[Any]]:
    zero = ir.Constant(kind, None)
    return [[cgutils.alloca_once_value(builder, zero) for _ in range(halves)] for _ in range(rows)]


def hand_out(builder: Any, totals: list[list[Any]], sums: Any) -> None:
    for row, own in enumerate(totals):
        for half, total in enumerate(own):
            value = builder.load(total)
            if value.type.element == INT:
                value = builder.sitofp(value, vector(FLOAT, value.type.count))
            store(builder, value, sums, 4 * value.type.count * (len(own) * row + half))


multiply_8, multiply_4, finish = tile_8(BEST), tile_4(BEST), finish_rows(BEST)
