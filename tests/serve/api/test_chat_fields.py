"""Every field of a chat's request: honoured, or refused by its name."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsBase
from PIL import Image
from tests.serve.api.conftest import Telling, asked, data_uri, post, refusal

from occlusight.backends.protocol import Request
from occlusight.serve.api.chat_shapes import ChatRequest

HONOURED: dict[str, tuple[Any, dict[str, Any]]] = {  # what is given, and what the model is asked
    "temperature": (0.5, {"temperature": 0.5}),
    "top_p": (0.5, {"top_p": 0.5}),
    "max_completion_tokens": (7, {"max_tokens": 7}),
    "max_tokens": (8, {"max_tokens": 8}),
    "stop": (["a", "b"], {"stop": ("a", "b")}),
    "seed": (2**63 - 1, {"seed": 2**63 - 1}),
    "presence_penalty": (0.5, {"presence_penalty": 0.5}),
    "response_format": (
        {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "array"}, "strict": True}},
        {"json_schema": '{"type": "array"}'},
    ),
    "logprobs": (True, {"logprobs": 0}),
    "top_k": (5, {"top_k": 5}),
    "min_p": (0.5, {"min_p": 0.5}),
    "repetition_penalty": (1.5, {"repetition_penalty": 1.5}),
    "structured_outputs": ({"regex": "a+"}, {"regex": "a+"}),
    "max_pixels": (5000, {"max_pixels": 5000}),
    "min_pixels": (50, {"min_pixels": 50}),
}
ELSEWHERE = {"model", "messages", "stream", "stream_options", "top_logprobs", "user", "safety_identifier"}
"""Fields that other tests ask."""
MEANINGLESS: dict[str, tuple[Any, Any]] = {  # what is the usual value, and one that is not
    "n": (1, 2),
    "frequency_penalty": (0, 0.5),
    "modalities": (["text"], ["audio"]),
    "store": (False, True),
    "service_tier": ("auto", "priority"),
    "tools": ([], [{"type": "function", "function": {"name": "f"}}]),
    "tool_choice": ("none", "required"),
    "parallel_tool_calls": (True, 1),
    "prompt_cache_key": ("k", 1),
}


def test_every_field_of_the_official_client_is_known() -> None:
    assert CompletionCreateParamsBase.__annotations__.keys() <= ChatRequest.model_fields.keys()


@pytest.mark.parametrize("name", sorted(ChatRequest.model_fields))
def test_every_field_is_honoured_or_refused_by_name(http: httpx.Client, backend: Telling, name: str) -> None:
    if name in HONOURED:
        value, wanted = HONOURED[name]
        assert post(http, **{name: value}).status_code == 200
        request = backend.requests[-1]
        for part in (request, request.sampling):
            for one in fields(part):
                if one.name in wanted:
                    assert getattr(part, one.name) == wanted.pop(one.name)
        assert not wanted
        wrong: Any = {"not": "this"}
    elif name in MEANINGLESS:
        usual, wrong = MEANINGLESS[name]
        assert post(http, **{name: usual}).status_code == 200
        assert backend.requests[-1] == Request("?")
    elif name in ELSEWHERE:
        wrong = ["nothing", 1]
    else:
        assert post(http, **{name: None}).status_code == 200
        wrong = {"anything": "else"}
    assert refusal(post(http, **{name: wrong}))["param"].startswith(name)


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"temprature": 1}, "temprature"),
        ({"temperature": "1"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"temperature": 2.1}, "temperature"),
        ({"stream": 1}, "stream"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"max_tokens": 3, "max_completion_tokens": 4}, "max_tokens"),
        ({"response_format": {"type": "json_object"}, "structured_outputs": {"regex": "a"}}, "structured_outputs"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"stop": [""]}, "stop[0]"),
        ({"stop": ""}, "stop"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0]"),
        ({"messages": [{"role": "user", "content": " "}]}, "messages[0].content"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "messages[0].content"),
        (
            {"messages": [{"role": "user", "content": "x"}, {"role": "system", "content": "x"}]},
            "messages[1].content",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "audio"}]}]},
            "messages[0].content[1]",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"uri": "x"}}]}]},
            "messages[0].content[0].image_url.u",
        ),
    ],
)
def test_what_is_wrong_is_named(http: httpx.Client, given: dict[str, Any], param: str) -> None:
    error = refusal(post(http, **given))
    assert error["param"].startswith(param)
    assert param.rpartition(".")[2][:1] in error["message"]


def test_of_two_forms_the_one_that_was_meant_is_complained_of(http: httpx.Client) -> None:
    assert "at most 16 items" in refusal(post(http, stop=["a"] * 17))["message"]
    assert "at least 1 item" in refusal(post(http, messages=[{"role": "user", "content": []}]))["message"]
    assert "valid string" in refusal(post(http, stop=5))["message"]


def test_what_is_not_had_here_is_said_to_be_unsupported(http: httpx.Client) -> None:
    error = refusal(post(http, tools=MEANINGLESS["tools"][1]))
    assert (error["code"], error["message"]) == ("unsupported_parameter", "tools is not supported here; leave it out")


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://example.org/a.png", "invalid_image_url"),
        ("file:///etc/passwd", "invalid_image_url"),
        ("/etc/passwd", "invalid_image_url"),
        ("data:text/html;base64,AAAA", "invalid_image_url"),
        ("data:image/png;base64,", "invalid_image"),
        ("data:image/png;base64,A", "invalid_base64"),
        ("data:image/png;base64,AAAA!", "invalid_base64"),
        ("data:image/png;base64,AAAA", "invalid_image"),
        ("wide", "image_too_large"),
    ],
)
def test_what_is_no_picture_is_refused(http: httpx.Client, tmp_path: Path, url: str, code: str) -> None:
    if url == "wide":
        Image.new("RGB", (101, 100)).save(tmp_path / "wide.png")
        url = data_uri(tmp_path / "wide.png")
    message = {
        "role": "user",
        "content": [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "?"}],
    }
    error = refusal(post(http, messages=[message]))
    assert (error["param"], error["code"]) == ("messages[0].content[0].image_url.url", code)


def test_pictures_are_counted_and_read_as_finely_as_asked(
    http: httpx.Client, backend: Telling, pictures: list[Path]
) -> None:
    assert refusal(post(http, messages=[asked("?", *pictures)]))["code"] == "too_many_images"
    for detail, limit in (("low", 512 * 512), ("high", "model"), ("auto", None)):
        assert post(http, messages=[asked("?", pictures[0], detail=detail)]).status_code == 200
        assert backend.requests[-1].max_pixels == limit
    mixed = [asked("?", pictures[0], detail="low"), asked("?", pictures[0])]
    assert "detail" in refusal(post(http, messages=mixed))["message"]


def test_half_characters_are_refused(http: httpx.Client) -> None:
    assert "UTF-8" in refusal(post(http, messages=[{"role": "user", "content": "\ud800"}]))["message"]
    assert "body" in refusal(post(http, **{"\ud800": 1}))["message"]
    assert post(http, model="\ud800").status_code == 404
