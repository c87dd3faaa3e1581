"""Numbers in the vectors of a CPU, for loops whose instructions are named: eight floats or ints, 16 halves, 32 bytes.

Each function writes instructions with Numba's `builder`; an address is an int64.
"""

# mypy: ignore-errors
# (What is called here builds instructions; Numba gives it other types than Python would.)

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils

BYTE, HALF, INT, FLOAT = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.FloatType()
BYTES, MANY_BYTES = ir.VectorType(BYTE, 16), ir.VectorType(BYTE, 32)
FEW_HALVES, HALVES = ir.VectorType(HALF, 8), ir.VectorType(HALF, 16)
INTS, FLOATS = ir.VectorType(INT, 8), ir.VectorType(FLOAT, 8)
ADDRESS = ir.IntType(64)
CONTRACT, ORDERED = ("contract",), ("nnan", "nsz")
LOG2_E, LN2_HIGH, LN2_LOW = 1.44269504, 0.693359375, -2.12194440e-4
ROUNDING = float(3 << 22)
"""Added to a small float it rounds this half to even; the whole number is then in the lowest bits."""
LEAST = -87.0
"""Its exponential is the smallest that is told from 0."""
POLYNOMIAL = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
"""Of Cephes' expf."""


def at(builder: Any, begin: Any, index: Any, step: Any) -> Any:
    """The address `begin + index * step`; the step may be a plain number."""
    return builder.add(begin, builder.mul(index, ir.Constant(ADDRESS, step) if isinstance(step, int) else step))


def load(builder: Any, begin: Any, kind: Any, offset: int = 0) -> Any:
    """Read a number or vector."""
    align = 1 if isinstance(kind, ir.VectorType) else 4
    return builder.load(_pointer(builder, begin, kind, offset), align=align)


def store(builder: Any, value: Any, begin: Any, offset: int = 0) -> None:
    """Write a vector of floats or ints."""
    builder.store(value, _pointer(builder, begin, value.type, offset), align=4)


def fetch(builder: Any, begin: Any, offset: Any) -> None:
    """Bring what lies at an address, bytes behind another, into the second-level cache; it need not exist."""
    kind = ir.FunctionType(ir.VoidType(), (BYTE.as_pointer(), INT, INT, INT))
    read, second, data = (ir.Constant(INT, number) for number in (0, 2, 1))
    place = builder.inttoptr(builder.add(begin, offset), BYTE.as_pointer())
    builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0"), (place, read, second, data))


def everywhere(builder: Any, number: Any) -> Any:
    """A vector of eight of a number."""
    kind = ir.VectorType(number.type, 8)
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), number, ir.Constant(INT, 0))
    return builder.shuffle_vector(one, one, ir.Constant(INTS, [0] * 8))


def floats(number: float) -> Any:
    """A constant vector."""
    return ir.Constant(FLOATS, [number] * 8)


def multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c, in one instruction where there is one."""
    return builder.fadd(builder.fmul(a, b, flags=CONTRACT), c, flags=CONTRACT)


def largest(builder: Any, a: Any, b: Any) -> Any:
    """The larger of each pair."""
    return builder.select(builder.fcmp_ordered(">", a, b, flags=ORDERED), a, b)


def exponential(builder: Any, x: Any) -> Any:
    """exp of floats of at most 88: a polynomial of what is left after the powers of two. Where it is compiled the order must count."""
    x = largest(builder, x, floats(LEAST))
    whole = multiply_add(builder, x, floats(LOG2_E), floats(ROUNDING))
    power = builder.fsub(whole, floats(ROUNDING))
    x = multiply_add(builder, power, floats(-LN2_HIGH), x)
    x = multiply_add(builder, power, floats(-LN2_LOW), x)
    y = floats(POLYNOMIAL[0])
    for coefficient in POLYNOMIAL[1:]:
        y = multiply_add(builder, y, x, floats(coefficient))
    y = multiply_add(builder, y, builder.fmul(x, x), builder.fadd(x, floats(1.0)))
    bits = builder.add(builder.bitcast(whole, INTS), ir.Constant(INTS, [127] * 8))
    return builder.fmul(y, builder.bitcast(builder.shl(bits, ir.Constant(INTS, [23] * 8)), FLOATS))


def _pointer(builder: Any, begin: Any, kind: Any, offset: int) -> Any:
    return builder.inttoptr(builder.add(begin, ir.Constant(ADDRESS, offset)), kind.as_pointer())
