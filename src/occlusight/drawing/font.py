"""The face that texts are set in: on signs, and as names on a drawing.

It is shipped (`face.otf`): characters of Noto Sans CJK SC Bold, under the SIL Open Font License 1.1.
"""

from __future__ import annotations

import io
from functools import cache
from importlib.resources import files

from PIL import ImageFont

EM = 112  # pixels to a character's height


@cache
def face() -> ImageFont.FreeTypeFont:
    """Return the shipped face."""
    data = (files("occlusight.drawing") / "face.otf").read_bytes()
    return ImageFont.truetype(io.BytesIO(data), EM, layout_engine=ImageFont.Layout.BASIC)
