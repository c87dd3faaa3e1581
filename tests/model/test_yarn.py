"""Contexts beyond the native one: YaRN against transformers, applied to the sequences that need it alone."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import torch

from occlusight.errors import BadInput, BadModel
from occlusight.model.config import LONGEST, ModelConfig
from occlusight.model.presets import preset
from occlusight.model.rope import positions, rotary_tables, yarn_frequencies
from occlusight.model.weights import load_model
from occlusight.model.yarn import Yarn

NATIVE = 262_144


@pytest.fixture(scope="module")
def stretched(twins: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """The tiny model with Qwen's recipe for 1M tokens in its config.json, and transformers' twin."""
    directory = tmp_path_factory.mktemp("yarn")
    config = json.loads((twins.directory / "config.json").read_text(encoding="utf-8"))
    recipe = {"rope_type": "yarn", "factor": 3.0, "original_max_position_embeddings": NATIVE}
    config["text_config"]["max_position_embeddings"] = 1_000_000
    config["text_config"]["rope_theta"] = 5_000_000.0
    for spelling in ("rope_scaling", "rope_parameters"):
        config["text_config"][spelling] |= {**recipe, "rope_theta": 5_000_000.0}
    (directory / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (directory / "model.safetensors").symlink_to(twins.directory / "model.safetensors")
    return load_model(directory), twins.load(directory)


@pytest.mark.parametrize("offset", [300_000, 700_000])
@pytest.mark.parametrize("name", ["text", "image", "two images", "video"])
def test_logits_beyond_the_native_context_equal_those_of_transformers(
    twins: Any, stretched: tuple[Any, Any], name: str, offset: int
) -> None:
    model, reference = stretched
    case = replace(twins.cases[name], offset=offset)
    place, _ = positions(case.ids, case.grids, model.config)
    factor = model.config.text.yarn.rope_factor(int(place.max()) + 1 + offset)
    assert factor == 3
    with torch.no_grad():
        features = model.encode(case.patches, case.grids) if case.grids else None
        rope_factor = torch.full((1, len(case.ids)), factor)
        found = model.logits(model(case.ids[None], place[:, None] + offset, features, rope_factor=rope_factor))[0]
        plain = model.logits(model(case.ids[None], place[:, None] + offset, features))[0]
    expected = twins.theirs(reference, case)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
    assert (plain - expected).abs().max() > 1e-2, "without YaRN the logits would be others"


@pytest.mark.parametrize("offset", [0, 100_000, 250_000])
@pytest.mark.parametrize("name", ["text", "two images", "video"])
def test_within_the_native_context_nothing_is_stretched(
    twins: Any, stretched: tuple[Any, Any], name: str, offset: int
) -> None:
    """The model with the recipe says what transformers says without it."""
    case = replace(twins.cases[name], offset=offset)
    own = stretched[0]
    assert own.config.text.yarn.rope_factor(offset + len(case.ids)) == 1
    own = load_like(own, twins.model.config.text.rope_theta)
    torch.testing.assert_close(twins.ours(own, case), twins.theirs(twins.reference, case), atol=1e-4, rtol=0)


def load_like(model: Any, theta: float) -> Any:
    """The same model at another theta (transformers' twin without the recipe has the tiny model's)."""
    config = replace(model.config, text=replace(model.config.text, rope_theta=theta))
    twin = type(model)(config).eval()
    twin.load_state_dict(model.state_dict())
    return twin


def test_rows_of_one_pass_are_stretched_each_by_its_own_factor() -> None:
    text = preset("2B").for_context(LONGEST).text
    position_ids = torch.tensor([[5, 260_000, 300_000, 800_000]]).expand(3, 1, -1)
    factors = torch.tensor([[1.0, 1.0, 2.0, 4.0]])
    cos, sin = rotary_tables(position_ids, text, factors)
    for row, factor in enumerate(factors[0].tolist()):
        alone = rotary_tables(position_ids[..., row : row + 1], text, torch.tensor([[factor]]))
        assert torch.equal(cos[:, :, row], alone[0][:, :, 0])
        assert torch.equal(sin[:, :, row], alone[1][:, :, 0])
    plain = rotary_tables(position_ids[..., :2], text)
    assert torch.equal(cos[:, :, :2], plain[0])
    assert torch.equal(sin[:, :, :2], plain[1])


def test_tables_of_a_million_positions_equal_those_of_transformers() -> None:
    from transformers import Qwen3VLTextConfig
    from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLTextRotaryEmbedding

    config = preset("2B").for_context(LONGEST)
    config = replace(config, text=replace(config.text, yarn=Yarn(factor=4.0)))
    rope = Qwen3VLTextRotaryEmbedding(Qwen3VLTextConfig(**config.to_hf()["text_config"]))
    position_ids = torch.arange(0, LONGEST, 997).expand(3, 1, -1).clone()
    position_ids[1] += 13
    position_ids[2] += 29
    cos, sin = rope(torch.zeros(1), position_ids)
    own = rotary_tables(position_ids, config.text, torch.full(position_ids.shape[1:], 4.0))
    half = config.text.head_dim // 2
    assert torch.equal(own[0][:, 0], cos[..., :half])
    assert torch.equal(own[1][:, 0], sin[..., :half])


def test_positions_of_a_million_tokens_equal_those_of_transformers(twins: Any) -> None:
    """200 pictures of 4,992 tokens between text: ids grow so much slower than tokens that nothing is stretched."""
    config = twins.model.config
    grid, pictures = (1, 192, 104), 200
    ids = [5] * 40
    for _ in range(pictures):
        ids += [config.vision_start_token_id, *[config.image_token_id] * (192 * 104 // 4), config.vision_end_token_id]
        ids += [7] * 30
    tokens = torch.tensor(ids)
    assert len(tokens) > 1_000_000
    position_ids, delta = positions(tokens, [grid] * pictures, config)
    kinds = (tokens == config.image_token_id).int()[None]
    expected, own_delta = twins.reference.model.get_rope_index(
        tokens[None], mm_token_type_ids=kinds, image_grid_thw=torch.tensor([grid] * pictures)
    )
    assert torch.equal(position_ids, expected[:, 0])
    assert delta == int(own_delta)
    assert int(position_ids.max()) < NATIVE
    assert Yarn().rope_factor(int(position_ids.max()) + 1) == 1


def test_the_factor_is_the_one_that_the_positions_need() -> None:
    yarn = Yarn()
    assert [yarn.rope_factor(end) for end in (1, NATIVE, NATIVE + 1, 2 * NATIVE, 2 * NATIVE + 1, LONGEST)] == [
        1.0,
        1.0,
        2.0,
        2.0,
        3.0,
        4.0,
    ]
    assert Yarn(factor=3.0).rope_factor(NATIVE + 1) == 3.0


def test_frequencies_between_the_bounds_are_blended() -> None:
    """Fast ones stay, slow ones are divided; with the 2B's theta the ramp covers frequencies 31 to 45 of 64."""
    text = preset("2B").for_context(LONGEST).text
    plain, _ = yarn_frequencies(text, 1.0, torch.device("cpu"))
    found, scale = yarn_frequencies(text, 4.0, torch.device("cpu"))
    ratio = plain / found
    fast = [i for i in range(64) if NATIVE * float(plain[i]) / 6.2832 > 33]
    slow = [i for i in range(64) if NATIVE * float(plain[i]) / 6.2832 < 0.75]
    assert torch.allclose(ratio[fast], torch.ones(len(fast)))
    assert torch.allclose(ratio[slow], torch.full((len(slow),), 4.0))
    assert bool((ratio.diff() >= -1e-6).all())
    assert scale == pytest.approx(1.1386, abs=1e-4)


@pytest.mark.parametrize("dropped", ["rope_scaling", "rope_parameters"])
def test_either_spelling_of_the_recipe_is_read(dropped: str) -> None:
    config = replace(preset("2B").for_context(1_000_000))
    config = replace(config, text=replace(config.text, yarn=Yarn(3.0, NATIVE, 16.0, 2.0, 1.2)))
    hf = config.to_hf()
    del hf["text_config"][dropped]
    assert ModelConfig.from_hf(hf) == config


def test_what_cannot_be_stretched_is_refused() -> None:
    config = preset("2B")
    shorter = config.for_context(100_000).text
    assert (shorter.max_positions, shorter.yarn) == (100_000, None)
    with pytest.raises(BadInput, match=r"2000000 tokens.*at most 1048576"):
        config.for_context(2_000_000)
    with pytest.raises(BadModel, match="factor"):
        Yarn(factor=0.5)
    hf = config.to_hf()
    hf["text_config"]["rope_parameters"] |= {"rope_type": "yarn"}
    with pytest.raises(BadModel, match="needs a number as factor"):
        ModelConfig.from_hf(hf)
    hf["text_config"]["rope_parameters"] |= {"factor": 3.0, "mscale": 1.0}
    with pytest.raises(BadModel, match="mscale"):
        ModelConfig.from_hf(hf)
