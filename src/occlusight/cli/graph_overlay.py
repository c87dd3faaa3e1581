"""A relation graph drawn into a file: on its picture where objects have places, else as a diagram."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from occlusight.drawing.graph_svg import graph_svg
from occlusight.drawing.png import png
from occlusight.files.whole import write_whole
from occlusight.model.picture import open_picture
from occlusight.occlusion.graph import Box, Graph
from occlusight.occlusion.kinds import Lang

FILLED = 0.45
"""The share of a place's side that an object takes in a diagram: the rest is for arrows and names."""
SIDE = 900
"""Pixels of a diagram of a picture whose size is not known."""


def draw(graph: Graph, picture: Path, out: Path, lang: Lang) -> bool:
    """Draw a graph as SVG or PNG, by the name of the file; return whether it was drawn on the picture."""
    placed = all(o.located for o in graph.objects)
    if placed:
        opened = open_picture(picture)
        svg = graph_svg(replace(graph, width=opened.width, height=opened.height), opened, lang)
    else:
        svg = graph_svg(as_diagram(graph), None, lang)
    write_whole(out, png(svg) if out.suffix.lower() == ".png" else svg)
    return placed


def as_diagram(graph: Graph) -> Graph:
    """Return a graph whose objects stand in rows, those in front first: where nobody knows their places."""
    order = [id for group in graph.depth_order for id in group]
    ids = [*order, *(o.id for o in graph.objects if o.id not in order)]
    columns = max(1, math.ceil(math.sqrt(len(ids))))
    rows = max(1, math.ceil(len(ids) / columns))
    boxes: dict[str, Box] = {}
    for number, id in enumerate(ids):
        x, y = (number % columns + 0.5) / columns, (number // columns + 0.5) / rows
        wide, high = FILLED / columns / 2, FILLED / rows / 2
        a, b, c, d = (round(1000 * value) for value in (x - wide, y - high, x + wide, y + high))
        boxes[id] = (a, b, c, d)
    objects = tuple(replace(o, box=boxes[o.id], amodal_box=boxes[o.id]) for o in graph.objects)
    width, height = (graph.width, graph.height) if graph.width else (SIDE, SIDE)
    return replace(graph, width=width, height=height, objects=objects)
