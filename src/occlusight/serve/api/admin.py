"""/admin: what whoever runs the server may do, from its machine or with its key."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from typing import Any, TypeAlias

from fastapi import APIRouter
from fastapi.sse import format_sse_event
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from occlusight.api import about_model
from occlusight.backends.downloads import Damaged, NoRoom, Unreachable
from occlusight.backends.hub import hub_of
from occlusight.errors import BadInput
from occlusight.files.lock import BeingWritten
from occlusight.files.text import shown
from occlusight.serve.api.admin_shapes import AboutModel, AdminEvent, PullRequest, SwitchRequest
from occlusight.serve.api.errors import RESPONSES, ApiError, ErrorBody
from occlusight.serve.api.service import Service, client_of, stream, unless_left
from occlusight.serve.api.shapes import event_stream

EVERY_S = 0.25
"""How often a download tells how far it is."""
CODES: Mapping[type[BadInput], str] = {
    Unreachable: "hub_unreachable",
    NoRoom: "disk_full",
    Damaged: "damaged_download",
    BeingWritten: "download_under_way",
}
"""What failed, for programs, and for the page, which has a sentence for each in both languages."""
REFUSED: Mapping[int | str, dict[str, Any]] = {401: RESPONSES[401], 403: {"description": "Not you."}}
STREAMED = event_stream("AdminEvent", "Events; the last has `done`, or `error` where it failed after the first.")
Tell: TypeAlias = Callable[[AdminEvent], None]


def admin_router(service: Service) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["admin"])

    @router.post("/admin/cache/clear", status_code=204, responses={**REFUSED})
    async def clear_cache() -> None:
        """Forget what earlier requests computed: pictures' features, and the beginnings of prompts."""
        await asyncio.to_thread(service.backend.clear_cache)

    @router.get("/admin/models/{model:path}", responses={**REFUSED, 400: RESPONSES[400]})
    async def show_model(model: str) -> AboutModel:
        """Tell what a model takes, before anything of it is downloaded."""
        with about_the_model():
            found = await asyncio.to_thread(about_model, model)
        return AboutModel(**found.to_json())

    @router.post("/admin/models/pull", responses={**REFUSED, 200: STREAMED, 400: RESPONSES[400]})
    async def pull_model(body: PullRequest, http: HttpRequest) -> Response:
        """Download a model, from where an earlier download ended. A client that leaves stops it."""
        return await answered(http, lambda tell: pull(body.model, tell))

    @router.post(
        "/admin/models/switch",
        responses={
            **REFUSED,
            200: STREAMED,
            400: RESPONSES[400],
            501: {"model": ErrorBody, "description": "There is nothing here that could change it."},
            503: RESPONSES[503],
        },
    )
    async def switch_model(body: SwitchRequest, http: HttpRequest) -> Response:
        """Open another model, which then answers instead of this one; requests under way are answered by this one. It
        goes on where the client leaves. One that cannot be opened changes nothing."""
        return await answered(http, lambda tell: switch(service, body.model, tell))

    return router


async def pull(name: str, tell: Tell) -> AdminEvent:
    """Download a model. Raises ApiError for one that there is not, or that cannot be had."""
    hub = hub_of(name)
    if hub is None:
        what = "is no hub id such as Qwen/Qwen3-VL-2B-Instruct, or modelscope:ORG/NAME"
        raise ApiError(f"{shown(name)} {what}", "model", "invalid_value")
    left, told = False, 0.0

    def hear(done: int, total: int) -> None:
        nonlocal told
        if done == total or monotonic() >= told + EVERY_S:
            told = monotonic()
            tell(AdminEvent(event="progress", done=done, total=total))

    try:
        with about_the_model():
            await asyncio.to_thread(hub.pull, name, tell=hear, stopped=lambda: left)
    finally:
        left = True
    return AdminEvent(event="done", model=name)


async def switch(service: Service, name: str, tell: Tell) -> AdminEvent:
    """Serve another model. Raises ApiError for one that cannot be opened, and Busy."""
    if service.switch is None:
        raise ApiError("this server cannot change its model", None, "unsupported", 501)
    with about_the_model():
        await service.switch(name, lambda line: tell(AdminEvent(event="told", text=line)))
    return AdminEvent(event="done", model=name)


async def answered(http: HttpRequest, work: Callable[[Tell], Awaitable[AdminEvent]]) -> Response:
    """Return the stream of what work tells, from any thread, and of what it returns. Raises ApiError."""
    client_of(http)
    return await unless_left(http, stream(events_of(work), lambda error: sse(error.body())))


async def events_of(work: Callable[[Tell], Awaitable[AdminEvent]]) -> AsyncGenerator[bytes]:
    """Yield the events of some work; closing this cancels it."""
    loop = asyncio.get_running_loop()
    news: asyncio.Queue[AdminEvent | None] = asyncio.Queue()

    def tell(one: AdminEvent) -> None:
        loop.call_soon_threadsafe(news.put_nowait, one)

    working = asyncio.ensure_future(work(tell))
    working.add_done_callback(lambda _: news.put_nowait(None))
    try:
        while (one := await news.get()) is not None:
            yield sse(one.model_dump(exclude_none=True))
        yield sse((await working).model_dump(exclude_none=True))
    finally:
        working.cancel()


def sse(document: Mapping[str, Any]) -> bytes:
    """Return an event."""
    return format_sse_event(data_str=json.dumps(document, ensure_ascii=False))


@contextmanager
def about_the_model() -> Iterator[None]:
    """Within, an error about what was given names the field `model`, and what failed. Raises ApiError."""
    try:
        yield
    except BadInput as error:
        code = next((code for kind, code in CODES.items() if isinstance(error, kind)), "invalid_value")
        raise ApiError(str(error), "model", code) from error
