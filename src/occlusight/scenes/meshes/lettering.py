"""Text on a face: the picture that is its texture, and which character's ink is where.

The face is shipped (`face.otf`): the characters that signs use, of Noto Sans CJK SC Bold, under the SIL Open Font
License 1.1.
"""

from __future__ import annotations

import io
import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from occlusight.drawing.font import EM, face
from occlusight.errors import BadData

WIDE, HIGH = 0.88, 0.62  # share of the face that the text may take along the line and across it
SPACING = 0.1  # of the em between characters
SILENT = " ·"  # drawn or left blank, but never asked about

ATTRIBUTION = (
    "Noto Sans CJK: Noto Sans CJK SC Bold by Adobe, OFL-1.1 <https://openfontlicense.org>, "
    "cut down to the characters of signs and renamed Occlusight Signs"
)

Paint = tuple[int, int, int]
STYLES: dict[str, tuple[Paint, Paint]] = {  # board and ink, sRGB, by the colour that the board is called by
    "red": ((170, 26, 30), (255, 238, 205)),
    "blue": ((22, 74, 158), (246, 248, 250)),
    "green": ((14, 104, 62), (244, 248, 240)),
    "yellow": ((246, 196, 30), (26, 24, 22)),
    "white": ((238, 238, 234), (28, 30, 36)),
    "black": ((26, 26, 28), (240, 208, 120)),
}


@dataclass(frozen=True, eq=False)
class Lettering:
    """Text set on a face. `texture` is a PNG of the face; `labels` (H, W) has the index of the character whose ink is
    there, -1 elsewhere; `cells` are x0, y0, x1, y1 of each character as shares of the face, y downwards. Row 0 is the
    top."""

    text: str
    texture: bytes
    labels: NDArray[np.int8]
    cells: tuple[tuple[float, float, float, float], ...]

    @property
    def characters(self) -> str:
        """The characters that can be asked about, in order."""
        return "".join(c for c in self.text if c not in SILENT)


@cache
def sign_texts() -> dict[str, Any]:
    """Return the texts of `signs.toml` by the shape that carries them."""
    body = tomllib.loads((files("occlusight.scenes.meshes") / "signs.toml").read_text("utf-8"))
    texts: dict[str, Any] = body["texts"]
    return texts


@cache
def known_characters() -> frozenset[str]:
    """Return every character that a sign of the shipped texts can show."""
    lists = [t for texts in sign_texts().values() for t in texts]  # of strings and of one string's characters
    return frozenset("".join(lists) + SILENT)


@lru_cache(maxsize=256)
def lettering(text: str, style: str, aspect: float, down: bool = False) -> Lettering:
    """Set `text` on a face `aspect` times as wide as it is high, in a line, or with `down` one character below the
    other.

    Raises BadData for a character that the shipped face does not have, or an unknown style.
    """
    missing = sorted(set(text) - known_characters())
    if missing or not text.strip(SILENT):
        what = f"has no {' '.join(missing)}" if missing else "shows nothing of it"
        raise BadData(f"the text {text!r} cannot be set: the shipped face {what}; see scenes/meshes/signs.toml")
    if style not in STYLES:
        raise BadData(f"a sign has no style {style!r}; the styles are {', '.join(STYLES)}")
    board, ink = STYLES[style]
    steps = [float(EM) if down else face().getlength(c) for c in text]
    line = sum(steps) + SPACING * EM * (len(text) - 1)
    if down:
        height = max(line / WIDE, EM / HIGH / aspect)
        width = height * aspect
    else:
        width = max(line / WIDE, EM / HIGH * aspect)
        height = width / aspect
    w, h = round(width), round(height)
    picture = Image.new("RGB", (w, h), board)
    draw = ImageDraw.Draw(picture)
    rim = max(2, round(0.035 * min(w, h)))
    draw.rectangle((rim, rim, w - 1 - rim, h - 1 - rim), outline=ink, width=rim)
    labels = np.full((h, w), -1, np.int8)
    cells: list[tuple[float, float, float, float]] = []
    at = ((h if down else w) - line) / 2
    for c, step in zip(text, steps, strict=True):
        box = face().getbbox(c, anchor="ls")
        if down:
            x, y = (w - (box[0] + box[2])) / 2, at + EM * 0.5 - (box[1] + box[3]) / 2
        else:
            x, y = at, h / 2 + EM * 0.36
        draw.text((x, y), c, ink, face(), anchor="ls")
        if c not in SILENT:
            stencil = Image.new("L", (w, h))
            ImageDraw.Draw(stencil).text((x, y), c, 255, face(), anchor="ls")
            labels[np.asarray(stencil) >= 128] = len(cells)
            if down:
                cell = ((w - EM) / 2, at, (w + EM) / 2, at + EM)
            else:
                cell = (at, y - 0.82 * EM, at + step, y + 0.12 * EM)
            cells.append((cell[0] / w, cell[1] / h, cell[2] / w, cell[3] / h))
        at += step + SPACING * EM
    out = io.BytesIO()
    picture.save(out, "PNG")
    labels.setflags(write=False)
    return Lettering(text, out.getvalue(), labels, tuple(cells))
