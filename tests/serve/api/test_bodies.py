"""How much a request may carry, and how long that may take."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import httpx
import pytest
from tests.serve.api.conftest import serving_api

from occlusight.backends.scripted import Scripted
from occlusight.serve.api.bodies import BodyLimits

PATH = "/v1/chat/completions"
RIGHT = b'{"model": "scripted", "messages": [{"role": "user", "content": "?"}]}'


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving_api(Scripted("A."), bodies=BodyLimits(2000, 0.5, 3000, 3500)) as url:
        yield url


def connect(address: str, head: str, body: bytes = b"") -> socket.socket:
    """Send the beginning of a request."""
    host, _, port = address.removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)), timeout=10)
    connection.sendall(f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\n".encode() + body)
    return connection


def answer_of(connection: socket.socket) -> str:
    with connection:
        return connection.recv(10_000).decode()


def test_a_body_that_is_too_large_is_refused_before_it_came(address: str) -> None:
    with httpx.Client(base_url=address) as http:
        said = {"model": "scripted", "messages": [{"role": "user", "content": "?" * 1900}]}
        assert http.post(PATH, json=said).status_code == 200
        said["messages"] = [{"role": "user", "content": "?" * 2000}]
        refused = http.post(PATH, json=said)
        assert refused.status_code == 413
        assert "2000 bytes" in refused.json()["error"]["message"]
        pieces: Any = iter([b"{", b"a" * 1000, b"a" * 1000, b"a"])
        refused = http.post(PATH, content=pieces, headers={"Content-Type": "application/json"})
        assert refused.status_code == 413


def test_what_comes_too_slowly_or_too_much_at_once_is_refused(address: str) -> None:
    head = "Content-Type: application/json\r\nContent-Length: 1999"
    slow = connect(address, head, b"{")
    other = connect(address, head, b"{")
    assert "429" in answer_of(other)
    assert "408" in answer_of(slow)
    assert "200" in answer_of(
        connect(address, f"Content-Length: {len(RIGHT)}\r\nContent-Type: application/json", RIGHT)
    )


def test_a_body_of_too_many_values_is_refused_before_it_is_read() -> None:
    head = b'{"model": "scripted", "messages": [{"role": "user", "content": "?"}]'
    many = {
        "fields": b",".join([head, *(b'"f%d": 1' % at for at in range(1000))]) + b"}",
        "messages": head[:-1] + b', {"role": "user", "content": "?"}' * 400 + b"]}",
        "lists": head + b', "stop": ' + b"[" * 1100 + b"]" * 1100 + b"}",
    }
    with (
        serving_api(Scripted("A."), bodies=BodyLimits(values=1000)) as url,
        httpx.Client(base_url=url, headers={"Content-Type": "application/json"}) as http,
    ):
        for body in many.values():
            refused = http.post(PATH, content=body)
            assert refused.status_code == 413
            assert "1,000 values" in refused.json()["error"]["message"]
        fitting = head[:-1] + b', {"role": "assistant", "content": "?"}, {"role": "user", "content": "?"}' * 120 + b"]}"
        assert http.post(PATH, content=fitting).status_code == 200


def test_a_body_of_many_mistakes_takes_no_longer_for_it(serve_api: Callable[..., str]) -> None:
    many = [1] * 50_000
    for field in ({"messages": many}, {"messages": [{"role": "user", "content": many}]}, {"stop": many}):
        began = monotonic()
        refused = httpx.post(serve_api(Scripted("A.")) + PATH, json={"model": "scripted", **field}, timeout=60)
        assert refused.status_code == 400
        assert monotonic() < began + 20  # the square of so many takes minutes


@pytest.mark.parametrize(
    ("body", "headers", "status", "message"),
    [
        (b"", {}, 400, "the body is missing"),
        (b'{"model": "\xe9"}', {}, 400, "the body is no JSON that can be read: it is no UTF-8"),
        (b"[" * 900 + b"]" * 900, {}, 400, "the body"),
        (RIGHT, {"Content-Encoding": "gzip"}, 415, "(Content-Encoding: gzip)"),
        (RIGHT, {"Content-Encoding": "identity"}, 200, ""),
    ],
)
def test_what_is_no_body_is_said(address: str, body: bytes, headers: dict[str, str], status: int, message: str) -> None:
    reply = httpx.post(address + PATH, content=body, headers={"Content-Type": "application/json", **headers})
    assert reply.status_code == status
    assert message in reply.text
