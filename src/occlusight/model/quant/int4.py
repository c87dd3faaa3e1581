"""Weights of 4 bits: by the 4-bit kernel for a few rows, else spelled out."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from occlusight.model.quant.native import multiply_bf16, multiply_int4, native, pack_int4, unpack_int4
from occlusight.model.quant.plain import dequantize_int4

FEW_ROWS = 32
"""Up to so many rows the 4-bit kernel is faster than spelling the weight out."""


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
        if nibbles.device.type == "cpu" and native().int4_lanes and shape[0] % 64 == 0:
            return cls(pack_int4(nibbles), groups, shape, group, packed=True)
        return cls(nibbles, groups, shape, group, packed=False)

    def multiply(self, x: Tensor) -> Tensor:
        """`(M, K)` times the weight, `(M, N)` fp32."""
        if self.packed and x.shape[0] <= FEW_ROWS:
            return multiply_int4(x.bfloat16().contiguous(), self.levels, self.groups, self.group).float()
        if self.packed:
            return multiply_bf16(x, self._spelled_out().T)
        return F.linear(x.float(), dequantize_int4(self.levels, self.groups).float())

    def _spelled_out(self) -> Tensor:
        """The weight transposed, `(K, N)` bf16, out of the packed order."""
        outputs, inputs = self.shape
        weight = unpack_int4(self.levels, outputs, native().int4_lanes).view(inputs // self.group, self.group, outputs)
        weight.sub_(8).mul_(self.groups[:, None, :, 0]).add_(self.groups[:, None, :, 1])
        return weight.view(inputs, outputs)
