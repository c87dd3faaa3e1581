"""/v1/messages, asked by Anthropic's official client."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic
from anthropic.types.message_create_params import MessageCreateParamsBase
from tests.serve.api.conftest import Telling, serving_api

from occlusight.serve.access import Access
from occlusight.serve.api.message_shapes import MessageRequest

KEY = "key-of-one"


@pytest.fixture(scope="module")
def address(backend: Telling) -> Iterator[str]:
    with serving_api(backend, access=Access((KEY,))) as one:
        yield one


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[Anthropic]:
    with Anthropic(base_url=address, api_key=KEY, max_retries=0) as one:
        yield one


def ask(picture: Path) -> Any:
    data = base64.b64encode(picture.read_bytes()).decode()
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
    return {"role": "user", "content": [image, {"type": "text", "text": "Is it hidden?"}]}


def test_an_answer(client: Anthropic, backend: Telling, pictures: list[Path]) -> None:
    answer = client.messages.create(
        model="scripted",
        max_tokens=9,
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        messages=[ask(pictures[0]), {"role": "assistant", "content": "Yes."}, {"role": "user", "content": "Why?"}],
        stop_sequences=["\n"],
        extra_body={"temperature": 0.5},
    )
    assert [block.text for block in answer.content if block.type == "text"] == ["Yes, 是。"]
    assert answer.stop_reason == "max_tokens"
    usage = answer.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (7, 5, 4)
    request = backend.requests[-1]
    assert (request.system, request.prompt, request.sampling.stop) == ("Be brief.", "Why?", ("\n",))
    assert (request.sampling.max_tokens, request.sampling.temperature) == (9, 0.5)
    assert [(m.role, m.text, len(m.pictures)) for m in request.history] == [
        ("user", "Is it hidden?", 1),
        ("assistant", "Yes.", 0),
    ]


def test_a_stream_is_folded_by_the_official_client(client: Anthropic) -> None:
    with client.messages.stream(model="scripted", max_tokens=9, messages=[{"role": "user", "content": "?"}]) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == "Yes, 是。"
    assert final.stop_reason == "max_tokens"
    assert (final.usage.input_tokens, final.usage.output_tokens) == (7, 4)


def test_every_field_of_the_official_client_is_known() -> None:
    assert MessageCreateParamsBase.__annotations__.keys() <= MessageRequest.model_fields.keys()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"tools": [{"name": "f", "input_schema": {}}]}, "tools"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "thinking"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"messages": [{"role": "assistant", "content": "Yes"}]}, "messages[0].content"),
        ({"container": "x"}, "container"),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "image", "source": {"type": "url", "url": "http://a"}},
                            {"type": "text", "text": "?"},
                        ],
                    }
                ]
            },
            "messages[0].content[0].source.url: pictures come inside the request",
        ),
    ],
)
def test_what_cannot_be_honoured_is_named(client: Anthropic, given: dict[str, Any], said: str) -> None:
    body = {"model": "scripted", "max_tokens": 9, "messages": [{"role": "user", "content": "?"}], **given}
    with pytest.raises(anthropic.BadRequestError) as error:
        client.messages.create(**body)
    assert said in error.value.message
    assert error.value.body["error"]["type"] == "invalid_request_error"  # type: ignore[index]


def test_refusals_have_this_clients_form(address: str, client: Anthropic) -> None:
    asked: Any = {"max_tokens": 9, "messages": [{"role": "user", "content": "?"}]}
    with pytest.raises(anthropic.NotFoundError, match="no model 'other'"):
        client.messages.create(model="other", **asked)
    with (
        Anthropic(base_url=address, api_key="wrong", max_retries=0) as stranger,
        pytest.raises(anthropic.AuthenticationError, match="another key"),
    ):
        stranger.messages.create(model="scripted", **asked)
