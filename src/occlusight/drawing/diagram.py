"""The relation graph as a diagram: a row for each place in depth, the nearest at the bottom, arrows from what hides to
what is hidden."""

from __future__ import annotations

from collections.abc import Mapping

from occlusight.drawing.canvas import INK, PAPER, Point, Sheet
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Relation

ROW, TALL, PAD = 86, 26, 8  # pixels: from row to row, height of a node, room beside its text
NEAR_START = 0.35  # of an arrow's length
SIDES = {"en": ("near", "far"), "zh": ("近", "远")}


def height(facts: Facts) -> int:
    """Return how many pixels the diagram needs."""
    return ROW * max(1, len(rows(facts))) + 2 * TALL


def rows(facts: Facts) -> list[list[str]]:
    """Return the objects by their place in depth, front to back; those without one are last."""
    placed = {id for group in facts.graph.depth_order for id in group}
    rest = [o.id for o in facts.graph.objects if o.id not in placed]
    return [list(group) for group in facts.graph.depth_order] + ([rest] if rest else [])


def draw_diagram(on: Sheet, facts: Facts, box: tuple[int, int, int, int]) -> dict[str, Point]:
    """Draw the graph into a box x0, y0, x1, y1 of the sheet and return where each object's node is.

    Nodes stand beside one another as the objects do in the picture. An arrow says what share is hidden, or covered by
    glass; mirrors point to what only they show.
    """
    x0, y0, x1, y1 = box
    near, far = SIDES[on.lang]
    on.draw.text((x0, y1 - TALL), near, fill=INK, font=on.small)
    on.draw.text((x0, y0), far, fill=INK, font=on.small)
    at: dict[str, Point] = {}
    for n, row in enumerate(rows(facts)):
        at |= _row(on, facts, row, (x0, x1), y1 - TALL - n * ROW - TALL / 2)
    for (a, b), relation in facts.relations.items():
        if facts.hides(a, b) or (relation.covered_fraction > 0 and facts.through(a, b)):
            _edge(on, at[a], at[b], _share(relation, on))
    for r in facts.graph.reflections:
        if facts.objects[r.object].seen == "reflection" and facts.shown_in(r.mirror, r.object):
            _edge(on, at[r.mirror], at[r.object], "照出" if on.lang == "zh" else "shows")
    for id, (x, y) in at.items():
        half = _half(on, facts, id)
        on.draw.rounded_rectangle((x - half, y - TALL / 2, x + half, y + TALL / 2), 6, fill=on.paints[id])
        on.draw.text((x, y), _label(on, facts, id), fill="white", font=on.small, anchor="mm")
    return at


def _label(on: Sheet, facts: Facts, id: str) -> str:
    return f"{id} {on.name(facts.objects[id])}"


def _half(on: Sheet, facts: Facts, id: str) -> float:
    return on.width(_label(on, facts, id)) / 2 + PAD


def _row(on: Sheet, facts: Facts, row: list[str], ends: tuple[int, int], y: float) -> dict[str, Point]:
    """Place the nodes of a row from left to right as in the picture, without overlap as far as there is room."""
    places: dict[str, Point] = {}
    right = float(ends[0])
    widths = {id: 2 * _half(on, facts, id) for id in row}
    ordered = sorted(row, key=lambda id: facts.objects[id].box[0] + facts.objects[id].box[2])
    for i, id in enumerate(ordered):
        o = facts.objects[id]
        wanted = ends[0] + (o.box[0] + o.box[2]) / 2000 * (ends[1] - ends[0])
        rest = sum(widths[other] + PAD for other in ordered[i + 1 :])
        x = max(right + widths[id] / 2, min(wanted, ends[1] - rest - widths[id] / 2))
        places[id] = (x, y)
        right = x + widths[id] / 2 + PAD
    return places


def _edge(on: Sheet, start: Point, end: Point, text: str) -> None:
    """An arrow from node to node, with its text near its start, where a node in between does not hide it."""
    down = end[1] > start[1]
    flat = end[1] == start[1]
    side = 0.0 if flat else TALL / 2 * (1 if down else -1)
    first, last = (start[0], start[1] + side), (end[0], end[1] - side)
    on.arrow(first, last)
    x, y = (a + NEAR_START * (b - a) for a, b in zip(first, last, strict=True))
    y -= TALL if flat else 0
    half = on.width(text) / 2 + 2
    on.draw.rectangle((x - half, y - 8, x + half, y + 8), fill=PAPER)
    on.draw.text((x, y), text, fill=INK, font=on.small, anchor="mm")


def _share(relation: Relation, on: Sheet) -> str:
    words: Mapping[str, tuple[str, str]] = {
        "transparent": ("glass", "玻璃"),
        "reflective": ("mirror", "镜子"),
    }
    share = f"{relation.covered_fraction:.0%}" if relation.measured else "?"
    extra = words.get(relation.type)
    return share if extra is None else f"{share} {extra[on.lang == 'zh']}"
