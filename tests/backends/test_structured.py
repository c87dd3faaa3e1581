"""Answers that follow a schema or an expression: what the model is told, and when an answer is whole."""

from __future__ import annotations

from pathlib import Path

import pytest

import occlusight
from occlusight import api as answer_module
from occlusight.backends import local
from occlusight.backends.local import LocalBackend
from occlusight.backends.options import SamplingParams
from occlusight.backends.protocol import Request
from occlusight.backends.scripted import Scripted
from occlusight.backends.structured import TOLD, prompt_of, why_incomplete
from occlusight.engine.json_limits import JsonLimits
from occlusight.errors import BadInput, Incomplete

SCHEMA = {"type": "object", "properties": {"front": {"type": "string", "description": "what stands in front"}}}


def test_the_schema_is_told_where_the_model_reads_it_or_the_user_says() -> None:
    plain = Request("What is in front?", json_schema=SCHEMA)
    assert prompt_of(plain, tells=False) == "What is in front?"
    told = prompt_of(plain, tells=True)
    assert told.startswith(f"What is in front?\n\n{TOLD}\n")
    assert '"front"' in told
    assert "what stands in front" in told
    assert prompt_of(Request("?", json_schema=SCHEMA, schema_in_prompt=False), tells=True) == "?"
    assert TOLD in prompt_of(Request("?", json_schema=SCHEMA, schema_in_prompt=True), tells=False)
    assert prompt_of(Request("?"), tells=True) == "?"


def test_large_models_read_schemas_and_small_ones_do_not(
    tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = LocalBackend(tiny_checkpoint)
    request = Request("?", json_schema=SCHEMA)
    short = backend.prompt(Request("?")).ids
    assert not backend.tells_schemas
    assert backend.prompt(request).ids == short
    monkeypatch.setattr(local, "READS_SCHEMAS", 1)
    assert backend.tells_schemas
    assert "what stands in front" in backend.chat.decode(list(backend.prompt(request).ids))


@pytest.mark.parametrize(
    ("fields", "text", "reason", "said"),
    [
        ({}, "whatever", "length", None),
        ({"json_schema": {}}, '{"a": 1}', "stop", None),
        ({"json_schema": {}}, '{"a": 1', "length", "was cut at the limit of tokens"),
        ({"json_schema": {}}, '{"a": 1}', "length", "was cut"),
        ({"json_schema": {}}, '{"a', "cancelled", "was stopped"),
        ({"json_schema": {}}, "Here is the JSON", "stop", "it is not JSON"),
        ({"json_schema": {}, "stop": ("b",)}, '{"a', "stop", "leave stop out"),
        ({"regex": "yes|no"}, "yes", "stop", None),
        ({"regex": "yes|no"}, "yes.", "stop", "does not match"),
        ({"regex": "(是|否)+"}, "是否", "stop", None),
        ({"regex": "a+"}, "aa", "length", "before it satisfied the regular expression"),
    ],
)
def test_an_answer_is_whole_or_it_is_said_why_not(fields: dict, text: str, reason: str, said: str | None) -> None:
    found = why_incomplete(SamplingParams(**fields), text, reason)
    assert (found is None) == (said is None)
    assert found is None or said in found


def test_the_python_api_raises_with_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Scripted('{"front": "the bush"}', piece=4)
    monkeypatch.setattr(answer_module, "opened", lambda name: model)
    assert occlusight.generate_response("a.png", "?", json_schema=SCHEMA) == '{"front": "the bush"}'
    with pytest.raises(Incomplete, match="give more max_tokens") as found:
        occlusight.generate_response("a.png", "?", json_schema=SCHEMA, max_tokens=2)
    assert found.value.text == '{"front"'
    assert not isinstance(found.value, BadInput)
    assert occlusight.generate_response("a.png", "?", max_tokens=2) == '{"front"'


def test_limits_reach_the_grammar(tiny_checkpoint: Path, pictures: list[Path]) -> None:
    found = occlusight.generate_response(
        pictures[0],
        "?",
        model=str(tiny_checkpoint),
        json_schema={"type": "string"},
        json_limits=JsonLimits(characters=3),
    )
    assert len(found) <= 5
    with pytest.raises(BadInput, match="json_limits must be a JsonLimits, but 3 was given"):
        Request("?", json_limits=3)
    with pytest.raises(BadInput, match="schema_in_prompt must be True or False, but 1 was given"):
        Request("?", schema_in_prompt=1)
