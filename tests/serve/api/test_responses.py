"""/v1/responses, asked by the official client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI
from openai.types.responses.response_create_params import ResponseCreateParamsBase
from tests.serve.api.conftest import Telling, client_at, data_uri, serving_api

from occlusight.backends.events import Event, TextDelta
from occlusight.backends.protocol import CancelCheck, Request
from occlusight.backends.scripted import Scripted
from occlusight.errors import BadNumbers
from occlusight.serve.api.response_shapes import ResponseRequest


@pytest.fixture(scope="module")
def client(backend: Telling) -> Iterator[OpenAI]:
    with serving_api(backend) as address, client_at(address) as one:
        yield one


def shown(picture: Path, **more: Any) -> Any:
    image = {"type": "input_image", "image_url": data_uri(picture), **more}
    return {"role": "user", "content": [{"type": "input_text", "text": "Is it hidden?"}, image]}


def test_an_answer_and_its_continuation(client: OpenAI, backend: Telling, pictures: list[Path]) -> None:
    asked = shown(pictures[0], detail="original")
    answer = client.responses.create(
        model="scripted", instructions="Be brief.", input=[asked], temperature=0.5, max_output_tokens=9
    )
    assert answer.output_text == "Yes, 是。"
    assert answer.status == "incomplete"
    assert answer.incomplete_details is not None
    assert answer.incomplete_details.reason == "max_output_tokens"
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.total_tokens) == (12, 4, 16)  # type: ignore[union-attr]
    assert answer.usage.input_tokens_details.cached_tokens == 5  # type: ignore[union-attr]
    request = backend.requests[-1]
    assert (request.system, request.prompt, request.max_pixels) == ("Be brief.", "Is it hidden?", "model")
    assert (request.sampling.temperature, request.sampling.max_tokens) == (0.5, 9)
    earlier: Any = [one.model_dump(exclude_none=True) for one in answer.output]
    client.responses.create(model="scripted", input=[asked, *earlier, {"role": "user", "content": "Why?"}])
    request = backend.requests[-1]
    assert [(m.role, m.text, len(m.pictures)) for m in request.history] == [
        ("user", "Is it hidden?", 1),
        ("assistant", "Yes, 是。", 0),
    ]
    assert request.prompt == "Why?"


def test_a_schema_and_logprobs(client: OpenAI, backend: Telling) -> None:
    answer = client.responses.create(
        model="scripted",
        input="?",
        text={"format": {"type": "json_schema", "name": "n", "schema": {"type": "array"}, "strict": True}},
        include=["message.output_text.logprobs"],
        top_logprobs=1,
    )
    assert backend.requests[-1].sampling.json_schema == '{"type": "array"}'
    token = answer.output[0].content[0].logprobs[0]  # type: ignore[union-attr,index]
    assert (token.token, token.logprob, token.top_logprobs[0].token) == ("Yes", -0.1, "Yes")


def test_a_stream_is_folded_by_the_official_client(serve_api: Callable[..., str]) -> None:
    with (
        client_at(serve_api(Scripted("Yes, 是。", piece=3))) as client,
        client.responses.stream(model="scripted", input="?") as stream,
    ):
        events = list(stream)
        final = stream.get_final_response()
    assert final.output_text == "Yes, 是。"
    kinds = [event.type for event in events]
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert kinds[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))


def test_every_field_of_the_official_client_is_known() -> None:
    assert ResponseCreateParamsBase.__annotations__.keys() <= ResponseRequest.model_fields.keys()


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"store": True}, "store"),
        ({"tools": [{"type": "web_search"}]}, "tools"),
        ({"reasoning": {"effort": "low"}}, "reasoning"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"temperature": 3}, "temperature"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "x"}]}]}, "input[0].content[0]"),
        ({"input": [{"role": "assistant", "content": "x"}]}, "input[0].content"),
        ({"metadata": {"a": "b"}}, "metadata"),
    ],
)
def test_what_cannot_be_honoured_is_named(client: OpenAI, given: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        client.responses.create(**{"model": "scripted", "input": "?", **given})
    assert error.value.param == param


def test_a_failure_ends_a_stream(serve_api: Callable[..., str]) -> None:
    class Breaking(Scripted):
        def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
            yield TextDelta("Y")
            raise BadNumbers("NaN")

    with client_at(serve_api(Breaking(""))) as client:
        events = list(client.responses.create(model="scripted", input="?", stream=True))
    assert events[-1].type == "response.failed"
    assert events[-1].response.error is not None
    assert "NaN" in events[-1].response.error.message
