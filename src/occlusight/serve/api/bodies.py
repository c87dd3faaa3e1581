"""What requests of the API carry: how much of it, how long it may take to arrive, and how much is held at a time."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from occlusight.serve.api.errors import ApiError
from occlusight.serve.visitors import neighbourhood

RETRY_S = 5
BOUNDED = ("/v1/", "/admin/")
BEFORE_A_VALUE = (b",", b"[", b"{")
"""One of these stands before each value of a JSON document but the outermost; none is in base64."""


@dataclass(frozen=True)
class BodyLimits:
    """Bytes of one body, seconds for it to arrive, bytes of all bodies that are held, of one address and in all: a
    request holds its body until it is answered; and values of its JSON: each costs a hundred times what its bytes do,
    in memory, and in time during which the server does nothing else."""

    largest: int = 64 * 2**20
    seconds: float = 120.0
    of_an_address: int = 2**28
    in_all: int = 2**30
    values: int = 100_000

    @classmethod
    def of(cls, largest: int) -> BodyLimits:
        """Return the limits for bodies of so many bytes, of which four of an address, and sixteen in all, are held."""
        return cls(largest, of_an_address=4 * largest, in_all=16 * largest)


class Bodies:
    """ASGI middleware before the API's routes; others pass."""

    def __init__(self, app: ASGIApp, limits: BodyLimits) -> None:
        self.app = app
        self.limits = limits
        self.held: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is within the limits."""
        if scope["type"] != "http" or not scope["path"].startswith(BOUNDED):
            await self.app(scope, receive, send)
            return
        body = Body(self, neighbourhood(scope["client"][0] if scope["client"] else ""), receive)
        try:
            headers = Headers(scope=scope)
            if (encoding := headers.get("content-encoding", "identity").strip().lower()) not in ("", "identity"):
                raise HTTPException(415, f"bodies are taken as they are, not encoded (Content-Encoding: {encoding})")
            told = headers.get("content-length", "0")
            body.hold(int(told[:20]) if told.isdecimal() else 0)
        except HTTPException as error:
            retry = RETRY_S if error.status_code in (429, 503) else None
            refusal = ApiError(error.detail, None, None, error.status_code, retry).response(scope["path"])
            await refusal(scope, receive, send)
            return
        try:
            await self.app(scope, body.receive, send)
        finally:
            body.let_go()


class Body:
    """A body on its way."""

    def __init__(self, bodies: Bodies, address: str, receive: Receive) -> None:
        self._bodies = bodies
        self._address = address
        self._receive = receive
        self._held = 0
        self._came = 0
        self._values = 0
        self._end = asyncio.get_running_loop().time() + bodies.limits.seconds
        self._whole = False

    def hold(self, size: int) -> None:
        """Set room aside for a body of so many bytes. Raises HTTPException 413, 429 or 503."""
        limits, held = self._bodies.limits, self._bodies.held
        more = size - self._held
        if size > limits.largest:
            raise HTTPException(413, f"the request is larger than the {limits.largest} bytes allowed")
        if more <= 0:
            return
        retry = {"Retry-After": str(RETRY_S)}
        if held[self._address] + more > limits.of_an_address:
            raise HTTPException(429, "this address sends too much at the same time", retry)
        if held.total() + more > limits.in_all:
            raise HTTPException(503, "too much is being sent to the server", retry)
        held[self._address] += more
        self._held = size

    def let_go(self) -> None:
        """Give the room back."""
        held = self._bodies.held
        held[self._address] -= self._held
        if not held[self._address]:
            del held[self._address]

    async def receive(self) -> Message:
        """Return the next piece. Raises HTTPException where there are too many, or they come too slowly."""
        if self._whole:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._end):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, f"the request took longer than {self._bodies.limits.seconds:g} s") from None
        if message["type"] == "http.request":
            piece = message.get("body", b"")
            self._came += len(piece)
            self.hold(max(self._came, self._held))
            self._values += sum(map(piece.count, BEFORE_A_VALUE))
            if self._values > self._bodies.limits.values:
                raise HTTPException(413, f"the body holds more than the {self._bodies.limits.values:,} values allowed")
            self._whole = not message.get("more_body", False)
        return message
