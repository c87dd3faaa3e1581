"""The relation graph on its picture, as SVG: outlines, arrows from what hides to what is hidden, dashes where a thing
goes on unseen, and names; to be read by eye, by keyboard and by a screen reader."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from PIL import Image

from occlusight.drawing.arrows import Arrow, arrow, between, spread
from occlusight.drawing.in_order import in_order
from occlusight.drawing.placing import Area, Label, place
from occlusight.drawing.svg import (
    COLOURS,
    DARK,
    LEGEND,
    arrow_shapes,
    document,
    image,
    label,
    label_size,
    legend,
    part,
    quoted,
)
from occlusight.drawing.told import WORDS, object_said, relation_said, short_name, width
from occlusight.occlusion.graph import Graph, Object, Relation
from occlusight.occlusion.kinds import Lang

SIDE = 1120  # pixels: the longer side of the drawing
CROWD = 14  # things, from which on names are set smaller
SIZES = (17, 13)  # pixels: of names
BEYOND = 5  # pixels that a thing must go on unseen to be dashed there


def graph_svg(graph: Graph, picture: Image.Image | None = None, lang: Lang = "en") -> str:
    """Return a graph as an SVG document: drawn on its picture, or without one on a plain ground; where the places of
    its objects are not known, as a list from front to back with arcs from what hides to what is hidden.

    Objects and relations can be reached by the keyboard; each says in a `title` what it is, and has the ids that it is
    about in `data-object`, `data-occluder` and `data-occluded`.
    """
    words = WORDS[lang]
    names = {o.id: short_name(o, lang) for o in graph.objects}
    doubted = graph.doubted
    told = [relation_said(r, names, words, doubted=(r.occluder, r.occluded) in doubted) for r in graph.relations]
    title = words["title"].format(n=len(graph.objects), m=len(told))
    placed = all(o.located for o in graph.objects)
    size, body = on_picture(graph, picture, lang, told) if placed else in_order(graph, picture, lang, told)
    below = legend(size, words["arrow"], words["dashes"] if placed else None)
    return document((size[0], size[1] + LEGEND), lang, title, "; ".join(told), body + below)


def on_picture(
    graph: Graph, picture: Image.Image | None, lang: Lang, told: Sequence[str]
) -> tuple[tuple[int, int], str]:
    """Return the size of a drawing and what is on it; `told` are the relations in words."""
    scale = SIDE / max(graph.width, graph.height)
    size = (round(graph.width * scale), round(graph.height * scale))
    names = {o.id: short_name(o, lang) for o in graph.objects}
    boxes = {o.id: _drawn(o, size) for o in graph.objects}
    paints = {o.id: COLOURS[i % len(COLOURS)] for i, o in enumerate(graph.objects)}
    lines = spread([arrow(boxes[r.occluder], boxes[r.occluded], size, width(r)) for r in graph.relations])
    plain = f'<rect width="{size[0]}" height="{size[1]}" fill="#e8eaed"/>'
    body = [plain if picture is None else image(picture, (0.0, 0.0, float(size[0]), float(size[1])))]
    for o in sorted(graph.objects, key=lambda o: -_extent(boxes[o.id])):
        said = object_said(o, names[o.id], WORDS[lang])
        body.append(_outline(o, boxes[o.id], size, paints[o.id], said))
    for r, line, said in zip(graph.relations, lines, told, strict=True):
        body.append(_relation(r, line, paints[r.occluder], said))
    body += _labels(graph, boxes, names, paints, lines, size)
    return size, "".join(body)


def _drawn(o: Object, size: tuple[int, int]) -> Area:
    """Where a thing is drawn, in pixels; what cannot be seen inside what hides it."""
    box = _pixels(o.box, size)
    if o.visible_fraction > 0:
        return box
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    wide, tall = 0.3 * (box[2] - box[0]), 0.3 * (box[3] - box[1])
    return (x - wide, y - tall, x + wide, y + tall)


def _pixels(box: tuple[int, int, int, int], size: tuple[int, int]) -> Area:
    x0, y0, x1, y1 = (box[i] * size[i % 2] / 1000 for i in range(4))
    return (x0, y0, max(x1, x0 + 2), max(y1, y0 + 2))


def _extent(area: Area) -> float:
    return (area[2] - area[0]) * (area[3] - area[1])


def _outline(o: Object, box: Area, size: tuple[int, int], paint: str, said: str) -> str:
    """A thing's outline, and dashed what of it goes on unseen."""
    dashes = ' stroke-dasharray="3 6"' if o.seen == "reflection" or o.visible_fraction == 0 else ""
    unseen = _unseen(box, _pixels(o.amodal_box, size), paint) if o.visible_fraction > 0 else ""
    return part("object", said, f"data-object={quoted(o.id)}", unseen + _frame(box, paint, 2.6, dashes))


def _unseen(box: Area, whole: Area, paint: str) -> str:
    """Dashed, how far a thing goes on beyond what can be seen of it: on each side the three edges that are not seen."""
    (x0, y0, x1, y1), (u0, v0, u1, v1) = box, whole
    sides = (
        (x0 - u0, f"M{x0:.1f} {v0:.1f}H{u0:.1f}V{v1:.1f}H{x0:.1f}"),
        (u1 - x1, f"M{x1:.1f} {v0:.1f}H{u1:.1f}V{v1:.1f}H{x1:.1f}"),
        (y0 - v0, f"M{u0:.1f} {y0:.1f}V{v0:.1f}H{u1:.1f}V{y0:.1f}"),
        (v1 - y1, f"M{u0:.1f} {y1:.1f}V{v1:.1f}H{u1:.1f}V{y1:.1f}"),
    )
    path = "".join(shape for far, shape in sides if far > BEYOND)
    if not path:
        return ""
    return (
        f'<path d="{path}" fill="none" stroke="{DARK}" stroke-opacity="0.6" stroke-width="4.6"/>'
        f'<path d="{path}" fill="none" stroke="{paint}" stroke-width="2.2" stroke-dasharray="9 6"/>'
    )


def _frame(area: Area, paint: str, width: float, dashes: str) -> str:
    x0, y0, x1, y1 = area
    at = f'x="{x0:.1f}" y="{y0:.1f}" width="{x1 - x0:.1f}" height="{y1 - y0:.1f}" rx="5" fill="none"'
    return (
        f'<rect {at} stroke="{DARK}" stroke-opacity="0.6" stroke-width="{width + 2.4:.1f}"{dashes}/>'
        f'<rect class="line" {at} stroke="{paint}" stroke-width="{width:.1f}"{dashes}/>'
    )


def _relation(r: Relation, line: Arrow, paint: str, said: str) -> str:
    data = f"data-occluder={quoted(r.occluder)} data-occluded={quoted(r.occluded)}"
    dashes = ' stroke-dasharray="2 7"' if r.type == "transparent" else ""
    return part("relation", said, data, arrow_shapes(line, paint, dashes))


def _labels(
    graph: Graph,
    boxes: dict[str, Area],
    names: dict[str, str],
    paints: dict[str, str],
    arrows: Sequence[Arrow],
    size: tuple[int, int],
) -> Iterator[str]:
    em = SIZES[len(graph.objects) > CROWD]
    labels = [Label(*label_size(names[o.id], em), boxes[o.id]) for o in graph.objects]
    free = [p for a in arrows for p in a.points]
    for o, area in zip(graph.objects, place(labels, size, free), strict=True):
        yield _leader(area, boxes[o.id], paints[o.id])
        yield label(names[o.id], area[:2], em, paints[o.id])


def _leader(label: Area, box: Area, paint: str) -> str:
    """A line from a label to its box, where they are apart."""
    x, y = between(label[0], label[2], box[0], box[2]), between(label[1], label[3], box[1], box[3])
    at = (max(label[0], min(label[2], x)), max(label[1], min(label[3], y)))
    to = (max(box[0], min(box[2], at[0])), max(box[1], min(box[3], at[1])))
    if math.hypot(to[0] - at[0], to[1] - at[1]) < 6:
        return ""
    line = f'x1="{at[0]:.1f}" y1="{at[1]:.1f}" x2="{to[0]:.1f}" y2="{to[1]:.1f}"'
    return (
        f'<line {line} stroke="{DARK}" stroke-opacity="0.7" stroke-width="3.4"/>'
        f'<line {line} stroke="{paint}" stroke-width="1.6"/>'
    )
