"""What nobody could follow is refused by a process that it may end, and never ends the one that serves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from occlusight.engine import grammar_trial
from occlusight.engine.grammar import Grammar, Grammars, check_rules
from occlusight.engine.grammar_trial import TooCostly
from occlusight.errors import BadForm
from occlusight.model.chat import Chat


@pytest.fixture(scope="module")
def grammars(tiny_checkpoint: Path) -> Grammars:
    chat = Chat.load(tiny_checkpoint)
    return Grammars.of(chat.tokenizer, chat.config.text.vocab_size, chat.eos_ids)


def chain(length: int) -> dict[str, Any]:
    """A schema whose definitions each lead to the next."""
    links = {
        f"a{at}": {"type": "object", "properties": {"x": {"$ref": f"#/$defs/a{at + 1}"}}, "required": ["x"]}
        for at in range(length)
    }
    return {"$ref": "#/$defs/a0", "$defs": {**links, f"a{length}": {"type": "integer"}}}


def listing(names: int, needed: int) -> dict[str, Any]:
    """A schema of an object with so many keys."""
    keys = [f"key {at}" for at in range(names)]
    return {"type": "object", "properties": {key: {"type": "boolean"} for key in keys}, "required": keys[:needed]}


@pytest.mark.parametrize(
    "schema",
    [
        {"allOf": [{"type": "integer"}, {"minimum": -1e20, "maximum": -1e19}]},  # this and the next end who reads them
        chain(4000),
        {"allOf": [{"pattern": f"a{at}.*"} for at in range(50)]},  # would be computed for ever
        {"enum": ["x" * 1_100_000]},
    ],
    ids=["number", "references", "patterns", "long"],
)
def test_what_takes_too_much_is_refused_and_costs_the_engine_nothing(
    grammars: Grammars, schema: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grammar_trial, "SECONDS", 1.0)
    for ask in (grammars.json_schema, lambda text: check_rules(text, None)):
        with pytest.raises(TooCostly, match=r"the JSON schema cannot be followed: it (takes|ends)"):
            ask(json.dumps(schema))


def test_what_would_fail_at_the_first_key_is_refused_before(grammars: Grammars) -> None:
    with pytest.raises(BadForm, match="cannot be followed: Parser Error: Current row has"):
        grammars.json_schema(json.dumps(listing(1500, needed=0)))
    for schema in (listing(100, needed=0), listing(1500, needed=1500), chain(50)):
        assert grammars.json_schema(json.dumps(schema)).possible


def test_a_grammar_is_tried_once(grammars: Grammars, monkeypatch: pytest.MonkeyPatch) -> None:
    schema = json.dumps({"enum": ["once", "tried"]})
    assert grammars.json_schema(schema).possible
    monkeypatch.setattr(grammar_trial, "START", "raise SystemExit(3)")
    assert grammars.json_schema(schema).possible
    with pytest.raises(TooCostly, match="exit code 3"):
        grammars.json_schema(json.dumps({"enum": ["never", "tried"]}))


def accepts(grammar: Grammar, chat: Chat, text: str) -> bool:
    """Whether a grammar lets a text pass."""
    for token in chat.tokenizer.encode(text):
        if not grammar.allowed()[token]:
            return False
        grammar.take(token)
    return grammar.complete or bool(grammar.allowed()[chat.eos_ids[0]])


def test_bounds_of_64_bits_are_kept_to(grammars: Grammars, tiny_checkpoint: Path) -> None:
    chat = Chat.load(tiny_checkpoint)
    whole = {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}
    for text, passes in (("-7", True), ("123456789012345678", True), ("9" * 20, False), ("1.5", False)):
        assert accepts(grammars.json_schema(json.dumps(whole)), chat, text) is passes
    for beyond in ({"minimum": 10**300, "maximum": 10**301}, {"minimum": 2**63}, {"maximum": -(2**63)}):
        with pytest.raises(BadForm, match="cannot be followed"):
            grammars.json_schema(json.dumps({"type": "integer", **beyond}))
