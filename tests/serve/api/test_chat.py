"""/v1/chat/completions and /v1/models, asked by the official client."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from openai.types.chat.completion_create_params import CompletionCreateParamsBase
from PIL import Image
from tests.serve.api.conftest import Telling, asked, client_at, data_uri, serving_api
from tests.serve.conftest import wait

from occlusight.backends.protocol import (
    CancelCheck,
    Event,
    Request,
    TextDelta,
)
from occlusight.backends.scripted import Scripted
from occlusight.errors import BadInput, BadNumbers
from occlusight.serve.api.chat_shapes import ChatRequest
from occlusight.serve.api.pictures import RequestLimits
from occlusight.serve.fair_queue import FairQueue, Shares

UNDERSTOOD = {
    "scope": "inside",
    "program": [["hides", ["post", "car"]]],
    "lang": "en",
    "probability": 0.9,
    "domain": None,
}


@pytest.fixture(scope="module")
def backend() -> Telling:
    return Telling("")


@pytest.fixture(scope="module")
def address(backend: Telling) -> Iterator[str]:
    with serving_api(backend, requests=RequestLimits(pictures=3, pixels=10_000)) as url:
        yield url


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[OpenAI]:
    with client_at(address) as one:
        yield one


@pytest.fixture(scope="module")
def http(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address) as one:
        yield one


def test_the_models_are_told(client: OpenAI) -> None:
    (model,) = client.models.list().data
    assert (model.id, model.owned_by) == ("scripted", "occlusight")
    assert client.models.retrieve("scripted") == model
    assert model.model_dump()["architecture"]["input_modalities"] == ["text", "image"]
    assert model.model_dump()["calibrated"] is False
    with pytest.raises(openai.NotFoundError, match="no model 'other'"):
        client.models.retrieve("other")


def test_an_answer_tells_its_text_thoughts_and_costs(client: OpenAI, backend: Telling, pictures: list[Path]) -> None:
    answer = client.chat.completions.create(model="scripted", messages=[asked("Is it hidden?", *pictures[:2])])
    (choice,) = answer.choices
    assert (choice.message.role, choice.message.content, choice.finish_reason) == ("assistant", "Yes, 是。", "length")
    assert choice.message.model_dump()["reasoning_content"] == "Hm."
    assert answer.object == "chat.completion"
    assert answer.model_dump()["understood"] == UNDERSTOOD
    usage = answer.usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (12, 4, 16)
    assert usage.prompt_tokens_details.cached_tokens == 5
    more = usage.prompt_tokens_details.model_dump()
    assert more["image_tokens"] == 6
    assert (more["pictures"][0]["rows"], more["pictures"][0]["columns"]) == (2, 3)
    request = backend.requests[-1]
    assert (request.prompt, len(request.pictures)) == ("Is it hidden?", 2)


def test_a_stream_has_the_same_answer(client: OpenAI, pictures: list[Path]) -> None:
    with client.chat.completions.create(
        model="scripted",
        messages=[asked("Is it hidden?", pictures[0])],
        stream=True,
        stream_options={"include_usage": True},
    ) as stream:
        chunks = list(stream)
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert deltas[0].role == "assistant"
    assert "".join(delta.content or "" for delta in deltas) == "Yes, 是。"
    assert "".join(delta.model_dump().get("reasoning_content", "") for delta in deltas) == "Hm."
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "length"
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[-2].model_dump()["understood"] == UNDERSTOOD
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 16
    assert not chunks[-1].choices


def test_a_stream_is_made_of_events_and_ends_with_done(http: httpx.Client) -> None:
    body = {"model": "scripted", "messages": [{"role": "user", "content": "?"}], "stream": True}
    with http.stream("POST", "/v1/chat/completions", json=body) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in answer.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    assert all(json.loads(line.removeprefix("data: "))["object"] == "chat.completion.chunk" for line in lines[:-1])
    assert "usage" not in lines[-2]


def test_logprobs_are_told(client: OpenAI) -> None:
    ask: dict[str, Any] = {"model": "scripted", "messages": [{"role": "user", "content": "?"}], "logprobs": True}
    for top, likely in ((None, []), (2, [("Yes", -0.1), ("No", -9999.0)])):
        more = {} if top is None else {"top_logprobs": top}
        answer = client.chat.completions.create(**ask, **more)
        logprobs = answer.choices[0].logprobs
        assert logprobs is not None
        assert logprobs.content is not None
        (token,) = logprobs.content
        assert (token.token, token.logprob, token.bytes) == ("Yes", -0.1, list(b"Yes"))
        assert [(one.token, one.logprob) for one in token.top_logprobs] == likely
    with client.chat.completions.create(**ask, stream=True) as stream:
        told = [c.choices[0].logprobs for c in stream if c.choices[0].logprobs is not None]
    assert [one.content[0].token for one in told if one.content] == ["Yes"]


def test_a_conversation_is_the_history_of_its_last_message(
    client: OpenAI, backend: Telling, pictures: list[Path]
) -> None:
    client.chat.completions.create(
        model="scripted",
        messages=[
            {"role": "developer", "content": "Be brief."},
            {"role": "system", "content": [{"type": "text", "text": "In Chinese."}]},
            asked("What is it?", pictures[0]),
            {"role": "assistant", "content": "A car.", "refusal": None},
            {"role": "user", "content": "And\nnow?"},
        ],
    )
    request = backend.requests[-1]
    assert request.system == "Be brief.\n\nIn Chinese."
    assert [(m.role, m.text, len(m.pictures)) for m in request.history] == [
        ("user", "What is it?", 1),
        ("assistant", "A car.", 0),
    ]
    assert (request.prompt, request.pictures) == ("And\nnow?", ())


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


def post(http: httpx.Client, **fields: Any) -> httpx.Response:
    body = {"model": "scripted", "messages": [{"role": "user", "content": "?"}], **fields}
    raw = json.dumps(body).encode()  # also half characters
    return http.post("/v1/chat/completions", content=raw, headers={"Content-Type": "application/json"})


def told(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    return dict(error)


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
    assert told(post(http, **{name: wrong}))["param"].startswith(name)


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
    error = told(post(http, **given))
    assert error["param"].startswith(param)
    assert param.rpartition(".")[2][:1] in error["message"]


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
    error = told(post(http, messages=[message]))
    assert (error["param"], error["code"]) == ("messages[0].content[0].image_url.url", code)


def test_pictures_are_counted_and_read_as_finely_as_asked(
    http: httpx.Client, backend: Telling, pictures: list[Path]
) -> None:
    assert told(post(http, messages=[asked("?", *pictures)]))["code"] == "too_many_images"
    for detail, limit in (("low", 512 * 512), ("high", "model"), ("auto", None)):
        assert post(http, messages=[asked("?", pictures[0], detail=detail)]).status_code == 200
        assert backend.requests[-1].max_pixels == limit
    mixed = [asked("?", pictures[0], detail="low"), asked("?", pictures[0])]
    assert "detail" in told(post(http, messages=mixed))["message"]


def test_half_characters_are_refused(http: httpx.Client) -> None:
    assert "UTF-8" in told(post(http, messages=[{"role": "user", "content": "\ud800"}]))["message"]
    assert "body" in told(post(http, **{"\ud800": 1}))["message"]
    assert post(http, model="\ud800").status_code == 404


class Failing(Scripted):
    """Fails in the way that its prompt says."""

    def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
        if request.prompt == "later":
            yield TextDelta("Y")
        if request.prompt == "picture":
            raise BadInput(f"{request.pictures[0]}: is broken")
        raise {"input": BadInput("too long"), "bug": KeyError("secret")}.get(request.prompt, BadNumbers("NaN"))


def test_failures_are_told_in_the_same_form(serve_api: Callable[..., str], pictures: list[Path]) -> None:
    address = serve_api(Failing("", name="m"))
    with client_at(address) as client:

        def ask(prompt: str, **more: Any) -> Any:
            return client.chat.completions.create(model="m", messages=[{"role": "user", "content": prompt}], **more)

        with pytest.raises(openai.BadRequestError, match="too long"):
            ask("input")
        with pytest.raises(openai.BadRequestError, match="too long"):
            ask("input", stream=True)
        with pytest.raises(openai.InternalServerError, match="NaN"):
            ask("numbers")
        with pytest.raises(openai.InternalServerError, match="KeyError") as raised:
            ask("bug")
        assert "secret" not in str(raised.value)
        with ask("later", stream=True) as stream, pytest.raises(openai.APIError, match="NaN"):
            list(stream)
        with pytest.raises(openai.NotFoundError) as unknown:
            client.chat.completions.create(model="x", messages=[{"role": "user", "content": "?"}])
        assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
    with httpx.Client(base_url=address) as http:
        for path, method in (("/v1/embeddings", "POST"), ("/v1/chat/completions", "GET"), ("/v1/models/x", "POST")):
            answer = http.request(method, path)
            assert answer.status_code == 404
            assert path in answer.json()["error"]["message"]
        for body, kind in (
            (b"{", "application/json"),
            (b"{}", "text/plain"),
            (b"[" * 100_000, "application/json"),
        ):
            broken = http.post("/v1/chat/completions", content=body, headers={"Content-Type": kind})
            assert "body" in told(broken)["message"]


class Endless(Scripted):
    """Answers until somebody stops it; counts who is at it."""

    def __init__(self) -> None:
        super().__init__("")
        self.begun, self.stopped = 0, threading.Semaphore(0)

    def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
        self.begun += 1
        try:
            while not threading.Event().wait(0.01):
                yield TextDelta("a ")
        finally:
            self.stopped.release()


class Leaving:
    """A client that sends a request and closes the connection when told."""

    def __init__(self, http: httpx.Client, body: dict[str, Any]) -> None:
        self.socket = socket.create_connection((http.base_url.host, http.base_url.port or 80))
        raw = json.dumps(body)
        self.socket.sendall(
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(raw)}\r\n\r\n{raw}".encode()
        )

    def leave(self) -> None:
        self.socket.close()


@pytest.mark.parametrize("streams", [True, False])
def test_a_client_that_leaves_stops_its_work(serve_api: Callable[..., str], streams: bool) -> None:
    backend = Endless()
    body = {"model": "scripted", "messages": [{"role": "user", "content": "?"}], "stream": streams}
    with httpx.Client(base_url=serve_api(backend, FairQueue(Shares(at_once=1)))) as http:
        for turn in range(2):  # the second would wait for ever for the first one's place
            leaving = Leaving(http, body)
            wait(lambda turn=turn: backend.begun > turn)  # type: ignore[misc]
            leaving.leave()
            assert backend.stopped.acquire(timeout=10)


def test_who_waits_and_leaves_frees_his_place(serve_api: Callable[..., str]) -> None:
    backend = Endless()
    body = {"model": "scripted", "messages": [{"role": "user", "content": "?"}], "stream": True}
    queue = FairQueue(Shares(at_once=1, waiting=1))
    with httpx.Client(base_url=serve_api(backend, queue)) as http:
        first = Leaving(http, body)
        wait(lambda: backend.begun == 1)
        for _ in range(2):
            waiting = Leaving(http, body)
            wait(lambda: queue.waiting == 1)
            refused = post(http)
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) >= 1
            assert refused.json()["error"]["code"] == "overloaded"
            waiting.leave()
            wait(lambda: queue.waiting == 0)
        first.leave()
        assert backend.stopped.acquire(timeout=10)
    assert backend.begun == 1
