"""A bank of plain sprites that needs no renderer: a coloured block for every mesh of the recipes."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from occlusight.scenes.render.sprites import INDEX, SpriteInfo
from tokenizers import Tokenizer

from occlusight.model.config import ModelConfig
from occlusight.scenes.meshes.catalogue import load_catalogue
from occlusight.scenes.recipes.free import SETTINGS
from occlusight.train.recipe import small_config
from occlusight.train.stream import corpus
from occlusight.train.tokenizer import train_tokenizer


def write_bank(folder: Path) -> Path:
    """One block of 24 x 24 pixels, one metre tall at 24 pixels a metre, for every mesh that training may see."""
    catalogue = load_catalogue()
    folder.mkdir(parents=True, exist_ok=True)
    colours = list(catalogue.colours)
    cast = dict.fromkeys(key for setting in SETTINGS.values() for key in setting.cast)
    offset = 0
    with (folder / INDEX).open("w") as lines, (folder / "pixels.bin").open("wb") as pixels:
        for number, mesh in enumerate(m for key in cast for m in catalogue.meshes(key)):
            rgba = np.full((24, 24, 4), 255, np.uint8)
            rgba[..., :3] = (number * 37 % 256, number * 91 % 256, number * 53 % 256)
            depth = np.zeros((24, 24), np.float16)
            paint = colours[number % len(colours)] if catalogue.kind(mesh.kind).paintable else None
            tall = 24 / max(mesh.size)
            info = SpriteInfo(mesh.id, paint, 15.0, 0.0, tall, (12.0, 23.0), 24, 24, offset, number)
            lines.write(json.dumps(asdict(info)) + "\n")
            offset += pixels.write(rgba.tobytes()) + pixels.write(depth.tobytes())
    return folder


def tiny_config(tokenizer: Tokenizer) -> ModelConfig:
    """The small model's shape, smaller still."""
    config = small_config(tokenizer)
    heads = {"heads": 2, "kv_heads": 1, "head_dim": 16, "mrope_section": (4, 2, 2)}
    text = replace(config.text, hidden_size=32, intermediate_size=64, layers=3, **heads)
    vision = replace(config.vision, hidden_size=32, intermediate_size=64, layers=3, heads=2, out_size=32, taps=(0, 1))
    return replace(config, text=text, vision=vision)


@pytest.fixture(scope="session")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bank(tmp_path_factory.mktemp("bank"))


@pytest.fixture(scope="session")
def tokenizer(bank: Path) -> Tokenizer:
    return train_tokenizer(corpus(bank, 12), load_catalogue(), 1500)
