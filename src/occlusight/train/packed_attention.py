"""Attention of packed questions: only the parts of the square of scores that may be looked at.

A row of T tokens is a prefix of P and N slots of S. A slot sees the prefix and itself, so that P*P + N*S*(P + S)
scores are computed instead of T*T: for P = 70, N = 2 and S = 240 half of them, for N = 6 and S = 80 a fourth.
"""

from __future__ import annotations

import torch
from torch import Tensor

from occlusight.model.attention import plain_attention


def slot_mask(segments: Tensor, prefix: int, slot: int, dtype: torch.dtype) -> Tensor:
    """Additive mask `(B, 1, N, S, P + S)` of tokens `(B, N * S)` in slots of S, from their segments: 0 where a token
    may look.

    A token sees the prefix, itself and what stands before it in its own segment. Padding (-1) sees the prefix and the
    padding before it in its slot; nothing is learned from it.
    """
    slots = segments.view(len(segments), -1, slot)  # (B, N, S)
    causal = torch.ones(slot, slot, dtype=torch.bool, device=segments.device).tril()
    own = (slots[..., :, None] == slots[..., None, :]) & causal  # (B, N, S, S)
    mask = torch.zeros(*slots.shape, prefix + slot, dtype=dtype, device=segments.device)
    mask[..., prefix:].masked_fill_(~own, float("-inf"))
    return mask[:, None]


def packed_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
    """`plain_attention` where the mask is none of `slot_mask`; else the prefix and the slots, each with what they may
    see."""
    if mask is None or mask.ndim != 5:
        return plain_attention(q, k, v, mask, causal)
    batch, heads, _, width = q.shape
    groups = heads // k.shape[1]
    k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
    slot = mask.shape[-2]
    prefix = mask.shape[-1] - slot
    begin, begin_v = k[:, :, :prefix], v[:, :, :prefix]  # (B, H, P, d)
    first = plain_attention(q[:, :, :prefix], begin, begin_v, None, True)
    asks, keys, values = (t[:, :, prefix:].reshape(batch, heads, -1, slot, width) for t in (q, k, v))
    scale = width**-0.5
    of_prefix = (asks.flatten(2, 3) @ begin.transpose(-1, -2)).float() * scale  # (B, H, N * S, P)
    of_slot = (asks @ keys.transpose(-1, -2)).float() * scale + mask[..., prefix:]  # (B, H, N, S, S)
    # One softmax over both, each weighed by itself: laid side by side, every product would copy its part out again.
    largest = torch.maximum(of_prefix.amax(-1).view(of_slot.shape[:-1]), of_slot.amax(-1)).detach()
    near = (of_slot - largest[..., None]).exp()
    far = (of_prefix - largest.flatten(2, 3)[..., None]).exp()
    found = (near.to(v.dtype) @ values).flatten(2, 3) + far.to(v.dtype) @ begin_v
    total = near.sum(-1).flatten(2, 3) + far.sum(-1)
    return torch.cat((first, (found / total[..., None]).to(v.dtype)), 2)
