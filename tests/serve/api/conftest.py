"""The API alone, and the official client."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import OpenAI
from tests.serve.conftest import serving_app

from occlusight.backends.events import (
    Asked,
    Done,
    Event,
    PictureUse,
    Saved,
    TextDelta,
    ThoughtDelta,
    TokenLogprob,
    Usage,
)
from occlusight.backends.protocol import Backend, CancelCheck, Request
from occlusight.backends.scripted import Scripted
from occlusight.serve.api.app import create_api
from occlusight.serve.api.pictures import RequestLimits
from occlusight.serve.api.service import Service
from occlusight.serve.fair_queue import FairQueue
from occlusight.serve.middleware import guarded
from occlusight.serve.settings import ApiSettings

USE = PictureUse(2, 3, 6, (96, 64), (96, 64))


class Telling(Scripted):
    """Says all that an answer can tell."""

    def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
        self.requests.append(request)
        for picture in request.pictures:
            assert isinstance(picture, Path)
            assert picture.read_bytes()
        likely = None if request.sampling.logprobs is None else (("Yes", -0.1), ("No", float("-inf")))
        tokens = () if likely is None else (TokenLogprob("Yes", -0.1, likely[: request.sampling.logprobs]),)
        yield ThoughtDelta("Hm.")
        yield TextDelta("Yes", tokens)
        yield TextDelta(", 是。")
        meant = Asked("inside", (("hides", ("post", "car")),), "en", 0.9)
        yield Done("length", Usage(12, 4, 6, (USE,)), saved=Saved(reused=5), asked=meant)


@contextmanager
def serving_api(
    backend: Backend,
    queue: FairQueue | None = None,
    allow_hosts: tuple[str, ...] = (),
    plain: Backend | None = None,
    **settings: Any,
) -> Iterator[str]:
    """Serve the API of a backend alone, and give its address."""
    told = ApiSettings(**settings)
    service = Service(backend, queue or FairQueue(), told.requests, plain)
    api = create_api(service, bodies=told.bodies)
    with serving_app(guarded(api, told, allow_hosts, service.metrics.replied)) as address:
        yield address


@pytest.fixture
def serve_api() -> Iterator[Callable[..., str]]:
    """Serve a backend's API until the test ends; returns its address."""
    with ExitStack() as stack:
        yield lambda *args, **settings: stack.enter_context(serving_api(*args, **settings))


@contextmanager
def client_at(address: str, **settings: Any) -> Iterator[OpenAI]:
    """The official client of a server."""
    with OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0, **settings) as client:
        yield client


@pytest.fixture(scope="module")
def backend() -> Telling:
    """A model that says the same to all."""
    return Telling("")


@pytest.fixture(scope="module")
def address(backend: Telling) -> Iterator[str]:
    """Where that model is served, with limits that tests can reach."""
    with serving_api(backend, requests=RequestLimits(pictures=3, pixels=10_000)) as url:
        yield url


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[OpenAI]:
    """The official client of that server."""
    with client_at(address) as one:
        yield one


@pytest.fixture(scope="module")
def http(address: str) -> Iterator[httpx.Client]:
    """A client of that server that sends what it is given."""
    with httpx.Client(base_url=address) as one:
        yield one


def data_uri(picture: Path) -> str:
    """A picture as programs send it."""
    kind = {"jpg": "jpeg"}.get(picture.suffix[1:], picture.suffix[1:])
    return f"data:image/{kind};base64,{base64.b64encode(picture.read_bytes()).decode()}"


def asked(text: str, *pictures: Path, **more: Any) -> dict[str, Any]:
    """A user's message."""
    shown = [{"type": "image_url", "image_url": {"url": data_uri(one), **more}} for one in pictures]
    return {"role": "user", "content": [*shown, {"type": "text", "text": text}]}


def post(http: httpx.Client, **fields: Any) -> httpx.Response:
    """Ask a question by a chat, with these fields too, or others."""
    body = {"model": "scripted", "messages": [{"role": "user", "content": "?"}], **fields}
    raw = json.dumps(body).encode()  # also half characters
    return http.post("/v1/chat/completions", content=raw, headers={"Content-Type": "application/json"})


def refusal(answer: httpx.Response) -> dict[str, Any]:
    """What a request that was refused is told."""
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    return dict(error)
