"""A graph whose objects have no places: a list from front to back beside the picture, with arcs from what hides to
what is hidden."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image

from occlusight.drawing.svg import (
    COLOURS,
    head_length,
    image,
    label,
    label_size,
    part,
    path_shapes,
    quoted,
    text,
)
from occlusight.drawing.told import WORDS, object_said, short_name, width
from occlusight.occlusion.graph import Graph, Relation
from occlusight.occlusion.kinds import Lang

WIDE = 1120  # pixels: of the drawing
PICTURE = 560  # pixels: the width of the picture in it
MARGIN = 24  # pixels
ROW, SMALLEST = 46, 24  # pixels: from row to row, where there is room, and at least
FINE = 0.5  # of the thickness of lines, where rows are near to each other
APART = 7  # pixels between arcs that begin or end at one name
GROUND, GREY, BAND = "#f4f5f7", "#5b6470", "#e6e9ee"


def in_order(graph: Graph, picture: Image.Image | None, lang: Lang, told: Sequence[str]) -> tuple[tuple[int, int], str]:
    """Return the size of a drawing and what is on it; `told` are the relations in words. Things as near as each other
    stand on one band."""
    groups = [*graph.depth_order, *([o.id] for o in graph.objects if not _ranked(graph, o.id))]
    order = [id for group in groups for id in group]
    left = MARGIN
    body = []
    tall = 2 * MARGIN + 2 * ROW + ROW * len(order)
    if picture is not None:
        high = PICTURE * picture.height / picture.width
        tall = max(tall if len(order) < 18 else 2 * MARGIN + 2 * ROW + SMALLEST * len(order), round(high + 2 * MARGIN))
        body.append(image(picture, (MARGIN, MARGIN, MARGIN + PICTURE, MARGIN + high)))
        left += PICTURE + MARGIN
    row = min(ROW, (tall - 2 * MARGIN - 2 * 30) / max(1, len(order)))
    em = 16 if row > 30 else 13
    top = MARGIN + 30
    at = {id: top + row * (n + 0.5) for n, id in enumerate(order)}
    words = WORDS[lang]
    body.append(text(words["near"], (left, MARGIN + 16), 14, GREY))
    body.append(text(words["far"], (left, top + row * len(order) + 20), 14, GREY))
    things = {o.id: o for o in graph.objects}
    paints = {o.id: COLOURS[i % len(COLOURS)] for i, o in enumerate(graph.objects)}
    for n, group in enumerate(groups):
        first, last = at[group[0]] - row / 2, at[group[-1]] + row / 2
        if n % 2 == 0:
            body.append(
                f'<rect x="{left - 8}" y="{first:.1f}" width="{WIDE - left - MARGIN + 8}" height="{last - first:.1f}" '
                f'rx="6" fill="{BAND}"/>'
            )
    ends: dict[str, float] = {}
    for id in order:
        o = things[id]
        name = short_name(o, lang)
        wide, high = label_size(name, em)
        ends[id] = left + wide
        shape = label(name, (left, at[id] - high / 2), em, paints[id])
        body.append(part("object", object_said(o, name, words), f"data-object={quoted(id)}", shape))
    start = max(ends.values(), default=left) + 14
    body += _arcs(graph, told, at, start, paints, FINE if row < ROW * 0.7 else 1.0)
    ground = f'<rect width="{WIDE}" height="{tall}" fill="{GROUND}"/>'
    return (WIDE, tall), ground + "".join(body)


def _ranked(graph: Graph, id: str) -> bool:
    return any(id in group for group in graph.depth_order)


def _arcs(
    graph: Graph, told: Sequence[str], at: dict[str, float], x: float, paints: dict[str, str], fine: float
) -> list[str]:
    """Half ellipses to the right of the names, the farther their ends the wider; those at one name lie side by side."""
    ends = _ends(graph.relations, at)
    longest = max((_span(r, at) for r in graph.relations), default=1.0)
    room = WIDE - MARGIN - 16 - x
    drawn = []
    for r, said in zip(graph.relations, told, strict=True):
        y0, y1 = ends[r.occluder, r], ends[r.occluded, r]
        reach = max(34.0, room * _span(r, at) / longest)
        radius = abs(y1 - y0) / 2
        thick = fine * width(r)
        back = 0.8 * head_length(thick)
        path = f"M{x:.1f} {y0:.1f}A{reach:.1f} {radius:.1f} 0 0 {int(y1 > y0)} {x + back:.1f} {y1:.1f}"
        dashes = ' stroke-dasharray="2 7"' if r.type == "transparent" else ""
        shape = path_shapes(path, (x, y0), (x, y1), math.pi, thick, paints[r.occluder], dashes)
        data = f"data-occluder={quoted(r.occluder)} data-occluded={quoted(r.occluded)}"
        drawn.append(part("relation", said, data, shape))
    return drawn


def _span(r: Relation, at: dict[str, float]) -> float:
    return abs(at[r.occluder] - at[r.occluded])


def _ends(relations: Sequence[Relation], at: dict[str, float]) -> dict[tuple[str, Relation], float]:
    """How high each arc begins and ends: at one name those to things above it, the shortest first, over those to things
    below it, the longest first, so that arcs lie in one another and do not cross there."""
    meeting: dict[str, list[Relation]] = {id: [] for id in at}
    for r in relations:
        meeting[r.occluder].append(r)
        meeting[r.occluded].append(r)
    found = {}
    for id, arcs in meeting.items():
        others = {r: at[r.occluded if r.occluder == id else r.occluder] for r in arcs}
        arcs.sort(key=lambda r: (others[r] > at[id], -others[r]))
        for n, r in enumerate(arcs):
            found[id, r] = at[id] + APART * (n - (len(arcs) - 1) / 2)
    return found
