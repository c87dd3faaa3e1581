"""The page: a picture, a question, a streamed answer. Nothing on it is fetched from another host."""

from __future__ import annotations

import html
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, TypeAlias

import gradio as gr
from fastapi import FastAPI

from occlusight.backends.protocol import Backend
from occlusight.serve.fair_queue import FairQueue, Shares
from occlusight.serve.page.examples import Example, shipped_examples
from occlusight.serve.page.gate import Gate
from occlusight.serve.page.handlers import Desk, shown
from occlusight.serve.page.texts import PHOTO_COMMAND, TEXTS, Language, Texts
from occlusight.serve.page.uploads import Uploads

Choice: TypeAlias = Literal["auto", "zh", "en"]
CHOICES: tuple[Choice, ...] = ("auto", "zh", "en")

TITLE = "Occlusight · 遮见"
SESSIONS = 1000
"""Of how many open pages Gradio remembers what they show."""
LONGEST_QUESTION = 20_000
CSS = Path(__file__).with_name("page.css")
FONTS = ("system-ui", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "WenQuanYi Micro Hei", "sans-serif")
SILENT: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
AT_HAND: dict[str, Any] = {**SILENT, "queue": False}
AS_IT_IS: dict[str, Any] = {"preprocess": False, "postprocess": False}
"""Pictures come and go as `Uploads` names them; Gradio would take the names for paths."""


class Page:
    """The page over a backend: its parts, laid out and connected when built.

    `choice` is the first language, "auto" the browser's; `knows_photographs` leaves out the sentence about renders.
    """

    def __init__(
        self,
        backend: Backend,
        queue: FairQueue,
        choice: Choice = "auto",
        knows_photographs: bool = False,
        examples: tuple[Example, ...] | None = None,
    ) -> None:
        self.backend = backend
        self.choice = choice
        self.knows_photographs = knows_photographs
        self.examples = tuple(shipped_examples()) if examples is None else examples
        self.uploads = Uploads(self.examples)
        self.desk = Desk(backend, self.uploads, queue, self.examples)
        self.blocks = gr.Blocks(title=TITLE, analytics_enabled=False)
        with self.blocks:
            self._lay_out("en" if choice == "auto" else choice)
            self._connect()
        self._gradio = self._mount(queue.shares)
        self.app = Gate(self._gradio, self.blocks, self.uploads, queue).app

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Serve the page as long as this lasts; then what visitors uploaded is removed."""
        try:
            async with self._gradio.router.lifespan_context(self._gradio):
                yield
        finally:
            self.desk.close()
            self.uploads.close()

    def _mount(self, shares: Shares) -> FastAPI:
        """Return Gradio's application. Our queue decides who waits, so Gradio's begins with everything at once."""
        self.blocks.max_threads = shares.at_once + shares.waiting + 64
        self.blocks.queue(api_open=False)
        self.blocks.max_threads = 40
        self.blocks.state_session_capacity = SESSIONS
        self.blocks._queue.ANALYTICS_MAX_EVENTS = 1
        self.blocks._queue.ANAYLTICS_CACHE_FREQUENCY = (
            sys.maxsize
        )  # else a table of all past events is made after each answer
        served: FastAPI = gr.mount_gradio_app(
            FastAPI(docs_url=None, redoc_url=None, openapi_url=None),
            self.blocks,
            path="/",
            show_error=False,
            run_history=False,
            max_file_size=self.uploads.limits.largest,
            footer_links=[],
            ssr_mode=False,
            enable_monitoring=False,
            mcp_server=False,
            **looks(),
        )
        return served

    def _lay_out(self, language: Language) -> None:
        t = TEXTS[language]
        with gr.Row(elem_id="head"):
            self.heading = gr.HTML(heading(t), elem_id="heading")
            self.language = gr.Radio(
                [("中文", "zh"), ("English", "en")],
                value=language,
                label="语言 Language",  # read out, not shown
                show_label=False,
                container=False,
                elem_id="language",
            )
        with gr.Row(equal_height=False):
            with gr.Column(min_width=320):
                self.picture = gr.Image(
                    label=t.picture,
                    placeholder=t.drop,
                    sources=["upload", "clipboard"],
                    type="filepath",
                    image_mode=None,
                    buttons=["fullscreen"],
                    height=360,
                    elem_id="picture",
                )
                self.question = gr.Textbox(
                    label=t.question,
                    placeholder=t.question_hint,
                    lines=1,
                    max_lines=5,
                    max_length=LONGEST_QUESTION,
                    elem_id="question",
                )
                with gr.Row():
                    self.ask = gr.Button(t.ask, variant="primary", min_width=100, elem_id="ask")
                    self.stop = gr.Button(t.stop, variant="stop", interactive=False, min_width=100, elem_id="stop")
                with gr.Accordion(t.settings, open=False, elem_id="settings") as self.settings:
                    self.temperature = gr.Slider(0, 2, 0, step=0.05, label=t.temperature, info=t.temperature_info)
                    self.top_p = gr.Slider(0.05, 1, 1, step=0.05, label=t.top_p, info=t.top_p_info)
                    self.max_tokens = gr.Slider(
                        1, 2048, 512, step=1, label=t.max_tokens, info=t.max_tokens_info, elem_id="max_tokens"
                    )
            with gr.Column(min_width=320):
                self.answer = gr.Textbox(
                    label=t.answer,
                    placeholder=t.answer_hint,
                    lines=9,
                    max_lines=24,
                    interactive=False,
                    buttons=["copy"],
                    elem_id="answer",
                )
                self.status = gr.HTML("", elem_id="status")
                self.note = gr.HTML(self._note(t), elem_id="note")
        self.gallery = gr.Gallery(
            label=t.examples,
            columns=4,
            height="auto",
            allow_preview=False,
            interactive=False,
            buttons=[],
            object_fit="cover",
            visible=bool(self.examples),
            elem_id="examples",
        )
        self.gallery.value = self._cards(language)

    def _connect(self) -> None:
        answering: dict[str, Any] = {
            "fn": self.desk.ask,
            "inputs": [self.picture, self.question, self.temperature, self.top_p, self.max_tokens, self.language],
            "outputs": [self.answer, self.status, self.ask, self.stop],
            "concurrency_limit": None,
            **SILENT,
            **AS_IT_IS,
        }
        self.ask.click(**answering)
        self.question.submit(**answering)
        chosen = self.gallery.select(
            self.desk.choose, self.language, [self.picture, self.question], **AT_HAND, **AS_IT_IS
        )
        chosen.then(**answering)
        self.stop.click(self.desk.stop, **AT_HAND)
        self.blocks.unload(self.desk.stop)
        labelled = [self.heading, self.picture, self.question, self.ask, self.stop, self.settings]
        labelled += [self.temperature, self.top_p, self.max_tokens, self.answer, self.note, self.gallery]
        self.language.change(self.relabel, self.language, labelled, **AT_HAND, **AS_IT_IS)
        if self.choice == "auto":
            self.blocks.load(self.desk.first_language, None, self.language, **AT_HAND)

    def relabel(self, language: Language) -> list[Any]:
        """Return the updates that put the page into a language."""
        t = TEXTS[language]
        return [
            heading(t),
            gr.update(label=t.picture, placeholder=t.drop),
            gr.update(label=t.question, placeholder=t.question_hint),
            gr.update(value=t.ask),
            gr.update(value=t.stop),
            gr.update(label=t.settings),
            gr.update(label=t.temperature, info=t.temperature_info),
            gr.update(label=t.top_p, info=t.top_p_info),
            gr.update(label=t.max_tokens, info=t.max_tokens_info),
            gr.update(label=t.answer, placeholder=t.answer_hint),
            self._note(t),
            gr.update(label=t.examples, value=self._cards(language)),
        ]

    def _cards(self, language: Language) -> list[dict[str, Any]]:
        named = zip(self.uploads.examples, self.examples, strict=True)
        return [{"image": shown(name), "caption": example.question(language)} for name, example in named]

    def _note(self, t: Texts) -> str:
        serving = f"<p>{html.escape(t.serving.format(name=self.backend.info.name))}</p>"
        if self.knows_photographs:
            return serving
        return f"<p>{html.escape(t.renders)}</p><pre><code>{PHOTO_COMMAND}</code></pre>{serving}"


def heading(t: Texts) -> str:
    """Return the title and what the page is for, as HTML."""
    return f"<h1>Occlusight <span>遮见</span></h1><p>{html.escape(t.tagline)}</p>"


def looks() -> dict[str, Any]:
    """Return the theme and style sheet, with fonts of the reader's own system."""
    theme = gr.themes.Base(
        primary_hue="teal", neutral_hue="slate", radius_size="lg", font=FONTS, font_mono=("ui-monospace", "monospace")
    )
    return {"theme": theme, "css_paths": [CSS]}
