"""What a schema leaves without a bound gets one, so that an answer comes to an end whatever the model wants."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from llguidance import LLMatcher, LLTokenizer

from occlusight.engine.generation import Generation
from occlusight.engine.grammar import Grammars
from occlusight.engine.json_limits import JsonLimits
from occlusight.engine.sampling_params import SamplingParams
from occlusight.errors import BadInput
from occlusight.model.chat import Chat

BYTES = LLTokenizer("byte")
SMALL = JsonLimits(characters=6, items=3, digits=4, decimals=2, depth=2)
PERSON = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}}
NODE = {"$ref": "#/$defs/node", "$defs": {"node": {**PERSON, "properties": {"next": {"$ref": "#/$defs/node"}}}}}
BASE = {"type": "object", "properties": {"a": {"type": "string"}}}


def accepts(schema: Any, text: str) -> bool:
    rules = LLMatcher.grammar_from_json_schema(json.dumps(schema), overrides={"whitespace_flexible": False})
    matcher = LLMatcher(BYTES, rules)
    said = text.encode()
    return bool(matcher.try_consume_tokens(list(said)) == len(said) and matcher.is_accepting())


@pytest.mark.parametrize(
    ("schema", "within", "beyond"),
    [
        ({"type": "string"}, '"abcdef"', '"abcdefg"'),
        ({"type": "string"}, '"遮遮遮遮遮遮"', '"遮遮遮遮遮遮遮"'),
        ({"type": "string", "minLength": 8}, '"abcdefgh"', '"abcdefghi"'),
        ({"type": "string", "pattern": "^a+$"}, '"aaaaaa"', '"aaaaaaa"'),
        ({"type": ["string", "null"]}, '"abcdef"', '"abcdefg"'),
        ({"type": "integer"}, "-9999", "10000"),
        ({"type": "integer", "minimum": 70000}, "70001", "1" * 30),
        ({"type": "integer", "exclusiveMaximum": -70000}, "-70001", "-" + "1" * 30),
        ({"type": "number"}, "9998.25", "0.123"),
        ({"type": "number"}, "-0.5", "1e5"),
        ({"type": "number", "minimum": 0, "maximum": 1}, "0.25", "0.123"),
        ({"type": "array", "items": {"type": "integer"}}, "[1,2,3]", "[1,2,3,4]"),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 4}, "[1,2,3,4]", "[1,2,3,4,5]"),
        ({"type": "array"}, "[[1]]", "[[[[]]]]"),
        ({}, '{"a":[1]}', "[[[[]]]]"),
        ({"type": "object"}, '{"a":1,"b":[2],"c":"x"}', '{"a":1,"b":2,"c":3,"d":4}'),
        ({"type": "object", "additionalProperties": {"type": "null"}}, '{"a":null}', '{"abcdefg":null}'),
        ({"type": "object"}, '{"abcdef":1}', '{"abcdefg":1}'),
        (PERSON, '{"name":"Ann"}', '{"name":"Ann","more":1}'),
        (NODE, '{"next":{"next":{}}}', '{"other":1}'),
        (
        {"allOf": [{"$ref": "#/$defs/b"}, {"properties": {"b": {"type": "string"}}}], "$defs": {"b": BASE}},
        '{"a":"x","b":"y"}',
        '{"a":"abcdefg"}',
    ),
        ({**BASE, "anyOf": [{"required": ["a"]}, {"required": []}]}, '{"a":"x"}', '{"a":"abcdefg"}'),
        ({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "null"}}]}, "[null]", '"abcdefg"'),
    ],
)  # fmt: skip
def test_a_bound_where_the_schema_has_none(schema: Any, within: str, beyond: str) -> None:
    bounded = SMALL.bound(schema)
    assert accepts(bounded, within)
    assert accepts(schema, within)
    assert not accepts(bounded, beyond)


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "string", "maxLength": 9}, '"abcdefghi"'),
        ({"allOf": [{"type": "string"}, {"maxLength": 9}]}, '"abcdefghi"'),
        ({"type": "string", "anyOf": [{"maxLength": 9}, {"pattern": "^x$"}]}, '"abcdefghi"'),
        ({"enum": ["abcdefghijkl", 123456789]}, '"abcdefghijkl"'),
        ({"const": "abcdefghijkl"}, '"abcdefghijkl"'),
        ({"type": "array", "items": {"const": 1}, "maxItems": 5}, "[1,1,1,1,1]"),
        ({"type": "integer", "maximum": 10**8, "minimum": 0}, "99999999"),
        ({"type": "number", "multipleOf": 0.0001}, "0.0001"),
        ({"type": "object", "additionalProperties": {"const": 1}, "maxProperties": 5}, '{"a":1,"b":1,"c":1,"d":1}'),
        ({**PERSON, "additionalProperties": {"const": 1}}, '{"name":"x","more":1}'),
    ],
)
def test_a_bound_that_the_schema_has_wins(schema: Any, text: str) -> None:
    assert accepts(SMALL.bound(schema), text)


def test_limits_can_be_taken_away_and_are_checked() -> None:
    free = JsonLimits(None, None, None, None, None, others=True)
    for schema, text in (({"type": "string"}, f'"{"a" * 999}"'), ({}, "[" * 9 + "]" * 9), (PERSON, '{"x":1}')):
        assert accepts(free.bound(schema), text)
    for wrong in ({"characters": -1}, {"items": 1.5}, {"digits": 0}, {"depth": True}):
        with pytest.raises(BadInput, match=f"json_limits: {next(iter(wrong))} must be"):
            JsonLimits(**wrong)


@pytest.fixture(scope="module")
def chat(tiny_checkpoint: Path) -> Chat:
    return Chat.load(tiny_checkpoint)


@pytest.fixture(scope="module")
def grammars(chat: Chat) -> Grammars:
    return Grammars.of(chat.tokenizer, chat.config.text.vocab_size, chat.eos_ids)


ENDLESS = {
    "a string": {"type": "string"},
    "a string in an object": {**PERSON, "required": ["name", "age"]},
    "digits": {"type": "integer"},
    "decimals": {"type": "number"},
    "an array": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 3}},
    "nested objects": {"type": "object", "additionalProperties": {"type": "boolean"}},
    "a pattern that wants more": {"type": "string", "pattern": "^a{20}b*$"},
}


@pytest.mark.parametrize("wanted", ["a", "1", "["])
@pytest.mark.parametrize("name", ENDLESS)
def test_a_model_that_repeats_itself_for_ever_comes_to_an_end(
    chat: Chat, grammars: Grammars, name: str, wanted: str
) -> None:
    """A model that wants one character, and after it whatever does not end the answer."""
    schema = ENDLESS[name]
    size = chat.config.text.vocab_size
    logits = torch.randn(1, size, generator=torch.Generator().manual_seed(3))
    logits[0, chat.encode('"')] = -9.0
    logits[0, chat.encode("}")] = -9.0
    logits[0, chat.encode("]")] = -9.0
    logits[0, list(chat.eos_ids)] = -20.0
    logits[0, chat.encode(wanted)] = 9.0
    one = Generation(chat, (), SamplingParams(max_tokens=900), grammars.json_schema(json.dumps(schema), SMALL))
    while one.finish_reason is None:
        one.consume(logits, [])
    text = "".join(piece.text for piece in one.output_text.pieces)
    if name != "a pattern that wants more":
        assert one.finish_reason == "stop"
        assert len(text) < 150
    if one.finish_reason == "stop":
        assert accepts(schema, text)
        json.loads(text)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_a_random_model_says_parses_when_it_has_ended(chat: Chat, grammars: Grammars, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    size = chat.config.text.vocab_size
    for schema in (*ENDLESS.values(), {}, NODE, {"type": "object"}):
        one = Generation(
            chat, (), SamplingParams(1.0, seed=seed, max_tokens=60), grammars.json_schema(json.dumps(schema))
        )
        while one.finish_reason is None:
            one.consume(5 * torch.randn(1, size, generator=generator), [])
        if one.finish_reason == "stop":
            assert accepts(schema, "".join(piece.text for piece in one.output_text.pieces))


def test_a_schema_too_deep_to_read_is_refused(grammars: Grammars) -> None:
    with pytest.raises(BadInput, match=r"nested too deeply|cannot be"):
        grammars.json_schema('{"items":' * 3000 + "{}" + "}" * 3000)
