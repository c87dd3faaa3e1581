"""The same API in front of another server: what that can do is passed on, the rest is refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.backends.chat_server import Server, chat_server
from tests.serve.api.conftest import asked, data_uri, post, refusal
from tests.serve.conftest import serving_app

from occlusight.backends.options import EngineOptions
from occlusight.errors import BadInput
from occlusight.serve.run import on_the_disk, run, served
from occlusight.serve.settings import ApiSettings

QUESTIONS = [
    {"type": "predicate", "name": "hidden", "instructions": "Is the car hidden?"},
    {"type": "choice", "instructions": "What is nearer?", "choices": [{"value": "car"}, {"value": "post"}]},
]


@pytest.fixture
def server() -> Iterator[Server]:
    with chat_server() as found:
        yield found


@pytest.fixture
def http(server: Server) -> Iterator[httpx.Client]:
    """A client of our server, which stands in front of that one."""
    options = EngineOptions(backend="openai", base_url=server.address)
    app = served("small", "en", options, (), ApiSettings())
    with serving_app(app) as address, httpx.Client(base_url=address, timeout=60) as one:
        yield one


@pytest.fixture
def typed(server: Server) -> Server:
    """That server, with answers to typed questions, and a word that we do not know."""
    likely = [{"value": "car", "probability": 0.3}, {"value": "post", "probability": 0.7}]
    hidden = {"type": "predicate", "name": "hidden", "probability": 0.8, "calibrated": True, "why": "the post"}
    nearer = {"type": "choice", "name": None, "choice": "post", "confidence": 0.7, "probabilities": likely}
    usage = {"input_tokens": 90, "input_tokens_details": {"cached_tokens": 40}}
    server.typed = {"object": "decision", "answers": [hidden, nearer], "usage": usage}
    return server


def decide(http: httpx.Client, picture: Path) -> httpx.Response:
    content = [{"type": "input_image", "image_url": data_uri(picture), "detail": "low"}]
    body = {"model": "small", "input": [{"role": "user", "content": content}], "questions": QUESTIONS}
    return http.post("/v1/decisions", json=body)


def test_answers_come_from_the_other_server(server: Server, http: httpx.Client, pictures: list[Path]) -> None:
    answer = post(http, model="small", messages=[asked("Does it?", pictures[0])], temperature=0.5)
    assert answer.json()["choices"][0]["message"]["content"] == "Yes, it does."
    assert answer.json()["usage"]["prompt_tokens"] == 70
    sent = server.asked[-1]
    assert (sent["model"], sent["temperature"]) == ("small", 0.5)
    assert sent["messages"][0]["content"][-1]["text"] == "Does it?"
    assert "data: [DONE]" in post(http, model="small", stream=True).text
    (model,) = http.get("/v1/models").json()["data"]
    assert (model["id"], model["max_model_len"], model["calibrated"]) == ("small", None, False)
    assert model["architecture"]["input_modalities"] == ["text", "image"]
    assert http.get("/readyz").status_code == 200
    assert "Occlusight" in http.get("/").text


def test_what_the_other_server_cannot_do_is_refused_by_name(
    server: Server, http: httpx.Client, pictures: list[Path]
) -> None:
    frames = [data_uri(pictures[0])] * 2
    film = {"role": "user", "content": [{"type": "video", "video": frames}, {"type": "text", "text": "?"}]}
    before = len(server.asked)
    for name, fields in {
        "top_k": {"top_k": 4},
        "min_pixels": {"min_pixels": 4096},
        "regex": {"structured_outputs": {"regex": "yes|no"}},
        "films": {"messages": [film]},
    }.items():
        message = refusal(post(http, model="small", **fields))["message"]
        assert f"cannot honour {name}=" in message
        assert server.address in message
    assert len(server.asked) == before


def test_typed_questions_are_passed_on_to_a_server_that_takes_them(
    typed: Server, http: httpx.Client, pictures: list[Path]
) -> None:
    found = decide(http, pictures[0]).json()
    assert [one["calibrated"] for one in found["answers"]] == [True, False]
    assert found["calibrated"] is False
    assert (found["answers"][0]["probability"], found["answers"][1]["choice"]) == (0.8, "post")
    assert "why" not in found["answers"][0]
    assert (found["usage"]["input_tokens"], found["usage"]["input_tokens_details"]["cached_tokens"]) == (90, 40)
    sent = typed.asked[-1]
    assert sent["questions"] == QUESTIONS
    assert sent["input"][0]["content"][0]["image_url"] == data_uri(pictures[0])
    body = {"model": "small", "input": [{"role": "user", "content": "A car."}], "questions": [QUESTIONS[0]] * 401}
    assert http.post("/v1/decisions", json=body).status_code == 400
    assert "occlusight:questions_total" in http.get("/metrics").text
    typed.typed = {"answers": [{"type": "refusal"}]}
    failed = decide(http, pictures[0])
    assert (failed.status_code, failed.json()["error"]["type"]) == (500, "server_error")
    assert "in a form that is not known here" in failed.json()["error"]["message"]


def test_without_them_the_first_token_decides(server: Server, http: httpx.Client, pictures: list[Path]) -> None:
    found = decide(http, pictures[0]).json()
    assert found["answers"][0]["probability"] == pytest.approx(0.8176, abs=1e-3)  # of Yes at -0.2 and No at -1.7
    assert server.asked[-1]["logprobs"] is True


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"backend": "transformers"}, "serve takes --backend local or openai, but 'transformers' was given"),
        ({"backend": "openai"}, "--backend openai needs the server's address"),
        (
            {"backend": "openai", "base_url": "http://127.0.0.1:1/v1", "quantize": "int8"},
            "cannot honour quantize='int8'",
        ),
    ],
)
def test_options_that_cannot_be_end_it_with_one_error(
    options: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(BadInput, match=said):
        run("127.0.0.1", 0, "small", "en", EngineOptions(**options))


def test_another_model_of_the_other_server_is_no_file_here() -> None:
    assert on_the_disk(EngineOptions()).offline
    assert not on_the_disk(EngineOptions(backend="openai", base_url="http://localhost:8000/v1")).offline
