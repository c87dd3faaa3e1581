"""A model smaller than the small one, its tokenizer, and truths of scenes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tokenizers import Tokenizer

from occlusight.model.config import ModelConfig
from occlusight.randomness import stream
from occlusight.scenes.meshes.catalogue import wide_catalogue
from occlusight.scenes.truth.measure import Truth
from occlusight.train.recipe import small_config
from occlusight.train.scenes import draw, measure
from occlusight.train.stream import TRUTH_STEP, corpus
from occlusight.train.tokenizer import train_tokenizer


def tiny_config(tokenizer: Tokenizer) -> ModelConfig:
    """The small model's shape, smaller still."""
    config = small_config(tokenizer)
    heads = {"heads": 2, "kv_heads": 1, "head_dim": 16, "mrope_section": (4, 2, 2)}
    text = replace(config.text, hidden_size=32, intermediate_size=64, layers=3, **heads)
    vision = replace(config.vision, hidden_size=32, intermediate_size=64, layers=3, heads=2, out_size=32, taps=(0, 1))
    return replace(config, text=text, vision=vision)


def truth_of(source: str, index: int, size: int = 128) -> Truth:
    """The truth of a scene as training sees it."""
    rng = stream("training examples", 1, index)
    return measure(draw(source, index, 1, wide_catalogue(), rng, size), source, wide_catalogue(), TRUTH_STEP)


@pytest.fixture(scope="session")
def tokenizer(assets: None) -> Tokenizer:
    return train_tokenizer(corpus(10), wide_catalogue(), 1500)
