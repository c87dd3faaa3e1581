"""Answers from the first moment on, while what shall be served is still being made."""

from __future__ import annotations

import asyncio
from asyncio import Future, Queue
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager

from starlette.types import ASGIApp, Message, Receive, Scope, Send


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
        self._app = meanwhile
        self._make = make
        self._begun = begun
        self._failed = failed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or begin and end with the server."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        await receive()
        async with AsyncExitStack() as opened:
            making = asyncio.create_task(self._begin(opened))
            await send({"type": "lifespan.startup.complete"})
            await receive()
            making.cancel()
            await asyncio.wait([making])
        await send({"type": "lifespan.shutdown.complete"})

    async def _begin(self, opened: AsyncExitStack) -> None:
        thread = ThreadPoolExecutor(1, thread_name_prefix="starting")
        try:
            app = await asyncio.get_running_loop().run_in_executor(thread, self._make)
            await opened.enter_async_context(lifespan(app))
            self._app = app
            self._begun()
        except Exception as error:
            self.error = error
            self._failed()
        finally:
            thread.shutdown(wait=False)


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
