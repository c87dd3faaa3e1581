"""Who is hidden when, as SVG: a line a thing, a bar while it is seen, another while it is hidden."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from occlusight.drawing.font import names_face
from occlusight.drawing.svg import part, quoted, safe

WIDTH, ROW = 900, 34  # pixels: of the drawing, and from line to line
TOP, BELOW, GAP, END, MARGIN = 16, 30, 10, 20, 6  # pixels
LETTER, SMALL = 14, 12  # pixels
NAMES = 0.4  # of the width, for names at most
BAR = 0.53  # of a line
TICK = 88  # pixels from one second that is written to the next, at least
COLOURS = {"seen": "#0f766e", "hidden": "#b45309", "out": "#94a3b8"}


@dataclass(frozen=True)
class Span:
    """A state of a thing: `seen`, `hidden` or `out`, from and to seconds; `text` says which, and by what."""

    state: str
    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True)
class Row:
    """A thing by its name, and its states one after the other."""

    name: str
    spans: Sequence[Span]


def timeline_svg(rows: Sequence[Row], duration_s: float, title: str, width: int = WIDTH, row_height: int = ROW) -> str:
    """Return the drawing of things through `duration_s` seconds, `width` pixels wide; every bar can be reached by the
    keyboard, and says what it means.

    The root says in `data-left` and `data-right` between which x time runs, and in `data-seconds` how long; bars are of
    the class `is-STATE`.
    """
    height = TOP + row_height * len(rows) + BELOW
    longest = max((_wide(row.name, LETTER) for row in rows), default=0.0)
    left, right = round(min(longest + 2 * GAP, NAMES * width)), width - END
    scale = (right - left) / max(duration_s, 1e-9)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="group" '
        f"aria-label={quoted(title)} "
        f'data-left="{left}" data-right="{right}" data-seconds="{duration_s:.6g}" font-size="{LETTER}" '
        f'font-family="system-ui, sans-serif"><title>{safe(title)}</title>',
        f'<rect class="ground" width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    step = round_step(max(duration_s, 1e-9) / max(1, min(8, (right - left) // TICK)))
    for number in range(int(duration_s / step * (1 + 1e-9)) + 1):
        seconds = step * number
        x = left + seconds * scale
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 8}" y2="{height - 26}" stroke="#e2e8f0"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - 8}" text-anchor="middle" fill="#475569">{seconds:.3g} s</text>')
    bar = round(BAR * row_height)
    for number, row in enumerate(rows):
        y = TOP + row_height * number
        middle = y + bar / 2 + 5
        name = safe(_cut(row.name, left - 2 * GAP + 1))
        parts.append(f'<text x="{left - GAP}" y="{middle:.1f}" text-anchor="end" fill="#0f172a">{name}</text>')
        for span in row.spans:
            x, wide = left + span.start_s * scale, max(1.0, (span.end_s - span.start_s) * scale)
            at = f'x="{x:.1f}" y="{y}" width="{wide:.1f}" height="{bar}" rx="3"'
            inside = f'<rect {at} fill="{COLOURS[span.state]}"/>'
            if span.state == "hidden" and _wide(span.text, SMALL) + 2 * MARGIN <= wide:
                text = f'x="{x + MARGIN:.1f}" y="{middle - 1:.1f}" fill="#ffffff" font-size="{SMALL}"'
                inside += f"<text {text}>{safe(span.text)}</text>"
            start = f'data-start="{span.start_s:.6g}"'
            parts.append(part(f"is-{span.state}", f"{row.name}: {span.text}", start, inside))
    return "".join([*parts, "</svg>\n"])


def _wide(text: str, size: int) -> float:
    return names_face(size).getlength(text)


def _cut(name: str, width: float) -> str:
    """A name, or as much of its beginning as has room in so many pixels."""
    if _wide(name, LETTER) <= width:
        return name
    while name and _wide(f"{name}…", LETTER) > width:
        name = name[:-1].rstrip()
    return f"{name}…"


def round_step(least: float) -> float:
    """Return the smallest of 1, 2 and 5 times a power of ten that is not below `least`, which is above zero.

    >>> round_step(0.923), round_step(0.15), round_step(3.7)
    (1.0, 0.2, 5.0)
    """
    power = 10.0 ** math.floor(math.log10(least))
    return next(round(power * by, 9) for by in (1, 2, 5, 10) if power * by >= least * (1 - 1e-9))
