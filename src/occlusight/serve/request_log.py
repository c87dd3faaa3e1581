"""A line of JSON for each request of the API: what it was and what it took, never what was asked or shown."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from contextvars import ContextVar
from time import perf_counter
from typing import Any

from prometheus_client import Counter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOG = logging.getLogger("occlusight.serve.requests")
LOGGED = ("/v1/", "/admin/")
NOTES: ContextVar[dict[str, Any] | None] = ContextVar("notes", default=None)
"""What is told of the request that is being answered."""


def note(facts: Mapping[str, Any]) -> None:
    """Tell something of the request that is being answered."""
    notes = NOTES.get()
    if notes is not None:
        notes.update(facts)


class RequestLog:
    """ASGI middleware that writes the lines, and counts them in `replied` by route and status."""

    def __init__(self, app: ASGIApp, replied: Counter | None = None) -> None:
        self.app = app
        self.replied = replied

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; log what belongs to the API."""
        if scope["type"] != "http" or not scope["path"].startswith(LOGGED):
            await self.app(scope, receive, send)
            return
        began = perf_counter()
        notes: dict[str, Any] = {}
        token = NOTES.set(notes)
        status = 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            NOTES.reset(token)
            facts = {
                "method": scope["method"],
                "route": notes.pop("route", None),
                "status": status,
                "seconds": round(perf_counter() - began, 4),
                "client": scope["client"][0] if scope["client"] else None,
                **notes,
            }
            if self.replied is not None:
                self.replied.labels(facts["route"] or "none", status).inc()
            LOG.info("%s", json.dumps(facts, ensure_ascii=False))
