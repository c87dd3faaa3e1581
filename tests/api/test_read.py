"""`Model.read`, and that no character of any language is lost on its way through prompt, schema, engine and stream."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from tests.api.scripts import TEXTS
from tests.api.test_model import model_of

import occlusight
from occlusight.api.model import Model
from occlusight.backends.protocol import Request
from occlusight.backends.scripted import Scripted
from occlusight.backends.structured import prompt_of
from occlusight.errors import BadInput, Incomplete
from occlusight.model.tokenizer import Tokenizer

SHIPPED = Path(__file__).parents[2] / "src" / "occlusight" / "checkpoints" / "default"


def test_lines_or_fields_are_read_from_a_picture_in_any_form(pictures: list[Path]) -> None:
    backend = Scripted('[{"bbox_2d": [1, 2, 3, 4], "text_content": "CAFÉ"}]')
    model = model_of(backend)
    for form in (pictures[0], pictures[0].read_bytes()):
        found = model.read(form, max_pixels=5000)
        assert [(line.text, line.box) for line in found.lines] == [("CAFÉ", (1, 2, 3, 4))]
        assert backend.requests[-1].max_pixels == 5000
    fields = model.read(pictures[0], json_schema={"type": "array"}, lang="zh", max_tokens=100)
    assert fields[0]["text_content"] == "CAFÉ"
    assert backend.requests[-1].sampling.max_tokens == 100
    with pytest.raises(Incomplete):
        model_of(Scripted("no JSON")).read(pictures[0])
    with pytest.raises(BadInput, match="has not learnt to read"):
        model_of(Scripted("", learnt=("hides",))).read(pictures[0])
    with pytest.raises(BadInput, match="json_schema"):
        model.read(pictures[0], json_schema="{")


@pytest.fixture(scope="module")
def tiny(tiny_checkpoint: Path) -> Model:
    """Weights at random, on the real engine: what they say is what their schema leaves them."""
    return occlusight.load(tiny_checkpoint, max_pixels=4096)


def test_there_are_32_languages() -> None:
    assert len(TEXTS) == 32
    assert all(unicodedata.is_normalized("NFC", text) for text in TEXTS.values())


@pytest.mark.parametrize("language", TEXTS)
def test_characters_of_every_language_pass_unharmed(
    language: str, tiny: Model, tiny_checkpoint: Path, pictures: list[Path]
) -> None:
    text = TEXTS[language]
    wanted = {text: text}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {text: {"const": text, "description": text}},
        "required": [text],
        "additionalProperties": False,
    }
    request = Request(text, json_schema=schema)
    prompt = prompt_of(request, tells=True)
    assert prompt.count(json.dumps(text, ensure_ascii=False)) == 4
    for folder in (tiny_checkpoint, SHIPPED):
        tokenizer = Tokenizer.load(folder)
        assert tokenizer.decode(tokenizer.encode(prompt)) == prompt
    assert tiny.read(pictures[0], json_schema=schema) == wanted
    pieces = list(tiny.stream(pictures[0], text, json_schema=schema, max_tokens=1000))
    assert len(pieces) > 1
    assert "\ufffd" not in "".join(pieces)
    assert json.loads("".join(pieces)) == wanted
