"""The shapes of the tests' models, each written once; a test that needs another says with `replace` how it differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from occlusight.model.config import ModelConfig, TextConfig, VisionConfig

VOCABULARY = 300
IMAGE, VIDEO, START, END = 290, 291, 292, 293
TEXT = TextConfig(VOCABULARY, 64, 96, layers=4, heads=4, kv_heads=2, head_dim=32, mrope_section=(6, 5, 5))
VISION = VisionConfig(48, 80, layers=4, heads=3, out_size=64, patch_size=8, position_embeddings=49, taps=(0, 2))


def tiny_config(**changes: Any) -> ModelConfig:
    """For comparing numbers: two DeepStack taps, four layers each, patches of 8, a table of 7 x 7 positions."""
    return ModelConfig(TEXT, VISION, IMAGE, VIDEO, START, END, **changes)


def speaking_config(vocabulary: int, ids: Mapping[str, int], context: int) -> ModelConfig:
    """For answering with words of a tokenizer whose control tokens have these ids: patches of 16 as published."""
    return ModelConfig(
        TextConfig(
            vocabulary,
            hidden_size=48,
            intermediate_size=96,
            layers=3,
            heads=4,
            kv_heads=2,
            head_dim=16,
            mrope_section=(4, 2, 2),
            max_positions=context,
        ),
        VisionConfig(
            hidden_size=32, intermediate_size=64, layers=3, heads=2, out_size=48, position_embeddings=64, taps=(0, 1)
        ),
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=False,
        eos_token_ids=(ids["<|im_end|>"], ids["<|endoftext|>"]),
    )
