"""Who may use what: keys for everything but the two routes that watch the server, and how often a key may ask."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import math
from dataclasses import dataclass
from time import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from occlusight.errors import BadInput
from occlusight.serve.api.errors import ApiError
from occlusight.serve.visitors import neighbourhood

OPEN = ("/healthz", "/readyz")
"""Routes that need no key: they tell nothing of what is asked."""
ADMIN = "/admin/"
"""What changes the server for everybody is under this path."""
RATED = "/v1/"
SHORTEST_KEY = 8


@dataclass(frozen=True)
class Access:
    """What a client needs.

    Args:
        api_keys: one of these for all routes but `OPEN`; without any, nothing is needed.
        admin_key: for `ADMIN`; without one that is for this machine alone.
        rate: how many requests to the API a key, or else an address, may send, as in "60/minute"; None is no limit.

    Raises:
        BadInput: a key is too short or cannot be sent, or the rate is none.
    """

    api_keys: tuple[str, ...] = ()
    admin_key: str | None = None
    rate: str | None = None

    def __post_init__(self) -> None:
        for key in (*self.api_keys, *([] if self.admin_key is None else [self.admin_key])):
            if len(key) < SHORTEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
                raise BadInput(
                    f"a key has at least {SHORTEST_KEY} characters of ASCII and no spaces; make one with: "
                    "python -c 'import secrets; print(secrets.token_urlsafe(24))'"
                )
        self.limit()

    def limit(self) -> RateLimitItem | None:
        """Return the rate as a number of requests in a time."""
        try:
            return None if self.rate is None else parse(self.rate)
        except ValueError:
            raise BadInput(
                f"--limit-rate takes a number of requests in a time, such as 60/minute, but {self.rate!r} was given"
            ) from None


class Door:
    """ASGI middleware that lets in who may; what is behind it knows `key` and `admin` of the request's state."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self._keys = [digest(key) for key in access.api_keys]
        self._admin = None if access.admin_key is None else digest(access.admin_key)
        self._limit = access.limit()
        self._rates = MovingWindowRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            state = self._state(scope)
        except ApiError as error:
            await error.response(scope["path"])(scope, receive, send)
            return
        await self.app({**scope, "state": {**scope.get("state", {}), **state}}, receive, send)

    def _state(self, scope: Scope) -> dict[str, object]:
        """Return who comes. Raises ApiError 401, 403 or 429."""
        path = scope["path"]
        given = [digest(key) for key in keys_in(Headers(scope=scope))]
        key = next((one for one in self._keys if any(hmac.compare_digest(one, other) for other in given)), None)
        is_admin = self._is_admin(scope, given)
        if path in OPEN:
            return {"key": None, "admin": False}
        if self._keys and key is None and not (is_admin and self._admin is not None):
            what = "another" if given else "a"
            raise ApiError(f"this server wants {what} key (Authorization: Bearer KEY)", None, "invalid_api_key", 401)
        if path.startswith(ADMIN) and not is_admin:
            raise ApiError("this is for whoever runs the server: from its machine, or with its admin key", status=403)
        who = key or neighbourhood(scope["client"][0] if scope["client"] else "")
        if path.startswith(RATED):
            self._count(who)
        return {"key": key, "admin": is_admin}

    def _is_admin(self, scope: Scope, given: list[str]) -> bool:
        if self._admin is not None:
            return any(hmac.compare_digest(self._admin, other) for other in given)
        return is_here(scope) and not scope.get("state", {}).get("forwarded", False)

    def _count(self, who: str) -> None:
        if self._limit is not None and not self._rates.hit(self._limit, who):
            reset = self._rates.get_window_stats(self._limit, who).reset_time
            message = f"more than {self._limit} is not allowed"
            raise ApiError(message, None, "rate_limit_exceeded", 429, max(1, math.ceil(reset - time())))


def digest(key: str) -> str:
    """Return what a key is known by, so that none lies in memory, in logs or in the names of clients."""
    return hashlib.sha256(key.encode()).hexdigest()


def keys_in(headers: Headers) -> list[str]:
    """Return the keys that a request brings: as OpenAI's clients do, as Anthropic's, or as a browser's password."""
    keys = headers.getlist("x-api-key")
    for value in headers.getlist("authorization"):
        scheme, _, rest = value.partition(" ")
        if scheme.lower() == "bearer":
            keys.append(rest.strip())
        elif scheme.lower() == "basic":
            try:
                keys.append(base64.b64decode(rest.strip(), validate=True).decode().partition(":")[2])
            except (binascii.Error, UnicodeDecodeError):
                continue
    return keys


def is_here(scope: Scope) -> bool:
    """Whether a request comes from this machine."""
    try:
        return bool(scope["client"]) and ipaddress.ip_address(scope["client"][0]).is_loopback
    except ValueError:
        return False
