"""Pages of other sites that may use the API (CORS)."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from occlusight.errors import BadInput

SHARED = "/v1/"
"""What such pages may ask; the page, the metrics and the rest are for nobody else's."""


class Origins:
    """ASGI middleware that tells browsers which pages may read the API's answers."""

    def __init__(self, app: ASGIApp, allowed: Iterable[str]) -> None:
        self.app = app
        self.shared = CORSMiddleware(
            app,
            allow_origins=list(allowed),
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=["Retry-After"],
            max_age=600,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what browsers ask before, and add what they want to see after."""
        shares = scope["type"] == "http" and scope["path"].startswith(SHARED)
        await (self.shared if shares else self.app)(scope, receive, send)


def origin(text: str) -> str:
    """Return an origin as browsers write it. Raises BadInput for what is none."""
    parts = urlsplit(text.rstrip("/"))
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query or "*" in text:
        raise BadInput(
            "--allow-origin takes an origin such as https://example.org or http://localhost:3000, "
            f"but {text!r} was given"
        )
    return f"{parts.scheme}://{parts.netloc}".lower()
