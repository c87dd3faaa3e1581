"""A checkpoint of the smallest Qwen3-VL, which answers nonsense in words of a tokenizer of its own."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from tests.tiny import speaking_config
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from occlusight.model.pixel_limits import PixelLimits
from occlusight.model.preprocess import PreprocessSettings
from occlusight.model.qwen3vl import Qwen3VL
from occlusight.model.weights import save_model

CONTROL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
LINES = (
    "Is the bicycle hidden by the bush? The lamp post hides part of the red car, so it is nearer.",
    "图中有几辆车?它们与路灯杆的位置关系是什么?自行车是否被灌木丛遮挡?红色轿车在路灯杆后面。",
)
TEMPLATE = """\
{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\n' }}
{%- if message.content is string %}
{{- message.content }}
{%- else %}
{%- for part in message.content %}
{%- if part.type == 'image' %}
{{- '<|vision_start|><|image_pad|><|vision_end|>' }}
{%- elif part.type == 'video' %}
{{- '<|vision_start|><|video_pad|><|vision_end|>' }}
{%- else %}
{{- part.text }}
{%- endif %}
{%- endfor %}
{%- endif %}
{{- '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\n' }}
{%- endif %}
"""


def write_checkpoint(folder: Path, seed: int = 1, context: int = 4096) -> Path:
    """Write a checkpoint of the smallest Qwen3-VL with random weights, large enough that its logits differ."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=[], show_progress=False
    )
    tokenizer.train_from_iterator(LINES, trainer)
    tokenizer.add_special_tokens(list(CONTROL))
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    ids = {name: tokenizer.token_to_id(name) for name in CONTROL}
    model = Qwen3VL(speaking_config(tokenizer.get_vocab_size(), ids, context))
    generator = torch.Generator().manual_seed(seed)
    model.init_weights(generator)
    with torch.no_grad():
        model.text.embed_tokens.weight.mul_(50)
        assert model.lm_head is not None
        model.lm_head.weight.mul_(8)
    save_model(model, folder, torch.float32)
    settings = PreprocessSettings(limits=PixelLimits(32 * 32, 128 * 128))
    (folder / "preprocessor_config.json").write_text(json.dumps(settings.to_hf()))
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    (folder / "generation_config.json").write_text(
        json.dumps({"eos_token_id": [ids["<|im_end|>"], ids["<|endoftext|>"]]})
    )
    return folder
