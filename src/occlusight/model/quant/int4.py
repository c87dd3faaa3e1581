"""Weights of 4 bits: by our loop on a CPU, else spelled out."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from occlusight.kernels import ops as calls
from occlusight.kernels.capabilities import native
from occlusight.kernels.reference import dequantize_int4


@dataclass(frozen=True)
class Int4Weight:
    """An `(N, K)` weight as 0..15: w is about (level - 8) scale + offset.

    levels: two a byte, `(N, K / 2)`, or the panels of our loop, which multiplies them with tokens in 8 bits. groups: scale and offset, bf16, of
    each group, `(K / group, N, 2)`; None where they are in the panels.
    """

    levels: Tensor
    groups: Tensor | None
    shape: tuple[int, int]

    @classmethod
    def pack(cls, nibbles: Tensor, groups: Tensor) -> Int4Weight:
        """Take two levels a byte, `(N, K / 2)` uint8 with the even column in the low half, and their groups."""
        shape = (nibbles.shape[0], 2 * nibbles.shape[1])
        if nibbles.device.type == "cpu" and native().loops:
            return cls(calls.pack_narrow(nibbles, groups), None, shape)
        return cls(nibbles, groups, shape)

    @property
    def bytes(self) -> int:
        """What it takes in memory."""
        return sum(part.numel() * part.element_size() for part in (self.levels, self.groups) if part is not None)

    def multiply(self, x: Tensor, bias: Tensor | None = None, factor: Tensor | None = None) -> Tensor:
        """`(M, K)`, times `factor` `(K,)` if given, times the weight, `(M, N)` fp32, and `bias` `(N,)` added."""
        if self.groups is None:
            return calls.multiply(x, self.levels, self.shape[0], None, bias, factor)
        x = x.float() if factor is None else x * factor
        return F.linear(x, dequantize_int4(self.levels, self.groups), bias)
