"""What happens when somebody presses something on the page."""

from __future__ import annotations

import html
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias
from urllib.parse import quote

import gradio as gr

from occlusight.backends.protocol import Backend, Done, PictureUse, Progress, Request
from occlusight.errors import BadInput, Busy
from occlusight.serve.fair_queue import FairQueue
from occlusight.serve.page.examples import Example
from occlusight.serve.page.stream import Answering
from occlusight.serve.page.texts import TEXTS, Language, Texts, preferred
from occlusight.serve.page.uploads import Uploads
from occlusight.serve.visitors import Visitor

LOG = logging.getLogger("occlusight.serve")
Update: TypeAlias = Any
Shown: TypeAlias = tuple[Update, Update, Update, Update]
"""The answer, the status line, the button that asks, the button that stops."""

EVERY_S = 4.0
"""How often somebody who waits is told his place, at most."""


class Desk:
    """Answers for every open page; each page has at most one answer under way."""

    def __init__(self, backend: Backend, uploads: Uploads, queue: FairQueue, examples: Sequence[Example] = ()) -> None:
        self.backend = backend
        self.uploads = uploads
        self.queue = queue
        self.examples = examples
        self._under_way: dict[str, Answering] = {}
        self._threads = ThreadPoolExecutor(queue.shares.at_once, thread_name_prefix="answer")

    async def ask(
        self,
        picture: Mapping[str, Any] | None,
        question: str,
        temperature: float,
        top_p: float,
        max_tokens: float,
        language: Language,
        request: gr.Request,
    ) -> AsyncIterator[Shown]:
        """Stream the answer to a question about a picture; `picture` holds its name in `Uploads` as `path`."""
        t = TEXTS[language]
        if not picture or not question.strip():
            yield gr.skip(), line(t.no_question if picture else t.no_picture, "problem"), gr.skip(), gr.skip()
            return
        yield "", line(t.working, "working"), gr.update(interactive=False), gr.update(interactive=True)
        page, visitor = str(request.session_hash), visitor_of(request)
        answering: Answering | None = None
        status = ""
        try:
            asked = Request(
                question,
                (self.uploads.path(visitor, picture["path"]),),
                temperature=temperature,
                top_p=top_p,
                max_tokens=int(max_tokens),
            )
            answering = self._open(page, asked, visitor)
            async for ahead in answering.place.waits(EVERY_S):
                yield "", line(t.waiting.format(ahead=ahead), "working"), gr.skip(), gr.skip()
            now = t.working
            async for text in answering.texts():
                if answering.progress is not None:
                    now = coming(t, answering.progress)
                elif now != t.working:
                    now = t.writing
                yield text, line(now, "working"), gr.skip(), gr.skip()
            status = ending(t, answering)
        except BadInput as error:
            status = line(t.failed.format(error=self.uploads.told(error)), "problem")
        except Busy as busy:
            status = line((t.too_many if busy.by_client else t.full).format(seconds=busy.retry_after_s), "problem")
        except Exception as error:  # the page must be usable again; the log keeps the whole story
            LOG.exception("an answer failed")
            status = line(t.failed.format(error=type(error).__name__), "problem")
        finally:
            if answering is not None:
                self._forget(page, answering)
                answering.stop()
        if self._under_way.get(page) not in (None, answering):
            return  # the page waits for another answer by now, whose buttons and status must stay
        text = answering.text if answering is not None else ""
        yield text, status, gr.update(interactive=True), gr.update(interactive=False)

    async def stop(self, request: gr.Request) -> None:
        """Stop what this page waits for, if anything."""
        self._stop(str(request.session_hash))

    def close(self) -> None:
        """Begin no further answer."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def choose(self, language: Language, event: gr.SelectData) -> tuple[Update, Update]:
        """Return the picture and the question of the example that was pressed."""
        index = event.index
        if not isinstance(index, int) or not 0 <= index < len(self.examples):
            return gr.skip(), gr.skip()
        return shown(self.uploads.examples[index]), self.examples[index].question(language)

    def first_language(self, request: gr.Request) -> Language:
        """Return the language that the browser asks for."""
        return preferred(request.headers.get("accept-language"))

    def _open(self, page: str, request: Request, visitor: Visitor) -> Answering:
        self._stop(page)
        answering = Answering(self.backend, request, self.queue.enter(visitor.client), self._threads)
        self._under_way[page] = answering
        return answering

    def _forget(self, page: str, answering: Answering) -> None:
        if self._under_way.get(page) is answering:
            del self._under_way[page]

    def _stop(self, page: str) -> None:
        answering = self._under_way.pop(page, None)
        if answering is not None:
            answering.stop()


def visitor_of(request: gr.Request) -> Visitor:
    """Return whose request it is: the gate has said so."""
    visitor: Visitor = request.request.state.visitor  # type: ignore[union-attr]
    return visitor


def shown(handle: str) -> dict[str, str]:
    """Return a picture as the browser shows it; there is no mark in it by which Gradio would take the name for a
    path."""
    return {"path": handle, "url": f"./gradio_api/file={quote(handle)}", "orig_name": handle.rpartition("/")[2]}


def ending(t: Texts, answering: Answering) -> str:
    """Return the status line of an answer that has ended."""
    done = answering.done
    if done is None or done.finish_reason == "cancelled":
        return line(t.stopped.format(tokens=answering.pieces, total=answering.seconds), "stopped")
    text = (t.cut if done.finish_reason == "length" else "") + t.done.format(
        tokens=done.usage.completion_tokens,
        total=answering.seconds,
        first=done.timings.first_token_s,
        image=t.cached if done.timings.image_cached else t.encoded.format(seconds=done.timings.encode_s),
        rate=rate(done),
        prompt=done.usage.prompt_tokens,
        pixels=done.usage.image_tokens,
    )
    return line("".join([text, *(" · " + seen(t, use) for use in done.usage.pictures)]), "done")


def coming(t: Texts, progress: Progress) -> str:
    """Return how far the first word is."""
    text = t.encoding if progress.stage == "encoding" else t.reading
    text = text.format(done=progress.done, total=progress.total)
    seconds = progress.seconds_left
    if seconds is None:
        return text
    return text + (
        t.seconds_left.format(left=max(1, round(seconds)))
        if seconds < 90
        else t.minutes_left.format(left=round(seconds / 60))
    )


def seen(t: Texts, use: PictureUse) -> str:
    """Return how a picture was read."""
    text = t.grid.format(rows=use.rows, columns=use.columns, tokens=use.tokens)
    if use.reduced_by is None:
        return text
    (width, height), (to_width, to_height) = use.size, use.read_size
    return text + t.reduced.format(before=f"{width}x{height}", after=f"{to_width}x{to_height}")


def rate(done: Done) -> float:
    """Return tokens a second after the first token."""
    later = done.usage.completion_tokens - 1
    return later / done.timings.decode_s if later > 0 and done.timings.decode_s > 0 else 0.0


def line(text: str, kind: str) -> str:
    """Return a status line as HTML."""
    return f'<div class="status {kind}" role="status">{html.escape(text)}</div>'
