"""The configuration files of the family's dense models open as their repositories lay them out, without weights.

Sources: `config.json` of Qwen/Qwen3-VL-4B-Instruct as copied into musubi-tuner's Krea 2 support. The sizes of the
others are written from memory (the parameter counts in test_config.py agree with the published ones), and so are the
other files, after the repositories' layout of October 2025: `preprocessor_config.json`,
`video_preprocessor_config.json`, `generation_config.json`, `tokenizer_config.json` with `added_tokens_decoder`, and
`chat_template.json`.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
import torch

from occlusight.model.chat import Chat
from occlusight.model.pixel_limits import PixelLimits
from occlusight.model.preprocess import PreprocessSettings
from occlusight.model.presets import preset
from occlusight.model.qwen3vl import Qwen3VL
from occlusight.model.video import VideoSettings
from occlusight.model.weights import load_model, save_model

TEXT = {
    "2B": {"hidden_size": 2048, "intermediate_size": 6144, "num_hidden_layers": 28, "num_attention_heads": 16},
    "4B": {"hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36, "num_attention_heads": 32},
    "8B": {"hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36, "num_attention_heads": 32},
    "32B": {"hidden_size": 5120, "intermediate_size": 25600, "num_hidden_layers": 64, "num_attention_heads": 64},
}
SMALL_TOWER = {"depth": 24, "hidden_size": 1024, "intermediate_size": 4096, "deepstack_visual_indexes": [5, 11, 17]}
LARGE_TOWER = {"depth": 27, "hidden_size": 1152, "intermediate_size": 4304, "deepstack_visual_indexes": [8, 16, 24]}
TOKENS = {
    151643: "<|endoftext|>",
    151644: "<|im_start|>",
    151645: "<|im_end|>",
    151646: "<|object_ref_start|>",
    151647: "<|object_ref_end|>",
    151648: "<|box_start|>",
    151649: "<|box_end|>",
    151650: "<|quad_start|>",
    151651: "<|quad_end|>",
    151652: "<|vision_start|>",
    151653: "<|vision_end|>",
    151654: "<|vision_pad|>",
    151655: "<|image_pad|>",
    151656: "<|video_pad|>",
    151657: "<tool_call>",
    151658: "</tool_call>",
    151659: "<|fim_prefix|>",
    151660: "<|fim_middle|>",
    151661: "<|fim_suffix|>",
    151662: "<|fim_pad|>",
    151663: "<|repo_name|>",
    151664: "<|file_sep|>",
    151665: "<tool_response>",
    151666: "</tool_response>",
    151667: "<think>",
    151668: "</think>",
}
SPECIAL = [name for token, name in TOKENS.items() if token < 151657]
PIXELS = {"patch_size": 16, "temporal_patch_size": 2, "merge_size": 2, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
TEMPLATE = """\
{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' }}
{%- if message.content is string %}{{- message.content }}{%- else %}
{%- for content in message.content %}
{%- if content.type == 'image' or 'image' in content %}<|vision_start|><|image_pad|><|vision_end|>
{%- elif content.type == 'video' or 'video' in content %}<|vision_start|><|video_pad|><|vision_end|>
{%- elif 'text' in content %}{{- content.text }}{%- endif %}{%- endfor %}{%- endif %}{{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\nEND' }}{%- endif %}
"""


def config(size: str) -> dict[str, Any]:
    """The repository's config.json."""
    tied, tower = size in ("2B", "4B"), SMALL_TOWER if size in ("2B", "4B") else LARGE_TOWER
    return {
        "architectures": ["Qwen3VLForConditionalGeneration"],
        "image_token_id": 151655,
        "model_type": "qwen3_vl",
        "text_config": {
            "attention_bias": False,
            "attention_dropout": 0.0,
            "bos_token_id": 151643,
            "dtype": "bfloat16",
            "eos_token_id": 151645,
            "head_dim": 128,
            "hidden_act": "silu",
            "initializer_range": 0.02,
            "max_position_embeddings": 262144,
            "model_type": "qwen3_vl_text",
            "num_key_value_heads": 8,
            "rms_norm_eps": 1e-06,
            "rope_scaling": {"mrope_interleaved": True, "mrope_section": [24, 20, 20], "rope_type": "default"},
            "rope_theta": 5000000,
            **({"tie_word_embeddings": True} if tied else {}),
            "use_cache": True,
            "vocab_size": 151936,
            **TEXT[size],
        },
        "tie_word_embeddings": tied,
        "transformers_version": "4.57.0.dev0",
        "video_token_id": 151656,
        "vision_config": {
            "hidden_act": "gelu_pytorch_tanh",
            "in_channels": 3,
            "initializer_range": 0.02,
            "model_type": "qwen3_vl",
            "num_heads": 16,
            "num_position_embeddings": 2304,
            "out_hidden_size": TEXT[size]["hidden_size"],
            "patch_size": 16,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            **tower,
        },
        "vision_end_token_id": 151653,
        "vision_start_token_id": 151652,
    }


def write_repository(folder: Path, size: str, kind: str) -> None:
    """Write what a repository holds besides weights; the vocabulary is cut down to bytes."""
    thinking = kind == "Thinking"
    template = TEMPLATE.replace("END", "<think>\\n" if thinking else "")
    added = {
        str(token): {
            "content": name,
            "lstrip": False,
            "normalized": False,
            "rstrip": False,
            "single_word": False,
            "special": name in SPECIAL,
        }
        for token, name in TOKENS.items()
    }
    alphabet = [chr(code) for code in (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x144))]
    files: dict[str, Any] = {
        "config.json": config(size),
        "generation_config.json": {
            "bos_token_id": 151643,
            "pad_token_id": 151643,
            "do_sample": True,
            "eos_token_id": [151645, 151643],
            "top_k": 20,
            "top_p": 0.95 if thinking else 0.8,
            "repetition_penalty": 1.0,
            "temperature": 1.0 if thinking else 0.7,
            "transformers_version": "4.56.0",
        },
        "preprocessor_config.json": {
            "size": {"longest_edge": 16777216, "shortest_edge": 65536},
            **PIXELS,
            "processor_class": "Qwen3VLProcessor",
            "image_processor_type": "Qwen2VLImageProcessorFast",
        },
        "video_preprocessor_config.json": {
            "size": {"longest_edge": 25165824, "shortest_edge": 4096},
            **PIXELS,
            "processor_class": "Qwen3VLProcessor",
            "video_processor_type": "Qwen3VLVideoProcessor",
        },
        "tokenizer_config.json": {
            "add_bos_token": False,
            "add_prefix_space": False,
            "added_tokens_decoder": added,
            "additional_special_tokens": SPECIAL[1:],
            "bos_token": None,
            "chat_template": template,
            "clean_up_tokenization_spaces": False,
            "eos_token": "<|im_end|>",
            "errors": "replace",
            "model_max_length": 262144,
            "pad_token": "<|endoftext|>",
            "split_special_tokens": False,
            "tokenizer_class": "Qwen2Tokenizer",
            "unk_token": None,
        },
        "chat_template.json": {"chat_template": template},
        "tokenizer.json": {
            "version": "1.0",
            "added_tokens": [{"id": int(token), **entry} for token, entry in added.items()],
            "normalizer": {"type": "NFC"},
            "pre_tokenizer": {
                "type": "ByteLevel",
                "add_prefix_space": False,
                "trim_offsets": False,
                "use_regex": False,
            },
            "post_processor": {
                "type": "ByteLevel",
                "add_prefix_space": False,
                "trim_offsets": False,
                "use_regex": False,
            },
            "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
            "model": {"type": "BPE", "vocab": {name: place for place, name in enumerate(alphabet)}, "merges": []},
        },
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=2), encoding="utf-8")


@pytest.mark.parametrize("kind", ["Instruct", "Thinking"])
@pytest.mark.parametrize("size", TEXT)
def test_a_published_repository_opens(tmp_path: Path, size: str, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    write_repository(tmp_path, size, kind)
    with caplog.at_level(logging.WARNING):
        chat = Chat.load(tmp_path)
        preprocess, video = PreprocessSettings.load(tmp_path), VideoSettings.load(tmp_path)
    assert chat.config.text == preset(size).text
    assert chat.config.vision == preset(size).vision
    assert chat.config.tie_word_embeddings == (size in ("2B", "4B"))
    assert chat.eos_ids == (151645, 151643)
    assert preprocess == PreprocessSettings(PixelLimits(65_536, 16_777_216))
    assert video == VideoSettings()
    preprocess.check_fits(chat.config.vision)
    shown = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "?"}]}]
    ids = chat.prompt(shown, [(1, 4, 6)])
    assert ids.count(151655) == 6
    assert (151667 in ids[-3:]) == (kind == "Thinking")
    assert caplog.records == []  # every field is known
    assert Qwen3VL.without_values(chat.config).device.type == "meta"


def test_what_transformers_5_saves_opens_with_the_same_numbers(
    twins: Any, make_model: Any, chat_directory: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Weights, tokenizer with its template in a file of its own, and one processor_config.json for pictures and
    clips."""
    from transformers import PreTrainedTokenizerFast
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    before = Chat.load(chat_directory)
    save_model(make_model(before.config), tmp_path / "ours", torch.float32)
    reference = twins.load(tmp_path / "ours")
    out = tmp_path / "theirs"
    reference.save_pretrained(out)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(chat_directory / "tokenizer.json"), eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    tokenizer.chat_template = (chat_directory / "chat_template.jinja").read_text()
    tokenizer.save_pretrained(out)
    settings = PreprocessSettings(PixelLimits(1024, 4096), patch_size=8)
    pictures = Qwen2VLImageProcessorPil(**settings.to_hf()).to_dict()
    clips = {**settings.to_hf(), "video_processor_type": "Qwen3VLVideoProcessor", "fps": 2, "do_sample_frames": True}
    clips.pop("image_processor_type")
    nested = {"image_processor": pictures, "video_processor": clips, "processor_class": "Qwen3VLProcessor"}
    (out / "processor_config.json").write_text(json.dumps(nested))
    with caplog.at_level(logging.WARNING, logger="occlusight"):
        chat, model = Chat.load(out), load_model(out)
        assert PreprocessSettings.load(out) == settings
        assert VideoSettings.load(out).preprocess == settings
    assert [record.getMessage() for record in caplog.records if record.name.startswith("occlusight")] == []
    assert chat.tokenizer.control["<|im_end|>"] in chat.eos_ids
    case = twins.cases["text"]
    torch.testing.assert_close(twins.ours(model, case), twins.theirs(reference, case), atol=1e-4, rtol=0)
