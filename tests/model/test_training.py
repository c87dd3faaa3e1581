"""The same modules train: gradients reach every weight, fresh weights learn, autocast and compilation work."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from occlusight.model.attention import fused_attention, plain_attention
from occlusight.model.qwen3vl import Qwen3VL
from occlusight.model.rope import positions


def loss_of(model: Qwen3VL, case: Any) -> torch.Tensor:
    place, _ = positions(case.ids, case.grids, model.config)
    hidden = model(case.ids[None], place[:, None], model.encode(case.patches, case.grids))
    return F.cross_entropy(model.logits(hidden[0, :-1]).float(), case.ids[1:])


@pytest.fixture
def fresh(make_config: Any) -> Qwen3VL:
    model = Qwen3VL(make_config())
    model.init_weights(torch.Generator().manual_seed(0))
    return model


@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
def test_gradients_reach_every_weight(fresh: Qwen3VL, twins: Any, dtype: torch.dtype | None) -> None:
    with torch.autocast("cpu", dtype or torch.bfloat16, enabled=dtype is not None):
        loss = loss_of(fresh, twins.cases["two images"])
    loss.backward()
    assert loss.isfinite()
    for name, parameter in fresh.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name


def test_dense_losses_reach_the_blocks_but_not_the_merger(fresh: Qwen3VL, twins: Any) -> None:
    case = twins.cases["image"]
    fresh.encode(case.patches, case.grids).patches.square().mean().backward()
    assert fresh.vision.blocks[-1].mlp.linear_fc2.weight.grad is not None
    assert fresh.vision.merger.linear_fc2.weight.grad is None


def test_fresh_weights_start_at_chance_and_learn(fresh: Qwen3VL, twins: Any) -> None:
    case = twins.cases["image"]
    optimizer = torch.optim.AdamW(fresh.parameters(), lr=3e-3)
    losses = []
    for _ in range(30):
        loss = loss_of(fresh, case)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert abs(losses[0] - torch.tensor(300.0).log().item()) < 0.3
    assert losses[-1] < losses[0] / 3


def test_initialisation_depends_on_the_generator_alone(make_config: Any) -> None:
    models = [Qwen3VL(make_config(tie_word_embeddings=False)) for _ in range(3)]
    for model, seed in zip(models, (1, 1, 2), strict=True):
        model.init_weights(torch.Generator().manual_seed(seed))
    first, same, other = (model.state_dict() for model in models)
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["lm_head.weight"], other["lm_head.weight"])


@pytest.mark.parametrize("name", ["text", "two images", "video"])
def test_plain_attention_equals_the_fused_kernel(twins: Any, make_model: Any, name: str) -> None:
    case = twins.cases[name]
    model = make_model(twins.model.config)
    model.use_attention(plain_attention)
    torch.testing.assert_close(twins.ours(model, case), twins.logits[name], atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", ["causal", "bool", "additive", "none"])
def test_both_attentions_read_every_mask(kind: str) -> None:
    q, k, v = torch.randn(2, 6, 5, 8), torch.randn(2, 3, 5, 8), torch.randn(2, 3, 5, 8)
    allowed = torch.rand(2, 1, 5, 5) > 0.5
    allowed |= torch.eye(5, dtype=torch.bool)
    masks = {"bool": allowed, "additive": torch.zeros(2, 1, 5, 5).masked_fill(~allowed, float("-inf"))}
    given = (q, k, v, masks.get(kind), kind == "causal")
    torch.testing.assert_close(plain_attention(*given), fused_attention(*given), atol=1e-5, rtol=0)


def test_bfloat16_is_close_to_fp32(twins: Any) -> None:
    case = twins.cases["image"]
    half = Qwen3VL(twins.model.config).eval()
    half.load_state_dict(twins.model.state_dict())
    half.to(torch.bfloat16)
    logits = twins.ours(half, case).float()
    assert torch.nn.functional.cosine_similarity(logits, twins.logits["image"], dim=-1).min() > 0.99


def test_the_decoder_is_one_graph(twins: Any) -> None:
    """`torch.compile` finds nothing to break on (eager backend: tracing alone)."""
    case = twins.cases["image"]
    place, _ = positions(case.ids, case.grids, twins.model.config)
    with torch.no_grad():
        embeds = twins.model.text.embed_tokens(case.ids[None])
        compiled = torch.compile(twins.model.text, backend="eager", fullgraph=True)
        torch.testing.assert_close(compiled(embeds, place[:, None]), twins.model.text(embeds, place[:, None]))
    torch.compiler.reset()
