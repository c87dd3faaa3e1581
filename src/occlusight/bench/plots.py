"""Plots as inline SVG: bars with intervals, a reliability diagram, risk against coverage. No script, no font, no
network."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

WIDTH, ROW, LABEL = 480, 26, 172
SIDE, EDGE = 320, 44
INK, BLUE, ORANGE, PALE, GREY = "#222", "#2b6cb0", "#c05621", "#cbd5e0", "#718096"


def bars(rows: Sequence[tuple[str, float | None, Sequence[float] | None, int]]) -> str:
    """Return a bar a row: (label, share, interval, n)."""
    span = WIDTH - LABEL - 110
    parts = []
    for i, (label, value, interval, n) in enumerate(rows):
        y = i * ROW + 4
        parts.append(_text(LABEL - 8, y + 13, label, "end"))
        parts.append(f'<rect x="{LABEL}" y="{y}" width="{span}" height="16" fill="#edf2f7"/>')
        if value is None:
            parts.append(_text(LABEL + 6, y + 13, "-"))
            continue
        parts.append(f'<rect x="{LABEL}" y="{y}" width="{span * value:.1f}" height="16" fill="{BLUE}"/>')
        if interval is not None:
            low, high = (LABEL + span * v for v in interval)
            parts.append(
                f'<path d="M{low:.1f} {y + 8}H{high:.1f}M{low:.1f} {y + 3}v10M{high:.1f} {y + 3}v10" stroke="{INK}"/>'
            )
        parts.append(_text(WIDTH - 102, y + 13, f"{100 * value:.1f} %  n={n}"))
    return _svg(WIDTH, len(rows) * ROW + 8, "".join(parts), "bars")


def reliability(bins: Sequence[dict[str, float]]) -> str:
    """Return accuracy against confidence, 0.5 to 1: on the line is honest, below it too sure. Areas grow with n."""
    total = sum(b["n"] for b in bins) or 1

    def at(confidence: float, accuracy: float) -> tuple[float, float]:
        return EDGE + (confidence - 0.5) * 2 * SIDE, EDGE / 2 + (1 - accuracy) * SIDE

    parts = [_frame("confidence", "accuracy", ("0.5", "0.75", "1"), ("0", "0.5", "1"))]
    (x0, y0), (x1, y1) = at(0.5, 0.5), at(1, 1)
    parts.append(f'<line x1="{x0}" y1="{y0}" x2="{x1}" y2="{y1}" stroke="{GREY}" stroke-dasharray="5"/>')
    for b in bins:
        x, y = at(b["confidence"], b["accuracy"])
        radius = 3 + 16 * (b["n"] / total) ** 0.5
        title = f"confidence {b['confidence']:.2f}, accuracy {b['accuracy']:.2f}, n={b['n']:.0f}"
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{BLUE}" '
            f'fill-opacity=".7"><title>{title}</title></circle>'
        )
    return _svg(SIDE + 2 * EDGE, SIDE + 1.7 * EDGE, "".join(parts), "calibration")


def truth_by_probability(series: Sequence[tuple[str, Sequence[dict[str, float]]]]) -> str:
    """Return how often what is said with a probability is true, 0 to 1, for up to two named series of bins
    (probability, true, n): on the line is honest. Areas grow with n."""
    parts = [_frame("probability", "true", ("0", "0.5", "1"), ("0", "0.5", "1"))]
    parts.append(
        f'<line x1="{EDGE}" y1="{EDGE / 2 + SIDE}" x2="{EDGE + SIDE}" y2="{EDGE / 2}" stroke="{GREY}" '
        'stroke-dasharray="5"/>'
    )
    for row, ((name, bins), paint) in enumerate(zip(series, (BLUE, ORANGE), strict=False)):
        total = sum(b["n"] for b in bins) or 1
        for b in bins:
            x, y = EDGE + b["probability"] * SIDE, EDGE / 2 + (1 - b["true"]) * SIDE
            title = f"{name}: probability {b['probability']:.2f}, true {b['true']:.2f}, n={b['n']:.0f}"
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{3 + 16 * (b["n"] / total) ** 0.5:.1f}" fill="{paint}" '
                f'fill-opacity=".7"><title>{escape(title)}</title></circle>'
            )
        y = EDGE / 2 + 18 + 20 * row
        parts.append(f'<circle cx="{EDGE + 16}" cy="{y - 4}" r="6" fill="{paint}" fill-opacity=".7"/>')
        parts.append(_text(EDGE + 28, y, name))
    return _svg(SIDE + 2 * EDGE, SIDE + 1.7 * EDGE, "".join(parts), "reliability")


def risk_coverage(points: Sequence[dict[str, float]]) -> str:
    """Return the share of wrong decisions among the surest ones, against how many are kept."""
    top = max([0.05, *(p["risk"] for p in points)]) * 1.1
    path = " ".join(
        f"{'M' if i == 0 else 'L'}{EDGE + p['coverage'] * SIDE:.1f} {EDGE / 2 + (1 - p['risk'] / top) * SIDE:.1f}"
        for i, p in enumerate(points)
    )
    frame = _frame("coverage", "risk", ("0", "0.5", "1"), ("0", f"{top / 2:.2f}", f"{top:.2f}"))
    return _svg(
        SIDE + 2 * EDGE,
        SIDE + 1.7 * EDGE,
        frame + f'<path d="{path}" fill="none" stroke="{ORANGE}" stroke-width="2.5"/>',
        "risk-coverage",
    )


def curve(
    points: Sequence[dict[str, Any]], x: str, y: str, knee: float | None = None, floor: float | None = None
) -> str:
    """Return y against x with a dot a point, the knee marked, and a dashed line at `floor`; x is spaced evenly."""
    values = [p[y] for p in points if p[y] is not None]
    top = max(values, default=1.0) * 1.1 or 1.0
    step = SIDE / max(1, len(points) - 1)
    places = [(EDGE + i * step, EDGE / 2 + (1 - (p[y] or 0) / top) * SIDE, p) for i, p in enumerate(points)]
    parts = [_frame(x.replace("_", " "), y.replace("_", " "), ("", "", ""), ("0", f"{top / 2:.3g}", f"{top:.3g}"))]
    if floor is not None:
        height = EDGE / 2 + (1 - floor / top) * SIDE
        parts.append(f'<path d="M{EDGE} {height:.1f}h{SIDE}" stroke="{GREY}" stroke-dasharray="5"/>')
    path = "L".join(f"{px:.1f} {py:.1f}" for px, py, _ in places)
    parts.append(f'<path d="M{path}" fill="none" stroke="{BLUE}"/>')
    for px, py, p in places:
        chosen = p[x] == knee
        parts.append(
            f'<circle cx="{px:.1f}" cy="{py:.1f}" r="{8 if chosen else 4}" fill="{ORANGE if chosen else BLUE}"/>'
        )
        parts.append(_text(px, EDGE / 2 + SIDE + 16, f"{p[x]}", "middle"))
    return _svg(SIDE + 2 * EDGE, SIDE + 1.7 * EDGE, "".join(parts), f"{y} against {x}")


def overlay(picture: str, boxes: Sequence[tuple[str, Sequence[float], str]]) -> str:
    """Return a picture (a data URL) with boxes (label, 0-1000 coordinates, colour) drawn on it; every other label
    stands below its box, clear of its neighbour's."""
    parts = [f'<image href="{picture}" width="1000" height="1000" preserveAspectRatio="none"/>']
    for i, (label, (x0, y0, x1, y1), colour) in enumerate(boxes):
        above, below = max(44, y0 - 10), min(990, y1 + 46)
        parts.append(
            f'<rect x="{x0}" y="{y0}" width="{x1 - x0}" height="{y1 - y0}" fill="none" stroke="{colour}" '
            'stroke-width="8"/>'
        )
        parts.append(
            f'<text x="{min(x0 + 8, 700)}" y="{below if i % 2 else above}" font-size="44" fill="{colour}" '
            f'stroke="white" stroke-width="8" paint-order="stroke">{escape(label)}</text>'
        )
    return f'<svg class="overlay" viewBox="0 0 1000 1000" role="img">{"".join(parts)}</svg>'


def _frame(x: str, y: str, across: Sequence[str], up: Sequence[str]) -> str:
    top, bottom = EDGE / 2, EDGE / 2 + SIDE
    parts = [f'<rect x="{EDGE}" y="{top}" width="{SIDE}" height="{SIDE}" fill="none" stroke="{PALE}"/>']
    for i, label in enumerate(across):
        parts.append(_text(EDGE + i * SIDE / 2, bottom + 16, label, "middle"))
    for i, label in enumerate(up):
        parts.append(_text(EDGE - 5, bottom - i * SIDE / 2 + 4, label, "end"))
    parts.append(_text(EDGE + SIDE / 2, bottom + 34, x, "middle"))
    parts.append(_text(EDGE + 6, top + 14, y))
    return "".join(parts)


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="12" fill="{INK}">{escape(text)}</text>'


def _svg(width: float, height: float, body: str, name: str) -> str:
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    return f'<svg class="plot" {size} role="img" aria-label="{escape(name)}">{body}</svg>'
