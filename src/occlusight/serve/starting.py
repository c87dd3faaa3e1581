"""Answers from the first moment on, while what shall be served is still being made; and gives way to another later."""

from __future__ import annotations

import asyncio
import gc
import logging
from asyncio import Future, Queue
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from occlusight.errors import Busy

LOG = logging.getLogger("occlusight.serve")
RETRY_S = 30


class Starting:
    """An ASGI application that gives way to another.

    Args:
        meanwhile: answers until that is there.
        make: makes it, in a thread.
        begun: is told that it is there.
        failed: is told that it cannot be made; `error` says why.
    """

    def __init__(
        self, meanwhile: ASGIApp, make: Callable[[], ASGIApp], begun: Callable[[], None], failed: Callable[[], None]
    ) -> None:
        self.error: BaseException | None = None
        self._served = Served(meanwhile)
        self._make = make
        self._begun = begun
        self._failed = failed
        self._tasks: set[asyncio.Task[None]] = set()
        self._changing: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or begin and end with the server."""
        if scope["type"] != "lifespan":
            try:
                await self._served(scope, receive, send)
            except asyncio.CancelledError:  # nobody else cancels a request: its time is over
                LOG.info("an answer was broken off, since the server stops")
            return
        await receive()
        self._run(self._begin())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._served.end()
        await send({"type": "lifespan.shutdown.complete"})

    async def give_way(self, make: Callable[[], ASGIApp]) -> None:
        """Serve what `make` makes, in a thread; it goes on where the caller is cancelled. Requests that are being
        answered are answered by what was there before, which ends after them.

        Raises:
            Busy: something else is being made.
            Exception: what `make` raises, and all stays as it was.
        """
        if self._changing is not None and not self._changing.done():
            raise Busy("another model is being opened", RETRY_S)
        self._changing = self._run(self._change(make))
        self._changing.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.shield(self._changing)

    def _run(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _begin(self) -> None:
        try:
            await self._change(self._make)
            self._begun()
        except Exception as error:
            self.error = error
            self._failed()

    async def _change(self, make: Callable[[], ASGIApp]) -> None:
        thread = ThreadPoolExecutor(1, thread_name_prefix="starting")
        try:
            app = await asyncio.get_running_loop().run_in_executor(thread, make)
            following = Served(app)
            await following.begin()
            before, self._served = self._served, following
        finally:
            thread.shutdown(wait=False)
        self._run(before.end_after_all())


class Served:
    """An ASGI application, and how many requests are in it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._opened = AsyncExitStack()
        self._inside = 0
        self._empty = asyncio.Event()
        self._empty.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request. (What the application writes into the scope is not kept with the connection.)"""
        self._inside += 1
        self._empty.clear()
        try:
            await self._app(dict(scope), receive, send)
        finally:
            self._inside -= 1
            if not self._inside:
                self._empty.set()

    async def begin(self) -> None:
        """Begin the application. Raises RuntimeError where it cannot begin."""
        await self._opened.enter_async_context(lifespan(self._app))

    async def end(self) -> None:
        """End what was begun."""
        await self._opened.aclose()

    async def end_after_all(self) -> None:
        """End it once no request is in it, and at once where the server ends; its memory is free then."""
        try:
            await self._empty.wait()
        finally:
            await self.end()
            del self._app
            gc.collect()


@asynccontextmanager
async def lifespan(app: ASGIApp) -> AsyncIterator[None]:
    """Begin an ASGI application, and end it, as a server does. Raises RuntimeError where it cannot begin."""
    told: Queue[Message] = Queue()
    begun: Future[None] = asyncio.get_running_loop().create_future()

    async def send(message: Message) -> None:
        if message["type"].endswith("startup.complete"):
            begun.set_result(None)
        elif message["type"].endswith("startup.failed"):
            begun.set_exception(RuntimeError(message.get("message", "the application cannot begin")))

    scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    task = asyncio.ensure_future(app(scope, told.get, send))
    told.put_nowait({"type": "lifespan.startup"})
    try:
        await begun
        yield
    finally:
        told.put_nowait({"type": "lifespan.shutdown"})
        await asyncio.wait([task])
