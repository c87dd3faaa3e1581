"""The innermost loop of a product in 8 bits, in the vectors of the CPU: numbers of its instructions, which a compiler does not find in
a plain loop.

A tile is some rows times `PANEL` outputs. Its sums stay in registers while the inputs go by two at a time: x86's `vpmaddwd` multiplies eight
pairs of 16 bits and adds each pair, as many numbers a cycle as two products of floats. (Goto and van de Geijn, Anatomy of
High-Performance Matrix Multiplication, 2008.)
"""

# mypy: ignore-errors
# (What is called here builds instructions; Numba gives it other types than Python would.)

from __future__ import annotations

from collections.abc import Callable
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
HAS_AVX2 = bool(llvm.get_host_cpu_features().get("avx2", False))

BYTE, SHORT, INT = ir.IntType(8), ir.IntType(16), ir.IntType(32)
BYTES, SHORTS, INTS = ir.VectorType(BYTE, 16), ir.VectorType(SHORT, 16), ir.VectorType(INT, 8)


def multiply_pairs(builder: Any, a: Any, b: Any) -> Any:
    """Two vectors of 16 shorts to eight sums of two neighbours' products each."""
    name = "llvm.x86.avx2.pmadd.wd"
    kind = ir.FunctionType(INTS, (SHORTS, SHORTS))
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), (a, b))


def multiply_pairs_plainly(builder: Any, a: Any, b: Any) -> Any:
    """`multiply_pairs` for any CPU."""
    products = []
    for odd in (0, 1):
        places = ir.Constant(ir.VectorType(INT, 8), [2 * place + odd for place in range(8)])
        halves = [builder.sext(builder.shuffle_vector(x, x, places), INTS) for x in (a, b)]
        products.append(builder.mul(*halves))
    return builder.add(*products)


def make_tile(rows: int, pairwise: Callable[[Any, Any, Any], Any]) -> Any:
    """Build the loop for so many rows, 1 to `TILE`: `tile(x, panel, pairs, sums)`, all of them int64.

    x: address of the rows' shorts `(pairs, rows, 2)`; panel: address of the weights' bytes `(pairs, PANEL, 2)`; sums: address of
    `(rows, PANEL)` int32, which it sets.
    """

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        x, panel, pairs, sums = values
        totals = [[cgutils.alloca_once_value(builder, ir.Constant(INTS, None)) for _ in range(2)] for _ in range(rows)]
        with cgutils.for_range(builder, pairs) as step:
            weights = []
            for half in range(2):
                address = _at(builder, panel, step.index, 2 * PANEL, PANEL * half)
                weights.append(builder.sext(_load(builder, address, BYTES, 1), SHORTS))
            for row, own in enumerate(totals):
                pair = _load(builder, _at(builder, x, step.index, 4 * rows, 4 * row), INT, 4)
                given = builder.bitcast(_everywhere(builder, pair), SHORTS)
                for total, weight in zip(own, weights, strict=True):
                    builder.store(builder.add(builder.load(total), pairwise(builder, given, weight)), total)
        for row, own in enumerate(totals):
            for half, total in enumerate(own):
                place = _at(builder, sums, ir.Constant(values[3].type, 0), 0, 4 * (PANEL * row + 8 * half))
                builder.store(builder.load(total), builder.inttoptr(place, INTS.as_pointer()), align=4)
        return context.get_dummy_value()

    @intrinsic
    def tile(typing: Any, x: Any, panel: Any, pairs: Any, sums: Any) -> Any:
        return types.void(types.int64, types.int64, types.int64, types.int64), generate

    return tile


def _at(builder: Any, begin: Any, index: Any, step: int, more: int) -> Any:
    """The address `begin + index * step + more`."""
    kind = begin.type
    place = builder.add(begin, builder.mul(index, ir.Constant(kind, step)))
    return builder.add(place, ir.Constant(kind, more))


def _load(builder: Any, address: Any, kind: Any, align: int) -> Any:
    return builder.load(builder.inttoptr(address, kind.as_pointer()), align=align)


def _everywhere(builder: Any, number: Any) -> Any:
    """A vector of eight of a number."""
    one = builder.insert_element(ir.Constant(INTS, ir.Undefined), number, ir.Constant(INT, 0))
    return builder.shuffle_vector(one, one, ir.Constant(INTS, [0] * 8))


PAIRWISE = multiply_pairs if HAS_AVX2 else multiply_pairs_plainly
tile_1, tile_2, tile_3, tile_4, tile_5, tile_6 = (make_tile(rows, PAIRWISE) for rows in range(1, TILE + 1))
