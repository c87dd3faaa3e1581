"""What requests to the page bring, within bounds, and how they are answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractContextManager, aclosing, asynccontextmanager
from http import HTTPStatus
from typing import Any, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from occlusight.errors import Busy
from occlusight.serve.api.errors import ApiError
from occlusight.serve.visitors import Visitor

Form = TypeVar("Form", bound=BaseModel)
News: TypeAlias = dict[str, Any]
"""One event, as JSON, by its name in `event`."""
LARGEST_BODY = 2**20
"""Bytes of a request that is no picture."""
BODY_S = 30
"""How long a request that is no picture may take to arrive, in seconds."""
PRIVATE = {"Cache-Control": "private, no-store", "Content-Security-Policy": "default-src 'none'; sandbox"}
"""What goes with a visitor's pictures: no script runs in them."""


def visitor_of(request: Request) -> Visitor:
    """Return whose request it is. Raises 403 for one that no page of ours can have made."""
    visitor = Visitor.of(request)
    if visitor is None:
        raise HTTPException(403, "open the page first, in a browser that keeps its cookie")
    return visitor


async def read(form: type[Form], request: Request) -> Form:
    """Return what a request's body holds. Raises 422 for anything else than the form's fields."""
    async with in_time(BODY_S):
        raw = await Request(request.scope, at_most(request, LARGEST_BODY)).body()
    try:
        return form.model_validate_json(raw)
    except ValidationError:
        raise HTTPException(422) from None


def busy_told(busy: Busy) -> News:
    """Return what one who has to wait is told."""
    return {"kind": "too_many" if busy.by_client else "full", "seconds": busy.retry_after_s}


def busy_now(busy: Busy) -> Response:
    """Return the refusal of one who has to wait."""
    status = HTTPStatus.TOO_MANY_REQUESTS if busy.by_client else HTTPStatus.SERVICE_UNAVAILABLE
    return JSONResponse(busy_told(busy), status, {"Retry-After": str(busy.retry_after_s)})


def as_lines(news: AsyncGenerator[News, None], place: AbstractContextManager[object]) -> ASGIApp:
    """Return an application that tells events as lines of JSON, and leaves the place when they end or nobody listens
    any more."""

    async def lines() -> AsyncIterator[str]:
        async with aclosing(news):
            async for one in news:
                yield json.dumps(one, ensure_ascii=False) + "\n"

    async def streaming(scope: Scope, receive: Receive, send: Send) -> None:
        with place:
            headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
            response = StreamingResponse(lines(), media_type="application/x-ndjson", headers=headers)
            await response(scope, receive, send)

    return streaming


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


async def nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    """Say, in the form of the API's errors, that there is no such route: no page of ours asks for one."""
    told = "there is no such path here; the page is at /, and /openapi.json describes the API"
    await ApiError(told, status=404).response(scope["path"])(scope, receive, send)


async def refused(request: Request, error: Exception) -> Response:
    """Return a refusal in words of ours."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"kind": "refused", "detail": error.detail}, error.status_code, error.headers)
