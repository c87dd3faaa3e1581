"""What every request passes before it reaches a route, in order."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Counter
from starlette.types import ASGIApp

from occlusight.serve.access import Door
from occlusight.serve.guard import Guard
from occlusight.serve.origins import Origins
from occlusight.serve.request_log import RequestLog
from occlusight.serve.settings import ApiSettings


def guarded(
    app: ASGIApp, settings: ApiSettings, allow_hosts: Iterable[str] = (), replied: Counter | None = None
) -> ASGIApp:
    """Return an application behind the guard (hosts, origins), the log, browsers' questions about origins, and the door
    (keys); `replied` counts responses by route and status."""
    door = Door(app, settings.access)
    return Guard(RequestLog(Origins(door, settings.allow_origins), replied), allow_hosts, settings.allow_origins)
