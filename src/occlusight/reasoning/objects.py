"""What is in a picture by a model's word: objects with names in both languages, and boxes where the model draws them.

A model that knows its own wordings alone is asked in them: for boxes where it learnt those, else for a list in words.
Every other model is asked for the JSON in which Qwen's models locate things.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from occlusight.backends.completion import Completion
from occlusight.backends.fields import Picture
from occlusight.backends.protocol import Backend, Request
from occlusight.occlusion.graph import Box
from occlusight.occlusion.kinds import KindNames, Lang, pluralize
from occlusight.questions.template import Program
from occlusight.reading.detections import Detection, detections
from occlusight.reasoning.in_the_picture import as_thing
from occlusight.reasoning.names import named
from occlusight.reasoning.own_wording import Thing, own_wording
from occlusight.reasoning.vocabulary import Words

ORIENTATION = 0x0112
"""The tag of EXIF that says how a picture lies; from 5 on, on its side."""
MOST_OBJECTS = 30
"""Objects that are looked at; a model that says more is cut, the first said being kept."""
MOST_UNPLACED = 10
"""Objects without boxes: every pair of them is asked about."""
SAME_BOX = 0.6
"""Boxes of one label that share so much of their union are one object, named twice."""
ROOM = 2048
"""Tokens of a list of boxes: thirty take about a thousand."""
LIST_BOXES: Mapping[Lang, str] = {
    "en": (
        "Locate every object in this picture, also partly hidden ones. Answer as a JSON list, an entry an object, with "
        'its "bbox_2d" and a short "label" of a colour and a noun.'
    ),
    "zh": (
        "请定位图中的每一个物体，包括被部分遮挡的。以JSON列表回答，"
        '每个物体一项，包含"bbox_2d"和简短的"label"（颜色加名词）。'
    ),
}
SCHEMA: Mapping[str, Any] = {
    "type": "array",
    "maxItems": MOST_OBJECTS,
    "items": {
        "type": "object",
        "properties": {
            "bbox_2d": {"type": "array", "items": {"type": "integer"}, "minItems": 4, "maxItems": 4},
            "label": {"type": "string", "maxLength": 40},
        },
        "required": ["bbox_2d", "label"],
        "additionalProperties": False,
    },
}
EVERYTHING: Program = [["recognised", []]]


@dataclass(frozen=True)
class Seen:
    """An object that a model sees.

    id: unique in its picture
    thing: what it is called
    box: around what can be seen of it, in thousandths; None where the model draws none
    alone: whether nothing else in the picture is called the same
    """

    id: str
    thing: Thing
    box: Box | None = None
    alone: bool = True

    def the(self, lang: Lang) -> str:
        """Return it as a noun phrase that tells it from all others."""
        name = self.thing.the(lang)
        if self.alone or self.box is None:
            return name
        x0, y0, x1, y1 = self.box
        at = f"[{x0}, {y0}, {x1}, {y1}]"
        return f"{name} at {at}" if lang == "en" else f"位于{at}的{name}"


@dataclass(frozen=True)
class Listed:
    """What a model says is in a picture of `size` (width, height) in pixels, upright."""

    objects: tuple[Seen, ...]
    size: tuple[int, int]


def look(backend: Backend, picture: Picture, words: Words, lang: Lang, request: Request = Request("?")) -> Listed:
    """Ask what is in a picture; `request` says how, but for its question and pictures."""
    learnt, sampling = backend.info.learnt, request.sampling
    if not learnt:
        prompt, sampling = LIST_BOXES[lang], replace(sampling, json_schema=SCHEMA, max_tokens=ROOM)
    elif "detect" in learnt:
        prompt = own_wording([*EVERYTHING, ["detect", ["$0"]]], {}, lang)
        sampling = replace(sampling, max_tokens=ROOM)
    else:
        prompt = own_wording([*EVERYTHING, ["list_all", ["$0"]]], {}, lang)
    said = Completion.of(
        backend.generate(replace(request, prompt=prompt, pictures=(picture,), history=(), sampling=sampling))
    )
    use = said.usage.pictures[0] if said.usage.pictures else None
    boxes = detections(said.text)
    if boxes is not None:
        seen = placed(boxes, words, None if use is None else use.read_size)
    else:
        seen = unplaced(said.text, words)
    return Listed(numbered(seen), size_of(picture) if use is None else use.size)


def placed(
    boxes: Sequence[Detection], words: Words, read_size: tuple[int, int] | None = None
) -> list[tuple[Thing, Box | None]]:
    """Return things with their boxes in thousandths, without those that are named twice.

    `read_size`, and boxes that are nothing: see `in_thousandths`.
    """
    found: list[tuple[Thing, Box]] = []
    for one, box in zip(boxes, in_thousandths([one.box for one in boxes], read_size), strict=True):
        thing = thing_of(one.label, words)
        if thing is None or box is None:
            continue
        if not any(other == thing and overlap(box, there) >= SAME_BOX for other, there in found):
            found.append((thing, box))
    return list(found[:MOST_OBJECTS])


def in_thousandths(boxes: Sequence[tuple[float, ...]], read_size: tuple[int, int] | None = None) -> list[Box | None]:
    """Return boxes (x0, y0, x1, y1), as a model wrote them, in thousandths; None for those that are nothing then.

    Boxes that go beyond a thousand are pixels of the picture as it was read (`read_size`: width, height), where that
    is known; all are clamped.

    >>> in_thousandths([(0, 0, 20, 1500), (5, 5, 5, 9)], (2000, 2000))
    [(0, 0, 10, 750), None]
    """
    pixels = read_size is not None and any(max(one) > 1000 for one in boxes)
    across, down = (1000 / read_size[0], 1000 / read_size[1]) if pixels and read_size is not None else (1.0, 1.0)
    found: list[Box | None] = []
    for x0, y0, x1, y1 in boxes:
        scaled = (x0 * across, y0 * down, x1 * across, y1 * down)
        a, b, c, d = (min(1000, max(0, round(value))) for value in scaled)
        found.append(None if c <= a or d <= b else (a, b, c, d))
    return found


def unplaced(text: str, words: Words) -> list[tuple[Thing, Box | None]]:
    """Return the things that a sentence names. Two of one name cannot be told apart without boxes: they are one."""
    told = (as_thing(name, words) for name in named(text, words).mentions)
    found: list[tuple[Thing, Box | None]] = [(thing, None) for thing in dict.fromkeys(told) if thing is not None]
    return found[:MOST_UNPLACED]


def numbered(found: Sequence[tuple[Thing, Box | None]]) -> tuple[Seen, ...]:
    """Give ids, and say whose names are their own."""
    times = Counter(thing for thing, _ in found)
    return tuple(
        Seen(f"o{number}", thing, box, times[thing] == 1) for number, (thing, box) in enumerate(found, start=1)
    )


def thing_of(label: str, words: Words) -> Thing | None:
    """Return what a label means: a known kind and colour, else a kind of its own; None for an empty one."""
    text = re.sub(r"\s+", " ", label).strip()
    if not text:
        return None
    mentions = named(text, words).mentions
    known = next((thing for name in mentions if (thing := as_thing(name, words))), None)
    if known is not None:
        return known
    key = re.sub(r"\W+", "_", text.lower()).strip("_") or "thing"
    return Thing(KindNames(key, text, pluralize(text), text, "个"))


def size_of(picture: Picture) -> tuple[int, int]:
    """Return (width, height) of a picture that a backend has just read, upright."""
    if isinstance(picture, Path):
        with Image.open(picture) as opened:
            return _upright(opened)
    return _upright(picture)


def _upright(image: Image.Image) -> tuple[int, int]:
    width, height = image.size
    return (height, width) if image.getexif().get(ORIENTATION, 1) >= 5 else (width, height)


def overlap(a: Box, b: Box) -> float:
    """Return the share of two boxes' union that both cover.

    >>> overlap((0, 0, 10, 10), (5, 0, 15, 10))
    0.3333333333333333
    """
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or high <= 0:
        return 0.0
    both = wide * high
    return both / (area(a) + area(b) - both)


def area(box: Box) -> int:
    """Return the area of a box, in millionths of the picture."""
    return (box[2] - box[0]) * (box[3] - box[1])
