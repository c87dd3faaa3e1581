"""The checkpoint that every engine is timed on: Qwen3-VL-2B's shape, random weights, the real tokenizer.

Random weights cost what trained ones cost. What they lack, a few enormous activations, `outliers` writes in.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.tokenizer import qwen_tokenizer
from occlusight.errors import BadInput
from occlusight.model.config import ModelConfig, TextConfig, VisionConfig
from occlusight.model.preprocess import PreprocessSettings
from occlusight.model.presets import VOCABULARY, preset
from occlusight.model.qwen3vl import Qwen3VL
from occlusight.model.weights import save_model
from occlusight.train.export import CHAT_TEMPLATE
from occlusight.train.tokenizer import SPECIAL

END = (151_645, 151_643)
"""<|im_end|> and <|endoftext|>."""
SHAPES = ("2B", "tiny")
DONE = "occlusight-benchmark.json"


def make_checkpoint(out: Path, wheel: Path, shape: str = "2B", seed: int = 0) -> bool:
    """Write a checkpoint into `out`, weights in bf16; return False where it is already there whole.

    Raises:
        BadInput: there is no such shape.
        BadData: `wheel` is no wheel of dashscope.
    """
    about = {"shape": shape, "seed": seed}
    if (out / DONE).is_file() and json.loads((out / DONE).read_text(encoding="utf-8")) == about:
        return False
    config = config_of(shape)
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = qwen_tokenizer(wheel)
    with torch.device("meta"):
        model = Qwen3VL(config)
    model = model.to(torch.bfloat16).to_empty(device="cpu")
    model.init_weights(torch.Generator().manual_seed(seed))
    save_model(model, out)
    tokenizer.save(str(out / "tokenizer.json"))
    write_settings(out, config)
    _write(out / DONE, about)
    return True


def config_of(shape: str) -> ModelConfig:
    """The configuration of a shape: `2B`, or `tiny`, for trying out. Raises BadInput."""
    if shape == "2B":
        return replace(preset("2B"), eos_token_ids=END)
    if shape != "tiny":
        raise BadInput(f"--shape takes {', '.join(SHAPES)}, but {shape!r} was given")
    text = TextConfig(VOCABULARY, 256, 768, layers=6, heads=4, kv_heads=2, head_dim=64, mrope_section=(12, 10, 10))
    vision = VisionConfig(192, 768, layers=6, heads=3, out_size=256, position_embeddings=256, taps=(1, 2, 3))
    return ModelConfig(text, vision, eos_token_ids=END)


def write_settings(out: Path, config: ModelConfig) -> None:
    """Write everything beside weights, config.json and tokenizer.json that one of the engines reads."""
    (out / "chat_template.jinja").write_text(CHAT_TEMPLATE, encoding="utf-8")
    picture = PreprocessSettings(patch_size=config.vision.patch_size).to_hf()
    _write(out / "preprocessor_config.json", picture)
    clip = {name: value for name, value in picture.items() if name != "image_processor_type"}
    clip |= {
        "video_processor_type": "Qwen3VLVideoProcessor",
        "size": {"longest_edge": 25_165_824, "shortest_edge": 4_096},
    }
    _write(out / "video_preprocessor_config.json", clip)
    _write(out / "generation_config.json", {"do_sample": False, "eos_token_id": list(END), "pad_token_id": END[1]})
    settings = {
        "tokenizer_class": "Qwen2Tokenizer",
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "chat_template": CHAT_TEMPLATE,
        "model_max_length": config.text.max_positions,
        "extra_special_tokens": list(SPECIAL),
    }
    _write(out / "tokenizer_config.json", settings)


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
