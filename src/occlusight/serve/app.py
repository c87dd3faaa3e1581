"""The HTTP application: the page, and whether the server is well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp

from occlusight import __version__
from occlusight.backends.protocol import Backend
from occlusight.serve.fair_queue import FairQueue, Shares
from occlusight.serve.guard import Guard
from occlusight.serve.page.examples import Example
from occlusight.serve.page.page import Choice, Page


def create_app(
    backend: Backend,
    language: Choice = "auto",
    knows_photographs: bool = False,
    examples: tuple[Example, ...] | None = None,
    *,
    allow_hosts: Iterable[str] = (),
    shares: Shares | None = None,
) -> ASGIApp:
    """Return the application that serves a model's page at / and its state at /healthz; see `Page`, `Guard` and
    `FairQueue`."""

    async def built() -> Page:
        return Page(backend, FairQueue(shares), language, knows_photographs, examples)

    with ThreadPoolExecutor(
        1
    ) as thread:  # outside of an event loop, Gradio would leave one open for each lock that it makes
        page = thread.submit(asyncio.run, built()).result()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with page.open():
            yield

    app = FastAPI(
        title="Occlusight", version=__version__, docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan
    )

    @app.get("/healthz")
    def healthz() -> dict[str, Any]:
        return {"status": "ok", "version": __version__, "model": asdict(backend.info)}

    app.mount("/", page.app)
    return Guard(app, allow_hosts)
