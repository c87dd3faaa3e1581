"""What all families answer with: the model, its queue, the threads that wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from time import monotonic, time
from typing import TypeAlias, TypeVar

from fastapi.sse import KEEPALIVE_COMMENT
from starlette.requests import Request as HttpRequest
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from occlusight.api import reasoning
from occlusight.backends.events import Done, Event
from occlusight.backends.protocol import Backend, CancelCheck, ModelInfo, Request
from occlusight.errors import BadForm, BadPicture, BadVideo, Cancelled
from occlusight.reasoning.calibration import Calibration
from occlusight.reasoning.calibrations import calibration_of
from occlusight.reasoning.reasoned import Reasoning
from occlusight.serve.api.errors import LEFT, ApiError, api_error
from occlusight.serve.api.pictures import Pictures, PictureStore, RequestLimits, pictures_kept
from occlusight.serve.fair_queue import Client, FairQueue, Place
from occlusight.serve.metrics import Metered, Metrics
from occlusight.serve.request_log import note
from occlusight.serve.visitors import neighbourhood

Result = TypeVar("Result")
Switch: TypeAlias = Callable[[str, Callable[[str], None]], Awaitable[None]]
FIRST_NEWS_S = 15.0
"""A stream begins, so that no proxy takes it for dead, also where nothing has come so long."""


@dataclass
class Service:
    """The model that the API answers with, and how it is shared.

    plain: the model without what understands questions, which sees relation graphs; the same unless given
    switch: serves another model, by its name, instead of this one; None where that cannot be done. It is given what
        hears, in a thread, lines that are told meanwhile
    opened: when it was, in seconds since 1970
    """

    backend: Backend
    queue: FairQueue
    limits: RequestLimits = field(default_factory=RequestLimits)
    plain: Backend | None = None
    switch: Switch | None = None
    opened: int = field(default_factory=lambda: int(time()))

    def __post_init__(self) -> None:
        self._opening = Lock()
        self._reasoning: Reasoning | None = None
        self.store = PictureStore()
        self.metrics = Metrics(self.backend.info.name, self.queue)
        self.backend = Metered(self.backend, self.metrics)
        self.threads = ThreadPoolExecutor(self.queue.shares.at_once, thread_name_prefix="api")

    @property
    def looks(self) -> Backend:
        """The plain model, which sees relation graphs."""
        return self.plain or self.backend

    @cached_property
    def calibration(self) -> Calibration | None:
        """What was fitted for the model; None where nobody did, or it tells no probabilities."""
        info, scores = self.looks.info, self.looks.capabilities.scores
        return None if scores is None else calibration_of(info.revision)

    @property
    def reasoning(self) -> Reasoning:
        """What sees graphs and understands questions; opened when first wanted. From any thread."""
        with self._opening:
            if self._reasoning is None:
                self._reasoning = reasoning(self.looks)
            return self._reasoning

    def close(self) -> None:
        """Begin nothing more, and forget all pictures and the model: FastAPI keeps the routes of an application for
        ever, and so would keep that."""
        self.threads.shutdown(wait=False, cancel_futures=True)
        self.store.close()
        self.backend, self.plain, self._reasoning = Ended(self.backend.info), None, None

    def check_model(self, name: str) -> None:
        """Raise ApiError (404) for another model than the one that answers here."""
        if name != self.backend.info.name:
            message = f"there is no model {name!r} here; ask {self.backend.info.name!r}"
            raise ApiError(message, "model", "model_not_found", 404)

    @asynccontextmanager
    async def pictures(self, form: str | None = None) -> AsyncIterator[Pictures]:
        """Keep a request's pictures as long as this lasts; errors about one name the field that it came in, and those
        about the answer's schema or expression the field `form`."""
        with pictures_kept(self.store, self.limits) as kept:
            try:
                yield kept
            except (BadPicture, BadVideo) as error:
                raise kept.told(error) from error
            except BadForm as error:
                told = str(error) if form is None else f"{form}: {error}"
                raise ApiError(told, form, "invalid_value") from error

    async def events(self, request: Request, client: Client) -> AsyncGenerator[Event]:
        """Wait for the client's turn, then yield the answer as it comes. Closing this stops the work.

        Raises:
            Busy: the client has too many places, or no turn comes.
        """
        with self.queue.enter(client) as place:
            await self._turn(place)
            async with aclosing(self._computed(request)) as events:
                async for event in events:
                    if isinstance(event, Done):
                        note(spent(event))
                    yield event

    async def compute(self, work: Callable[[Callable[[], bool]], Result], client: Client) -> Result:
        """Wait for the client's turn, then return what `work` does in a thread. It is given what tells whether nobody
        wants its result any more, and raises Cancelled then.
        """
        stopped = False
        with self.queue.enter(client) as place:
            await self._turn(place)
            try:
                return await asyncio.get_running_loop().run_in_executor(self.threads, work, lambda: stopped)
            finally:
                stopped = True

    async def _turn(self, place: Place) -> None:
        """Wait for a place's turn."""
        began = monotonic()
        async for _ in place.waits():
            pass
        note({"model": self.backend.info.name, "queue_s": round(monotonic() - began, 4)})

    async def _computed(self, request: Request) -> AsyncGenerator[Event]:
        """Yield what the backend does in a thread."""
        loop = asyncio.get_running_loop()
        news: asyncio.Queue[Event | None] = asyncio.Queue()
        work = _Work(self.backend, request, lambda event: loop.call_soon_threadsafe(news.put_nowait, event))
        computing = loop.run_in_executor(self.threads, work.run)
        try:
            while (event := await news.get()) is not None:
                yield event
            await computing
        finally:
            work.stopped = True
            if not computing.done():
                computing.add_done_callback(lambda done: done.cancelled() or done.exception())
                loop.run_in_executor(None, work.close)  # the step under way is waited for: not here


class Ended(Backend):
    """What is left of a model whose service has ended."""

    def __init__(self, info: ModelInfo) -> None:
        self._info = info

    @property
    def info(self) -> ModelInfo:
        """What the model was."""
        return self._info

    def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
        """Raise Cancelled."""
        raise Cancelled(f"{self._info.name} does not answer here any more")


class _Work:
    """A request in a thread of its own; `tell` hears each event, and None at the end."""

    def __init__(self, backend: Backend, request: Request, tell: Callable[[Event | None], object]) -> None:
        self.stopped = False
        self._backend = backend
        self._request = request
        self._tell = tell
        self._events: object = None

    def run(self) -> None:
        """Compute until the end or a stop. Raises what the backend raises."""
        try:
            events = self._events = self._backend.generate(self._request, lambda: self.stopped)
            for event in events if not self.stopped else ():
                if self.stopped:
                    return
                self._tell(event)
        except Cancelled:
            if not self.stopped:
                raise
        finally:
            self.close()
            with suppress(RuntimeError):  # the loop has ended
                self._tell(None)

    def close(self) -> None:
        """Stop what is computed, from any thread."""
        close = getattr(self._events, "close", None)
        if close is not None:
            with suppress(ValueError):  # a plain generator that is running in another thread
                close()


def spent(done: Done) -> dict[str, object]:
    """Return what an answer took, for the log."""
    return {
        "prompt_tokens": done.usage.prompt_tokens,
        "image_tokens": done.usage.image_tokens,
        "cached_tokens": done.saved.reused,
        "completion_tokens": done.usage.completion_tokens,
        "first_token_s": round(done.timings.first_token_s, 4),
        "finish_reason": done.finish_reason,
    }


def client_of(request: HttpRequest, member: str | None = None) -> Client:
    """Return whose share a request takes: its key's, or else its address's."""
    note({"route": request.scope["route"].path})
    key = getattr(request.state, "key", None)
    address = neighbourhood(request.client.host if request.client else "")
    return Client(key or address, f"api {member or ''}", program=True)


async def unless_left(request: HttpRequest, work: Awaitable[Result]) -> Result:
    """Return what the work does; stop it where the client leaves. Raises ApiError for whatever goes wrong."""
    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(left(request))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ApiError("the client left", status=LEFT)
        return working.result()
    except Exception as error:
        raise api_error(error) from error
    finally:
        for task in (working, watching):
            task.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


async def left(request: HttpRequest) -> None:
    """Wait until a client whose request was read has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


class EventStream(StreamingResponse):
    """Events on their way to a client; the task that makes them ends with it, also where it leaves before the first."""

    def __init__(self, events: AsyncIterator[bytes], making: asyncio.Task[None]) -> None:
        super().__init__(events, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
        self._making = making

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._making.cancel()


async def stream(
    events: AsyncGenerator[bytes], failed: Callable[[ApiError], bytes], comment: bytes = KEEPALIVE_COMMENT
) -> StreamingResponse:
    """Return a stream that begins with the first event, so that what fails before it is an ordinary refusal; what fails
    later is an event. A comment is sent where nothing comes for long.
    """
    pieces: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()

    async def pump() -> None:
        try:
            async with aclosing(events):
                async for event in events:
                    pieces.put_nowait(event)
            pieces.put_nowait(None)
        except Exception as error:
            pieces.put_nowait(error)

    pumping = asyncio.create_task(pump())

    async def next_piece(usually: bytes) -> bytes | Exception | None:
        try:
            async with asyncio.timeout(FIRST_NEWS_S):
                return await pieces.get()
        except TimeoutError:
            return usually

    async def told(piece: bytes | Exception | None) -> AsyncIterator[bytes]:
        while isinstance(piece, bytes):
            yield piece
            piece = await next_piece(comment)
        if piece is not None:
            yield failed(api_error(piece))

    try:
        first = await next_piece(comment)
    except asyncio.CancelledError:
        pumping.cancel()
        raise
    if isinstance(first, Exception):
        raise first
    return EventStream(told(first), pumping)
