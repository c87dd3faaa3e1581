"""A scene's truth drawn on its picture: outlines, boxes, names, an arrow from what hides to what is hidden, and a list."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from occlusight.errors import BadData, BadInput
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph, Object
from occlusight.occlusion.kinds import Lang
from occlusight.scenes.masks import decode
from occlusight.scenes.stored import Line

Paint = tuple[int, int, int]
Point = tuple[float, float]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

COLOURS: tuple[Paint, ...] = (
    (230, 60, 60),
    (60, 120, 240),
    (20, 160, 70),
    (240, 150, 20),
    (150, 70, 210),
    (0, 170, 180),
    (220, 60, 160),
    (130, 110, 20),
    (90, 90, 90),
    (100, 200, 30),
)
FONTS = {
    "en": ("DejaVuSans.ttf", "Arial.ttf", "Helvetica.ttc"),
    "zh": ("wqy-microhei.ttc", "NotoSansCJK-Regular.ttc", "msyh.ttc", "PingFang.ttc", "SimHei.ttf"),
}
PARTS_ZH = {"left": "左侧", "right": "右侧", "top": "上部", "bottom": "下部", "middle": "中间", "all": "全部"}
TYPES_ZH = {"partial": "部分", "complete": "完全", "transparent": "透过玻璃", "reflective": "被镜像"}
SIDE = 900  # pixels: smaller pictures are enlarged to about this width
PANEL = 480  # pixels: width of the list beside the picture
INK, PAPER = (30, 30, 30), (250, 250, 248)


@dataclass(frozen=True)
class Sheet:
    """What is being drawn on: the picture's scale and the fonts."""

    draw: ImageDraw.ImageDraw
    scale: int
    small: Font
    large: Font
    lang: Lang

    def name(self, o: Object) -> str:
        """The object's name in the sheet's language."""
        return o.name_zh if self.lang == "zh" else o.name


def overlay(folder: Path, line: Line, lang: Lang = "en") -> Image.Image:
    """Return the picture of a scene with its truth. Raises BadData when the line or the picture cannot be read."""
    try:
        graph = Graph.from_json(line["graph"])
        visible = {o.id: decode(line["masks"][o.id]["visible"]) for o in graph.objects}
        picture = Image.open(folder / line["image"]).convert("RGB")
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise BadData(f"the scene {line.get('id')!r} of {folder} cannot be shown ({error})") from None
    facts = Facts(graph)
    scale = max(1, round(SIDE / picture.width))
    pixels = np.asarray(picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.LANCZOS))
    pixels = pixels.copy()
    for o, paint in zip(graph.objects, _paints(graph), strict=True):
        pixels[outline(np.kron(visible[o.id], np.ones((scale, scale), bool)), scale)] = paint
    height = max(pixels.shape[0], 80 + 20 * (len(graph.objects) + len(graph.relations) + len(graph.reflections)))
    sheet = Image.new("RGB", (pixels.shape[1] + PANEL, height), PAPER)
    sheet.paste(Image.fromarray(pixels), (0, 0))
    on = Sheet(ImageDraw.Draw(sheet), scale, font(lang, 14), font(lang, 17), lang)
    for o, paint in zip(graph.objects, _paints(graph), strict=True):
        _label(on, o, paint, (pixels.shape[1], pixels.shape[0]))
    at = {o.id: _middle(on, o, visible[o.id]) for o in graph.objects}
    for (a, b), relation in facts.relations.items():
        if facts.hides(a, b) or (relation.covered_fraction > 0 and facts.through(a, b)):
            _arrow(on, at[a], at[b])
    _listing(on, facts, line, pixels.shape[1] + 14)
    return sheet


def font(lang: Lang, size: int) -> Font:
    """Return a font that has the language's characters. Raises BadInput when there is none for Chinese."""
    for name in FONTS[lang]:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    if lang == "zh":
        raise BadInput(f"no font with Chinese characters was found ({', '.join(FONTS['zh'])}); install one, or use en")
    return ImageFont.load_default(size)


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
        return centre(seen)
    height, width = seen.shape
    return (o.box[0] + o.box[2]) * width / 2000, (o.box[1] + o.box[3]) * height / 2000


def _paints(graph: Graph) -> Sequence[Paint]:
    return [COLOURS[i % len(COLOURS)] for i in range(len(graph.objects))]


def _label(on: Sheet, o: Object, paint: Paint, size: tuple[int, int]) -> None:
    x0, y0, x1, y1 = (o.box[i] * size[i % 2] / 1000 for i in range(4))
    on.draw.rectangle((x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)), outline=paint)
    text = f"{o.id} {on.name(o)}"
    width, height = on.draw.textbbox((0, 0), text, font=on.small)[2:]
    x, y = min(x0, size[0] - width - 6), y0 - height - 5 if y0 > height + 5 else y0
    on.draw.rectangle((x, y, x + width + 6, y + height + 5), fill=paint)
    on.draw.text((x + 3, y + 1), text, fill="white", font=on.small)


def _arrow(on: Sheet, start: Point, end: Point) -> None:
    (x0, y0), (x1, y1) = ((x * on.scale, y * on.scale) for x, y in (start, end))
    turn = math.atan2(y1 - y0, x1 - x0)
    head = [(x1, y1)] + [(x1 - 13 * math.cos(turn + s), y1 - 13 * math.sin(turn + s)) for s in (0.45, -0.45)]
    for paint, width in (("black", 4), ("white", 2)):
        on.draw.line((x0, y0, x1, y1), fill=paint, width=width)
    on.draw.polygon(head, fill="white", outline="black")
    on.draw.ellipse((x0 - 4, y0 - 4, x0 + 4, y0 + 4), fill="white", outline="black")


def _listing(on: Sheet, facts: Facts, line: Line, x: int) -> None:
    """Write the objects from front to back, then who hides whom, beside the picture."""
    zh = on.lang == "zh"
    y = 10
    on.draw.text((x, y), str(line["id"]), fill=INK, font=on.large)
    y += 30
    paints = dict(zip((o.id for o in facts.graph.objects), _paints(facts.graph), strict=True))
    ordered = [id for group in facts.graph.depth_order for id in group]
    for id in ordered + [o.id for o in facts.graph.objects if o.id not in ordered]:
        o = facts.objects[id]
        on.draw.rectangle((x, y + 3, x + 10, y + 13), fill=paints[id])
        seen, far = f"{o.visible_fraction:.0%}", f"{o.distance or 0:.1f} m"
        text = f"{id} {on.name(o)}  " + (f"可见 {seen},距离 {far}" if zh else f"{seen} visible, {far} away")
        on.draw.text((x + 16, y), text, fill=INK, font=on.small)
        y += 20
    y += 10
    for r in sorted(facts.relations.values(), key=lambda r: -r.covered_fraction):
        a, b = (on.name(facts.objects[id]) for id in (r.occluder, r.occluded))
        share = f"{r.covered_fraction:.1%}" if r.measured else "一部分" if zh else "part"
        how = (PARTS_ZH[r.hidden_part], TYPES_ZH[r.type]) if zh and r.measured else (r.hidden_part, r.type)
        if zh:
            verb = "罩住" if r.type == "transparent" else "挡住"
            text = (
                f"{r.occluder} {a} {verb} {r.occluded} {b} 的 {share}({how[0]},{how[1]})"
                if r.measured
                else f"{r.occluder} {a} 挡住 {r.occluded} {b} 的{share}"
            )
        else:
            verb = "covers" if r.type == "transparent" else "hides"
            text = f"{r.occluder} {a} {verb} {share} of {r.occluded} {b}" + (
                f" ({how[0]}, {how[1]})" if r.measured else ""
            )
        asked = facts.hides(r.occluder, r.occluded) or facts.through(r.occluder, r.occluded)
        on.draw.text((x, y), text, fill=INK if asked else (150, 150, 150), font=on.small)
        y += 20
    for m in facts.graph.reflections:
        a, b = (on.name(facts.objects[id]) for id in (m.mirror, m.object))
        on.draw.text(
            (x, y),
            f"{m.mirror} {a} 照出 {m.object} {b}" if zh else f"{m.mirror} {a} shows {m.object} {b}",
            fill=INK,
            font=on.small,
        )
        y += 20
