"""What the small model looks like and how it is trained: frozen settings, one place for every number."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tokenizers import Tokenizer

from occlusight.model.config import ModelConfig, TextConfig, VisionConfig

UNIT = 256
"""Side of a square training picture, in pixels; other shapes have about the same area."""

MIN_PIXELS, MAX_PIXELS = 57_000, 70_000
"""Limits of the shipped preprocessor: 1:1 becomes 256x256, 4:3 becomes 288x224."""


@dataclass(frozen=True)
class TrainRecipe:
    """One training run. `images` is its length; `decay` the share of it in which the learning rate falls to zero."""

    images: int = 160_000
    batch: int = 48
    learning_rate: float = 1.5e-3
    warmup: int = 200
    decay: float = 0.3
    weight_decay: float = 0.05
    slots: int = 6  # of 80 tokens, for a picture's questions
    dense_weight: float = 0.5
    decision_weight: float = 10.0  # of the first token of an answer that decides, against 1 for other tokens
    pivot_weight: float = 8.0  # of words that carry content, such as left and behind
    list_weight: float = 3.0  # of the tokens of a list of what is there
    grounding_weight: float = 1.0  # of where a named thing is, read from the middle of the decoder
    replay: int = 2
    render_share: float = 0.4  # of the pictures, where there are rendered data sets
    seed: int = 1
    blind: bool = False


def small_config(tokenizer: Tokenizer) -> ModelConfig:
    """A Qwen3-VL of about 16 M parameters with this tokenizer."""

    def id_of(name: str) -> int:
        found = tokenizer.token_to_id(name)
        assert found is not None, f"the tokenizer was trained without {name}"
        return found

    return ModelConfig(
        text=TextConfig(
            vocab_size=-(-tokenizer.get_vocab_size() // 64) * 64,
            hidden_size=256,
            intermediate_size=768,
            layers=6,
            heads=4,
            kv_heads=2,
            head_dim=64,
            rope_theta=10_000.0,
            mrope_section=(12, 10, 10),
            max_positions=4096,
        ),
        vision=VisionConfig(
            hidden_size=256,
            intermediate_size=1024,
            layers=8,
            heads=4,
            out_size=256,
            position_embeddings=400,
            taps=(2, 5),
        ),
        image_token_id=id_of("<|image_pad|>"),
        video_token_id=id_of("<|video_pad|>"),
        vision_start_token_id=id_of("<|vision_start|>"),
        vision_end_token_id=id_of("<|vision_end|>"),
        tie_word_embeddings=True,
        eos_token_ids=(id_of("<|im_end|>"), id_of("<|endoftext|>")),
    )


def blind_config(tokenizer: Tokenizer) -> ModelConfig:
    """The same decoder behind a vision tower as small as can be: the baseline that is never shown a picture."""
    config = small_config(tokenizer)
    vision = replace(config.vision, hidden_size=32, intermediate_size=32, layers=1, heads=1, taps=())
    return replace(config, vision=vision)
