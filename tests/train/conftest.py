"""A model smaller than the small one, its tokenizer, and truths of scenes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from tokenizers import Tokenizer

from occlusight.model.config import ModelConfig
from occlusight.randomness import stream
from occlusight.scenes.description import Camera, Light, Placed, Scene, Surroundings
from occlusight.scenes.meshes.catalogue import Catalogue, wide_catalogue
from occlusight.scenes.truth.measure import Truth
from occlusight.train import stream as stream_of_batches
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


def few_things(
    source: str, index: int, seed: int, catalogue: Catalogue, rng: np.random.Generator, size: int, varied: float = 0.0
) -> Scene:
    """Instead of a recipe's scene one of three things of procedural meshes: loading others takes a second each."""
    meshes = ("procedural-suitcase", "procedural-parasol", "procedural-sign-round")
    things = tuple(
        Placed(f"o{i}", catalogue.mesh(mesh).kind, mesh, (float(rng.uniform(-0.7, 0.7)), 1.0 * i, 0.0), 0.0, 1.0, None)
        for i, mesh in enumerate(meshes)
    )
    return Scene(
        "desk", seed, index, things,
        Camera((0.0, -4.0, 1.4), (0.0, 0.0, 0.9), 45.0, size, size),
        Light((0.3, 0.6, -0.8), (1.5, 1.5, 1.4), (0.8, 0.8, 0.85)),
        Surroundings("ground", (0.3, 0.3, 0.3)),
    )  # fmt: skip


def few_frames(index: int, seed: int, catalogue: Catalogue, rng: np.random.Generator, size: int) -> list[Scene]:
    return [few_things("desk", index, seed, catalogue, rng, size) for _ in range(3)]


@pytest.fixture(scope="module")
def quick_scenes() -> Iterator[None]:
    """The stream draws scenes of few things, and begins with few of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream_of_batches, "draw", few_things)
        patch.setattr(stream_of_batches, "draw_clip_frames", few_frames)
        patch.setattr(stream_of_batches, "FIRST", 2)
        yield
