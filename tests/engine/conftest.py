"""An engine of the tiny model, and prompts for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.engine.greedy import Ask, new_engine

from occlusight.engine.engine import Engine
from occlusight.engine.prompt import Prompt, Visual
from occlusight.model.chat import Chat
from occlusight.model.picture import open_picture
from occlusight.model.preprocess import PreprocessSettings, patches_of


@pytest.fixture(scope="session")
def chat(tiny_checkpoint: Path) -> Chat:
    return Chat.load(tiny_checkpoint)


@pytest.fixture
def engine(tiny_checkpoint: Path) -> Engine:
    return new_engine(tiny_checkpoint)


@pytest.fixture
def prompt(chat: Chat, tiny_checkpoint: Path) -> Ask:
    settings = PreprocessSettings.load(tiny_checkpoint)

    def build(question: str, *pictures: Path) -> Prompt:
        visuals = [Visual.of(*patches_of(open_picture(p), settings)) for p in pictures]
        content = [*({"type": "image"} for _ in pictures), {"type": "text", "text": question}]
        ids = chat.prompt([{"role": "user", "content": content}], [v.grid for v in visuals])
        return Prompt.build(ids, visuals, {chat.config.image_token_id}, chat.config.vision.merge_size)

    return build
