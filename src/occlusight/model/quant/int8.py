"""Weights of 8 bits and what is multiplied with them, by the fastest product that is right here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from occlusight.kernels import ops
from occlusight.kernels.capabilities import (
    LOOPS,
    ONEDNN,
    PORTABLE,
    Packed,
    capabilities,
    multiply_onednn,
    pack_onednn,
    to_codes,
)
from occlusight.kernels.reference import LARGEST_CODE, TINY, reference_accumulators, reference_codes

FEW = 1 << 15
BLOCK = 256
"""Rows that oneDNN multiplies together."""


class Rows(NamedTuple):
    """Tokens in 8 bits: `codes` `(M, K)` uint8 around 128 and `scale` `(M, 1)` fp32, so that x is about (codes - 128)
    scale.
    """

    codes: Tensor
    scale: Tensor


def quantize_rows(x: Tensor, owned: bool = False) -> Rows:
    """Quantize each row of `(M, K)` by its largest value; `owned` says that `x` may be overwritten."""
    x = x.float()
    if x.is_cpu and capabilities().loops:
        return Rows(*ops.quantize(x.contiguous()))
    if x.numel() < FEW:  # the calls cost more than the passes over memory
        largest = x.abs().amax(-1, keepdim=True).clamp_min_(TINY)
    else:
        largest = torch.maximum(x.amax(-1, keepdim=True), x.amin(-1, keepdim=True).neg_()).clamp_min_(TINY)
    factor = LARGEST_CODE / largest
    steps = x.mul_(factor) if owned else x * factor
    one_pass = x.is_cpu and capabilities().rounding
    return Rows(to_codes(steps) if one_pass else reference_codes(steps), largest.div_(LARGEST_CODE))


@dataclass(frozen=True)
class Int8Weight(ABC):
    """An `(N, K)` weight of whole numbers -127..127 and the scale `(N,)` of each output channel."""

    scale: Tensor
    bytes: int

    @staticmethod
    def pack(codes: Tensor, scale: Tensor) -> Int8Weight:
        """Take int8 `(N, K)` and fp32 `(N,)`."""
        size = codes.numel()
        kind = capabilities().int8 if codes.device.type == "cpu" else PORTABLE
        if kind == ONEDNN:
            zeros = torch.zeros(scale.shape, dtype=torch.int32)
            return OneDnnWeight(scale, size, pack_onednn(codes), zeros)
        if kind == LOOPS:
            return LoopWeight(scale, size, ops.pack(codes))
        return ReferenceWeight(scale, size, codes)

    @abstractmethod
    def multiply(self, x: Tensor, bias: Tensor | None = None, factor: Tensor | None = None) -> Tensor:
        """Tokens `(M, K)`, times `factor` `(K,)` if given, in 8 bits times the weight, `(M, N)` fp32, and `bias` `(N,)`
        added.
        """


class CodeWeight(Int8Weight):
    """One whose product takes codes and gives sums, which are scaled in a pass of their own."""

    @abstractmethod
    def accumulate(self, codes: Tensor) -> Tensor:
        """uint8 `(M, K)` around 128 to `(M, N)` fp32: the whole-number products times each output channel's scale."""

    def multiply(self, x: Tensor, bias: Tensor | None = None, factor: Tensor | None = None) -> Tensor:
        """See `Int8Weight`."""
        rows = quantize_rows(x) if factor is None else quantize_rows(x * factor, owned=True)
        pieces = split_rows(rows.codes)
        if len(pieces) == 1:
            sums = self.accumulate(rows.codes)
            return rescaled(sums, rows.scale, bias, sums)
        out = torch.empty(len(rows.codes), len(self.scale), device=rows.codes.device)
        for codes, scale, into in zip(pieces, split_rows(rows.scale), split_rows(out), strict=True):
            rescaled(self.accumulate(codes), scale, bias, into)
        return out


@dataclass(frozen=True)
class OneDnnWeight(CodeWeight):
    """In oneDNN's order, for CPUs with AMX, or where our loops do not compile."""

    packed: Packed
    zeros: Tensor

    def accumulate(self, codes: Tensor) -> Tensor:
        """See `CodeWeight`."""
        return multiply_onednn(codes, self.packed, self.scale, self.zeros)


@dataclass(frozen=True)
class ReferenceWeight(CodeWeight):
    """As it is, for any device."""

    codes: Tensor

    def accumulate(self, codes: Tensor) -> Tensor:
        """See `CodeWeight`."""
        return reference_accumulators(codes, self.codes).mul_(self.scale)


@dataclass(frozen=True)
class LoopWeight(Int8Weight):
    """In the order of our own loop."""

    panels: Tensor

    def multiply(self, x: Tensor, bias: Tensor | None = None, factor: Tensor | None = None) -> Tensor:
        """See `Int8Weight`."""
        return ops.multiply(x, self.panels, len(self.scale), self.scale, bias, factor)


def split_rows(x: Tensor) -> tuple[Tensor, ...]:
    """`(M, ..)` as one piece, or as two where a few rows follow a multiple of `BLOCK`.

    oneDNN multiplies blocks of 256 rows, one a thread: 280 rows take as long as 512 (7.5 ms for 2,048 x 12,288 on two
    cores with AMX), 256 take 4.0 ms and the other 24 what reading the weight takes.
    """
    whole = len(x) // BLOCK * BLOCK
    few = len(x) - whole
    return torch.split(x, [whole, few]) if whole and 0 < few <= BLOCK // 2 else (x,)


def rescaled(sums: Tensor, scale: Tensor, bias: Tensor | None, out: Tensor) -> Tensor:
    """`sums` `(M, N)` times `scale` `(M, 1)` plus `bias` `(N,)`, in one pass, into `out`, which may be `sums`."""
    if bias is None:
        return torch.mul(sums, scale, out=out)
    return torch.addcmul(bias, sums, scale, out=out)
