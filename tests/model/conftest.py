"""A tiny Qwen3-VL with weights large enough that errors show, its twin in transformers, and inputs of every kind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.tiny import END, IMAGE, START, TEXT, VIDEO, VISION, tiny_config
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers import Tokenizer as BaseTokenizer
from torch import Tensor

from occlusight.model.config import ModelConfig
from occlusight.model.pixel_limits import PixelLimits
from occlusight.model.preprocess import PreprocessSettings, patches_of_array
from occlusight.model.qwen3vl import Qwen3VL
from occlusight.model.rope import Grid, positions
from occlusight.model.weights import save_model

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>"]
SPECIAL += ["<|image_pad|>", "<|video_pad|>"]
TEMPLATE = """\
{% for m in messages %}<|im_start|>{{ m.role }}
{% if m.content is string %}{{ m.content }}{% else %}{% for part in m.content -%}
{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>
{%- elif part.type == 'video' %}<|vision_start|><|video_pad|><|vision_end|>
{%- else %}{{ part.text }}{% endif %}
{%- endfor %}{% endif %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


@dataclass(frozen=True)
class Case:
    """One sequence as both models take it."""

    ids: Tensor  # (T,)
    patches: Tensor  # (N, values)
    grids: tuple[Grid, ...] = ()
    offset: int = 0
    """Added to every position."""

    @property
    def video(self) -> bool:
        """Whether its pads are a clip's."""
        return bool((self.ids == VIDEO).any())


def loud_model(config: ModelConfig, seed: int = 0) -> Qwen3VL:
    """Weights so large that every part of the model matters and logits deviate by more than 1."""
    model = Qwen3VL(config).eval()
    generator = torch.Generator().manual_seed(seed)
    model.init_weights(generator)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if "embed" in name and "patch" not in name:
                parameter.copy_(0.3 * noise)
            elif parameter.dim() > 1:
                parameter.copy_(1.5 * noise / parameter[0].numel() ** 0.5)
            else:
                parameter.add_(0.2 * noise)
    return model


def build_cases() -> dict[str, Case]:
    """Text, one image, two of different shape, extreme aspects, a clip with times, far positions."""
    rng = np.random.default_rng(0)
    settings = PreprocessSettings(PixelLimits(1, 10**9), patch_size=8)

    def image(rows: int, columns: int) -> tuple[Tensor, Grid]:
        pixels = rng.integers(0, 256, (1, rows * 8, columns * 8, 3), dtype=np.uint8)
        return patches_of_array(pixels, settings), (1, rows, columns)

    def text(count: int) -> list[int]:
        return [int(token) for token in rng.integers(0, IMAGE, count)]

    def with_images(*sizes: tuple[int, int], offset: int = 0) -> Case:
        made = [image(*size) for size in sizes]
        ids = text(3)
        for _, (_, rows, columns) in made:
            ids += [START, *[IMAGE] * (rows * columns // 4), END, *text(4)]
        return Case(torch.tensor(ids), torch.cat([p for p, _ in made]), tuple(g for _, g in made), offset)

    pairs, rows, columns = 3, 4, 6
    clip = torch.cat([image(rows, columns)[0] for _ in range(pairs)])
    ids = text(4)
    for _ in range(pairs):
        ids += [*text(3), START, *[VIDEO] * (rows * columns // 4), END]
    return {
        "text": Case(torch.tensor(text(40)), torch.empty(0, 384)),
        "image": with_images((6, 10)),
        "two images": with_images((4, 8), (10, 6)),
        "equal images": with_images((4, 6), (4, 6), (8, 4), (4, 6)),
        "extreme aspects": with_images((2, 60), (40, 2)),
        "video": Case(torch.tensor([*ids, *text(5)]), clip, ((pairs, rows, columns),)),
        "far text": Case(torch.tensor(text(30)), torch.empty(0, 384), offset=200_000),
        "far image": with_images((6, 10), offset=50_000),
    }


def ours(model: Qwen3VL, case: Case) -> Tensor:
    """Logits `(T, V)` of our model."""
    place, _ = positions(case.ids, case.grids, model.config)
    with torch.no_grad():
        features = model.encode(case.patches, case.grids) if case.grids else None
        hidden = model(case.ids[None], place[:, None] + case.offset, features)
        return model.logits(hidden)[0]


def theirs(model: Any, case: Case) -> Tensor:
    """Logits `(T, V)` of transformers' model."""
    inputs: dict[str, Any] = {"input_ids": case.ids[None], **their_visuals(case)}
    if case.offset:
        inputs["position_ids"] = their_positions(model, case) + case.offset
    with torch.no_grad():
        logits: Tensor = model(**inputs).logits[0]
    model.model.rope_deltas = None
    return logits


def their_visuals(case: Case) -> dict[str, Tensor]:
    """Pixel values, grids and token types as transformers names them."""
    if not case.grids:
        return {}
    kinds = (case.ids == IMAGE).int() + 2 * (case.ids == VIDEO).int()
    grids = torch.tensor(case.grids)
    if case.video:
        return {"pixel_values_videos": case.patches, "video_grid_thw": grids, "mm_token_type_ids": kinds[None]}
    return {"pixel_values": case.patches, "image_grid_thw": grids, "mm_token_type_ids": kinds[None]}


def their_positions(model: Any, case: Case) -> Tensor:
    """Positions `(3, 1, T)` that transformers computes."""
    if not case.grids:
        return torch.arange(len(case.ids)).expand(3, 1, -1)
    grids = {key: value for key, value in their_visuals(case).items() if "grid" in key}
    kinds = their_visuals(case)["mm_token_type_ids"]
    place: Tensor = model.model.get_rope_index(case.ids[None], mm_token_type_ids=kinds, **grids)[0]
    return place


def load_theirs(directory: Path) -> Any:
    """Transformers' model of a checkpoint, in fp32."""
    from transformers import Qwen3VLForConditionalGeneration
    from transformers.utils import logging

    logging.disable_progress_bar()
    return Qwen3VLForConditionalGeneration.from_pretrained(directory, dtype=torch.float32).eval()


@dataclass(frozen=True)
class Twins:
    """Our model, transformers' of the same weights, and what theirs says to every case."""

    model: Qwen3VL
    reference: Any
    directory: Path
    cases: dict[str, Case]
    logits: dict[str, Tensor]
    ours: Callable[[Qwen3VL, Case], Tensor] = ours
    theirs: Callable[[Any, Case], Tensor] = theirs
    visuals: Callable[[Case], dict[str, Tensor]] = their_visuals
    load: Callable[[Path], Any] = load_theirs


@pytest.fixture(scope="package", autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny matrices run many times faster on one thread than on several that wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Twins:
    directory = tmp_path_factory.mktemp("tiny")
    model = loud_model(tiny_config())
    save_model(model, directory, torch.float32)
    reference = load_theirs(directory)
    cases = build_cases()
    return Twins(model, reference, directory, cases, {name: theirs(reference, case) for name, case in cases.items()})


@pytest.fixture(scope="session")
def make_config() -> Callable[..., ModelConfig]:
    return tiny_config


@pytest.fixture(scope="session")
def make_model() -> Callable[..., Qwen3VL]:
    return loud_model


@pytest.fixture(scope="session")
def chat_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint directory without weights: a tokenizer made like Qwen's, a template, configurations."""
    directory = tmp_path_factory.mktemp("chat")
    base = BaseTokenizer(models.BPE())
    base.normalizer = normalizers.NFC()
    base.decoder = decoders.ByteLevel()
    split = Regex(r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    base.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(split, "isolated"), bytes_])
    corpus = [
        "user\nthe red car is behind the lamp post\n\nassistant\nseconds 红色轿车在路灯杆后面被遮挡 im_end image_pad"
    ]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    base.train_from_iterator(
        corpus * 5, trainers.BpeTrainer(vocab_size=500, initial_alphabet=alphabet, show_progress=False)
    )
    base.add_special_tokens(SPECIAL)
    base.add_tokens([AddedToken(name, normalized=False) for name in ("<think>", "</think>")])
    base.save(str(directory / "tokenizer.json"))
    ids = {name: base.token_to_id(name) for name in SPECIAL}
    config = ModelConfig(
        replace(TEXT, vocab_size=base.get_vocab_size() + 8),
        VISION,
        ids["<|image_pad|>"],
        ids["<|video_pad|>"],
        ids["<|vision_start|>"],
        ids["<|vision_end|>"],
    )
    eos = {"eos_token_id": [ids["<|im_end|>"], ids["<|endoftext|>"]]}
    (directory / "config.json").write_text(json.dumps(config.to_hf()), encoding="utf-8")
    (directory / "generation_config.json").write_text(json.dumps(eos), encoding="utf-8")
    (directory / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    return directory
