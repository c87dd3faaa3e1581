"""Who may speak to the server, and what its answers tell browsers.

A page of another site that a visitor has open must not reach a server on his machine or in his network: neither under a
name that the site owns (DNS rebinding: the Host header shows it), nor by requests from its own scripts and forms (the
Origin header shows it).
"""

from __future__ import annotations

import html
import ipaddress
import re
from collections import Counter
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from occlusight.errors import BadInput
from occlusight.serve.api.errors import ApiError
from occlusight.serve.origins import SHARED
from occlusight.serve.visitors import neighbourhood

HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:/@\s]+)(?::(\d{1,5}))?")
NAME = re.compile(r"(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*")
PROGRAMS = ("/v1/", "/admin/")
"""Paths that programs ask for."""
OPEN_AT_ONCE = 256
"""How many requests of one address are open at the same time; an open page holds one, or two while it waits for an
answer."""
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' "
    "'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' blob:; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
BELIEVED_BY_NOBODY = (b"x-forwarded-", b"x-original-", b"x-rewrite-", b"x-real-ip", b"x-direct-url", b"forwarded")
"""Beginnings of headers by which a client could say that it is another, or asked for something else. (Those of a proxy
that the server was told to trust have been read before.)"""


class Guard:
    """ASGI middleware before everything else.

    Args:
        app: what is guarded.
        allow_hosts: names under which the server may be asked, beside loopback names and IP addresses; `*.example.org`
            means all names under example.org.
        allow_origins: pages of other sites that may use the API, as browsers name them.

    Raises:
        BadInput: a name is none.
    """

    def __init__(self, app: ASGIApp, allow_hosts: Iterable[str] = (), allow_origins: Iterable[str] = ()) -> None:
        self.app = app
        self.allow_origins = frozenset(allow_origins)
        self.allow_hosts = frozenset(host_name(name) for name in allow_hosts)
        self._open: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may pass; refuse the rest."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:  # nothing here speaks over a web socket
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = neighbourhood(scope["client"][0] if scope["client"] else "")

        async def safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope, client)
        if refusal is not None:
            await refusal(scope, receive, safely)
            return
        plain = [(name, value) for name, value in scope["headers"] if not name.lower().startswith(BELIEVED_BY_NOBODY)]
        state = {**scope.get("state", {}), "forwarded": len(plain) < len(scope["headers"])}
        self._open[client] += 1
        try:
            await self.app({**scope, "headers": plain, "state": state}, receive, safely)
        finally:
            self._open[client] -= 1
            if not self._open[client]:
                del self._open[client]

    def _refusal(self, scope: Scope, client: str) -> Response | None:
        headers = Headers(scope=scope)
        host = HOST.fullmatch(headers.get("host", ""))
        if host is None or len(headers.getlist("host")) != 1:
            return told(scope, "a request needs one Host header, and it must be a name or an address", 400)
        if not self.trusts(host[1]):
            return unknown_host(scope, host[1])
        if not same_origin(headers, scope["method"]) and not self.shares(scope["path"], headers):
            return told(scope, "a page of another site may not use this server", 403)
        if self._open[client] >= OPEN_AT_ONCE:
            return told(scope, f"this address has {OPEN_AT_ONCE} requests open; more are not taken", 429, 5)
        return None

    def shares(self, path: str, headers: Headers) -> bool:
        """Whether a request to the API comes from another site's page that may use it."""
        origins = headers.getlist("origin")
        return path.startswith(SHARED) and len(origins) == 1 and origins[0] in self.allow_origins

    def trusts(self, host: str) -> bool:
        """Whether no other site can own this name: it is a loopback name, an address, or was allowed."""
        name = host.lower().rstrip(".")
        if name == "localhost" or name.endswith(".localhost") or is_address(name.strip("[]")):
            return True
        parents = name.split(".")
        return name in self.allow_hosts or any(
            f"*.{'.'.join(parents[start:])}" in self.allow_hosts for start in range(1, len(parents))
        )


def host_name(name: str) -> str:
    """Return a name for `allow_hosts` as it is compared. Raises BadInput for what is none."""
    if not NAME.fullmatch(name.rstrip(".")):
        raise BadInput(
            "--allow-host takes a host's name, without scheme or port, such as pictures.example.org or "
            f"*.example.org, but {name!r} was given"
        )
    return name.lower().rstrip(".")


def is_address(text: str) -> bool:
    """Whether a host is an IP address, which needs no name service that a site could answer for."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def same_origin(headers: Headers, method: str) -> bool:
    """Whether a request comes from this server's own page, from no page at all, or is somebody who follows a link to
    it."""
    origins = headers.getlist("origin")
    if origins:
        return len(origins) == 1 and place(origins[0]) == place(f"http://{headers['host']}")
    if headers.get("sec-fetch-site", "none") in ("none", "same-origin"):
        return True
    follows_a_link = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return follows_a_link and method in ("GET", "HEAD")


def place(origin: str) -> tuple[str, int | None] | None:
    """Return an origin's host and port, None for a scheme's usual port; None for what is no origin of a page, such as
    `null`.

    (The scheme is left out: a proxy that was not named as trusted may speak HTTPS for us.)
    """
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    return parts.hostname.rstrip("."), None if port in (80, 443) else port


def told(scope: Scope, message: str, status: int, retry_after_s: int | None = None) -> Response:
    """Return a refusal: to programs in the form of their other errors, to browsers as a sentence."""
    error = ApiError(message, None, None, status, retry_after_s)
    path = scope["path"]
    if path.startswith(PROGRAMS):
        return error.response(path)
    return PlainTextResponse(f"{message[:1].upper()}{message[1:]}.", status, error.headers())


def unknown_host(scope: Scope, host: str) -> Response:
    """Return a refusal of a name that the server does not know."""
    if scope["path"].startswith(PROGRAMS):
        return told(scope, f"this server does not answer under the name {host}; serve --allow-host {host}", 421)
    name = html.escape(host)
    return HTMLResponse(
        "<!doctype html><meta charset=utf-8><title>Occlusight</title><p>This server does not answer under the "
        f"name <b>{name}</b>. If it should, start it with <code>occlusight serve --allow-host {name}</code>.</p>"
        f"<p lang=zh>本服务器不以 <b>{name}</b> 这个名字应答。如果应当应答，请用 <code>occlusight serve "
        f"--allow-host {name}</code> 启动。</p>",
        421,
    )
