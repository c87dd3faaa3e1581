"""The faces that texts are set in: on signs, and names on drawings.

Both are shipped, under the SIL Open Font License 1.1: `face.otf`, characters of Noto Sans CJK SC Bold, and `names.otf`,
those of Noto Sans SC Regular that names need.
"""

from __future__ import annotations

import io
from functools import cache
from importlib.resources import files

from PIL import ImageFont

EM = 112  # pixels to a character's height
NAMES = "Occlusight Names"


@cache
def face() -> ImageFont.FreeTypeFont:
    """Return the shipped face of signs."""
    return _opened("face.otf", EM)


@cache
def names_face(size: int) -> ImageFont.FreeTypeFont:
    """Return the shipped face of names in a size in pixels."""
    return _opened("names.otf", size)


def _opened(name: str, size: int) -> ImageFont.FreeTypeFont:
    data = (files("occlusight.drawing") / name).read_bytes()
    return ImageFont.truetype(io.BytesIO(data), size, layout_engine=ImageFont.Layout.BASIC)
