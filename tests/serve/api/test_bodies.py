"""How much a request may carry, and how long that may take."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.serve.api.conftest import serving_api

from occlusight.backends.scripted import Scripted
from occlusight.serve.api.bodies import BodyLimits

PATH = "/v1/chat/completions"


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


RIGHT = b'{"model": "scripted", "messages": [{"role": "user", "content": "?"}]}'
