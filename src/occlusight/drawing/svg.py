"""The parts that drawings of graphs are made of: SVG text, safe and within reach of the keyboard."""

from __future__ import annotations

import base64
import io
import math
from xml.sax.saxutils import escape, quoteattr

from PIL import Image

from occlusight.drawing.arrows import Arrow
from occlusight.drawing.font import NAMES, names_face
from occlusight.drawing.placing import Area, Point
from occlusight.occlusion.kinds import Lang

QUALITY = 90  # of a picture inside a drawing, as JPEG
LEGEND = 34  # pixels: the strip below that says what lines mean
DARK, LIGHT = "#14171c", "#ffffff"
COLOURS = (
    "#ff5a4f", "#3d9bff", "#35d07f", "#ffb020", "#c48bff", "#19d3e0", "#ff7ac3", "#c9d63b", "#ff8f4d", "#8fb4ff",
    "#7fe0b8", "#f2d16b",
)  # fmt: skip
STYLE = (
    "g[tabindex]{cursor:pointer}g[tabindex]:focus{outline:none}"
    "g[tabindex]:focus .line,g[tabindex]:hover .line{stroke-width:7px}"
)


def document(size: tuple[int, int], lang: Lang, title: str, description: str, body: str) -> str:
    """Return a whole drawing of a size in pixels."""
    wide, tall = size
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {tall}" width="{wide}" height="{tall}" '
        f'role="group" lang="{"zh-CN" if lang == "zh" else "en"}" aria-label={quoted(title)} '
        f'font-family="{NAMES}, Noto Sans SC, Noto Sans CJK SC, PingFang SC, Microsoft YaHei, sans-serif">'
        f"<title>{safe(title)}</title><desc>{safe(description)}</desc><style>{STYLE}</style>{body}</svg>\n"
    )


def safe(text: str) -> str:
    """Return a text as XML holds it."""
    return escape(_printable(text))


def quoted(text: str) -> str:
    """Return a text as the value of an attribute, with its quotation marks."""
    return quoteattr(_printable(text))


def _printable(text: str) -> str:
    return "".join(c for c in text if c.isprintable())


def image(picture: Image.Image, at: Area) -> str:
    """A picture in a place, in pixels."""
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=QUALITY)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    place = f'x="{at[0]:.1f}" y="{at[1]:.1f}" width="{at[2] - at[0]:.1f}" height="{at[3] - at[1]:.1f}"'
    return f'<image {place} preserveAspectRatio="none" href="data:image/jpeg;base64,{data}"/>'


def part(name: str, said: str, data: str, inside: str) -> str:
    """A part of the drawing that can be reached by the keyboard and says what it is."""
    return (
        f'<g class="{name}" tabindex="0" role="img" aria-label={quoted(said)} {data}>'
        f"<title>{safe(said)}</title>{inside}</g>"
    )


def label(name: str, at: Point, em: int, paint: str) -> str:
    """A name on a dark ground with a coloured edge, its upper left corner in a place."""
    wide, tall = label_size(name, em)
    text = names_face(em).getlength(name)
    return (
        f'<g aria-hidden="true"><rect class="line" x="{at[0]:.1f}" y="{at[1]:.1f}" width="{wide:.1f}" '
        f'height="{tall:.1f}" rx="4" fill="{DARK}" fill-opacity="0.94" stroke="{paint}" stroke-width="1.6"/>'
        f'<text x="{at[0] + 0.45 * em:.1f}" y="{at[1] + 1.13 * em:.1f}" font-size="{em}" fill="{LIGHT}" '
        f'textLength="{text:.1f}" lengthAdjust="spacingAndGlyphs">{safe(name)}</text></g>'
    )


def label_size(name: str, em: int) -> tuple[float, float]:
    """The width and height of a label in pixels, with letters of `em`."""
    return names_face(em).getlength(name) + 0.9 * em, 1.55 * em


def text(words: str, at: Point, em: int, paint: str) -> str:
    """A text that begins in a place."""
    return f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" font-size="{em}" fill="{paint}">{safe(words)}</text>'


def arrow_shapes(along: Arrow, paint: str, dashes: str = "") -> str:
    """A line with a dot at its start and a head at its end, dark around so that it shows on anything."""
    (x0, y0), (x1, y1) = along.start, along.end
    turn = math.atan2(y1 - y0, x1 - x0)
    back = 0.8 * head_length(along.width)
    path = f"M{x0:.1f} {y0:.1f}L{x1 - back * math.cos(turn):.1f} {y1 - back * math.sin(turn):.1f}"
    return path_shapes(path, along.start, along.end, turn, along.width, paint, dashes)


def head_length(width: float) -> float:
    """Pixels of the head of an arrow with a line of a width."""
    return 9 + 1.5 * width


def path_shapes(path: str, start: Point, end: Point, turn: float, width: float, paint: str, dashes: str = "") -> str:
    """An arrow along a path from start to end, where its head points `turn` radians from the right downwards."""
    (x0, y0), (x1, y1) = start, end
    head = head_length(width)
    wings = [(x1 - head * math.cos(turn + s), y1 - head * math.sin(turn + s)) for s in (0.42, -0.42)]
    tip = " ".join(f"{x:.1f},{y:.1f}" for x, y in ((x1, y1), *wings))
    line = f'd="{path}" fill="none" stroke-linecap="round"'
    dot = 2.6 + width / 2
    return (
        f'<path {line} stroke="{DARK}" stroke-opacity="0.85" stroke-width="{width + 3.4:.1f}"/>'
        f'<polygon points="{tip}" fill="{DARK}" stroke="{DARK}" stroke-opacity="0.85" stroke-width="4" '
        'stroke-linejoin="round"/>'
        f'<circle cx="{x0:.1f}" cy="{y0:.1f}" r="{dot + 1.7:.1f}" fill="{DARK}" fill-opacity="0.85"/>'
        f'<path class="line" {line} stroke="{paint}" stroke-width="{width:.1f}"{dashes}/>'
        f'<polygon points="{tip}" fill="{paint}"/><circle cx="{x0:.1f}" cy="{y0:.1f}" r="{dot:.1f}" fill="{paint}"/>'
    )


def legend(size: tuple[int, int], hides: str, unseen: str | None = None) -> str:
    """The strip below the picture that says what lines mean."""
    top, em = size[1], 15
    middle = top + LEGEND / 2
    face = names_face(em)
    x = 14.0
    parts = [arrow_shapes(Arrow((x + 4, middle), (x + 48, middle), 3.0), COLOURS[0])]
    parts.append(text(hides, (x + 58, middle + 5.2), em, LIGHT))
    if unseen is not None:
        after = x + 58 + face.getlength(hides) + 34
        parts.append(
            f'<rect x="{after:.1f}" y="{middle - 8:.1f}" width="40" height="16" rx="4" fill="none" '
            f'stroke="{COLOURS[1]}" stroke-width="2.2" stroke-dasharray="9 6"/>'
        )
        parts.append(text(unseen, (after + 50, middle + 5.2), em, LIGHT))
    strip = f'<rect y="{top}" width="{size[0]}" height="{LEGEND}" fill="{DARK}"/>'
    return f'<g aria-hidden="true">{strip}{"".join(parts)}</g>'
