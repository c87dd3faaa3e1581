"""From a training run to a checkpoint that our engine and transformers load: the directory of a Hugging Face model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from occlusight.errors import BadData
from occlusight.model.config import ModelConfig
from occlusight.model.pixel_limits import PixelLimits
from occlusight.model.preprocess import PreprocessSettings
from occlusight.model.qwen3vl import Qwen3VL
from occlusight.model.traits import Traits
from occlusight.model.weights import save_model
from occlusight.train.loop import CONFIG, STATE, end_of
from occlusight.train.recipe import MAX_PIXELS, MIN_PIXELS
from occlusight.train.tokenizer import SPECIAL

CHAT_TEMPLATE = """{% for m in messages %}<|im_start|>{{ m.role }}
{% if m.content is string %}{{ m.content }}{% else %}{% for c in m.content %}{% if c.type == 'image' %}\
<|vision_start|><|image_pad|><|vision_end|>{% elif c.type == 'video' %}<|vision_start|><|video_pad|><|vision_end|>\
{% else %}{{ c.text }}{% endif %}{% endfor %}{% endif %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


def export(run: Path, out: Path, traits: Traits, ends: Sequence[str] = ()) -> None:
    """Write the checkpoint of `run` into `out` (weights in bf16), with what it declares of its training: its last
    weights, or the mean of those at the `ends` of stages. A model card that is there stays.

    Raises BadData when the run has no state yet, or not come to one of these ends.
    """
    ended = _weights(run, ends)
    config = ModelConfig.from_hf(json.loads((run / CONFIG).read_text("utf-8")))
    model = Qwen3VL(config)
    with torch.no_grad():
        for parameter, *weights in zip(model.parameters(), *ended, strict=False):  # heads' come after
            parameter.copy_(torch.stack(weights).double().mean(0))
    save_model(model, out)
    shutil.copy(run / "tokenizer.json", out / "tokenizer.json")
    (out / "chat_template.jinja").write_text(CHAT_TEMPLATE, encoding="utf-8")
    preprocessor = PreprocessSettings(PixelLimits(MIN_PIXELS, MAX_PIXELS), patch_size=config.vision.patch_size).to_hf()
    _write(out / "preprocessor_config.json", preprocessor)
    video = {**preprocessor, "video_processor_type": "Qwen3VLVideoProcessor"}
    video.pop("image_processor_type")
    _write(out / "video_preprocessor_config.json", video)
    traits.save(out)
    eos = list(config.eos_token_ids)
    _write(out / "generation_config.json", {"do_sample": False, "eos_token_id": eos, "pad_token_id": eos[-1]})
    _write(
        out / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": "<|im_end|>",
            "pad_token": "<|endoftext|>",
            "model_max_length": config.text.max_positions,
            "extra_special_tokens": list(SPECIAL),
        },
    )


def _weights(run: Path, ends: Sequence[str]) -> list[list[Tensor]]:
    """The weights to be averaged: those of the model, then those of the heads."""
    found = []
    for name in [end_of(stage) for stage in ends] or [STATE]:
        if not (run / name).exists():
            raise BadData(f"{run} holds no {name}, a state of training; train with `occlusight train --out {run}`")
        state = torch.load(run / name, map_location="cpu", weights_only=True)
        found.append(state if ends else state["optimizer"]["masters"])
    return found


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
