"""Make the example of overlapping windows, `windows.webp`, with its relation graph in `windows.json`, exact by pixels:
`python examples/make_windows.py`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from occlusight.drawing.font import names_face
from occlusight.occlusion.graph import Box, Graph, Object, Relation

HERE = Path(__file__).parent
SIZE = (1000, 640)
BAR = 30  # pixels: of a window's title


@dataclass(frozen=True)
class Window:
    """A window by its place in pixels, its title in both languages, and its colours."""

    id: str
    name: str
    name_zh: str
    place: Box
    bar: str
    ground: str
    ink: str


WINDOWS = (  # from back to front
    Window("o1", "mail window", "邮件窗口", (60, 50, 640, 470), "#3a6ea5", "#ffffff", "#b8c4d0"),
    Window("o2", "calendar window", "日历窗口", (480, 110, 950, 400), "#7a4fa3", "#fbf8ff", "#cdbce0"),
    Window("o3", "terminal window", "终端窗口", (330, 300, 800, 590), "#30343a", "#14171c", "#58d68d"),
    Window("o4", "error message", "错误提示框", (560, 420, 930, 560), "#b3352c", "#fff4f2", "#e2a49d"),
)


def picture() -> Image.Image:
    """Return the screen."""
    screen = Image.new("RGB", SIZE, "#2f6f6a")
    draw = ImageDraw.Draw(screen)
    for window in WINDOWS:
        x0, y0, x1, y1 = window.place
        draw.rectangle((x0, y0, x1 - 1, y1 - 1), fill=window.ground, outline="#101418", width=2)
        draw.rectangle((x0 + 2, y0 + 2, x1 - 3, y0 + BAR), fill=window.bar)
        draw.text((x0 + 12, y0 + 5), f"{window.name} · {window.name_zh}", fill="#ffffff", font=names_face(16))
        for n, y in enumerate(range(y0 + BAR + 18, y1 - 16, 22)):
            draw.line((x0 + 16, y, x0 + 16 + (x1 - x0 - 40) * (40 + 37 * n % 60) // 100, y), fill=window.ink, width=6)
    return screen


def graph() -> Graph:
    """Return who covers whom, counted in pixels."""
    over = np.zeros((len(WINDOWS), *SIZE[::-1]), bool)  # which windows a pixel lies in
    for n, window in enumerate(WINDOWS):
        x0, y0, x1, y1 = window.place
        over[n, y0:y1, x0:x1] = True
    top = np.where(over.any(axis=0), len(WINDOWS) - 1 - over[::-1].argmax(axis=0), -1)
    objects, relations = [], []
    for n, window in enumerate(WINDOWS):
        x0, y0, x1, y1 = window.place
        inside = top[y0:y1, x0:x1]
        rows, columns = np.nonzero(top == n)
        seen = _thousandths((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
        share = float((inside == n).mean())
        objects.append(
            Object(
                window.id,
                "screen_window",
                window.name,
                window.name_zh,
                seen,
                _thousandths(window.place),
                round(share, 4),
                area=round(float((top == n).mean()), 6),
            )
        )
        for m in range(n + 1, len(WINDOWS)):
            a = WINDOWS[m].place
            wide, tall = min(x1, a[2]) - max(x0, a[0]), min(y1, a[3]) - max(y0, a[1])
            if wide <= 0 or tall <= 0:
                continue
            area = (x1 - x0) * (y1 - y0)
            part = "right" if a[0] > x0 and a[1] < y0 + (y1 - y0) / 2 else "bottom"
            others = over[n + 1 :].sum(axis=0) - over[m]
            alone = float((over[m] & (others == 0))[y0:y1, x0:x1].mean())
            relations.append(
                Relation(
                    WINDOWS[m].id,
                    window.id,
                    "partial",
                    round(wide * tall / area, 4),
                    part,
                    alone_fraction=round(alone, 4),
                )
            )
    order = tuple((window.id,) for window in reversed(WINDOWS))
    return Graph(*SIZE, tuple(objects), tuple(relations), order)


def _thousandths(box: tuple[int, ...]) -> Box:
    x0, y0, x1, y1 = (round(1000 * int(v) / SIZE[i % 2]) for i, v in enumerate(box))
    return (x0, y0, x1, y1)


def main() -> None:
    """Run from the command line."""
    picture().save(HERE / "windows.webp", quality=85, method=6)
    (HERE / "windows.json").write_text(json.dumps(graph().to_json(), indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
