"""/v1/chat/completions and /v1/models, asked by the official client."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from tests.serve.api.conftest import Telling, asked

UNDERSTOOD = {
    "scope": "inside",
    "program": [["hides", ["post", "car"]]],
    "lang": "en",
    "probability": 0.9,
    "domain": None,
}


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
