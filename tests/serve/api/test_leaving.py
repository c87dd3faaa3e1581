"""Clients that close the connection before they have their answer."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from tests.serve.api.conftest import post
from tests.serve.conftest import wait

from occlusight.backends.events import Event, TextDelta
from occlusight.backends.protocol import CancelCheck, Request
from occlusight.backends.scripted import Scripted
from occlusight.serve.fair_queue import FairQueue, Shares


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
