"""Who asks a backend needs one module: what goes in, and what comes out."""

from __future__ import annotations

from occlusight.backends import events, protocol


def test_requests_and_events_come_from_one_module() -> None:
    assert protocol.Request("?").prompt == "?"
    assert (protocol.Done, protocol.TextDelta) == (events.Done, events.TextDelta)
