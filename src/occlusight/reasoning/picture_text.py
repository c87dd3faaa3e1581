"""The text in a picture by a model's word: lines with their boxes, or the fields that a JSON schema names.

A model that takes any words is asked for the JSON in which Qwen's models spot text. One that knows its own wordings
alone is asked what can be read on each sign that it sees, where it has learnt that, and refused else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from occlusight.backends.completion import Completion
from occlusight.backends.events import Event
from occlusight.backends.fields import Picture
from occlusight.backends.protocol import Backend, CancelCheck, Request
from occlusight.backends.structured import why_incomplete
from occlusight.errors import BadInput, Cancelled, Incomplete
from occlusight.occlusion.graph import Box
from occlusight.occlusion.kinds import KindNames, Lang
from occlusight.reading.detections import detections
from occlusight.reasoning.objects import EVERYTHING, in_thousandths, size_of
from occlusight.reasoning.own_wording import Thing, own_wording

ROOM = 4096
"""Tokens of an answer: a page of sixty lines takes about three thousand."""
LIST_LINES: Mapping[Lang, str] = {
    "en": (
        "Read all the text in this picture, line by line, exactly as it is written and in its own script. Answer as a "
        'JSON list, an entry a line, with its "bbox_2d" and its "text_content"; the list is empty where there is no '
        "text."
    ),
    "zh": (
        "请逐行读出图中的全部文字，按原样、用原来的文字书写，不要翻译。以JSON列表回答，"
        '每行一项，包含"bbox_2d"和"text_content"；没有文字时列表为空。'
    ),
}
FILL_IN: Mapping[Lang, str] = {
    "en": (
        "Read the text in this picture and fill in what the JSON schema names. Write text exactly as it stands in the "
        "picture, in its own script."
    ),
    "zh": "请读出图中的文字，填写JSON模式中列出的各项。文字按图中原样、用原来的文字书写，不要翻译。",
}
LINES: Mapping[str, Any] = {
    "type": "array",
    "maxItems": 256,
    "items": {
        "type": "object",
        "properties": {
            "bbox_2d": {"type": "array", "items": {"type": "integer"}, "minItems": 4, "maxItems": 4},
            "text_content": {"type": "string", "maxLength": 500},
        },
        "required": ["bbox_2d", "text_content"],
        "additionalProperties": False,
    },
}
SIGNS = (
    KindNames("shop_sign", "shop sign", "shop signs", "招牌", "块"),
    KindNames("number_plate", "number plate", "number plates", "车牌", "块"),
    KindNames("street_name", "street name sign", "street name signs", "路名牌", "块"),
    KindNames("notice_board", "notice board", "notice boards", "告示牌", "块"),
    KindNames("name_plate", "desk sign", "desk signs", "桌牌", "块"),
    KindNames("parcel", "parcel", "parcels", "包裹", "个"),
)
"""Kinds that carry text in scenes of signs, as a model that learnt from those calls them."""
_SHOWN = re.compile(r"[\"“「]([^\"“”「」]+)[\"”」]")


@dataclass(frozen=True)
class Line:
    """A line of text, and a box (x0, y0, x1, y1) around it in thousandths of the picture's width and height; None where
    the model tells none. A "…" in the text of a sign stands for characters that are covered."""

    text: str
    box: Box | None = None


@dataclass(frozen=True)
class PictureText:
    """The lines of text in a picture of `size` (width, height) in pixels, upright, in the order in which they were
    read."""

    lines: tuple[Line, ...]
    size: tuple[int, int]

    def to_json(self) -> dict[str, Any]:
        """Return it as a document."""
        return {"size": list(self.size), "lines": [{"text": one.text, "box": one.box} for one in self.lines]}


def read_lines(
    backend: Backend, picture: Picture, lang: Lang, request: Request, cancelled: CancelCheck | None = None
) -> PictureText:
    """Return the lines of text that a model reads in a picture.

    Args:
        backend: the model itself, not what understands questions before it.
        lang: the language in which it is asked.
        request: says how, but for its question, pictures and schema.
        cancelled: stops the work, within a step.

    Raises:
        BadInput: the model has not learnt to read.
        Incomplete: the answer was cut before all was read.
        Cancelled: it was stopped.
    """
    asked = replace(request, prompt=LIST_LINES[lang], pictures=(picture,), history=())
    if backend.info.learnt:
        return _signs(backend, lang, asked, cancelled)
    said = _said(backend, replace(asked, sampling=replace(request.sampling, json_schema=LINES)), cancelled)
    use = said.usage.pictures[0] if said.usage.pictures else None
    lines = _lines(said.text, None if use is None else use.read_size)
    return PictureText(lines, size_of(picture) if use is None else use.size)


def read_fields(
    backend: Backend, picture: Picture, lang: Lang, request: Request, cancelled: CancelCheck | None = None
) -> Any:
    """Return what a model fills in of the JSON schema in `request.sampling`, as parsed JSON. Arguments and errors as
    `read_lines`; BadInput also for a schema that cannot be followed, and for a model that knows its own questions
    alone."""
    if backend.info.learnt:
        raise BadInput(
            f"the model {backend.info.name} knows its own questions alone and fills in no fields; ask a larger one, "
            "such as Qwen/Qwen3-VL-2B-Instruct"
        )
    sampling = request.sampling
    if sampling.schema_in_prompt is None:  # the names of the fields are the question
        sampling = replace(sampling, schema_in_prompt=True)
    asked = replace(request, prompt=FILL_IN[lang], pictures=(picture,), history=(), sampling=sampling)
    return _parsed(_said(backend, asked, cancelled).text)


def _lines(text: str, read_size: tuple[int, int] | None) -> tuple[Line, ...]:
    """Read the JSON of lines; boxes are in thousandths or, beyond them, in pixels of the picture as it was read."""
    entries = _parsed(text)
    try:
        told = [(str(one["text_content"]), [float(number) for number in one["bbox_2d"]]) for one in entries]
        corners = [(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)) for _, (x0, y0, x1, y1) in told]
    except (KeyError, TypeError, ValueError):
        raise Incomplete('the answer is no list of lines with "bbox_2d" and "text_content"', text) from None
    boxes = in_thousandths(corners, read_size)
    return tuple(Line(line, box) for (line, _), box in zip(told, boxes, strict=True) if line.strip())


def _parsed(text: str) -> Any:
    """Read JSON, in which an escape may have named half of a character: no text holds that."""
    return json.loads(json.dumps(json.loads(text), ensure_ascii=False).encode("utf-8", "replace"))


def _signs(backend: Backend, lang: Lang, request: Request, cancelled: CancelCheck | None) -> PictureText:
    """Ask for the signs in a picture, then for what can be read on each kind of them."""
    learnt = backend.info.learnt
    look = next((step for step in ("detect", "list_all") if step in learnt), None)
    if "characters" not in learnt or look is None:
        raise BadInput(
            f"the model {backend.info.name} has not learnt to read text; ask a larger one, such as "
            "Qwen/Qwen3-VL-2B-Instruct"
        )

    def ask(question: str) -> Completion:
        return _said(backend, replace(request, prompt=question), cancelled)

    seen = ask(own_wording([*EVERYTHING, [look, ["$0"]]], {}, lang))
    use = seen.usage.pictures[0] if seen.usage.pictures else None
    placed = detections(seen.text)
    boxes = in_thousandths([one.box for one in placed or ()], None if use is None else use.read_size)
    labels = [(one.label, box) for one, box in zip(placed or (), boxes, strict=True)] or [(seen.text, None)]
    lines = []
    for kind in SIGNS:
        there = [box for label, box in labels if _names(kind).search(label)]
        if not there:
            continue
        shown = _SHOWN.search(ask(own_wording([["characters", ["a"]]], {"a": Thing(kind)}, lang)).text)
        if shown:
            lines.append(Line(shown[1], there[0] if len(there) == 1 else None))
    return PictureText(tuple(lines), size_of(request.pictures[0]) if use is None else use.size)


def _names(kind: KindNames) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{kind.en}|{kind.plural})\b|{kind.zh}", re.IGNORECASE)


def _said(backend: Backend, request: Request, cancelled: CancelCheck | None) -> Completion:
    """Return a whole answer. Raises Incomplete where it is not what its schema asks for, and Cancelled."""
    said = Completion.of(_wanted(backend.generate(request, cancelled), cancelled))
    if why := why_incomplete(request.sampling, said.text, said.finish_reason):
        raise Incomplete(why, said.text)
    return said


def _wanted(events: Iterator[Event], cancelled: CancelCheck | None) -> Iterator[Event]:
    """Yield events as long as somebody wants them."""
    try:
        for event in events:
            if cancelled is not None and cancelled():
                raise Cancelled("nobody wants this text any more")
            yield event
    finally:
        close = getattr(events, "close", None)
        if close is not None:
            close()
