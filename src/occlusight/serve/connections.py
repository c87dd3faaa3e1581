"""Connections: how many an address may hold, and how long one may take to say what it wants.

uvicorn closes a connection that is silent after an answer, but waits for ever for a request whose headers do not end (a
slow loris): a thousand of them, which cost a client nothing, and no file descriptor is left for anybody else.
"""

from __future__ import annotations

import asyncio
import ipaddress

import h11
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol

from occlusight.serve.visitors import neighbourhood

SPARE_FILES = 200
"""File descriptors that are kept for pictures, processes and libraries."""


class Connection(H11Protocol):
    """A connection that is closed where its address has too many, or a request's headers take too long (seconds)."""

    of_an_address = 512
    headers_s = 20.0
    neighbourhood = ""
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Take it, or close it at once. Trusted proxies may have as many as they like."""
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        self.neighbourhood = neighbourhood(address)
        held = sum(getattr(other, "neighbourhood", None) == self.neighbourhood for other in self.connections)
        if held > self.of_an_address and not is_proxy(address, self.config):
            transport.abort()
        else:
            self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what comes; between two requests time runs from the first byte of the later one."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()
        elif self._deadline is None:
            self._expect_headers()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; where an answer has begun already, all that is left is to close."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()

    def _expect_headers(self) -> None:
        self._deadline = self.loop.call_later(self.headers_s, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def is_proxy(address: str, config: Config) -> bool:
    """Whether an address is among the proxies that the server was told to trust."""
    trusted = config.forwarded_allow_ips if config.proxy_headers else []
    try:
        ip = ipaddress.ip_address(address)
        return any(ip in ipaddress.ip_network(name, strict=False) for name in trusted or ())
    except ValueError:
        return False


def connections_possible() -> int | None:
    """Let this process open as many files as the system allows it, and return how many connections that makes; None
    where unlimited."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return None if soft == resource.RLIM_INFINITY else max(64, soft - SPARE_FILES)
