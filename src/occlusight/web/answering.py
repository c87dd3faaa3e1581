"""An answer on its way to a browser, whose user may stop it at any moment."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from time import perf_counter

from occlusight.backends.protocol import Backend, Done, Request, TextDelta


class Answering:
    """Iterates over the answer so far; `stop`, called from another thread, ends the computation.

    After the last item, `done` is the backend's last event, or None where the answer was stopped.
    """

    def __init__(self, backend: Backend, request: Request) -> None:
        self.began = perf_counter()
        self.text = ""
        self.pieces = 0
        self.done: Done | None = None
        self._stopped = threading.Event()
        self._events = backend.generate(request)

    @property
    def seconds(self) -> float:
        """How long it has taken."""
        return perf_counter() - self.began

    @property
    def stopped(self) -> bool:
        """Whether somebody stopped it."""
        return self._stopped.is_set()

    def __iter__(self) -> Iterator[str]:
        try:
            for event in self._events:
                if self.stopped:
                    return
                if isinstance(event, TextDelta):
                    self.text += event.text
                    self.pieces += 1
                    yield self.text
                elif isinstance(event, Done):
                    self.done = event
        finally:
            self._close()

    def stop(self) -> None:
        """End the computation: at once where the backend can be closed from another thread, else before its next event."""
        self._stopped.set()
        self._close()

    def _close(self) -> None:
        close = getattr(self._events, "close", None)
        if close is not None:
            with suppress(ValueError):  # a plain generator that is running in another thread
                close()
