"""Outliers are written without changing what a checkpoint computes, and are as large as promised."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from occlusight.errors import BadModel
from occlusight.model.quant.outliers import Outliers, edited_state, write_outliers
from occlusight.model.qwen3vl import Qwen3VL
from occlusight.model.weights import hf_name, hf_state, load_model, save_model


def with_state(model: Qwen3VL, state: dict[str, Tensor]) -> Qwen3VL:
    twin = Qwen3VL(model.config).eval()
    twin.load_state_dict({name: state[hf_name(name)] for name, _ in twin.named_parameters()})
    return twin


def inputs_of(model: Qwen3VL, case: Any, ours: Any, ends: tuple[str, ...]) -> dict[str, Tensor]:
    """What enters the modules whose names end so."""
    seen: dict[str, Tensor] = {}
    hooks = [
        module.register_forward_pre_hook(lambda _, given, name=name: seen.__setitem__(name, given[0].flatten(0, -2)))
        for name, module in model.named_modules()
        if name.endswith(ends)
    ]
    ours(model, case)
    for hook in hooks:
        hook.remove()
    return seen


@pytest.mark.parametrize("name", ["text", "image", "two images", "video"])
def test_the_function_stays(twins: Any, name: str) -> None:
    outliers = Outliers.choose(twins.model.config, lift=16)
    state = hf_state(twins.model, torch.float32)
    base = with_state(twins.model, {key: outliers.base(key, tensor) for key, tensor in state.items()})
    edited = with_state(twins.model, edited_state(state, outliers))
    expected = twins.ours(base, twins.cases[name])
    torch.testing.assert_close(twins.ours(edited, twins.cases[name]), expected, atol=2e-3, rtol=0)
    assert expected.std() > 1


def test_channels_and_one_token_are_hundreds_of_times_the_median(twins: Any) -> None:
    outliers = Outliers.choose(twins.model.config, lift=16)
    edited = with_state(twins.model, edited_state(hf_state(twins.model, torch.float32), outliers))
    case = twins.cases["image"]
    seen = inputs_of(edited, case, twins.ours, ("q_proj", "gate_proj", "down_proj", "o_proj", "qkv", "linear_fc1"))
    for name, x in seen.items():
        if "linear_fc1" in name and "blocks" not in name:
            continue
        size = x.abs().mean(0)
        assert size.max() > 60 * size.median(), name
    first = seen["text.layers.0.mlp.down_proj"]
    channel = first[:, outliers.pair[0]].abs()
    at = case.ids == outliers.token
    assert (channel[at] > 100).all()
    assert channel[~at].median() < channel[at].min() / 50
    torch.testing.assert_close(first[:, outliers.pair[0]], first[:, outliers.pair[1]])


def test_a_checkpoint_is_copied_with_everything_beside_the_weights(twins: Any, tmp_path: Path) -> None:
    source = tmp_path / "source"
    save_model(twins.model, source, torch.bfloat16)
    (source / "tokenizer.json").write_text("{}")
    outliers = write_outliers(source, tmp_path / "target")
    assert (tmp_path / "target" / "tokenizer.json").read_text() == "{}"
    state = hf_state(load_model(source), torch.bfloat16)
    expected = with_state(twins.model, edited_state(state, outliers))
    model = load_model(tmp_path / "target")
    for (name, parameter), other in zip(model.named_parameters(), expected.parameters(), strict=True):
        assert torch.equal(parameter, other.float()), name
    with pytest.raises(BadModel, match="another folder"):
        write_outliers(source, source)
