"""A sweep as one HTML page and as Markdown: both curves, their knees, and why."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from occlusight.bench.plots import curve
from occlusight.bench.sweep import TOLERANCE, knee_of

COLUMNS = (
    ("accuracy", "accuracy", 100.0),
    ("occlusion", "occlusion_balanced_accuracy", 100.0),
    ("recognition", "recognition_f1", 100.0),
    ("position", "position_accuracy", 100.0),
    ("explanation", "explanation_plausible", 100.0),
    ("cut", "cut", 1.0),
    ("picture tokens", "image_tokens", 1.0),
    ("answer tokens, 90 %", "answer_tokens_p90", 1.0),
    ("first answer, s", "first_answer_s", 1.0),
    ("later ones, s", "later_answers_s", 1.0),
)
LABELS = [label for label, _, _ in COLUMNS]
SETTINGS = {"size": "longer side, pixels", "max_tokens": "longest answer, tokens"}
Points = list[dict[str, Any]]


def page(found: dict[str, Any]) -> str:
    """Return the HTML of what `sweep` returned."""
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(
        (files("occlusight.bench") / "sweep.html.jinja").read_text(encoding="utf-8")
    )
    return template.render(
        found=found,
        labels=LABELS,
        tolerance=round(100 * TOLERANCE, 1),
        curves=[
            shown(
                "Size of the pictures · 图像尺寸", found["by_size"], "size", "first_answer_s", verdict_of_size(found)
            ),
            shown(
                "Length of the answers · 回答长度",
                found["by_max_tokens"],
                "max_tokens",
                "later_answers_s",
                verdict_of_length(found),
            ),
        ],
    )


def shown(title: str, points: Points, setting: str, seconds: str, verdict: str) -> dict[str, Any]:
    """One curve for the page: two plots, and a row a point."""
    known = [p["accuracy"] for p in points if p["accuracy"] is not None]
    at = knee_of(points)
    floor = max(known) - TOLERANCE if known else None
    chosen = None if at is None else at[setting]
    plots = [curve(points, setting, "accuracy", chosen, floor), curve(points, setting, seconds, chosen)]
    rows = [{"cells": [str(p[setting]), *cells(p)], "knee": p is at} for p in points]
    return {
        "title": title,
        "verdict": verdict,
        "setting": SETTINGS[setting],
        "plots": [Markup(p) for p in plots],
        "rows": rows,
    }


def to_markdown(found: dict[str, Any]) -> str:
    """Return both tables and verdicts as Markdown; the knee's row is bold."""
    parts = []
    for setting, key, verdict in (
        ("size", "by_size", verdict_of_size(found)),
        ("max_tokens", "by_max_tokens", verdict_of_length(found)),
    ):
        points = found[key]
        at = knee_of(points)
        lines = [f"| {SETTINGS[setting]} | {' | '.join(LABELS)} |", "|---|" + "---:|" * len(LABELS)]
        for p in points:
            row = [str(p[setting]), *cells(p)]
            lines.append(f"| {' | '.join(f'**{cell}**' if p is at else cell for cell in row)} |")
        parts += [*lines, "", verdict, ""]
    return "\n".join(parts)


def verdict_of_size(found: dict[str, Any]) -> str:
    """Say where the knee of the sizes is, and whether the model's limits lie there."""
    at, sides = found["best_size"], found["default_size"]
    if at is None:
        return "No accuracy could be computed."
    text = f"The knee is at {at} pixels: {why(found['by_size'], 'size')}."
    if sides is None:
        return text
    low, high = sides
    if high < at:
        return f"{text} The model's limits are below it: it reads a square picture with at most {high} pixels a side."
    nearest = min((p["size"] for p in found["by_size"]), key=lambda size: abs(size - high))
    if nearest == at:
        return f"{text} That is the default: the checkpoint reads a square picture with {low} to {high} pixels a side."
    return f"{text} The model's limits allow more: it reads a square picture with {low} to {high} pixels a side."


def verdict_of_length(found: dict[str, Any]) -> str:
    """Say where the knee of the lengths is, and how the default lies to it."""
    at, default = found["best_max_tokens"], found["default_max_tokens"]
    if at is None:
        return "No accuracy could be computed."
    text = f"The knee is at {at} tokens: {why(found['by_max_tokens'], 'max_tokens')}."
    if at == default:
        return f"{text} That is the default."
    return f"{text} The default is {default}."


def why(points: Points, setting: str) -> str:
    """Say what the knee has, what the best has, and what the largest costs."""
    at = knee_of(points)
    assert at is not None
    best = max((p for p in points if p["accuracy"] is not None), key=lambda p: p["accuracy"])
    largest = points[-1]
    had = f"accuracy {100 * at['accuracy']:.1f}"
    had += ", the best" if best is at else f" against {100 * best['accuracy']:.1f} at {best[setting]}, the best"
    if largest is at:
        return had
    spent = (largest["first_answer_s"] or 0) / (at["first_answer_s"] or 1)
    return (
        f"{had}; {largest[setting]} has {100 * largest['accuracy']:.1f} and takes {spent:.1f} times as long "
        "to a first answer"
    )


def cells(point: dict[str, Any]) -> list[str]:
    """A point's numbers as text, in the order of COLUMNS."""
    return [cell(point[key], scale) for _, key, scale in COLUMNS]


def cell(value: float | None, scale: float) -> str:
    """A share in percent, seconds to three digits, counts whole."""
    if value is None:
        return "-"
    if scale != 1.0:
        return f"{scale * value:.1f}"
    return f"{value:.0f}" if value == round(value) else f"{value:.3g}"
