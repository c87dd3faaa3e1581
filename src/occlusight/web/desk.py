"""What happens when somebody presses something on the page."""

from __future__ import annotations

import html
import logging
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import gradio as gr

from occlusight.backends.protocol import Backend, Done, Request
from occlusight.errors import BadInput
from occlusight.web.answering import Answering
from occlusight.web.examples import Example
from occlusight.web.texts import TEXTS, Language, Texts, preferred

LOG = logging.getLogger("occlusight.web")
Update: TypeAlias = Any
Shown: TypeAlias = tuple[Update, Update, Update, Update]
"""The answer, the status line, the button that asks, the button that stops."""


class Desk:
    """Answers for every open page; each page has at most one answer under way."""

    def __init__(self, backend: Backend, examples: Sequence[Example] = ()) -> None:
        self.backend = backend
        self.examples = examples
        self._guard = threading.Lock()
        self._under_way: dict[str, Answering] = {}

    def ask(
        self,
        path: str | None,
        question: str,
        temperature: float,
        top_p: float,
        max_tokens: float,
        language: Language,
        request: gr.Request,
    ) -> Iterator[Shown]:
        """Stream the answer to a question about the picture in the file `path`."""
        t = TEXTS[language]
        if not path or not question.strip():
            yield gr.skip(), line(t.no_question if path else t.no_picture, "problem"), gr.skip(), gr.skip()
            return
        yield "", line(t.working, "working"), gr.update(interactive=False), gr.update(interactive=True)
        page = str(request.session_hash)
        answering: Answering | None = None
        status = ""
        try:
            asked = Request(
                question,
                (Path(path),),
                temperature=temperature,
                top_p=top_p,
                max_tokens=int(max_tokens),
            )
            answering = self._open(page, asked)
            for text in answering:
                yield text, gr.skip(), gr.skip(), gr.skip()
            status = ending(t, answering)
        except BadInput as error:
            status = line(t.failed.format(error=error), "problem")
        except Exception as error:  # the page must be usable again; the log keeps the whole story
            LOG.exception("an answer failed")
            status = line(t.failed.format(error=type(error).__name__), "problem")
        finally:
            if answering is not None:
                self._forget(page, answering)
                answering.stop()
        if self._replaced(page, answering):
            return
        text = answering.text if answering is not None else ""
        yield text, status, gr.update(interactive=True), gr.update(interactive=False)

    def stop(self, request: gr.Request) -> None:
        """Stop what this page waits for, if anything."""
        self._stop(str(request.session_hash))

    def choose(self, language: Language, event: gr.SelectData) -> tuple[str, str]:
        """Return the picture and the question of the example that was pressed."""
        example = self.examples[event.index]
        return str(example.picture), example.question(language)

    def first_language(self, request: gr.Request) -> Language:
        """Return the language that the browser asks for."""
        return preferred(request.headers.get("accept-language"))

    def _open(self, page: str, request: Request) -> Answering:
        self._stop(page)
        answering = Answering(self.backend, request)
        with self._guard:
            self._under_way[page] = answering
        return answering

    def _forget(self, page: str, answering: Answering) -> None:
        with self._guard:
            if self._under_way.get(page) is answering:
                del self._under_way[page]

    def _replaced(self, page: str, answering: Answering | None) -> bool:
        """Whether the page waits for another answer by now, whose buttons and status must stay."""
        with self._guard:
            return self._under_way.get(page) not in (None, answering)

    def _stop(self, page: str) -> None:
        with self._guard:
            answering = self._under_way.pop(page, None)
        if answering is not None:
            answering.stop()


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
    return line(text, "done")


def rate(done: Done) -> float:
    """Return tokens a second after the first token."""
    later = done.usage.completion_tokens - 1
    return later / done.timings.decode_s if later > 0 and done.timings.decode_s > 0 else 0.0


def line(text: str, kind: str) -> str:
    """Return a status line as HTML."""
    return f'<div class="status {kind}" role="status">{html.escape(text)}</div>'
