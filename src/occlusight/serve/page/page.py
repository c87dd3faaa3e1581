"""The page: pictures, questions, streamed answers. Nothing on it is fetched from another host.

Gradio serves it: one `gr.HTML` with a template, a style sheet and scripts of our own, which lie in `web/`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeAlias

import gradio as gr
from fastapi import FastAPI

from occlusight.backends.protocol import REMOTE, Backend
from occlusight.backends.wrapped import innermost
from occlusight.reasoning.places import locates
from occlusight.serve.fair_queue import FairQueue
from occlusight.serve.page.desk import Desk
from occlusight.serve.page.examples import Example, shipped_examples
from occlusight.serve.page.following import Following, teller
from occlusight.serve.page.gate import Gate
from occlusight.serve.page.question import LONGEST_ANSWER, LONGEST_QUESTION, MOST_PICTURES, MOST_TURNS
from occlusight.serve.page.sight import Sight, seeing
from occlusight.serve.page.uploads import Uploads
from occlusight.serve.page.words import WEB, all_words

Choice: TypeAlias = Literal["auto", "zh", "en"]
CHOICES: tuple[Choice, ...] = ("auto", "zh", "en")

TITLE = "Occlusight · 遮见"
PHOTO_MODEL = "Qwen/Qwen3-VL-2B-Instruct"
"""A model that knows photographs,"""
PHOTO_COMMAND = f"occlusight serve --model {PHOTO_MODEL}"
"""and how it is served from the beginning."""
STYLES = ("conversation.css", "graph.css", "film.css", "page.css")
"""That of the page comes last: it says what is otherwise on phones."""
HEAD = "".join(
    [
        *(f'<link rel="stylesheet" href="page/{name}">' for name in STYLES),
        '<link rel="modulepreload" href="page/page.js"><link rel="icon" href="page/icon.svg">',
    ]
)
QUICK_BYTES = 500_000_000
"""Of a model with smaller weights, examples' graphs are made unasked: some ten seconds of a processor, once."""
START = "import(new URL('page/page.js', document.baseURI)).then((page) => page.start(element, props.value))"


class Page:
    """The page over a backend; `app` is the application.

    `choice` is the first language, "auto" the browser's; `knows_photographs` leaves out what is said of renders;
    `switches`: the server can serve another model instead, which whoever runs it is offered.
    """

    def __init__(
        self,
        backend: Backend,
        queue: FairQueue,
        choice: Choice = "auto",
        knows_photographs: bool = False,
        examples: tuple[Example, ...] | None = None,
        switches: bool = False,
    ) -> None:
        self.backend = backend
        self.choice = choice
        self.knows_photographs = knows_photographs
        self.examples = tuple(shipped_examples()) if examples is None else examples
        self.uploads = Uploads(self.examples)
        self.desk = Desk(backend, self.uploads, queue)
        see = seeing(backend)
        self.sight = None if see is None else Sight(see, self.desk.threads)
        by = teller(backend)
        self.following = None if by is None else Following(by, self.desk.threads)
        self._gradio = self._mount()
        larger = PHOTO_MODEL if switches and not knows_photographs else None
        told = self.model()
        self.app = Gate(self._gradio, self.uploads, queue, self.desk, self.sight, self.following, larger, told).app

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Serve the page as long as this lasts; then what visitors uploaded is removed."""
        try:
            async with self._gradio.router.lifespan_context(self._gradio):
                yield
        finally:
            self.desk.close()
            self.uploads.close()

    def _mount(self) -> FastAPI:
        """Return Gradio's application."""
        with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as blocks:
            gr.HTML(
                self.settings(),
                html_template=(WEB / "page.html").read_text("utf-8"),
                js_on_load=START,
                apply_default_css=False,
                elem_id="occlusight-page",
            )
        served: FastAPI = gr.mount_gradio_app(
            FastAPI(docs_url=None, redoc_url=None, openapi_url=None),
            blocks,
            path="/",
            show_error=False,
            run_history=False,
            footer_links=[],
            ssr_mode=False,
            enable_monitoring=False,
            mcp_server=False,
            theme=gr.themes.Base(font="sans-serif", font_mono="monospace"),
            head=HEAD,
        )
        return served

    def model(self) -> dict[str, Any]:
        """Return what pages are told of the model."""
        info = self.backend.info
        return {
            "name": info.name,
            "revision": info.revision,
            "photographs": self.knows_photographs,
            "pictures": info.pictures,
            "films": takes_films(self.backend),
            "graphs": self.sight is not None,
            "follows": self.following is not None,
            "locates": locates(innermost(self.backend)),
            "quick": info.memory_bytes < QUICK_BYTES and info.dtype != REMOTE,
        }

    def settings(self) -> dict[str, Any]:
        """Return what the page's scripts are told at the start."""
        return {
            "words": all_words(),
            "language": self.choice,
            "model": self.model(),
            "command": PHOTO_COMMAND,
            "examples": [
                {"name": name, "question": {"zh": example.zh, "en": example.en}}
                for name, example in zip(self.uploads.examples, self.examples, strict=True)
            ],
            "limits": {
                "question": LONGEST_QUESTION,
                "answer": LONGEST_ANSWER,
                "pictures": MOST_PICTURES,
                "turns": MOST_TURNS,
                "bytes": self.uploads.limits.largest,
            },
        }


def takes_films(backend: Backend) -> bool:
    """Whether a backend can be asked about videos, and these can be read here."""
    return backend.info.video and importlib.util.find_spec("av") is not None
