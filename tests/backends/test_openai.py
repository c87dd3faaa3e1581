"""The client of OpenAI-compatible servers, against a small server that misbehaves on request."""

from __future__ import annotations

import base64
import io
import math

import pytest
from PIL import Image

from occlusight.api import in_any_words
from occlusight.backends.decision import decide
from occlusight.backends.events import Done, TextDelta
from occlusight.backends.hub import shipped
from occlusight.backends.open import open_backend
from occlusight.backends.openai import OpenAIBackend
from occlusight.backends.protocol import Message, Request
from occlusight.errors import BadInput, BadModel, OcclusightError
from occlusight.model.revision import revision_of
from occlusight.model.traits import Traits


def test_a_picture_and_a_question_become_a_streamed_answer(server, backend) -> None:
    picture = Image.new("RGB", (4, 3), (200, 10, 10))
    request = Request(
        "Does A hide B?", (picture,), system="Be brief.", history=(Message("user", "Hello"),), max_tokens=9
    )
    *pieces, done = backend.generate(request)
    assert "".join(p.text for p in pieces if isinstance(p, TextDelta)) == "Yes, it does."
    assert isinstance(done, Done)
    assert (done.finish_reason, done.usage.prompt_tokens, done.usage.completion_tokens) == ("stop", 70, 4)
    assert done.timings.first_token_s > 0
    sent = server.asked[0]
    assert (sent["model"], sent["max_tokens"], sent["temperature"]) == ("small", 9, 0.0)
    assert [m["role"] for m in sent["messages"]] == ["system", "user", "user"]
    image, text = sent["messages"][2]["content"]
    header, data = image["image_url"]["url"].split(",")
    assert header == "data:image/png;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).getpixel((1, 1)) == (200, 10, 10)
    assert text["text"] == "Does A hide B?"


def test_a_busy_server_is_asked_again(server, backend) -> None:
    server.failures = [503, 429]
    assert [e.text for e in backend.generate(Request("?")) if isinstance(e, TextDelta)] == ["Yes, ", "it does."]
    assert len(server.asked) == 3


def test_a_server_that_stays_broken_is_named(server, backend) -> None:
    server.failures = [500] * 9
    with pytest.raises(OcclusightError, match=r"127\.0\.0\.1.* failed \(HTTP 500"):
        list(backend.generate(Request("?")))
    assert len(server.asked) == 4


def test_a_refused_request_is_not_asked_again(server, backend) -> None:
    server.failures = [400]
    with pytest.raises(BadInput, match="the context is too long"):
        list(backend.generate(Request("?")))
    assert len(server.asked) == 1


def test_a_cut_answer_is_cut(server, backend) -> None:
    server.finish = "length"
    assert list(backend.generate(Request("?")))[-1].finish_reason == "length"
    server.finish = "content_filter"
    with pytest.raises(OcclusightError, match="content_filter"):
        list(backend.generate(Request("?")))


def test_log_probabilities_of_first_tokens(server, backend) -> None:
    assert backend.capabilities.scores == "first token"
    assert backend.score(Request("?"), ["Yes", "No", "Maybe"], whole=False) == [-0.2, -1.7, -30.0]
    both = backend.score(Request("?"), [("Yes", "No", "Nope"), ("Yes, it does", "Yes")], whole=False)
    assert both == pytest.approx([math.log(math.exp(-0.2) + math.exp(-1.7)), -0.2])
    assert decide(backend, Request("?")).yes == pytest.approx(math.exp(-0.2))
    with pytest.raises(BadInput, match="score it with whole=False"):
        backend.score(Request("?"), ["Yes"])
    server.logprobs = False
    with pytest.raises(BadInput, match="no log-probabilities"):
        backend.score(Request("?"), ["Yes"], whole=False)


def test_a_server_that_runs_the_shipped_model_is_asked_in_its_words(server) -> None:
    found = open_backend("small", backend="openai", base_url=server.address, served_checkpoint="default")
    traits = Traits.load(shipped("default"))
    assert found.info.learnt == traits.learnt != ()
    assert (found.info.pictures, found.info.revision) == (traits.pictures, revision_of(shipped("default")))
    asked = in_any_words(found)
    said = "".join(event.text for event in asked.generate(Request("Who is driving?")) if isinstance(event, TextDelta))
    assert said.startswith("I can only tell what is in a picture")
    with pytest.raises(
        BadInput, match=r"served_checkpoint takes 'default' or the folder of a checkpoint, but 'no-such' was"
    ):
        open_backend("small", backend="openai", base_url=server.address, served_checkpoint="no-such")


def test_what_cannot_be_reached_is_explained(server, monkeypatch) -> None:
    with pytest.raises(BadModel, match="has no model 'large'; it has small"):
        OpenAIBackend("large", base_url=server.address)
    with pytest.raises(BadModel, match="no server answers"):
        OpenAIBackend("small", base_url="http://127.0.0.1:9/v1", retries=0)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(BadInput, match="--base-url"):
        open_backend("small", backend="openai")
    with pytest.raises(BadInput, match="'telepathy'"):
        open_backend("small", backend="telepathy")
