"""The page: a picture, a question, a streamed answer. Nothing on it is fetched from another host."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any, Literal, TypeAlias

import gradio as gr

from occlusight.backends.protocol import Backend
from occlusight.web.desk import Desk
from occlusight.web.examples import Example, shipped_examples
from occlusight.web.texts import PHOTO_COMMAND, TEXTS, Language, Texts

Choice: TypeAlias = Literal["auto", "zh", "en"]
CHOICES: tuple[Choice, ...] = ("auto", "zh", "en")

TITLE = "Occlusight · 遮见"
AT_ONCE = 2
"""How many answers are computed at the same time; the engine advances them in turn. Others wait in the queue."""
WAITING = 32
"""How many may wait."""
KEEP_UPLOADS_S = 86_400
CSS = Path(__file__).with_name("page.css")
FONTS = ("system-ui", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "WenQuanYi Micro Hei", "sans-serif")
SILENT: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
AT_HAND: dict[str, Any] = {**SILENT, "queue": False}


class Page:
    """The page over a backend: its parts, laid out and connected when built.

    `choice` is the first language, "auto" the browser's; `knows_photographs` leaves out the sentence about renders.
    """

    def __init__(
        self,
        backend: Backend,
        choice: Choice = "auto",
        knows_photographs: bool = False,
        examples: tuple[Example, ...] | None = None,
    ) -> None:
        self.backend = backend
        self.choice = choice
        self.knows_photographs = knows_photographs
        self.examples = tuple(shipped_examples()) if examples is None else examples
        self.desk = Desk(backend, self.examples)
        self.blocks = gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(3600, KEEP_UPLOADS_S))
        with self.blocks:
            self._lay_out("en" if choice == "auto" else choice)
            self._connect()
        self.blocks.queue(max_size=WAITING)

    def _lay_out(self, language: Language) -> None:
        t = TEXTS[language]
        with gr.Row(elem_id="head"):
            self.heading = gr.HTML(heading(t), elem_id="heading")
            self.language = gr.Radio(
                [("中文", "zh"), ("English", "en")],
                value=language,
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
                self.picture.preprocess = uploaded_path  # type: ignore[method-assign,assignment]
                self.question = gr.Textbox(
                    label=t.question, placeholder=t.question_hint, lines=1, max_lines=5, elem_id="question"
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
            self._cards(language),
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

    def _connect(self) -> None:
        answering: dict[str, Any] = {
            "fn": self.desk.ask,
            "inputs": [self.picture, self.question, self.temperature, self.top_p, self.max_tokens, self.language],
            "outputs": [self.answer, self.status, self.ask, self.stop],
            "concurrency_limit": AT_ONCE,
            "concurrency_id": "answers",
            **SILENT,
        }
        self.ask.click(**answering)
        self.question.submit(**answering)
        chosen = self.gallery.select(self.desk.choose, self.language, [self.picture, self.question], **AT_HAND)
        chosen.then(**answering)
        self.stop.click(self.desk.stop, **AT_HAND)
        self.blocks.unload(self.desk.stop)
        labelled = [self.heading, self.picture, self.question, self.ask, self.stop, self.settings]
        labelled += [self.temperature, self.top_p, self.max_tokens, self.answer, self.note, self.gallery]
        self.language.change(self.relabel, self.language, labelled, **AT_HAND)
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

    def _cards(self, language: Language) -> list[tuple[str, str]]:
        return [(str(e.picture), e.question(language)) for e in self.examples]

    def _note(self, t: Texts) -> str:
        serving = f"<p>{html.escape(t.serving.format(name=self.backend.info.name))}</p>"
        if self.knows_photographs:
            return serving
        return f"<p>{html.escape(t.renders)}</p><pre><code>{PHOTO_COMMAND}</code></pre>{serving}"


def uploaded_path(upload: Any) -> str | None:
    """Return the path of an uploaded file, as it came: the model's own reader opens it, and says what is wrong with it."""
    return None if upload is None else upload.path


def heading(t: Texts) -> str:
    """Return the title and what the page is for, as HTML."""
    return f"<h1>Occlusight <span>遮见</span></h1><p>{html.escape(t.tagline)}</p>"


def looks() -> dict[str, Any]:
    """Return the theme and style sheet, with fonts of the reader's own system."""
    theme = gr.themes.Base(
        primary_hue="teal", neutral_hue="slate", radius_size="lg", font=FONTS, font_mono=("ui-monospace", "monospace")
    )
    return {"theme": theme, "css_paths": [CSS]}
