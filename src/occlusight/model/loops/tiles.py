"""The innermost loops of products in 8 and 4 bits, in the vectors of the CPU: each instruction is named, since a compiler does not find
these in a plain loop.

A tile is some rows times `PANEL` outputs. Its sums stay in registers while the inputs go by a few at a time (Goto and van de Geijn, Anatomy
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

PANEL = 16
"""Outputs that are computed together: two vectors of eight sums."""
TILE = 6
"""Rows that are computed together: their 12 vectors of sums, two of weights and one of a row fill the 16 registers."""
NARROW_TILE = 4
"""The same in 4 bits, whose low and high halves and mask take registers too: six rows take 1.7 times as long a row as four."""
GROUP = 32
"""Inputs whose 4-bit weights share a scale and an offset in a panel."""
QUAD = 4
"""Inputs of 4-bit weights that are multiplied together. `GROUP` of them add up to at most 8 x 2 x 15 x 128 in 16 bits."""
GROUP_BYTES = GROUP * PANEL // 2 + 2 * 2 * PANEL
"""Of a panel of 4-bit weights: levels, then scales and offsets in bf16."""

BYTE, HALF, INT, FLOAT = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.FloatType()
BYTES, MANY_BYTES = ir.VectorType(BYTE, 16), ir.VectorType(BYTE, 32)
FEW_HALVES, HALVES = ir.VectorType(HALF, 8), ir.VectorType(HALF, 16)
INTS, FLOATS = ir.VectorType(INT, 8), ir.VectorType(FLOAT, 8)
ADDRESS = ir.IntType(64)


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
        with cgutils.for_range(builder, pairs) as step:
            begin, given = _at(builder, panel, step.index, 2 * PANEL), _at(builder, x, step.index, 4 * rows)
            weights = [builder.sext(_load(builder, begin, BYTES, PANEL * half), HALVES) for half in range(2)]
            for row, own in enumerate(totals):
                pair = builder.bitcast(_everywhere(builder, _load(builder, given, INT, 4 * row)), HALVES)
                for total, weight in zip(own, weights, strict=True):
                    _add(builder, total, by.halves(builder, pair, weight))
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
        with cgutils.for_range(builder, groups) as step:
            begin = _at(builder, panel, step.index, GROUP_BYTES)
            given = _at(builder, x, step.index, (GROUP + 4) * rows)
            found: list[list[Any]] = [[None, None] for _ in range(rows)]
            for quad in range(GROUP // QUAD):
                both = _load(builder, begin, MANY_BYTES, 32 * quad)
                high = builder.bitcast(builder.lshr(builder.bitcast(both, HALVES), four), MANY_BYTES)
                levels = builder.and_(both, low), builder.and_(high, low)
                for row in range(rows):
                    four_bytes = _load(builder, given, INT, QUAD * (rows * quad + row))
                    own = builder.bitcast(_everywhere(builder, four_bytes), MANY_BYTES)
                    for half in range(2):
                        product = by.bytes(builder, levels[half], own)
                        before = found[row][half]
                        found[row][half] = product if before is None else builder.add(before, product)
            constants = [
                builder.bitcast(
                    builder.shl(
                        builder.zext(_load(builder, begin, FEW_HALVES, GROUP * PANEL // 2 + 16 * place), INTS), upper
                    ),
                    FLOATS,
                )
                for place in range(4)
            ]
            for row in range(rows):
                group_sum = _everywhere(builder, _load(builder, given, FLOAT, GROUP * rows + 4 * row))
                eight = builder.fmul(group_sum, ir.Constant(FLOATS, [8.0] * 8))
                for half in range(2):
                    scale, offset = constants[half], constants[2 + half]
                    dot = builder.sitofp(by.halves(builder, found[row][half], ones), FLOATS)
                    scaled = _multiply_add(builder, builder.fsub(dot, eight), scale, builder.load(totals[row][half]))
                    builder.store(_multiply_add(builder, group_sum, offset, scaled), totals[row][half])
        _hand_out(builder, totals, sums)

    return _for_rows(generate)


def _for_rows(generate: Callable[..., None]) -> Any:
    """What Numba calls with five int64: a loop for each number of rows, the first argument."""

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

    @intrinsic
    def tile(typing: Any, rows: Any, x: Any, panel: Any, count: Any, sums: Any) -> Any:
        return types.void(*[types.int64] * 5), emit

    return tile


def _zeros(builder: Any, rows: int, kind: Any) -> list[list[Any]]:
    return [[cgutils.alloca_once_value(builder, ir.Constant(kind, None)) for _ in range(2)] for _ in range(rows)]


def _add(builder: Any, total: Any, more: Any) -> None:
    builder.store(builder.add(builder.load(total), more), total)


def _multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c, in one instruction where there is one."""
    return builder.fadd(builder.fmul(a, b, flags=("contract",)), c, flags=("contract",))


def _hand_out(builder: Any, totals: list[list[Any]], sums: Any) -> None:
    for row, own in enumerate(totals):
        for half, total in enumerate(own):
            value = builder.load(total)
            if value.type == INTS:
                value = builder.sitofp(value, FLOATS)
            builder.store(value, _pointer(builder, sums, FLOATS, 4 * (PANEL * row + 8 * half)), align=4)


def _at(builder: Any, begin: Any, index: Any, step: int) -> Any:
    """The address `begin + index * step`."""
    return builder.add(begin, builder.mul(index, ir.Constant(ADDRESS, step)))


def _pointer(builder: Any, begin: Any, kind: Any, offset: int) -> Any:
    return builder.inttoptr(builder.add(begin, ir.Constant(ADDRESS, offset)), kind.as_pointer())


def _load(builder: Any, begin: Any, kind: Any, offset: int) -> Any:
    return builder.load(_pointer(builder, begin, kind, offset), align=1 if isinstance(kind, ir.VectorType) else 4)


def _everywhere(builder: Any, number: Any) -> Any:
    """A vector of eight of a number."""
    kind = ir.VectorType(number.type, 8)
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), number, ir.Constant(INT, 0))
    return builder.shuffle_vector(one, one, ir.Constant(INTS, [0] * 8))


multiply_8, multiply_4 = tile_8(BEST), tile_4(BEST)
