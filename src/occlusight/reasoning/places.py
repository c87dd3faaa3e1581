"""About where the things of a picture are, to draw them: of a model that learnt to locate a thing, but not all at once.

Such boxes are rough, so that a graph has none of them: nothing is asked, checked or answered by them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from occlusight.backends.events import TextDelta
from occlusight.backends.fields import Picture
from occlusight.backends.protocol import Backend, Request
from occlusight.occlusion.graph import Box
from occlusight.reading.detections import detections
from occlusight.reasoning.objects import Seen, in_thousandths
from occlusight.reasoning.own_wording import own_wording

ROOM = 64
"""Tokens of one box."""


def locates(backend: Backend) -> bool:
    """Whether a model tells of one thing where it is, and of all at once does not."""
    learnt = backend.info.learnt
    return "locate" in learnt and "detect" not in learnt


def places(
    backend: Backend, picture: Picture, objects: Iterable[Seen], request: Request = Request("?")
) -> dict[str, Box]:
    """Return a box in thousandths about each object of a picture, by its id; what the model cannot place is left out.

    `request` says how the picture is read. All are asked at once. Raises what the backend raises.
    """
    asked = list(objects)
    texts = [own_wording([["locate", ["a"]]], {"a": one.thing}, "en") for one in asked]
    sampling = replace(request.sampling, max_tokens=ROOM)
    requests = [replace(request, prompt=text, pictures=(picture,), history=(), sampling=sampling) for text in texts]
    said: dict[int, str] = defaultdict(str)
    for index, event in backend.generate_many(requests):
        if isinstance(event, TextDelta):
            said[index] += event.text
    found = {}
    for index, one in enumerate(asked):
        boxes = in_thousandths([each.box for each in detections(said[index]) or []])
        if boxes and boxes[0] is not None:
            found[one.id] = boxes[0]
    return found
