"""The sheet that a scene's truth is drawn on: fonts, colours and arrows."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PIL import ImageDraw, ImageFont

from occlusight.occlusion.graph import Object
from occlusight.occlusion.kinds import Lang

Paint = tuple[int, int, int]
Point = tuple[float, float]
Font = ImageFont.FreeTypeFont

COLOURS: tuple[Paint, ...] = (
    (230, 60, 60),
    (60, 120, 240),
    (20, 160, 70),
    (240, 150, 20),
    (150, 70, 210),
    (0, 170, 180),
    (220, 60, 160),
    (130, 110, 20),
    (90, 90, 90),
    (100, 200, 30),
)
INK, FAINT, PAPER = (30, 30, 30), (150, 150, 150), (250, 250, 248)
HEAD = 13  # pixels of an arrow's head


@dataclass(frozen=True)
class Sheet:
    """What is being drawn on: the picture's scale, the fonts, and the colour of each object by its id."""

    draw: ImageDraw.ImageDraw
    scale: int
    small: Font
    large: Font
    lang: Lang
    paints: dict[str, Paint]

    def name(self, o: Object) -> str:
        """The object's name in the sheet's language."""
        return o.name_zh if self.lang == "zh" else o.name

    def width(self, text: str) -> float:
        """How wide a text is in the small font, in pixels."""
        return float(self.draw.textlength(text, font=self.small))

    def arrow(self, start: Point, end: Point) -> None:
        """An arrow with a dot at its start, black and white so that it shows on anything."""
        (x0, y0), (x1, y1) = start, end
        turn = math.atan2(y1 - y0, x1 - x0)
        head = [(x1, y1)] + [(x1 - HEAD * math.cos(turn + s), y1 - HEAD * math.sin(turn + s)) for s in (0.45, -0.45)]
        for paint, width in (("black", 4), ("white", 2)):
            self.draw.line((x0, y0, x1, y1), fill=paint, width=width)
        self.draw.polygon(head, fill="white", outline="black")
        self.draw.ellipse((x0 - 4, y0 - 4, x0 + 4, y0 + 4), fill="white", outline="black")
