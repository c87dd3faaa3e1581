"""Reading colours by their names."""

from __future__ import annotations

import re

from occlusight.reading.naming import denied

WORDS: dict[str, tuple[str, ...]] = {  # pink first: 粉红 is no red
    "pink": (r"pink(?:ish)?", "粉红?"),
    "red": (r"red(?:dish)?", "crimson", "scarlet", "红"),
    "orange": ("orange", "橙", "橘"),
    "yellow": (r"yellow(?:ish)?", "黄"),
    "green": (r"green(?:ish)?", "绿"),
    "blue": ("blue", "bluish", "navy", "蓝"),
    "purple": ("purple", "violet", "紫"),
    "brown": (r"brown(?:ish)?", "棕", "褐", "咖啡色"),
    "white": ("white", "白"),
    "grey": (r"gr[ae]y(?:ish)?", "灰"),
    "black": ("black", "黑"),
}
_COLOUR = re.compile(
    "|".join(
        rf"(?P<{key}>\b(?:{'|'.join(w for w in words if w.isascii())})\b|"
        rf"{'|'.join(w for w in words if not w.isascii())})"
        for key, words in WORDS.items()
    ),
    re.I,
)


def colours(text: str) -> list[str]:
    """Return the keys of the colours that a plain text names and does not deny, each once.

    >>> colours("It is dark grey, not black.")
    ['grey']
    """
    found = [m.lastgroup for m in _COLOUR.finditer(text) if not denied(text, m.start())]
    return list(dict.fromkeys(key for key in found if key))
