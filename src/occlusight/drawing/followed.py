"""Things that are followed through a clip, drawn on one of its frames: where each is, or was seen last, and behind
what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from occlusight.drawing.canvas import Paint
from occlusight.drawing.font import names_face
from occlusight.occlusion.graph import Box

SIDE = 720
"""Pixels: smaller frames are enlarged to about this width, so that names can be read."""
LETTER, DASH, LINE = 16, 8, 2  # pixels
LIGHT = 500  # the sum of red, green and blue from which on letters on a colour are dark


@dataclass(frozen=True)
class Mark:
    """A thing on a frame.

    text: its name, and what is to be said of it
    box: where it is, in thousandths; where it was seen last, if it is `hidden`
    """

    text: str
    box: Box
    paint: Paint
    hidden: bool = False


def shown_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return how large a frame of (width, height) pixels is drawn: even numbers, which videos need.

    >>> shown_size((256, 255))
    (768, 764)
    """
    scale = max(1, round(SIDE / size[0]))
    width, height = (max(2, side * scale // 2 * 2) for side in size)
    return width, height


def followed(frame: Image.Image, marks: Sequence[Mark], size: tuple[int, int], corner: str) -> Image.Image:
    """Return a frame in `size` pixels with its marks, and what stands in its corner. What is hidden has a dashed box:
    colours alone say nothing."""
    drawn = frame.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    on = ImageDraw.Draw(drawn)
    for mark in marks:
        x0, y0, x1, y1 = (round(value * size[i % 2] / 1000) for i, value in enumerate(mark.box))
        x1, y1 = max(x0 + 1, min(x1, size[0]) - 1), max(y0 + 1, min(y1, size[1]) - 1)
        if mark.hidden:
            _dashed(on, (x0, y0, x1, y1), mark.paint)
        else:
            on.rectangle((x0, y0, x1, y1), outline=mark.paint, width=LINE)
    for mark in marks:  # names are above all boxes
        _named(on, mark, (mark.box[0] * size[0] / 1000, mark.box[1] * size[1] / 1000), size)
    _text(on, (4, size[1] - LETTER - 10), corner, (0, 0, 0), size)
    return drawn


def _named(on: ImageDraw.ImageDraw, mark: Mark, corner: tuple[float, float], size: tuple[int, int]) -> None:
    x, y = corner
    above = y - LETTER - 8
    _text(on, (x, above if above >= 0 else y), mark.text, mark.paint, size)


def _text(on: ImageDraw.ImageDraw, at: tuple[float, float], text: str, paint: Paint, size: tuple[int, int]) -> None:
    """Write on a plate that stays within the frame where it can."""
    face = names_face(LETTER)
    width = on.textlength(text, font=face)
    x, y = max(0.0, min(at[0], size[0] - width - 8)), max(0.0, min(at[1], size[1] - LETTER - 8))
    on.rectangle((x, y, x + width + 8, y + LETTER + 7), fill=paint)
    on.text((x + 4, y + 1), text, fill="black" if sum(paint) > LIGHT else "white", font=face)


def _dashed(on: ImageDraw.ImageDraw, box: tuple[int, int, int, int], paint: Paint) -> None:
    x0, y0, x1, y1 = box
    for x in range(x0, x1, 2 * DASH):
        for y in (y0, y1):
            on.line((x, y, min(x + DASH, x1), y), fill=paint, width=LINE)
    for y in range(y0, y1, 2 * DASH):
        for x in (x0, x1):
            on.line((x, y, x, min(y + DASH, y1)), fill=paint, width=LINE)
