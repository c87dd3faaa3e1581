"""An answer on its way to a browser."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

from occlusight.backends.events import Done, Event, TextDelta
from occlusight.backends.protocol import Request
from occlusight.serve.page.stream import Answering

TOKENS = 200


def test_the_page_is_woken_as_often_as_it_looks_and_misses_nothing() -> None:
    def generate(request: Request, cancelled: Any) -> Iterator[Event]:
        for _ in range(TOKENS):
            time.sleep(0.001)
            yield TextDelta("x")
        yield Done("stop")

    woken: list[Any] = []

    async def read(answering: Answering) -> list[str]:
        loop: Any = asyncio.get_running_loop()
        wake = loop.call_soon_threadsafe
        loop.call_soon_threadsafe = lambda *given, **named: woken.append(given) or wake(*given, **named)
        return [answering.text async for _ in answering.news()]

    place: Any = SimpleNamespace(runs=True, leave=lambda: None)
    backend: Any = SimpleNamespace(generate=generate)
    with ThreadPoolExecutor(1) as threads:
        answering = Answering(backend, Request("?"), place, threads)
        texts = asyncio.run(read(answering))
    assert texts[-1] == "x" * TOKENS
    assert texts == sorted(set(texts), key=len)
    assert answering.done is not None
    assert len(woken) < TOKENS / 4
