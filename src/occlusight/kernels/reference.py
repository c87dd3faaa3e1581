"""What products with weights of 8 and 4 bits are, in operators that every device has: the twins that the fast ones are
tried against.

8 bits: a token's values become whole numbers from -127 to 127 by the token's own scale, stored as uint8 with the zero
point 128 (signed activations fall into a reference kernel of oneDNN, hundreds of times slower); weights have a scale
for each output channel. 4 bits: groups of 32 or 64 weights of an output channel share a scale and an offset.
"""

from __future__ import annotations

import torch
from torch import Tensor

ZERO = 128
LARGEST_CODE = 127
TINY = 1e-30
EXACT = 1024
"""So many products of 127 x 128 add up exactly in fp32, in any order: below 2**24."""
OUTPUTS = 256
"""Output channels whose weights are turned into fp32 together: what they take stays in the last cache."""


def reference_codes(steps: Tensor) -> Tensor:
    """Round half to even and add 128: fp32 to uint8."""
    return steps.round().add_(ZERO).to(torch.uint8)


def reference_accumulators(codes: Tensor, weight: Tensor) -> Tensor:
    """Sums of (codes - 128) x weight over K: `(M, K)` uint8 and `(N, K)` int8 to `(M, N)` fp32, exact below 2**24.

    It is an fp32 product, `EXACT` inputs at a time: with many rows as fast as fp32 itself, the weight taking a quarter
    of the memory.
    """
    signed = codes.float().sub_(ZERO)
    out = torch.empty(len(signed), len(weight), device=codes.device)
    for some, into in zip(torch.split(weight, OUTPUTS), torch.split(out, OUTPUTS, 1), strict=True):
        whole = some.float()
        for begin in range(0, whole.shape[1], EXACT):
            inputs = slice(begin, begin + EXACT)
            torch.addmm(into, signed[:, inputs], whole[:, inputs].T, beta=float(begin > 0), out=into)
    return out


def quantize_int8(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Round `(N, K)` to int8 with a scale `(N,)` for each output channel, the largest weight becoming 127."""
    weight = weight.float()
    scale = weight.abs().amax(1).clamp_min_(TINY).div_(LARGEST_CODE)
    return (weight / scale[:, None]).round_().to(torch.int8), scale


def quantize_int4(weight: Tensor, group: int) -> tuple[Tensor, Tensor]:
    """Round `(N, K)` to 4 bits between each group's smallest and largest weight.

    Returns:
        packed_codes: two codes a byte, `(N, K / 2)` uint8, the even column in the low half.
        groups: scale and offset of each group, `(K / group, N, 2)` bf16: w is about (code - 8) scale + offset.
    """
    outputs, inputs = weight.shape
    parts = weight.float().view(outputs, inputs // group, group)
    low, high = parts.amin(-1, keepdim=True), parts.amax(-1, keepdim=True)
    scale = ((high - low) / 15).clamp_min_(TINY).bfloat16().float()
    offset = (low + 8 * scale).bfloat16().float()
    codes = ((parts - offset) / scale).round_().add_(8).clamp_(0, 15).to(torch.uint8).view(outputs, inputs)
    groups = torch.cat((scale, offset), -1).transpose(0, 1).bfloat16().contiguous()
    return codes[:, 0::2] | (codes[:, 1::2] << 4), groups


def unpack_codes(packed_codes: Tensor) -> Tensor:
    """`(N, K / 2)` bytes to `(N, K)` codes 0..15."""
    return torch.stack((packed_codes & 15, packed_codes >> 4), -1).flatten(1)


def dequantize_int4(packed_codes: Tensor, groups: Tensor) -> Tensor:
    """The weight `(N, K)`, fp32, that packed codes and groups stand for."""
    codes = unpack_codes(packed_codes).float().sub_(8)
    parts = codes.view(codes.shape[0], groups.shape[0], -1)
    scale, offset = torch.split(groups.float().transpose(0, 1), 1, -1)
    return torch.addcmul(offset, parts, scale).flatten(1)
