"""Numbers in the vectors of a CPU, for loops whose instructions are named.

Each function writes instructions with Numba's `builder`; an address is an int64. A vector has as many floats or ints as
the CPU's registers hold (`lanes`), twice as many halves, four times as many bytes.
"""

# mypy: ignore-errors
# (What is called here builds instructions; Numba gives it other types than Python would.)

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils

BYTE, HALF, INT, FLOAT = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.FloatType()
ADDRESS = ir.IntType(64)
CONTRACT, ORDERED = ("contract",), ("nnan", "nsz")
ROUNDING = float(3 << 22)
"""Added to a small float it rounds this half to even; the whole number is then in the lowest bits."""
LEAST = -126.0
"""Two to it is the smallest normal float."""
POLYNOMIAL = (1.32669703e-3, 9.67545970e-3, 5.55074264e-2, 2.40221221e-1, 6.93146949e-1, 1.0)
"""2^x between -0.5 and 0.5 to 8e-8 of it: a fit at Chebyshev's points, the constant term set to 1."""


def vector(kind: Any, count: int) -> Any:
    """The type of a vector of so many numbers."""
    return ir.VectorType(kind, count)


def constant(number: float, kind: Any, count: int) -> Any:
    """So many of a number."""
    return ir.Constant(vector(kind, count), [number] * count)


def at(builder: Any, begin: Any, index: Any, step: Any) -> Any:
    """The address `begin + index * step`; the step may be a plain number."""
    return builder.add(begin, builder.mul(index, ir.Constant(ADDRESS, step) if isinstance(step, int) else step))


def load(builder: Any, begin: Any, kind: Any, offset: int = 0) -> Any:
    """Read a number or vector."""
    align = 1 if isinstance(kind, ir.VectorType) else 4
    return builder.load(_pointer(builder, begin, kind, offset), align=align)


def store(builder: Any, value: Any, begin: Any, offset: int = 0) -> None:
    """Write a vector."""
    align = 2 if value.type.element == HALF else 4
    builder.store(value, _pointer(builder, begin, value.type, offset), align=align)


def fetch(builder: Any, begin: Any, offset: Any) -> None:
    """Bring what lies at an address, bytes behind another, into the second-level cache; it need not exist."""
    kind = ir.FunctionType(ir.VoidType(), (BYTE.as_pointer(), INT, INT, INT))
    read, second, data = (ir.Constant(INT, number) for number in (0, 2, 1))
    place = builder.inttoptr(builder.add(begin, offset), BYTE.as_pointer())
    builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0"), (place, read, second, data))


def everywhere(builder: Any, number: Any, lanes: int) -> Any:
    """A vector of a number again and again."""
    kind = vector(number.type, lanes)
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), number, ir.Constant(INT, 0))
    return builder.shuffle_vector(one, one, constant(0, INT, lanes))


def floats_of(builder: Any, lanes: int, size: int, begin: Any, index: Any) -> Any:
    """The vector at a place, of numbers of `size` bytes, fp32 or bf16, as floats."""
    real = vector(FLOAT, lanes)
    if size == 4:
        return load(builder, at(builder, begin, index, 4 * lanes), real)
    halves = load(builder, at(builder, begin, index, 2 * lanes), vector(HALF, lanes))
    return builder.bitcast(builder.shl(builder.zext(halves, vector(INT, lanes)), constant(16, INT, lanes)), real)


def added_up(builder: Any, x: Any) -> Any:
    """The sum of a vector's floats, by halves."""
    lanes = x.type.count
    while lanes > 1:
        lanes //= 2
        low, high = (
            builder.shuffle_vector(x, x, ir.Constant(vector(INT, lanes), list(range(begin, begin + lanes))))
            for begin in (0, lanes)
        )
        x = builder.fadd(low, high)
    return builder.extract_element(x, ir.Constant(INT, 0))


def multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c, in one instruction where there is one."""
    return builder.fadd(builder.fmul(a, b, flags=CONTRACT), c, flags=CONTRACT)


def largest(builder: Any, a: Any, b: Any) -> Any:
    """The larger of each pair."""
    return builder.select(builder.fcmp_ordered(">", a, b, flags=ORDERED), a, b)


def power_of_two(builder: Any, x: Any) -> Any:
    """2^x of floats of at most 127: a polynomial of what is left after the whole number. Where it is compiled the order
    must count.
    """
    lanes = x.type.count
    wide = vector(INT, lanes)

    def floats(number: float) -> Any:
        return constant(number, FLOAT, lanes)

    x = largest(builder, x, floats(LEAST))
    whole = builder.fadd(x, floats(ROUNDING))
    x = builder.fsub(x, builder.fsub(whole, floats(ROUNDING)))
    y = floats(POLYNOMIAL[0])
    for coefficient in POLYNOMIAL[1:]:
        y = multiply_add(builder, y, x, floats(coefficient))
    power = builder.shl(builder.bitcast(whole, wide), constant(23, INT, lanes))  # into the exponent
    return builder.bitcast(builder.add(builder.bitcast(y, wide), power), x.type)


def _pointer(builder: Any, begin: Any, kind: Any, offset: int) -> Any:
    return builder.inttoptr(builder.add(begin, ir.Constant(ADDRESS, offset)), kind.as_pointer())
