"""Sets of instructions that multiply whole numbers and add them up, and which of them this CPU has."""

# mypy: ignore-errors
# (What is called here builds instructions; Numba gives it other types than Python would.)

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core import cgutils

from occlusight.kernels.simd import BYTE, FLOAT, HALF, INT, constant, vector

Product = Callable[[Any, Any, Any], Any]
log = logging.getLogger(__name__)
VARIABLE = "OCCLUSIGHT_INSTRUCTIONS"


@dataclass(frozen=True)
class Instructions:
    """A set of instructions.

    name: what `VARIABLE` calls it; needs: features of the CPU, in LLVM's words; lanes: floats in a vector.
    rows: those of a tile, whose two vectors of sums a row, two of weights and one of a row fit the registers;
    narrow_rows: the same in 4 bits, whose low and high halves and mask take registers too; fetching, narrow_fetching:
    the rows with which a tile wins by fetching the next panel's weights meanwhile, measured; one row mostly reads as
    fast as it can without. dot: `(builder, sums, unsigned, signed)`: four neighbours of each sum, bytes, are multiplied
    and added to it; None where there is no such instruction, and instead: bytes: unsigned and signed ones to sums of
    two neighbours, halves; halves: signed ones to sums of two, ints. bf16: `(builder, sums, pairs, pairs)`: two
    neighbours of each sum, bf16 in the halves of an int, are multiplied and added to it; None where there is no such
    instruction.
    """

    name: str
    needs: tuple[str, ...]
    lanes: int
    rows: int
    narrow_rows: int
    fetching: range
    narrow_fetching: range
    dot: Callable[[Any, Any, Any, Any], Any] | None = None
    bytes: Product | None = None
    halves: Product | None = None
    bf16: Callable[[Any, Any, Any, Any], Any] | None = None

    @property
    def panel(self) -> int:
        """Outputs that are computed together: two vectors of sums."""
        return 2 * self.lanes


def _named(name: str, out: Any, *given: Any) -> Callable[..., Any]:
    kind = ir.FunctionType(out, given)
    return lambda builder, *values: builder.call(cgutils.get_or_insert_function(builder.module, kind, name), values)


def _dot(lanes: int) -> Callable[[Any, Any, Any, Any], Any]:
    """`vpdpbusd`."""
    ints = vector(INT, lanes)
    call = _named(f"llvm.x86.avx512.vpdpbusd.{32 * lanes}", ints, ints, ints, ints)

    def add(builder: Any, sums: Any, unsigned: Any, signed: Any) -> Any:
        return call(builder, sums, builder.bitcast(unsigned, ints), builder.bitcast(signed, ints))

    return add


def _plainly(out: Any, first_signed: bool) -> Product:
    def multiply(builder: Any, a: Any, b: Any) -> Any:
        products = []
        for odd in (0, 1):
            places = ir.Constant(vector(INT, out.count), [2 * place + odd for place in range(out.count)])
            first, second = (builder.shuffle_vector(x, x, places) for x in (a, b))
            first = builder.sext(first, out) if first_signed else builder.zext(first, out)
            products.append(builder.mul(first, builder.sext(second, out)))
        return builder.add(*products)

    return multiply


def _dot_bf16(lanes: int) -> Callable[[Any, Any, Any, Any], Any]:
    """`vdpbf16ps`."""
    reals, ints = vector(FLOAT, lanes), vector(INT, lanes)
    return _named(f"llvm.x86.avx512bf16.dpbf16ps.{32 * lanes}", reals, reals, ints, ints)


_BYTES, _HALVES, _INTS = vector(BYTE, 32), vector(HALF, 16), vector(INT, 8)
_AVX512 = ("avx512vnni", "avx512bw", "avx512vl")
AVX512 = Instructions("avx512-vnni", _AVX512, 16, 12, 8, range(2, 13), range(2, 9), dot=_dot(16))
AVX512_BF16 = replace(AVX512, name="avx512-bf16", needs=(*_AVX512, "avx512bf16"), bf16=_dot_bf16(16))
VNNI = Instructions("avx-vnni", ("avxvnni", "avx2"), 8, 6, 4, range(2, 5), range(1, 5), dot=_dot(8))
AVX2 = Instructions(
    "avx2",
    ("avx2",),
    8,
    6,
    4,
    range(2, 5),
    range(1, 5),
    bytes=_named("llvm.x86.avx2.pmadd.ub.sw", _HALVES, _BYTES, _BYTES),
    halves=_named("llvm.x86.avx2.pmadd.wd", _INTS, _HALVES, _HALVES),
)
PLAIN = Instructions(
    "plain", (), 8, 6, 4, range(2, 5), range(1, 5), bytes=_plainly(_HALVES, False), halves=_plainly(_INTS, True)
)


def sets_of_this_cpu() -> list[Instructions]:
    """Those that run here, the best first."""
    features = llvm.get_host_cpu_features()
    return [
        one for one in (AVX512_BF16, AVX512, VNNI, AVX2, PLAIN) if all(features.get(need, False) for need in one.needs)
    ]


def chosen() -> Instructions:
    """The best, or the one that the environment's `VARIABLE` names: to test or to time here what another CPU would
    take.
    """
    possible = {one.name: one for one in sets_of_this_cpu()}
    best = next(iter(possible))
    name = os.environ.get(VARIABLE, best)
    if name not in possible:
        log.warning("%s=%s: this CPU has %s; %s is taken", VARIABLE, name, ", ".join(possible), best)
    return possible.get(name, possible[best])


def ints(builder: Any, by: Instructions, sums: Any) -> Any:
    """What `added` gave, as ints."""
    if by.dot is not None:
        return sums
    return by.halves(builder, sums, constant(1, HALF, 2 * by.lanes))


def added(builder: Any, by: Instructions, sums: Any, codes: Any, signed: Any) -> Any:
    """`sums` (None: none yet) and the products of 4-bit codes and signed bytes: ints, or halves, which hold `GROUP` of
    them.
    """
    if by.dot is not None:
        return by.dot(builder, constant(0, INT, by.lanes) if sums is None else sums, codes, signed)
    products = by.bytes(builder, codes, signed)
    return products if sums is None else builder.add(sums, products)


BEST = chosen()
