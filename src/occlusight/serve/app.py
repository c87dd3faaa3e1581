"""The HTTP application: the page, and the API for programs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from starlette.types import ASGIApp

from occlusight.backends.protocol import Backend
from occlusight.serve.api.app import create_api
from occlusight.serve.api.service import Service, Switch
from occlusight.serve.fair_queue import FairQueue, Shares
from occlusight.serve.middleware import guarded
from occlusight.serve.page.examples import Example
from occlusight.serve.page.page import Choice, Page
from occlusight.serve.settings import ApiSettings


def create_app(
    backend: Backend,
    language: Choice = "auto",
    knows_photographs: bool = False,
    examples: tuple[Example, ...] | None = None,
    *,
    allow_hosts: Iterable[str] = (),
    shares: Shares | None = None,
    settings: ApiSettings | None = None,
    plain: Backend | None = None,
    switch: Switch | None = None,
) -> ASGIApp:
    """Return the application that serves a model's page at / and its API beside it; see `Page`, `create_api`,
    `guarded`, `Service` (`plain`, `switch`) and `FairQueue`."""
    settings = settings or ApiSettings()
    queue = FairQueue(shares)
    service = Service(backend, queue, settings.requests, plain, switch)

    async def built() -> Page:
        return Page(service.backend, queue, language, knows_photographs, examples, switch is not None)

    with ThreadPoolExecutor(
        1
    ) as thread:  # outside of an event loop, Gradio would leave one open for each lock that it makes
        page = thread.submit(asyncio.run, built()).result()

    app = create_api(service, page.open(), settings.bodies)
    app.mount("/", page.app)
    return guarded(app, settings, allow_hosts, service.metrics.replied)
