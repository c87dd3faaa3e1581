"""Configurations: both spellings of the rope settings, checks, presets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.tiny import TEXT, VISION

from occlusight.errors import BadModel
from occlusight.model.config import ModelConfig, TextConfig, VisionConfig
from occlusight.model.presets import PRESETS, preset
from occlusight.model.qwen3vl import Qwen3VL

PARAMETERS = {"2B": 2_127_532_032, "4B": 4_437_815_808, "8B": 8_767_123_696, "32B": 33_357_390_064}


def test_a_configuration_survives_the_round_trip(make_config: Any) -> None:
    config = make_config(tie_word_embeddings=False, eos_token_ids=(3, 4))
    assert ModelConfig.from_hf(config.to_hf()) == config


@pytest.mark.parametrize("spelling", ["hub", "transformers 5"])
def test_either_spelling_of_the_rope_settings_is_enough(make_config: Any, spelling: str) -> None:
    hf = preset("2B").to_hf()
    text = hf["text_config"]
    if spelling == "hub":
        del text["rope_parameters"]
    else:
        del text["rope_scaling"], text["rope_theta"]
    assert ModelConfig.from_hf(hf) == preset("2B")


def test_transformers_reads_what_we_write() -> None:
    from transformers import Qwen3VLConfig

    theirs = Qwen3VLConfig(**preset("8B").to_hf())
    rope = theirs.text_config.rope_parameters
    assert rope["rope_theta"] == 5_000_000
    assert list(rope["mrope_section"]) == [24, 20, 20]
    assert not theirs.tie_word_embeddings
    assert ModelConfig.from_hf(theirs.to_dict()) == preset("8B")


@pytest.mark.parametrize("size", PRESETS)
def test_released_models_have_their_parameters(size: str) -> None:
    """The counts are those of transformers' own classes on the meta device."""
    with torch.device("meta"):
        model = Qwen3VL(preset(size))
    assert sum(parameter.numel() for parameter in model.parameters()) == PARAMETERS[size]
    assert (model.lm_head is None) == (size in ("2B", "4B"))


def test_the_2b_preset_has_the_tensors_that_transformers_has() -> None:
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    from occlusight.model.weights import hf_name

    with torch.device("meta"):
        own = Qwen3VL(preset("2B"))
        theirs = Qwen3VLForConditionalGeneration(Qwen3VLConfig(**preset("2B").to_hf()))
    assert {hf_name(name): p.shape for name, p in own.named_parameters()} == {
        name: p.shape for name, p in theirs.named_parameters()
    }


def test_an_unknown_preset_lists_the_sizes() -> None:
    assert preset("2b") == preset("2B")
    with pytest.raises(BadModel, match="2B, 4B, 8B, 32B"):
        preset("7B")


def text(**changes: Any) -> TextConfig:
    return replace(TEXT, **changes)


def vision(**changes: Any) -> VisionConfig:
    return replace(VISION, **changes)


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: text(kv_heads=3), "multiple of kv_heads"),
        (lambda: text(layers=0), "layers must be positive"),
        (lambda: text(head_dim=7), "even"),
        (lambda: text(mrope_section=(6, 5, 4)), "sum to head_dim / 2 = 16"),
        (lambda: text(mrope_section=(2, 7, 7)), "give time the most"),
        (lambda: vision(heads=5), "multiple of 4"),
        (lambda: vision(position_embeddings=50), "no square"),
        (lambda: vision(taps=(2, 0)), "rise"),
        (lambda: vision(taps=(4,)), "within 0..3"),
        (lambda: ModelConfig(text(), vision(out_size=32), 1, 2, 3, 4), "out_size"),
        (lambda: ModelConfig(text(layers=1), vision(), 1, 2, 3, 4), "2 DeepStack taps"),
        (lambda: ModelConfig(text(), vision(), 300, 2, 3, 4), "outside the vocabulary"),
        (lambda: ModelConfig(text(), vision(), 2, 2, 3, 4), "must differ"),
    ],
)
def test_impossible_shapes_are_refused(build: Any, says: str) -> None:
    with pytest.raises(BadModel, match=says):
        build()


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("model_type",), "qwen2_vl", "only 'qwen3_vl'"),
        (("model_type",), "qwen3_vl_moe", "only 'qwen3_vl'"),
        (("text_config",), None, "text_config is missing"),
        (("text_config", "hidden_size"), "big", "needs an integer hidden_size, got 'big'"),
        (("text_config", "hidden_act"), "gelu", "hidden_act is 'gelu'"),
        (("text_config", "attention_bias"), True, "attention_bias"),
        (("vision_config", "hidden_act"), "relu", "'gelu_pytorch_tanh'"),
        (("vision_config", "patch_size"), [16, 8], "square"),
        (("text_config", "rope_parameters", "rope_type"), "llama3", "'llama3' is not supported"),
        (("text_config", "rope_parameters", "mrope_interleaved"), False, "sectioned"),
        (("text_config", "rope_parameters", "partial_rotary_factor"), 0.5, "partial_rotary_factor is 0.5"),
        (("text_config", "rope_parameters"), [1], "needs objects as rope"),
        (("text_config", "rope_parameters", "mrope_section"), [24, "20", 20], "a list of numbers as mrope_section"),
        (("text_config", "rope_parameters", "mrope_section"), [24, 20], "three counts"),
        (("text_config", "rope_parameters", "rope_theta"), "5e6", "a number as rope_theta"),
        (("text_config", "num_hidden_layers"), 5000, "at most 512 layers"),
        (("text_config", "num_hidden_layers"), -1, "layers must be positive"),
        (("text_config", "hidden_size"), 2048.0, "needs an integer hidden_size, got 2048.0"),
        (("text_config", "hidden_size"), True, "needs an integer hidden_size, got True"),
        (("text_config", "hidden_size"), 10**30, "larger than any model's"),
        (("text_config", "head_dim"), 1 << 19, "larger than any model's"),
        (("text_config", "rms_norm_eps"), -1, "rms_norm_eps must be positive"),
        (("text_config",), 5, "needs an object as text_config"),
        (("vision_config", "patch_size"), 10**6, "larger than any model's"),
        (("vision_config", "spatial_merge_size"), 10**6, "larger than any model's"),
        (("vision_config", "in_channels"), 4, "in_channels is 4"),
        (("vision_config", "deepstack_visual_indexes"), "5", "a list of numbers as deepstack"),
        (("vision_config", "deepstack_visual_indexes"), [5.5], "a list of integers as deepstack"),
        (("image_token_id",), "151655", "needs an integer image_token_id"),
        (("tie_word_embeddings",), "yes", "true or false as tie_word_embeddings"),
        (("eos_token_id",), "151645", "token ids"),
        (("eos_token_id",), [True], "token ids"),
        (("eos_token_id",), -1, "token ids"),
        (("quantization_config",), {"quant_method": "fp8"}, r"quantized \(fp8\)"),
        (("text_config", "quantization_config"), {"quant_method": "awq"}, r"quantized \(awq\)"),
        (("quantization",), {"group_size": 64, "bits": 4}, "weights are quantized"),
        (("compression_config",), {"format": "pack-quantized"}, r"quantized \(pack-quantized\)"),
    ],
)
def test_configurations_that_we_do_not_compute_are_refused(path: tuple[str, ...], value: Any, says: str) -> None:
    hf = preset("2B").to_hf()
    part = hf
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    with pytest.raises(BadModel, match=says):
        ModelConfig.from_hf(hf)


def test_a_missing_theta_is_refused() -> None:
    hf = preset("2B").to_hf()
    del hf["text_config"]["rope_theta"], hf["text_config"]["rope_parameters"]
    with pytest.raises(BadModel, match="rope_theta"):
        ModelConfig.from_hf(hf)


def test_a_field_that_nobody_knows_is_warned_about_once(caplog: pytest.LogCaptureFixture) -> None:
    hf = preset("4B").to_hf()
    hf["text_config"] |= {"a_field_of_the_future": 1, "left_out": None}
    for _ in range(2):
        ModelConfig.from_hf(hf)
    assert [record.getMessage() for record in caplog.records] == [
        "config.json: text_config: ignoring 1 unknown field(s): a_field_of_the_future"
    ]
