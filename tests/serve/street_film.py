"""A street of twelve frames in which a dog goes behind a car, and a model that sees it as it is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from PIL import Image, ImageDraw
from tests.reasoning.observed_scene import Sees
from tests.reasoning.tracking.test_films import UNDERSTANDING, LooksAtFrames
from tests.reasoning.tracking.test_track import SCENES

from occlusight.backends.events import Event
from occlusight.backends.protocol import Request
from occlusight.images.film import Film
from occlusight.reasoning.extract import Extractor
from occlusight.reasoning.reasoned import Reasoning

PAINTS = {"red car": "#b03a2e", "dog": "#6e4b2a", "bus": "#2e5fa3"}


def street_film(number: int = 12) -> Film:
    """Draw the first frames, half a second each; the first pixel says which one it is."""
    frames = []
    for n, facts in enumerate(list(SCENES.values())[:number]):
        image = Image.new("RGB", (400, 300), "#b9c2b4")
        on = ImageDraw.Draw(image)
        for thing in sorted(facts.objects.values(), key=lambda one: -(one.distance or 0.0)):
            x0, y0, x1, y1 = (round(side * (0.4, 0.3)[k % 2]) for k, side in enumerate(thing.box))
            on.rectangle((x0, y0, x1, y1), fill=PAINTS[thing.name])
        image.putpixel((0, 0), (n, 0, 0))
        frames.append((n / 2, image))
    return Film.of(frames)


class Waits(LooksAtFrames):
    """Looks at the second frame, and at those after it, when it may."""

    def __init__(self, scenes: Any) -> None:
        super().__init__(scenes)
        self.may = threading.Event()
        self.looks = 0

    def generate(self, request: Request, *more: Any) -> Iterator[Event]:
        self.looks += 1
        if self.looks > 1:
            self.may.wait(20)
        return super().generate(request, *more)  # type: ignore[no-any-return]


def sees(backend: Sees | None = None) -> Reasoning:
    """Return what tells the street's story, by a model that sees it as it is."""
    return Reasoning(Extractor(backend or LooksAtFrames(SCENES)), UNDERSTANDING)
