"""An answer on its way to a browser, whose user may stop it at any moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import suppress
from time import perf_counter

from occlusight.backends.events import Done, Progress, TextDelta, ThoughtDelta
from occlusight.backends.protocol import Backend, Request
from occlusight.errors import Cancelled
from occlusight.serve.fair_queue import Place

EVERY_S = 0.1
"""How often a browser gets news of an answer; a model of this size writes faster than one reads."""


class Answering:
    """Waits for its turn, then takes the answer: `text` and `thought` are what there is of it so far; `stop` ends
    either. `threads` has one for each answer that is computed at once.

    In the end `done` is the backend's last event, or None where the answer was stopped.
    """

    def __init__(self, backend: Backend, request: Request, place: Place, threads: Executor) -> None:
        self.began = perf_counter()
        self.place = place
        self.text = ""
        self.thought = ""
        self._progress: Progress | None = None
        self.done: Done | None = None
        self.stopped = False
        self._backend = backend
        self._request = request
        self._threads = threads
        self._events: object = None
        self._news = asyncio.Event()

    @property
    def seconds(self) -> float:
        """How long it has taken."""
        return perf_counter() - self.began

    async def news(self) -> AsyncIterator[Progress | None]:
        """Yield whenever there is more of it; before that, how far the first word is, where it takes long. Raises what
        the backend raises."""
        if self.stopped or not self.place.runs:
            return
        self.began = perf_counter()
        loop = asyncio.get_running_loop()
        computing = loop.run_in_executor(self._threads, self._compute, loop)
        computing.add_done_callback(self._over)
        told: tuple[int, int, Progress | None] = (0, 0, None)
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                over = computing.done()
                news = (len(self.text), len(self.thought), self._progress)
                if news != told:
                    told = news
                    yield self._progress
                if over:
                    computing.result()
                    return
                await asyncio.wait([computing], timeout=EVERY_S)
        finally:
            self.stop()

    def stop(self) -> None:
        """End it: at once where the backend can be closed from another thread, else before its next event."""
        if self.done is None:
            self.stopped = True
        self.place.leave()
        if self._events is not None:  # the step under way is waited for: not here
            asyncio.get_running_loop().run_in_executor(None, self._close)

    def _over(self, computing: asyncio.Future[None]) -> None:
        self._news.set()
        self.place.leave()  # however slowly the browser reads what there is
        if not computing.cancelled():
            computing.exception()  # looked at, also where nobody waits for it any more

    def _compute(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take the backend's events as they come, in a thread."""
        try:
            events = self._events = self._backend.generate(self._request, lambda: self.stopped)
            for event in events if not self.stopped else ():
                if self.stopped:
                    return
                if isinstance(event, (Progress, TextDelta, ThoughtDelta)):
                    self._take(event)
                    if not self._news.is_set():  # else it has yet to look: no need to wake it for every token
                        with suppress(RuntimeError):  # the loop has ended
                            loop.call_soon_threadsafe(self._news.set)
                elif isinstance(event, Done):
                    self.done = event
        except Cancelled:  # stopped while its picture was opened
            if not self.stopped:
                raise
        finally:
            self._close()

    def _take(self, event: Progress | TextDelta | ThoughtDelta) -> None:
        if isinstance(event, Progress):
            self._progress = event
            return
        self._progress = None
        if isinstance(event, ThoughtDelta):
            self.thought += event.text
        else:
            self.text += event.text

    def _close(self) -> None:
        close = getattr(self._events, "close", None)
        if close is not None:
            with suppress(ValueError):  # a plain generator that is running in another thread
                close()
