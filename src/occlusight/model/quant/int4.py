"""Weights of 4 bits: by our loop on a CPU, else spelled out."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from occlusight.kernels import ops
from occlusight.kernels.capabilities import capabilities
from occlusight.kernels.reference import dequantize_int4


@dataclass(frozen=True)
class Int4Weight:
    """An `(N, K)` weight as 0..15: w is about (code - 8) scale + offset.

    codes: two a byte, `(N, K / 2)`, or the panels of our loop, which multiplies them with tokens in 8 bits. groups:
    scale and offset, bf16, of each group, `(K / group, N, 2)`; None where they are in the panels.
    """

    codes: Tensor
    groups: Tensor | None
    shape: tuple[int, int]

    @classmethod
    def pack(cls, packed_codes: Tensor, groups: Tensor) -> Int4Weight:
        """Take two codes a byte, `(N, K / 2)` uint8 with the even column in the low half, and their groups."""
        shape = (packed_codes.shape[0], 2 * packed_codes.shape[1])
        if packed_codes.device.type == "cpu" and capabilities().loops:
            return cls(ops.pack_narrow(packed_codes, groups), None, shape)
        return cls(packed_codes, groups, shape)

    @property
    def bytes(self) -> int:
        """What it takes in memory."""
        return sum(part.numel() * part.element_size() for part in (self.codes, self.groups) if part is not None)

    def multiply(self, x: Tensor, bias: Tensor | None = None, factor: Tensor | None = None) -> Tensor:
        """`(M, K)`, times `factor` `(K,)` if given, times the weight, `(M, N)` fp32, and `bias` `(N,)` added."""
        if self.groups is None:
            return ops.multiply(x, self.codes, self.shape[0], None, bias, factor)
        x = x.float() if factor is None else x * factor
        return F.linear(x, dequantize_int4(self.codes, self.groups), bias)
