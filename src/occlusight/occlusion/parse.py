"""Free text as models write it, made plain: without thoughts, markup and full-width forms, and cut into sentences."""

from __future__ import annotations

import re

# The full-width forms of ASCII, and the quotation marks that stand for an apostrophe.
_PLAIN = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)} | {ord("\u2019"): "'", 0x3000: " "}
_THOUGHT = r"think(?:ing)?|thought|reason(?:ing)?|analysis|scratchpad|reflection|seed:think"
_THOUGHTS = re.compile(rf"<(?P<tag>{_THOUGHT})>.*?(?:</(?P=tag)>|\Z)", re.S | re.I)
_THOUGHT_ENDS = re.compile(rf"</(?:{_THOUGHT})>|◁/think▷", re.I)
_SPECIAL = re.compile(r"<\|(?:im_end|im_start|endoftext|end|eot_id|begin_of_box|end_of_box)\|>|</s>")


def is_chinese(text: str) -> bool:
    """Whether the text holds Chinese characters."""
    return re.search(r"[\u4e00-\u9fff]", text) is not None


def without_thoughts(text: str) -> str:
    """Return the text without its blocks of reasoning.

    A block that a chat template opened ends at a lone closing tag; one that was never closed has no answer after it.
    """
    text = _THOUGHTS.sub("", _SPECIAL.sub("", text))
    return _THOUGHT_ENDS.split(text)[-1]


def plain(text: str) -> str:
    """Return the text without thoughts, markup and leading blanks; full-width forms become plain."""
    text = without_thoughts(text).translate(_PLAIN)
    return re.sub(r"[*_`#\"“”]+", "", text).strip()


def sentences(text: str) -> list[str]:
    """Split at the ends of sentences."""
    return [s.strip() for s in re.split(r"(?<!\d)\.(?!\d)|[。!?;\n]|\bso\b|所以|因此", plain(text)) if s.strip()]
