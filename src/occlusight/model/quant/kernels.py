"""Matrix products with weights of 8 and 4 bits: PyTorch's private operators, and plain twins where these are missing or wrong.

This is the only file that names private operators. Each is tried against a known answer once in a process; where it is missing, fails,
or saturates (u8 x s8 without VNNI does), the plain twin does the work: 8-bit accumulators are the same to the bit.

8 bits: a token's values become whole numbers from -127 to 127 by the token's own scale, stored as uint8 with the zero point 128
(signed activations fall into a reference kernel of oneDNN, hundreds of times slower); weights have a scale for each output channel.
4 bits: groups of 32 or 64 weights of an output channel share a scale and an offset.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

ZERO = 128
LEVELS = 127
TINY = 1e-30
EXACT = 1024
"""So many products of 127 x 128 add up exactly in fp32, in any order: below 2**24."""
FEW = 1 << 15
BLOCK = 256
"""Rows that oneDNN multiplies together."""


class Rows(NamedTuple):
    """Tokens in 8 bits: `levels` `(M, K)` uint8 around 128 and `scale` `(M, 1)` fp32, so that x is about (levels - 128) scale."""

    levels: Tensor
    scale: Tensor


def quantize_rows(x: Tensor, owned: bool = False) -> Rows:
    """Quantize each row of `(M, K)` by its largest value; `owned` says that `x` may be overwritten."""
    x = x.float()
    if x.numel() < FEW:  # the calls cost more than the passes over memory
        largest = x.abs().amax(-1, keepdim=True).clamp_min_(TINY)
    else:
        largest = torch.maximum(x.amax(-1, keepdim=True), x.amin(-1, keepdim=True).neg_()).clamp_min_(TINY)
    factor = LEVELS / largest
    steps = x.mul_(factor) if owned else x * factor
    one_pass = x.is_cpu and native().rounding
    return Rows(to_levels(steps) if one_pass else plain_levels(steps), largest.div_(LEVELS))


def to_levels(steps: Tensor) -> Tensor:
    """Round half to even and add 128, in one pass.

    The bytes are taken as they lie: `int_repr` would copy them, which takes longer than rounding.
    """
    rounded = torch.quantize_per_tensor(steps, 1.0, ZERO, torch.quint8)
    levels = torch.empty(0, dtype=torch.uint8, device=steps.device)
    return levels.set_(rounded.untyped_storage(), 0, rounded.shape, rounded.stride())


def plain_levels(steps: Tensor) -> Tensor:
    """`to_levels` in three passes."""
    return steps.round().add_(ZERO).to(torch.uint8)


@dataclass(frozen=True)
class Int8Weight:
    """An `(N, K)` weight of whole numbers -127..127 and the scale `(N,)` of each output channel; `packed` in oneDNN's order if native."""

    levels: Tensor
    scale: Tensor
    zeros: Tensor
    packed: bool

    @classmethod
    def pack(cls, levels: Tensor, scale: Tensor) -> Int8Weight:
        """Take int8 `(N, K)` and fp32 `(N,)`."""
        zeros = torch.zeros(scale.shape, dtype=torch.int32, device=scale.device)
        if levels.device.type == "cpu" and native().int8:
            return cls(torch.ops.onednn.qlinear_prepack(levels, None), scale, zeros, packed=True)
        return cls(levels, scale, zeros, packed=False)

    def accumulate(self, rows: Rows) -> Tensor:
        """`(M, N)` fp32: the whole-number products times each output channel's scale, not yet the token's."""
        if not self.packed:
            return plain_accumulators(rows.levels, self.levels) * self.scale
        out: Tensor = torch.ops.onednn.qlinear_pointwise(
            rows.levels, 1.0, ZERO, self.levels, self.scale, self.zeros, None, 1.0, 0, torch.float32, "none", [], ""
        )
        return out

    def multiply(self, rows: Rows, bias: Tensor | None = None) -> Tensor:
        """Tokens times the weight, `(M, N)` fp32, and `bias` `(N,)` added."""
        pieces = split_rows(rows.levels)
        if len(pieces) == 1:
            sums = self.accumulate(rows)
            return rescaled(sums, rows.scale, bias, sums)
        out = torch.empty(len(rows.levels), len(self.scale), device=rows.levels.device)
        for levels, scale, into in zip(pieces, split_rows(rows.scale), split_rows(out), strict=True):
            rescaled(self.accumulate(Rows(levels, scale)), scale, bias, into)
        return out


def split_rows(x: Tensor) -> tuple[Tensor, ...]:
    """`(M, ..)` as one piece, or as two where a few rows follow a multiple of `BLOCK`.

    oneDNN multiplies blocks of 256 rows, one a thread: 280 rows take as long as 512 (7.5 ms for 2,048 x 12,288 on two cores with AMX), 256
    take 4.0 ms and the other 24 what reading the weight takes.
    """
    whole = len(x) // BLOCK * BLOCK
    few = len(x) - whole
    return torch.split(x, [whole, few]) if whole and 0 < few <= BLOCK // 2 else (x,)


def rescaled(sums: Tensor, scale: Tensor, bias: Tensor | None, out: Tensor) -> Tensor:
    """`sums` `(M, N)` times `scale` `(M, 1)` plus `bias` `(N,)`, in one pass, into `out`, which may be `sums`."""
    if bias is None:
        return torch.mul(sums, scale, out=out)
    return torch.addcmul(bias, sums, scale, out=out)


def plain_accumulators(levels: Tensor, weight: Tensor) -> Tensor:
    """Sums of (levels - 128) x weight over K, exact: `(M, K)` uint8 and `(N, K)` int8 to `(M, N)` fp32 (rounded once if above 2**24)."""
    signed = levels.float().sub_(ZERO)
    pieces = zip(torch.split(signed, EXACT, 1), torch.split(weight, EXACT, 1), strict=True)
    total = sum(
        ((a @ b.float().T).double() for a, b in pieces), torch.zeros((), dtype=torch.float64, device=levels.device)
    )
    return total.float()


def quantize_int8(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Round `(N, K)` to int8 with a scale `(N,)` for each output channel, the largest weight becoming 127."""
    weight = weight.float()
    scale = weight.abs().amax(1).clamp_min_(TINY).div_(LEVELS)
    return (weight / scale[:, None]).round_().to(torch.int8), scale


@dataclass(frozen=True)
class Int4Weight:
    """An `(N, K)` weight as 0..15: w is about (level - 8) scale + offset, scale and offset bf16 for each group, `(K / group, N, 2)`."""

    levels: Tensor
    groups: Tensor
    shape: tuple[int, int]
    group: int
    packed: bool

    @classmethod
    def pack(cls, nibbles: Tensor, groups: Tensor) -> Int4Weight:
        """Take two levels a byte, `(N, K / 2)` uint8 with the even column in the low half, and their groups."""
        shape = (nibbles.shape[0], 2 * nibbles.shape[1])
        group = shape[1] // groups.shape[0]
        if nibbles.device.type == "cpu" and native().int4 and shape[0] % 64 == 0:
            whole = unpack_nibbles(nibbles).int()
            return cls(torch.ops.aten._convert_weight_to_int4pack_for_cpu(whole, 1), groups, shape, group, packed=True)
        return cls(nibbles, groups, shape, group, packed=False)

    def multiply(self, x: Tensor) -> Tensor:
        """`(M, K)` times the weight, `(M, N)` fp32: by the 4-bit kernel for a few rows, else with the weight spelled out in bf16."""
        if self.packed and x.shape[0] <= FEW_ROWS:
            out: Tensor = torch.ops.aten._weight_int4pack_mm_for_cpu(
                x.bfloat16().contiguous(), self.levels, self.group, self.groups
            )
            return out.float()
        if self.packed:
            return (x.bfloat16() @ self._spelled_out()).float()
        return F.linear(x.float(), dequantize_int4(self.levels, self.groups).float())

    def _spelled_out(self) -> Tensor:
        """The weight transposed, `(K, N)` bf16, out of the packed order: blocks of 64 outputs, `(N / 64, K, 32)`, low halves first."""
        outputs, inputs = self.shape
        blocks = self.levels.view(outputs // 64, inputs, 32)
        whole = torch.empty(inputs, outputs // 64, 2, 32, dtype=torch.bfloat16)
        whole[:, :, 0] = (blocks & 15).transpose(0, 1)
        whole[:, :, 1] = (blocks >> 4).transpose(0, 1)
        weight = whole.view(inputs // self.group, self.group, outputs)
        weight.sub_(8).mul_(self.groups[:, None, :, 0]).add_(self.groups[:, None, :, 1])
        return weight.view(inputs, outputs)


FEW_ROWS = 32
"""Up to so many rows the 4-bit kernel is faster than spelling the weight out."""


def quantize_int4(weight: Tensor, group: int) -> tuple[Tensor, Tensor]:
    """Round `(N, K)` to 4 bits between each group's smallest and largest weight; return what `Int4Weight.pack` takes."""
    outputs, inputs = weight.shape
    parts = weight.float().view(outputs, inputs // group, group)
    low, high = parts.amin(-1, keepdim=True), parts.amax(-1, keepdim=True)
    scale = ((high - low) / 15).clamp_min_(TINY).bfloat16().float()
    offset = (low + 8 * scale).bfloat16().float()
    levels = ((parts - offset) / scale).round_().add_(8).clamp_(0, 15).to(torch.uint8).view(outputs, inputs)
    groups = torch.cat((scale, offset), -1).transpose(0, 1).bfloat16().contiguous()  # (K / group, N, 2)
    return levels[:, 0::2] | (levels[:, 1::2] << 4), groups


def unpack_nibbles(nibbles: Tensor) -> Tensor:
    """`(N, K / 2)` bytes to `(N, K)` levels 0..15."""
    return torch.stack((nibbles & 15, nibbles >> 4), -1).flatten(1)


def dequantize_int4(nibbles: Tensor, groups: Tensor) -> Tensor:
    """The weight `(N, K)`, bf16, that nibbles and groups stand for."""
    levels = unpack_nibbles(nibbles).bfloat16().sub_(8)
    parts = levels.view(levels.shape[0], groups.shape[0], -1)
    return (parts * groups[:, :, :1].transpose(0, 1) + groups[:, :, 1:].transpose(0, 1)).flatten(1)


@dataclass(frozen=True)
class Native:
    """Which private operators give the right answer here."""

    rounding: bool
    int8: bool
    int4: bool
    amx: bool

    @property
    def report(self) -> str:
        """What a user wants to know of it."""
        int8 = "oneDNN" + (" with AMX" if self.amx else "") if self.int8 else "portable"
        return f"int8: {int8}, int4: {'native' if self.int4 else 'portable'}"


def report_on(device: str) -> str:
    """What runs on a kind of device: the private operators are those of a CPU."""
    return native().report if device == "cpu" else f"int8, int4: portable on {device}"


@cache
def native() -> Native:
    """Try the private operators against known answers, extreme values included; once in a process."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # rounding through quantize_per_tensor announces its end; `plain_levels` is there
        return Native(_agree(_try_rounding), _agree(_try_int8), _agree(_try_int4), _has_amx())


def _agree(trial: object) -> bool:
    try:
        return bool(trial())  # type: ignore[operator]
    except (AttributeError, RuntimeError, NotImplementedError):
        return False


def _try_rounding() -> bool:
    steps = torch.cat((torch.arange(-127, 127.5, 0.5), torch.linspace(-127, 127, 999))).view(2, -1)
    return torch.equal(to_levels(steps), plain_levels(steps))


def _try_int8() -> bool:
    random = torch.Generator().manual_seed(0)
    for rows in (1, 3, 40):
        levels = torch.randint(1, 256, (rows, 192), dtype=torch.uint8, generator=random)
        levels[0] = 255
        weight = torch.randint(-127, 128, (64, 192), dtype=torch.int8, generator=random)
        weight[:2] = torch.tensor([[127], [-127]])
        scale = torch.rand(64, generator=random)
        packed = torch.ops.onednn.qlinear_prepack(weight, None)
        tried = Int8Weight(packed, scale, torch.zeros(64, dtype=torch.int32), packed=True)
        exact = torch.equal(
            Int8Weight(packed, torch.ones(64), tried.zeros, packed=True).accumulate(Rows(levels, scale)),
            plain_accumulators(levels, weight),
        )
        scaled = plain_accumulators(levels, weight) * scale
        if not exact or not torch.allclose(tried.accumulate(Rows(levels, scale)), scaled, rtol=1e-5, atol=1e-3):
            return False
    return True


def _try_int4() -> bool:
    random = torch.Generator().manual_seed(0)
    nibbles, groups = quantize_int4(torch.randn(128, 64, generator=random), 32)
    packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(unpack_nibbles(nibbles).int(), 1)
    weight = Int4Weight(packed, groups, (128, 64), 32, packed=True)
    x = torch.randn(3, 64, generator=random)
    right = F.linear(x.bfloat16().float(), dequantize_int4(nibbles, groups).float())
    spelled = weight._spelled_out().float().T
    exact = torch.allclose(spelled, dequantize_int4(nibbles, groups).float(), rtol=1e-2, atol=1e-3)
    return exact and torch.allclose(weight.multiply(x), right, rtol=2e-2, atol=0.1)


def _has_amx() -> bool:
    try:
        return bool(torch.cpu._is_amx_tile_supported())
    except (AttributeError, RuntimeError):
        return False
