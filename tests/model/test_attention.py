"""Attention over one range of keys: PyTorch's kernel, its plain twin, and which of them runs."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from occlusight.kernels.capabilities import capabilities
from occlusight.model import attention
from occlusight.model.attention import KEY_BOUND_ROWS, partial_attention, plain_partial_attention


def heads(*shape: int, seed: int, dtype: torch.dtype) -> torch.Tensor:
    return torch.randn(1, *shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


@pytest.mark.parametrize("amx", [False, True])
@pytest.mark.parametrize("rows", [1, 3, KEY_BOUND_ROWS + 3])
@pytest.mark.parametrize(("dtype", "limit"), [(torch.float32, 1e-5), (torch.bfloat16, 0.03)])
def test_the_kernel_and_its_twin_agree(
    amx: bool, rows: int, dtype: torch.dtype, limit: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "capabilities", lambda: replace(capabilities(), amx=amx))
    q = heads(4, rows, 16, seed=0, dtype=dtype)
    k, v = heads(2, 9, 16, seed=1, dtype=dtype), heads(2, 9, 16, seed=2, dtype=dtype)
    mask = torch.zeros(rows, 9, dtype=dtype)
    mask[:, 7:] = float("-inf")
    for allowed in (None, mask):
        out, weight = partial_attention(q, k, v, allowed)
        right, right_weight = plain_partial_attention(q, k, v, allowed)
        assert out.dtype == right.dtype == dtype
        torch.testing.assert_close(out.float(), right.float(), rtol=limit, atol=limit)
        torch.testing.assert_close(weight, right_weight, rtol=limit, atol=limit)


def test_the_twin_is_softmax_attention() -> None:
    q, k, v = (heads(n, t, 16, seed=n + t, dtype=torch.float32) for n, t in ((4, 3), (2, 9), (2, 8)))
    v = torch.cat((v, v[:, :, :1]), 2)
    out, weight = plain_partial_attention(q, k, v)
    for head in range(4):
        scores = q[0, head] @ k[0, head // 2].T / 4
        torch.testing.assert_close(out[0, head], scores.softmax(-1) @ v[0, head // 2])
        torch.testing.assert_close(weight[0, head], scores.logsumexp(-1))
