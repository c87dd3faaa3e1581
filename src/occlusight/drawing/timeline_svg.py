"""Who is hidden when, as SVG: a line a thing, a bar while it is seen, another while it is hidden."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, LEFT, ROW, BAR, TOP = 900, 190, 34, 18, 34
COLOURS = {"seen": "#0f766e", "hidden": "#b45309", "out": "#94a3b8"}
TICKS = 8


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


def timeline_svg(rows: Sequence[Row], duration_s: float, title: str) -> str:
    """Return the drawing of things through `duration_s` seconds; every bar can be reached by the keyboard, and says
    what it means."""
    height = TOP + ROW * len(rows) + 30
    scale = (WIDTH - LEFT - 20) / max(duration_s, 1e-9)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" font-size="14" '
        f'font-family="system-ui, sans-serif"><title>{escape(title)}</title>',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for number in range(TICKS + 1):
        seconds = duration_s * number / TICKS
        x = LEFT + seconds * scale
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 8}" y2="{height - 26}" stroke="#e2e8f0"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - 8}" text-anchor="middle" fill="#475569">{seconds:.3g} s</text>')
    for number, row in enumerate(rows):
        y = TOP + ROW * number
        parts.append(f'<text x="{LEFT - 10}" y="{y + 14}" text-anchor="end" fill="#0f172a">{escape(row.name)}</text>')
        for span in row.spans:
            x, width = LEFT + span.start_s * scale, max(1.0, (span.end_s - span.start_s) * scale)
            parts.append(
                f'<g tabindex="0" role="img"><title>{escape(f"{row.name}: {span.text}")}</title>'
                f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{BAR}" rx="3" '
                f'fill="{COLOURS[span.state]}"/></g>'
            )
            if span.state == "hidden" and width > 60:
                parts.append(
                    f'<text x="{x + 6:.1f}" y="{y + 14}" fill="#ffffff" font-size="12">{escape(span.text)}</text>'
                )
    return "".join([*parts, "</svg>\n"])
