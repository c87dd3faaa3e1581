"""Scaled dot-product attention in two spellings that agree: PyTorch's fused kernel, and plain matrix products.

`partial_attention` gives what `merge` needs to put attention over several ranges of keys together.

The fused one wins for inference. The plain one wins for training in bf16 on CPUs with AMX, whose matrix units PyTorch's
fused backward pass does not use.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from occlusight.kernels.capabilities import capabilities

KEY_BOUND_ROWS = 4
"""Up to so many rows the time goes into reading keys and values."""
Attention = Callable[[Tensor, Tensor, Tensor, Tensor | None, bool], Tensor]
"""`(q (B, H, T, d), k (B, G, S, d), v (B, G, S, d), mask, causal) -> (B, H, T, d)`; G divides H. The mask is bool
(true:
may look) or additive, `(B or 1, 1, T, S)`; `causal` is for T = S without a mask."""


def fused_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
    """PyTorch's kernel."""
    return F.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, is_causal=causal, enable_gqa=q.shape[1] != k.shape[1]
    )


def plain_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
    """softmax(q k / sqrt(d)) v, the softmax in fp32 (arXiv:1706.03762, equation 1)."""
    groups = q.shape[1] // k.shape[1]
    if groups > 1:
        k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
    scores = (q @ k.transpose(-1, -2)).float() * q.shape[-1] ** -0.5
    if causal:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).tril()
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf")) if mask.dtype == torch.bool else scores + mask
    out: Tensor = scores.softmax(-1).to(v.dtype) @ v
    return out


def partial_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Attention of `(1, H, T, d)` over one range of keys `(1, G, S, d)`: the result, and its logarithmic weight
    `(1, H, T)`, fp32.

    The weight is log sum exp of the scores. `mask` is added to these: `(T, S)` in the type of `q`, with at least one
    finite value a row. PyTorch's kernel is slow at a few rows of bf16 where the CPU has no instructions for it: 0.83
    against 0.37 ms for one row and 300 keys with AVX2.
    """
    slow = q.dtype == torch.bfloat16 and q.shape[2] <= KEY_BOUND_ROWS and not capabilities().amx
    if q.device.type != "cpu" or slow:
        return plain_partial_attention(q, k, v, mask)
    out, weight = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, False, attn_mask=mask)
    return out, weight


def plain_partial_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """`partial_attention` by plain matrix products in fp32; the queries that share a head of keys are rows of one
    product.
    """
    _, heads, rows, width = q.shape
    groups = k.shape[1]
    queries = (q.float() * width**-0.5).reshape(1, groups, -1, width)
    scores = (queries @ k.float().transpose(-1, -2)).view(1, heads, rows, -1)
    if mask is not None:
        scores = scores + mask
    weight = scores.logsumexp(-1)
    shares = (scores - weight[..., None]).exp_().view(1, groups, -1, k.shape[2])
    return (shares @ v.float()).view(q.shape).to(v.dtype), weight


def merge(outs: Tensor, weights: Tensor) -> Tensor:
    """Attention over all ranges `(1, H, T, d)`, fp32, of each one's result `(P, 1, H, T, d)` and logarithmic weight
    `(P, 1, H, T)`.

    A range that a query does not look at has the weight -inf (FlashDecoding's and Hydragen's rule, arXiv:2402.05099).
    """
    return (weights.softmax(0)[..., None] * outs.float()).sum(0)
