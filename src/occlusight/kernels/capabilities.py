"""PyTorch's private operators for weights of 8 and 4 bits, and which of them, and of our own loops, are right on this
machine.

This is the only file that names private operators. Each is tried against a known answer once in a process, extreme
values included; where it is missing, fails or saturates (oneDNN's u8 x s8 without VNNI does), another or the plain twin
does the work.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from occlusight.kernels import ops
from occlusight.kernels.reference import (
    LARGEST_CODE,
    OUTPUTS,
    ZERO,
    dequantize_int4,
    quantize_int4,
    reference_accumulators,
    reference_codes,
)

ONEDNN, LOOPS, PORTABLE = "oneDNN", "compiled loops", "portable"
Packed = Any
"""A weight in an operator's own order."""
WEIGHT_BOUND_ROWS = 4
"""Up to so many rows reading the weight takes longer than multiplying, in bf16 too."""


def to_codes(steps: Tensor) -> Tensor:
    """`reference_codes` in one pass.

    The bytes are taken as they lie: `int_repr` would copy them, which takes longer than rounding.
    """
    rounded = torch.quantize_per_tensor(steps, 1.0, ZERO, torch.quint8)
    codes = torch.empty(0, dtype=torch.uint8, device=steps.device)
    return codes.set_(rounded.untyped_storage(), 0, rounded.shape, rounded.stride())


def pack_onednn(codes: Tensor) -> Packed:
    """Put int8 `(N, K)` into oneDNN's order."""
    return torch.ops.onednn.qlinear_prepack(codes, None)


def multiply_onednn(codes: Tensor, weight: Packed, scale: Tensor, zeros: Tensor) -> Tensor:
    """uint8 `(M, K)` around 128 times a packed weight times its scale `(N,)`, `(M, N)` fp32; `zeros` `(N,)` int32."""
    out: Tensor = torch.ops.onednn.qlinear_pointwise(
        codes, 1.0, ZERO, weight, scale, zeros, None, 1.0, 0, torch.float32, "none", [], ""
    )
    return out


def multiply_bf16(x: Tensor, weight: Tensor) -> Tensor:
    """`(M, K)` times a bf16 weight `(N, K)`, `(M, N)` fp32.

    CPUs without instructions for bf16 multiply many rows several times faster in fp32 (six times with AVX2): the weight
    becomes it piece by piece.
    """
    if not x.is_cpu or capabilities().bf16 or len(x) <= WEIGHT_BOUND_ROWS:
        return F.linear(x.to(weight.dtype), weight).float()
    x, out = x.float(), torch.empty(len(x), len(weight))
    for some, into in zip(torch.split(weight, OUTPUTS), torch.split(out, OUTPUTS, 1), strict=True):
        torch.mm(x, some.float().T, out=into)
    return out


@dataclass(frozen=True)
class Capabilities:
    """Which private operators give the right answer here, and what the CPU multiplies fast."""

    rounding: bool
    onednn: bool
    loops: bool
    """Our own, for CPUs: see `kernels`."""
    amx: bool
    bf16: bool
    """Whether it is multiplied as fast as fp32, or faster: by AMX, or by our loops."""

    @property
    def int8(self) -> str:
        """What multiplies in 8 bits: `ONEDNN`, `LOOPS` or `PORTABLE`. oneDNN has AMX, which our loops have not."""
        if self.loops and not (self.onednn and self.amx):
            return LOOPS
        return ONEDNN if self.onednn else PORTABLE

    @property
    def report(self) -> str:
        """What a user wants to know of it."""
        loops = f"compiled loops ({ops.instructions()})" if self.loops else PORTABLE
        int8 = loops if self.int8 != ONEDNN else "oneDNN" + (" with AMX" if self.amx else "")
        return f"int8: {int8}, int4: {loops}"


def int4_pays(device: str) -> bool:
    """Whether few rows are faster in 4 bits than in 8 on a kind of device: by our loop, which reads fewer bytes."""
    return device == "cpu" and capabilities().loops


def report_on(device: str) -> str:
    """What runs on a kind of device: the private operators are those of a CPU."""
    return capabilities().report if device == "cpu" else f"int8, int4: portable on {device}"


@cache
def capabilities() -> Capabilities:
    """Try the private operators; once in a process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some announce their end, once in a process; the plain twin is there
        loops = _holds(lambda: _try_int8(_by_loops) and _try_int4() and _try_codes())
        amx = _holds(torch.cpu._is_amx_tile_supported)
        return Capabilities(
            rounding=_holds(_try_rounding),
            onednn=_holds(lambda: _try_int8(_by_onednn)),
            loops=loops,
            amx=amx,
            bf16=amx or (loops and ops.multiplies_bf16()),
        )


def _holds(trial: Callable[[], bool]) -> bool:
    try:
        return bool(trial())
    except (AttributeError, ImportError, NotImplementedError, OSError, RuntimeError):
        return False


def _try_rounding() -> bool:
    steps = torch.cat((torch.arange(-127, 127.5, 0.5), torch.linspace(-127, 127, 999))).view(2, -1)
    return torch.equal(to_codes(steps), reference_codes(steps))


Int8Product = Callable[[Tensor, Tensor, Tensor], Tensor]


def _by_onednn(codes: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    return multiply_onednn(codes, pack_onednn(weight), scale, torch.zeros(len(scale), dtype=torch.int32))


def _by_loops(codes: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    return ops.multiply(codes.float() - ZERO, ops.pack(weight), len(weight), scale)


def _try_codes() -> bool:
    x = torch.randn(3, 999, generator=torch.Generator().manual_seed(0))
    codes, scale = ops.quantize(x)
    steps = x * (LARGEST_CODE / x.abs().amax(1, keepdim=True))
    return torch.equal(codes, reference_codes(steps)) and torch.equal(
        scale, x.abs().amax(1, keepdim=True) / LARGEST_CODE
    )


def _try_int8(product: Int8Product) -> bool:
    random = torch.Generator().manual_seed(0)
    for rows in (1, 3, 40):
        codes = torch.randint(1, 256, (rows, 192), dtype=torch.uint8, generator=random)
        codes[0], codes[:, 0] = 255, 255  # a row's largest value is 127 steps: rounding leaves it as it is
        weight = torch.randint(-127, 128, (64, 192), dtype=torch.int8, generator=random)
        weight[:2] = torch.tensor([[127], [-127]])
        scale = torch.rand(64, generator=random)
        right = reference_accumulators(codes, weight)
        exact = torch.equal(product(codes, weight, torch.ones(64)), right)
        if not exact or not torch.allclose(product(codes, weight, scale), right * scale, rtol=1e-5, atol=1e-3):
            return False
    return True


def _try_int4() -> bool:
    random = torch.Generator().manual_seed(0)
    packed_codes, groups = quantize_int4(torch.randn(40, 64, generator=random), 32)
    x = torch.randint(-127, 128, (9, 64), generator=random).float()
    x[0], x[:, 0], packed_codes[0] = 127, 127, 255
    right = x @ dequantize_int4(packed_codes, groups).T
    found = ops.multiply(x, ops.pack_narrow(packed_codes, groups), 40, None)
    return torch.allclose(found, right, rtol=1e-5, atol=1e-2)
