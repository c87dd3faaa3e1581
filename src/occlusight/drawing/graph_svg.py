"""The relation graph on its picture, as SVG: outlines, arrows from what hides to what is hidden, dashes where a thing
goes on unseen, and names; to be read by eye, by keyboard and by a screen reader."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from PIL import Image

from occlusight.drawing.arrows import Arrow, arrow, between, spread
from occlusight.drawing.font import NAMES, names_face
from occlusight.drawing.placing import Area, Label, place
from occlusight.occlusion.graph import Graph, Object, Relation
from occlusight.occlusion.kinds import Lang

SIDE = 1120  # pixels: the longer side of the drawing
QUALITY = 90  # of the picture inside it, as JPEG
CROWD = 14  # things, from which on names are set smaller
SIZES = (17, 13)  # pixels: of names
LONGEST = 26  # characters of a name
LEGEND = 34  # pixels: the strip below the picture
BEYOND = 5  # pixels that a thing must go on unseen to be dashed there
THIN, THICK = 1.6, 6.0  # pixels: of the line of what is as likely as not, and of what is sure
DARK, LIGHT = "#14171c", "#ffffff"
COLOURS = (
    "#ff5a4f", "#3d9bff", "#35d07f", "#ffb020", "#c48bff", "#19d3e0", "#ff7ac3", "#c9d63b", "#ff8f4d", "#8fb4ff",
    "#7fe0b8", "#f2d16b",
)  # fmt: skip
STYLE = (
    "g[tabindex]{cursor:pointer}g[tabindex]:focus{outline:none}"
    "g[tabindex]:focus .line,g[tabindex]:hover .line{stroke-width:7px}"
)
WORDS = {
    "en": {
        "title": "Who hides whom: {n} things, {m} relations",
        "hides": "{a} hides part of {b}",
        "complete": "{a} hides all of {b}",
        "transparent": "{b} is seen through {a}",
        "reflective": "{a} covers part of {b} with images",
        "sure": ", probability {p:.0%}",
        "raw": ", by a model that is not calibrated {p:.0%}",
        "rules": "; decided by rules: {rules}",
        "visible": "{name}, {v:.0%} visible",
        "unseen": "{name}, cannot be seen",
        "mirrored": "{name}, seen in a mirror",
        "arrow": "hides; the thicker, the surer",
        "dashes": "goes on unseen",
    },
    "zh": {
        "title": "谁挡住了谁：{n} 件东西，{m} 个关系",
        "hides": "{a}挡住{b}的一部分",
        "complete": "{a}完全挡住{b}",
        "transparent": "透过{a}看到{b}",
        "reflective": "{a}用影像盖住{b}的一部分",
        "sure": "，概率 {p:.0%}",
        "raw": "，未校准的模型给出 {p:.0%}",
        "rules": "；由规则决定：{rules}",
        "visible": "{name}，可见 {v:.0%}",
        "unseen": "{name}，看不见",
        "mirrored": "{name}，在镜中看到",
        "arrow": "挡住，越粗越有把握",
        "dashes": "看不见的部分",
    },
}


def graph_svg(graph: Graph, picture: Image.Image | None = None, lang: Lang = "en") -> str:
    """Return a graph as an SVG document, drawn on its picture or, without one, on a plain ground.

    Objects and relations can be reached by the keyboard; each says in a `title` what it is, and has the ids that it is
    about in `data-object`, `data-occluder` and `data-occluded`.
    """
    scale = SIDE / max(graph.width, graph.height)
    size = (round(graph.width * scale), round(graph.height * scale))
    words = WORDS[lang]
    names = {o.id: _name(o, lang) for o in graph.objects}
    boxes = {o.id: _drawn(o, size) for o in graph.objects}
    paints = {o.id: COLOURS[i % len(COLOURS)] for i, o in enumerate(graph.objects)}
    lines = spread([arrow(boxes[r.occluder], boxes[r.occluded], size, _width(r)) for r in graph.relations])
    arrows = list(zip(graph.relations, lines, strict=True))
    body = [f"<style>{STYLE}</style>", _ground(picture, size)]
    told = [_relation_said(r, names, words) for r, _ in arrows]
    body.append(f"<desc>{_safe('; '.join(told))}</desc>")
    for o in sorted(graph.objects, key=lambda o: -_extent(boxes[o.id])):
        body.append(_outline(o, boxes[o.id], size, paints[o.id], _object_said(o, names[o.id], words)))
    for (r, line), said in zip(arrows, told, strict=True):
        body.append(_relation(r, line, paints[r.occluder], said))
    body += _labels(graph, boxes, names, paints, [a for _, a in arrows], size)
    body.append(_legend(size, words["arrow"], words["dashes"]))
    title = words["title"].format(n=len(graph.objects), m=len(arrows))
    tall = size[1] + LEGEND
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]} {tall}" width="{size[0]}" height="{tall}" '
        f'role="group" lang="{"zh-CN" if lang == "zh" else "en"}" aria-label={_quoted(title)} '
        f'font-family="{NAMES}, Noto Sans SC, Noto Sans CJK SC, PingFang SC, Microsoft YaHei, sans-serif">'
        f"<title>{_safe(title)}</title>{''.join(body)}</svg>\n"
    )


def _name(o: Object, lang: Lang) -> str:
    name = o.name_zh if lang == "zh" else o.name
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


def _printable(text: str) -> str:
    """Return a text without what XML cannot hold."""
    return "".join(c for c in text if c.isprintable())


def _safe(text: str) -> str:
    return escape(_printable(text))


def _quoted(text: str) -> str:
    return quoteattr(_printable(text))


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


def _ground(picture: Image.Image | None, size: tuple[int, int]) -> str:
    if picture is None:
        return f'<rect width="{size[0]}" height="{size[1]}" fill="#e8eaed"/>'
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=QUALITY)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return (
        f'<image width="{size[0]}" height="{size[1]}" preserveAspectRatio="none" href="data:image/jpeg;base64,{data}"/>'
    )


def _outline(o: Object, box: Area, size: tuple[int, int], paint: str, said: str) -> str:
    """A thing's outline, and dashed what of it goes on unseen."""
    dashes = ' stroke-dasharray="3 6"' if o.seen == "reflection" or o.visible_fraction == 0 else ""
    unseen = _unseen(box, _pixels(o.amodal_box, size), paint) if o.visible_fraction > 0 else ""
    return _part("object", said, f"data-object={_quoted(o.id)}", unseen + _frame(box, paint, 2.6, dashes))


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


def _part(name: str, said: str, data: str, inside: str) -> str:
    """A part of the drawing that can be reached by the keyboard and says what it is."""
    return (
        f'<g class="{name}" tabindex="0" role="img" aria-label={_quoted(said)} {data}>'
        f"<title>{_safe(said)}</title>{inside}</g>"
    )


def _width(r: Relation) -> float:
    """How thick the arrow of a relation is: the surer the thicker."""
    p = r.raw_probability if r.probability is None else r.probability
    return THIN + (THICK - THIN) * max(0.0, min(1.0, 2 * (0.75 if p is None else p) - 1))


def _relation(r: Relation, line: Arrow, paint: str, said: str) -> str:
    data = f"data-occluder={_quoted(r.occluder)} data-occluded={_quoted(r.occluded)}"
    dashes = ' stroke-dasharray="2 7"' if r.type == "transparent" else ""
    return _part("relation", said, data, _arrow_shapes(line, paint, dashes))


def _arrow_shapes(along: Arrow, paint: str, dashes: str = "") -> str:
    """A line with a dot at its start and a head at its end, dark around so that it shows on anything."""
    (x0, y0), (x1, y1) = along.start, along.end
    head = 9 + 1.5 * along.width
    turn = math.atan2(y1 - y0, x1 - x0)
    bx, by = x1 - 0.8 * head * math.cos(turn), y1 - 0.8 * head * math.sin(turn)
    wings = [(x1 - head * math.cos(turn + s), y1 - head * math.sin(turn + s)) for s in (0.42, -0.42)]
    tip = " ".join(f"{x:.1f},{y:.1f}" for x, y in ((x1, y1), *wings))
    line = f'x1="{x0:.1f}" y1="{y0:.1f}" x2="{bx:.1f}" y2="{by:.1f}" stroke-linecap="round"'
    dot = 2.6 + along.width / 2
    return (
        f'<line {line} stroke="{DARK}" stroke-opacity="0.85" stroke-width="{along.width + 3.4:.1f}"/>'
        f'<polygon points="{tip}" fill="{DARK}" stroke="{DARK}" stroke-opacity="0.85" stroke-width="4" '
        'stroke-linejoin="round"/>'
        f'<circle cx="{x0:.1f}" cy="{y0:.1f}" r="{dot + 1.7:.1f}" fill="{DARK}" fill-opacity="0.85"/>'
        f'<line class="line" {line} stroke="{paint}" stroke-width="{along.width:.1f}"{dashes}/>'
        f'<polygon points="{tip}" fill="{paint}"/><circle cx="{x0:.1f}" cy="{y0:.1f}" r="{dot:.1f}" fill="{paint}"/>'
    )


def _labels(
    graph: Graph,
    boxes: dict[str, Area],
    names: dict[str, str],
    paints: dict[str, str],
    arrows: list[Arrow],
    size: tuple[int, int],
) -> Iterator[str]:
    em = SIZES[len(graph.objects) > CROWD]
    face = names_face(em)
    wide = {id: face.getlength(name) for id, name in names.items()}
    labels = [Label(wide[o.id] + 0.9 * em, 1.55 * em, boxes[o.id]) for o in graph.objects]
    free = [p for a in arrows for p in a.points]
    for o, area in zip(graph.objects, place(labels, size, free), strict=True):
        yield _leader(area, boxes[o.id], paints[o.id])
        x, y = area[0] + 0.45 * em, area[1] + 1.13 * em
        yield (
            f'<g aria-hidden="true"><rect x="{area[0]:.1f}" y="{area[1]:.1f}" width="{area[2] - area[0]:.1f}" '
            f'height="{area[3] - area[1]:.1f}" rx="4" fill="{DARK}" fill-opacity="0.88" stroke="{paints[o.id]}" '
            f'stroke-width="1.6"/><text x="{x:.1f}" y="{y:.1f}" font-size="{em}" fill="{LIGHT}" '
            f'textLength="{wide[o.id]:.1f}" lengthAdjust="spacingAndGlyphs">{_safe(names[o.id])}</text></g>'
        )


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


def _legend(size: tuple[int, int], hides: str, unseen: str) -> str:
    """The strip below the picture that says what lines mean."""
    top, em = size[1], 15
    middle = top + LEGEND / 2
    face = names_face(em)
    x = 14.0
    first = _arrow_shapes(Arrow((x + 4, middle), (x + 48, middle), 3.0), COLOURS[0])
    after = x + 58 + face.getlength(hides) + 34
    dashes = (
        f'<rect x="{after:.1f}" y="{middle - 8:.1f}" width="40" height="16" rx="4" fill="none" stroke="{COLOURS[1]}" '
        f'stroke-width="2.2" stroke-dasharray="9 6"/>'
    )
    return (
        f'<g aria-hidden="true"><rect y="{top}" width="{size[0]}" height="{LEGEND}" fill="{DARK}"/>{first}{dashes}'
        f'<text x="{x + 58:.1f}" y="{middle + 5.2:.1f}" font-size="{em}" fill="{LIGHT}">{_safe(hides)}</text>'
        f'<text x="{after + 50:.1f}" y="{middle + 5.2:.1f}" font-size="{em}" fill="{LIGHT}">{_safe(unseen)}</text></g>'
    )


def _object_said(o: Object, name: str, words: dict[str, str]) -> str:
    if o.seen == "reflection":
        return words["mirrored"].format(name=name)
    form = "unseen" if o.visible_fraction == 0 else "visible"
    return words[form].format(name=name, v=o.visible_fraction)


def _relation_said(r: Relation, names: dict[str, str], words: dict[str, str]) -> str:
    form = r.type if r.type in words else "hides"
    said = words[form].format(a=names[r.occluder], b=names[r.occluded])
    if r.probability is not None:
        said += words["sure"].format(p=r.probability)
    elif r.raw_probability is not None:
        said += words["raw"].format(p=r.raw_probability)
    return said + (words["rules"].format(rules=", ".join(r.changed_by)) if r.changed_by else "")
