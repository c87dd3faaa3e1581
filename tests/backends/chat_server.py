"""A small server that speaks the chat API, and misbehaves on request."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """Keeps what it was asked. `failures` are the statuses with which it answers first; `refusals` the bodies that it
    refuses, and how.

    `events` are streamed as they stand instead of its own answer; `listing` is what it says instead of its list of
    models, `promised` the bytes that it says a stream has. `typed` is what it answers to typed questions, if it takes
    them, and `entry` what it says of its model beside the usual.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.begin()

    def begin(self) -> None:
        """Behave, and forget what was asked."""
        self.asked: list[dict] = []
        self.failures: list[int] = []
        self.finish = "stop"
        self.logprobs = True
        self.owner = "us"
        self.promised = 0
        self.typed: object = None
        self.entry: dict = {}
        self.listing: tuple[int, str] | None = None
        self.events: list[object] | None = None
        self.refusals: list[tuple[Callable[[dict], bool], dict]] = []

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that go away."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.server.listing is not None:
            status, text = self.server.listing
            self.reply(text, status)
            return
        self.reply(
            {
                "object": "list",
                "data": [
                    {"id": "small", "object": "model", "created": 7, "owned_by": self.server.owner, **self.server.entry}
                ],
            }
        )

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path.endswith("/decisions"):
            self.decide(body)
            return
        self.server.asked.append(body)
        refusal = next((error for refused, error in self.server.refusals if refused(body)), None)
        if refusal is not None:
            self.reply({"error": refusal}, 400)
        elif self.server.failures:
            self.reply({"error": {"message": "the context is too long"}}, self.server.failures.pop(0))
        elif body.get("stream"):
            self.stream()
        else:
            tops = [{"token": "Yes", "logprob": -0.2, "top_logprobs": []}, {"token": "No", "logprob": -1.7}]
            logprobs = {"content": [{"token": "Yes", "logprob": -0.2, "top_logprobs": tops}]}
            message = {"role": "assistant", "content": "Yes"}
            choice = {"index": 0, "message": message, "finish_reason": "length"}
            choice["logprobs"] = logprobs if self.server.logprobs else None
            self.reply({"id": "1", "object": "chat.completion", "created": 1, "model": "small", "choices": [choice]})

    def decide(self, body: dict) -> None:
        if self.server.typed is None:
            self.reply({"detail": "Not Found"}, 404)
        elif not body:
            self.reply({"error": {"message": "model is missing"}}, 400)
        else:
            self.server.asked.append(body)
            self.reply(self.server.typed)

    def reply(self, document: object, status: int = 200) -> None:
        page = isinstance(document, str)
        body = (document if isinstance(document, str) else json.dumps(document)).encode()
        self.send_response(status)
        self.send_header("content-type", "text/html" if page else "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("retry-after-ms", "1")
        self.end_headers()
        self.wfile.write(body)

    def stream(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        if self.server.promised:
            self.send_header("content-length", str(self.server.promised))
        self.end_headers()
        if self.server.events is not None:
            for event in self.server.events:
                self.event(event)
            return
        base = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "small"}
        deltas = [
            ({"role": "assistant", "content": ""}, None),
            ({"content": "Yes, "}, None),
            ({"content": "it does."}, None),
        ]
        for delta, reason in [*deltas, ({}, self.server.finish)]:
            self.event({**base, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
        usage = {"prompt_tokens": 70, "completion_tokens": 4, "total_tokens": 74}
        self.event({**base, "choices": [], "usage": usage})
        self.wfile.write(b"data: [DONE]\n\n")

    def event(self, document: object) -> None:
        if not isinstance(document, bytes):
            document = (document if isinstance(document, str) else json.dumps(document)).encode()
        self.wfile.write(b"data: %s\n\n" % document)


@contextmanager
def chat_server() -> Iterator[Server]:
    """Run a server."""
    found = Server()
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.shutdown()
        found.server_close()
        thread.join(5)
