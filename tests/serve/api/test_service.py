"""Streams whose client leaves at the wrong moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
from starlette.types import Message

from occlusight.errors import BadNumbers
from occlusight.serve.api import service
from occlusight.serve.api.errors import ApiError


def test_a_client_that_left_before_its_stream_began_ends_the_work() -> None:
    ended = asyncio.Event()

    async def endless() -> AsyncGenerator[bytes]:
        try:
            while True:
                yield b"data: x\n\n"
                await asyncio.sleep(0)
        finally:
            ended.set()

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        await asyncio.sleep(10)  # the client reads nothing, not even the head

    async def leaving() -> None:
        response = await service.stream(endless(), lambda error: b"")
        await response({"type": "http", "asgi": {"spec_version": "2.3"}}, receive, send)
        async with asyncio.timeout(5):
            await ended.wait()

    asyncio.run(leaving())
    assert ended.is_set()


def test_a_silent_stream_is_kept_alive_and_ends_with_what_went_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "FIRST_NEWS_S", 0.02)

    async def slow() -> AsyncGenerator[bytes]:
        await asyncio.sleep(0.05)
        yield b"data: x\n\n"
        raise BadNumbers("NaN")

    async def told() -> list[bytes]:
        response = await service.stream(slow(), lambda error: f"data: {error.message}\n\n".encode(), b": wait\n\n")
        return [bytes(piece) async for piece in response.body_iterator]  # type: ignore[arg-type]

    pieces = asyncio.run(told())
    assert pieces[0] == b": wait\n\n"
    assert pieces[-2:] == [b"data: x\n\n", b"data: NaN\n\n"]

    async def broken() -> AsyncGenerator[bytes]:
        raise ApiError("no")
        yield b""

    async def refused() -> None:
        await service.stream(broken(), lambda error: b"")

    with pytest.raises(ApiError, match="no"):
        asyncio.run(refused())
