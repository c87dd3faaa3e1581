"""A scene's truth drawn on its picture: masks, boxes, names, an arrow from what hides to what is hidden; beside it a
list and the graph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from occlusight.datasets.masks import decode
from occlusight.drawing.canvas import COLOURS, FAINT, INK, PAPER, Paint, Point, Sheet
from occlusight.drawing.diagram import draw_diagram
from occlusight.drawing.diagram import height as diagram_height
from occlusight.drawing.font import face, names_face
from occlusight.errors import BadData
from occlusight.files.json_lines import Line
from occlusight.model.picture import open_picture
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph, Inscription, Object, Relation
from occlusight.occlusion.kinds import Lang

PARTS_ZH = {"left": "左侧", "right": "右侧", "top": "上部", "bottom": "下部", "middle": "中间", "all": "全部"}
TYPES_ZH = {"partial": "部分", "complete": "完全", "transparent": "透过玻璃", "reflective": "被镜像"}
SIDE = 900  # pixels: smaller pictures are enlarged to about this width
PANEL = 560  # pixels: width of what stands beside the picture
MARGIN, LINE = 14, 20  # pixels: around the panel, from line to line
TINT = 0.22  # of an object's colour over what is visible of it


def overlay(folder: Path, line: Line, lang: Lang = "en") -> Image.Image:
    """Return the picture of a scene with its truth. Raises BadData when the line or the picture cannot be read."""
    try:
        graph = Graph.from_json(line["graph"])
        visible = {o.id: decode(line["masks"][o.id]["visible"]) for o in graph.objects}
        picture = open_picture(folder / line["image"])
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise BadData(f"the scene {line.get('id')!r} of {folder} cannot be shown ({error})") from None
    facts = Facts(graph)
    scale = max(1, round(SIDE / picture.width))
    pixels = np.asarray(picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.LANCZOS))
    paints = {o.id: COLOURS[i % len(COLOURS)] for i, o in enumerate(graph.objects)}
    pixels = _masked(pixels, graph.objects, visible, paints, scale)
    tall, wide = pixels.shape[:2]
    lines = (graph.objects, graph.relations, graph.reflections, graph.inscriptions)
    listed = 80 + LINE * sum(map(len, lines))
    sheet = Image.new("RGB", (wide + PANEL, max(tall, listed + diagram_height(facts) + MARGIN)), PAPER)
    sheet.paste(Image.fromarray(pixels), (0, 0))
    on = Sheet(ImageDraw.Draw(sheet), scale, names_face(14), names_face(17), lang, paints)
    for o in graph.objects:
        _label(on, o, paints[o.id], (wide, tall))
    at = {o.id: _middle(on, o, visible[o.id]) for o in graph.objects}
    for (a, b), relation in facts.relations.items():
        if facts.hides(a, b) or (relation.covered_fraction > 0 and facts.through(a, b)):
            on.arrow(at[a], at[b])
    bottom = _listing(on, facts, line, wide + MARGIN)
    box = (wide + MARGIN, bottom + MARGIN, wide + PANEL - MARGIN, bottom + MARGIN + diagram_height(facts))
    draw_diagram(on, facts, box)
    return sheet


def _masked(
    pixels: NDArray[np.uint8],
    objects: Sequence[Object],
    visible: dict[str, NDArray[np.bool_]],
    paints: dict[str, Paint],
    scale: int,
) -> NDArray[np.uint8]:
    """Return the picture (H, W, 3) with what is visible of each object outlined in its colour, and tinted unless it is
    glass or a mirror."""
    drawn = pixels.astype(np.float32)
    for o in objects:
        large = np.kron(visible[o.id], np.ones((scale, scale), bool))
        if o.material not in ("transparent", "mirror"):
            drawn[large] += TINT * (np.asarray(paints[o.id]) - drawn[large])
        drawn[outline(large, scale)] = paints[o.id]
    return drawn.round().astype(np.uint8)


def outline(mask: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """Return the pixels of a mask that are within `width` of its edge."""
    inner = mask
    for _ in range(width):
        padded = np.pad(inner, 1)
        inner = padded[1:-1, 1:-1] & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inner


def centre(mask: NDArray[np.bool_]) -> Point:
    """Return the pixel (x, y) of a mask that is nearest to its centre; the picture's corner where it is empty."""
    rows, columns = np.nonzero(mask)
    if not rows.size:
        return 0.0, 0.0
    best = int(np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2))
    return float(columns[best]), float(rows[best])


def _middle(on: Sheet, o: Object, seen: NDArray[np.bool_]) -> Point:
    """Return where an object's arrows begin and end: on what is visible of it, or in the middle of its box."""
    if seen.any():
        x, y = centre(seen)
        return x * on.scale, y * on.scale
    height, width = seen.shape
    return (o.box[0] + o.box[2]) * width * on.scale / 2000, (o.box[1] + o.box[3]) * height * on.scale / 2000


def _label(on: Sheet, o: Object, paint: Paint, size: tuple[int, int]) -> None:
    x0, y0, x1, y1 = (o.box[i] * size[i % 2] / 1000 for i in range(4))
    on.draw.rectangle((x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)), outline=paint)
    text = f"{o.id} {on.name(o)}"
    width, height = on.draw.textbbox((0, 0), text, font=on.small)[2:]
    x, y = min(x0, size[0] - width - 6), y0 - height - 5 if y0 > height + 5 else y0
    on.draw.rectangle((x, y, x + width + 6, y + height + 5), fill=paint)
    on.draw.text((x + 3, y + 1), text, fill="white", font=on.small)


def _listing(on: Sheet, facts: Facts, line: Line, x: int) -> int:
    """Write the objects from front to back, then who hides whom, beside the picture. Returns where the list ends."""
    zh = on.lang == "zh"
    y = 10
    on.draw.text((x, y), str(line["id"]), fill=INK, font=on.large)
    y += 30
    ordered = [id for group in facts.graph.depth_order for id in group]
    for id in ordered + [o.id for o in facts.graph.objects if o.id not in ordered]:
        o = facts.objects[id]
        on.draw.rectangle((x, y + 3, x + 10, y + 13), fill=on.paints[id])
        seen = f"可见 {o.visible_fraction:.0%}" if zh else f"{o.visible_fraction:.0%} visible"
        far = "" if o.distance is None else f",距离 {o.distance:.1f} m" if zh else f", {o.distance:.1f} m away"
        on.draw.text((x + 16, y), f"{id} {on.name(o)}  {seen}{far}", fill=INK, font=on.small)
        y += LINE
    y += 10
    for r in sorted(facts.relations.values(), key=lambda r: -r.covered_fraction):
        asked = facts.hides(r.occluder, r.occluded) or facts.through(r.occluder, r.occluded)
        on.draw.text((x, y), _sentence(on, facts, r), fill=INK if asked else FAINT, font=on.small)
        y += LINE
    for m in facts.graph.reflections:
        a, b = (on.name(facts.objects[id]) for id in (m.mirror, m.object))
        text = f"{m.mirror} {a} 照出 {m.object} {b}" if zh else f"{m.mirror} {a} shows {m.object} {b}"
        on.draw.text((x, y), text, fill=INK, font=on.small)
        y += LINE
    for inscription in facts.graph.inscriptions:
        _reading(on, facts, inscription, (x, y))
        y += LINE
    return y


def _reading(on: Sheet, facts: Facts, inscription: Inscription, at: Point) -> None:
    """Write what can be read on a sign: a dot stands for a character that cannot, grey for one that is doubtful."""
    zh, o, lettered = on.lang == "zh", facts.objects[inscription.object], face().font_variant(size=15)
    hidden = ", ".join(facts.covering(o.id))
    after = (f"({hidden} 挡住其余)" if zh else f" ({hidden} covers the rest)") if hidden else ""
    pieces = [(f"{o.id} {on.name(o)} {'可读 ' if zh else 'reads '}", INK, on.small)]
    for c, read in zip(inscription.characters, facts.readable(o.id), strict=True):
        pieces.append(("·" if read is False else c.character, FAINT if read is None else INK, lettered))
    x, y = at
    for text, paint, kind in [*pieces, (after, INK, on.small)]:
        on.draw.text((x, y + 13), text, fill=paint, font=kind, anchor="ls")
        x += on.draw.textlength(text, font=kind)


def _sentence(on: Sheet, facts: Facts, r: Relation) -> str:
    """Who covers whom, how much and which part; only who where that is all that is known."""
    a, b = (f"{id} {on.name(facts.objects[id])}" for id in (r.occluder, r.occluded))
    if on.lang == "zh":
        if not r.measured:
            return f"{a} 挡住 {b} 的一部分"
        verb = "罩住" if r.type == "transparent" else "挡住"
        return f"{a} {verb} {b} 的 {r.covered_fraction:.1%}({PARTS_ZH[r.hidden_part]},{TYPES_ZH[r.type]})"
    if not r.measured:
        return f"{a} hides part of {b}"
    verb = "covers" if r.type == "transparent" else "hides"
    return f"{a} {verb} {r.covered_fraction:.1%} of {b} ({r.hidden_part}, {r.type})"
