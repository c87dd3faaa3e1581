"""Blocks put together around joined layers against the plain blocks, with weights that are not rounded."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from occlusight.kernels.capabilities import Capabilities
from occlusight.model.kv_cache import KVCache
from occlusight.model.quant import fused
from occlusight.model.quant.fused import TEXT_SITES, VISION_SITES, JoinedAttention, JoinedVisionAttention, Sites
from occlusight.model.quant.linear import build_linear
from occlusight.model.rope import pair_order, rotary_tables, rotate, rotate_pairs_


def unrounded(block: nn.Module, sites: Sites) -> Any:
    """Build a block's joined layers from its own weights, in fp32."""

    def build(site: str, order: Tensor | None = None) -> nn.Module:
        linears = [block.get_submodule(name) for name in sites[site]]
        stored = {"weight": torch.cat([linear.get_parameter("weight").detach() for linear in linears])}
        if getattr(linears[0], "bias", None) is not None:
            stored["bias"] = torch.cat([linear.get_parameter("bias").detach() for linear in linears])
        return build_linear(stored, order)

    return build


def test_pairs_side_by_side_turn_as_pairs_apart_do() -> None:
    x, angle = torch.randn(2, 5, 3, 8), torch.randn(5, 1, 4)
    order = pair_order(1, 8)
    assert order.tolist() == [0, 4, 1, 5, 2, 6, 3, 7]
    right = rotate(x, angle.cos(), angle.sin())[..., order]
    torch.testing.assert_close(rotate_pairs_(x[..., order], angle.cos(), angle.sin()), right)


@pytest.mark.parametrize("length", [1, 7])
@torch.inference_mode()
def test_joined_attention_projects_as_the_plain_one(twins: Any, length: int) -> None:
    plain = twins.model.text.layers[1].self_attn
    joined = JoinedAttention(plain, unrounded(twins.model.text.layers[1], TEXT_SITES))
    x = torch.randn(2, length, 64)
    tables = rotary_tables(torch.randint(0, 90_000, (3, 2, length)), twins.model.config.text)
    order = pair_order(1, plain.head_dim)
    q, k, v = plain.project(x, tables)
    given = joined.project(x, tables)
    assert {part.dtype for part in given} == {torch.bfloat16}
    for ours, right in zip(given, (q[..., order], k[..., order], v), strict=True):
        torch.testing.assert_close(ours.float(), right, rtol=5e-3, atol=1e-3)
    cache, twin = KVCache(twins.model.config.text, 2, dtype=torch.bfloat16), KVCache(twins.model.config.text, 2)
    out, right = joined(x, tables, None, cache, 1), plain(x, tables, None, twin, 1)
    torch.testing.assert_close(out, right, rtol=0.02, atol=0.02 * float(right.abs().max()))


@pytest.mark.parametrize("amx", [False, True])
@torch.inference_mode()
def test_vision_attention_in_pieces_is_the_whole(twins: Any, amx: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused, "capabilities", lambda: Capabilities(True, True, True, amx, amx))
    monkeypatch.setattr(fused, "BLOCK", 16)
    block, tower = twins.model.vision.blocks[1], twins.model.vision
    joined = JoinedVisionAttention(block.attn, unrounded(block, VISION_SITES))
    x, tables = tower.placed(torch.randn(2, 40, 48), (4, 10))
    right = block.attn(x, tables)
    loose = {"rtol": 0.02, "atol": 0.02 * float(right.abs().max())} if amx else {"rtol": 1e-4, "atol": 1e-5}
    torch.testing.assert_close(joined(x, tables), right, **loose)
