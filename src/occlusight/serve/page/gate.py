"""The only way to the page's program, Gradio: a list of the requests that the page makes, each checked before Gradio
sees it.

Gradio alone would copy any file that a request names into a public folder, fetch addresses, answer for other visitors'
pages and tell its own functions. Here whatever is not listed does not exist; what a request carries is reduced to what
its fields can hold; pictures are kept by us under names of our own; and a page belongs to the visitor who opened it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, TypeGuard
from urllib.parse import urlencode

import gradio as gr
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from occlusight.errors import BadPicture, Busy
from occlusight.serve.fair_queue import FairQueue
from occlusight.serve.page.mailboxes import Mailboxes
from occlusight.serve.page.texts import TEXTS, preferred
from occlusight.serve.page.uploads import Uploads, media_type
from occlusight.serve.visitors import Visitor

LOG = logging.getLogger("occlusight.serve")
LARGEST_BODY = 2**20
"""Bytes of a request that is no picture."""
BODY_S, UPLOAD_S = 30, 300
"""How long a request, and one with a picture, may take to arrive, in seconds."""
LONGEST_PATH = 250
ENVELOPE = 2**16
"""What a form takes around the picture in it, in bytes."""
API = "/gradio_api"
FILES = ("/theme.css", "/favicon.ico", "/assets/{_:path}", "/static/{_:path}")
"""Scripts and style sheets of the page, which are the same for everybody."""


class Gate:
    """Routes to a page's program; `app` is the application.

    Args:
        gradio: Gradio's application.
        blocks: the page that it serves.
        uploads: where pictures are kept.
        queue: who asks for an answer is refused here when it has no place for him.
    """

    def __init__(self, gradio: ASGIApp, blocks: gr.Blocks, uploads: Uploads, queue: FairQueue) -> None:
        self.gradio = gradio
        self.blocks = blocks
        self.uploads = uploads
        self.queue = queue
        self.mailboxes = blocks._queue.pending_messages_per_session = Mailboxes()
        get, post = ["GET"], ["POST"]
        self.app = Starlette(
            routes=[
                Route("/", self.page, methods=get),
                *(Route(path, self.file_of_gradio, methods=get) for path in FILES),
                Route(f"{API}/heartbeat/{{session}}", self.heartbeat, methods=get),
                Route(f"{API}/queue/data", self.answers, methods=get),
                Route(f"{API}/queue/join", self.ask, methods=post),
                Route(f"{API}/run/predict", self.press, methods=post),
                Route(f"{API}/upload", self.upload, methods=post),
                Route(f"{API}/upload_progress", self.upload_progress, methods=get),
                Route(f"{API}/file={{handle:path}}", self.picture, methods=get),
            ],
            exception_handlers={HTTPException: refused},
        )
        self.app.router.redirect_slashes = False

    async def page(self, request: Request) -> ASGIApp:
        """The page itself, which makes a visitor of whoever opens it."""
        visitor = Visitor.of(request)
        greeting = Response()
        if visitor is None:
            Visitor.new(request).greet(greeting, secure=request.url.scheme == "https")
        cookies = [(name, value) for name, value in greeting.raw_headers if name == b"set-cookie"]
        return self._to_gradio(headers=[*cookies, (b"cache-control", b"no-store")])

    async def file_of_gradio(self, request: Request) -> ASGIApp:
        """A script or style sheet of the page."""
        if len(request.url.path) > LONGEST_PATH:  # no file system knows such names
            raise HTTPException(404)
        return self._to_gradio()

    async def heartbeat(self, request: Request) -> ASGIApp:
        """What tells that a page is still open."""
        session = visitor_of(request).session(request.path_params["session"])
        return self._to_gradio(path=f"{API}/heartbeat/{session}")

    async def answers(self, request: Request) -> ASGIApp:
        """What a page waits for."""
        session = visitor_of(request).session(request.query_params.get("session_hash", ""))
        if session not in self.blocks._queue.pending_messages_per_session:  # Gradio begins an answer and breaks it off
            raise HTTPException(404)
        return self._to_gradio(query=urlencode({"session_hash": session}).encode())

    async def ask(self, request: Request) -> ASGIApp:
        """A question. Refused at once (429, 503) where the queue has no place for this visitor."""
        visitor = visitor_of(request)
        call = await self._call(request, visitor, queued=True)
        try:
            self.queue.check(visitor.client)
            self.mailboxes.admit(call["session_hash"], visitor.client.group)
        except Busy as busy:
            return busy_now(request, busy)
        return self._to_gradio(body=json.dumps(call).encode(), visitor=visitor)

    async def press(self, request: Request) -> ASGIApp:
        """A button whose work is done at once."""
        visitor = visitor_of(request)
        call = await self._call(request, visitor, queued=False)
        return self._to_gradio(body=json.dumps(call).encode(), visitor=visitor)

    async def upload(self, request: Request) -> Response:
        """Keep a picture; the answer is its name here, where Gradio's would be a path."""
        visitor = visitor_of(request)
        largest = self.uploads.limits.largest
        bounded = Request(request.scope, at_most(request, largest + ENVELOPE))
        coming = int(request.headers.get("content-length", largest))
        try:
            with self.uploads.arriving(visitor, coming):
                async with in_time(UPLOAD_S), bounded.form(max_files=1, max_fields=1) as form:
                    picture = form.get("files")
                    if not isinstance(picture, UploadFile):
                        raise HTTPException(400, "a form with one file is expected")
                    if (picture.size or 0) > largest:
                        raise HTTPException(413)
                    handle = await run_in_threadpool(self.uploads.add, visitor, picture.filename or "", picture.file)
        except Busy as busy:
            return busy_now(request, busy)
        except OSError as error:
            LOG.error("a picture could not be kept: %s", error)
            raise HTTPException(507, "the server has no room for the picture now") from None
        return JSONResponse([handle])

    async def upload_progress(self, request: Request) -> Response:
        """Nothing: the browser need not ask again."""
        return Response(status_code=204)

    async def picture(self, request: Request) -> Response:
        """An example, or a picture that this visitor brought."""
        try:
            path = self.uploads.path(visitor_of(request), request.path_params["handle"])
        except BadPicture as error:
            raise HTTPException(404, str(error)) from None
        shown = media_type(path)
        return FileResponse(
            path,
            media_type=shown or "application/octet-stream",
            filename=path.name,
            content_disposition_type="inline" if shown else "attachment",
            headers={
                "Cache-Control": "private, max-age=3600",
                "Content-Security-Policy": "default-src 'none'; sandbox",
            },
        )

    async def _call(self, request: Request, visitor: Visitor, *, queued: bool) -> dict[str, Any]:
        """Return a call to one of the page's functions with nothing in it but what the function takes."""
        receive = at_most(request, LARGEST_BODY)
        async with in_time(BODY_S):
            raw = await Request(request.scope, receive).body()
        try:
            call = json.loads(raw)
            index, session, data = call["fn_index"], call["session_hash"], call["data"]
            trigger, event = call.get("trigger_id"), call.get("event_data")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise HTTPException(400) from None
        function = self.blocks.fns.get(index) if type(index) is int else None
        if function is None or bool(function.queue) is not queued or not function.targets:
            raise HTTPException(404)
        if not is_text(session) or not isinstance(data, list) or len(data) != len(function.inputs):
            raise HTTPException(422)
        return {
            "fn_index": index,
            "session_hash": visitor.session(session),
            "trigger_id": trigger if type(trigger) is int else None,
            "event_data": {"index": place_in(event), "value": None} if event is not None else None,
            "data": [reduced(field, value) for field, value in zip(function.inputs, data, strict=True)],
        }

    def _to_gradio(
        self,
        *,
        path: str | None = None,
        query: bytes = b"",
        body: bytes = b"",
        visitor: Visitor | None = None,
        headers: list[tuple[bytes, bytes]] | None = None,
    ) -> ASGIApp:
        """Return an application that has Gradio answer, and tells nothing of what goes wrong inside."""

        async def forwarded(scope: Scope, receive: Receive, send: Send) -> None:
            kept = [(k, v) for k, v in scope["headers"] if k.lower() not in (b"content-length", b"transfer-encoding")]
            inner = {
                **scope,
                "query_string": query,
                "headers": [*kept, (b"content-length", str(len(body)).encode())] if body else kept,
                "state": {**scope.get("state", {}), "visitor": visitor},
            }
            if path is not None:
                root = scope.get("root_path", "")
                inner |= {"path": root + path, "raw_path": (root + path).encode()}
            rest = [body] if body else []

            async def receive_body() -> Message:
                return {"type": "http.request", "body": rest.pop(), "more_body": False} if rest else await receive()

            await self.gradio(inner, receive_body, quietly(send, headers or []))

        return forwarded


def visitor_of(request: Request) -> Visitor:
    """Return whose request it is. Raises 403 for one that no page of ours can have made."""
    visitor = Visitor.of(request)
    if visitor is None:
        raise HTTPException(403, "open the page first, in a browser that keeps its cookie")
    return visitor


def reduced(field: Any, value: object) -> object:
    """Return a field's value as it must be; a picture is left its name alone. Raises 422 for what the field cannot
    hold."""
    if isinstance(field, gr.Image):
        if value is None:
            return None
        if isinstance(value, Mapping) and is_text(value.get("path")):
            return {"path": value["path"]}
    elif isinstance(field, gr.Textbox):
        if is_text(value) and (field.max_length is None or len(value) <= field.max_length):
            return value
    elif isinstance(field, gr.Slider):
        if isinstance(value, (int, float)) and not isinstance(value, bool) and field.minimum <= value <= field.maximum:
            return value
    elif isinstance(field, gr.Radio) and isinstance(value, str) and value in [choice for _, choice in field.choices]:
        return value
    raise HTTPException(422)


def is_text(value: object) -> TypeGuard[str]:
    """Whether a value is text that can be written down: JSON can also say half of a character (`"\\ud800"`)."""
    return isinstance(value, str) and not re.search("[\ud800-\udfff]", value)


def busy_now(request: Request, busy: Busy) -> Response:
    """Return the refusal of one who has to wait, in the language that the browser asks for."""
    t = TEXTS[preferred(request.headers.get("accept-language"))]
    text = (t.too_many if busy.by_client else t.full).format(seconds=busy.retry_after_s)
    return JSONResponse({"detail": text}, 429 if busy.by_client else 503, {"Retry-After": str(busy.retry_after_s)})


def place_in(event: object) -> int:
    """Return which item of a gallery was pressed."""
    index = event.get("index") if isinstance(event, Mapping) else None
    if type(index) is not int or index < 0:
        raise HTTPException(422)
    return index


def at_most(request: Request, limit: int) -> Receive:
    """Return where a request's body comes from, up to a number of bytes. Raises 413, before reading where the length is
    told."""
    told = request.headers.get("content-length", "0")
    if not told.isdecimal() or int(told[:20]) > limit:
        raise HTTPException(413)
    came = 0

    async def receive() -> Message:
        nonlocal came
        message = await request.receive()
        came += len(message.get("body", b""))
        if came > limit:
            raise HTTPException(413)
        return message

    return receive


@asynccontextmanager
async def in_time(seconds: float) -> AsyncIterator[None]:
    """Raise 408 where what is inside takes longer."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise HTTPException(408) from None


async def refused(request: Request, error: Exception) -> Response:
    """Return a refusal in words of ours."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


def quietly(send: Send, headers: list[tuple[bytes, bytes]]) -> Send:
    """Return a way to send Gradio's answers: headers are added, and of a failure nothing is said but its kind."""
    failed: int | None = None

    async def sent(message: Message) -> None:
        nonlocal failed
        if message["type"] == "http.response.start":
            if message["status"] >= 400:
                failed = message["status"]
                await fail(send, failed)
                return
            own = [(k, v) for k, v in message["headers"] if not k.lower().startswith(b"access-control-")]
            message = {**message, "headers": [*own, *headers]}
        if failed is None:
            await send(message)

    return sent


async def fail(send: Send, status: int) -> None:
    """Send a failure of which only the kind is told."""
    response = JSONResponse({"detail": HTTPStatus(status).phrase}, status)
    await send({"type": "http.response.start", "status": status, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": response.body})
