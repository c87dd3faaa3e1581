"""Two questions in one, and words that point back: where to cut, and what "it" stands for."""

from __future__ import annotations

import re
from collections.abc import Iterator

_JOINTS = re.compile(
    r"[?!.;]\s*|,\s*(?:and |but |also |then |so )?|\s(?:and|plus|then|also|while|but|or)\s|"
    r"(?=并且|而且|另外|还有|同时|顺便|再|又)|[。;!?,、]",
    re.I,
)
_SURE_JOINTS = re.compile(
    r"[?!.;]\s*|,\s*(?:and |also |then |plus )?|\s(?:and also|and then|as well as|and|plus|&)\s"
    r"(?=(?:whats?|which|how|wheres?|whos?|is|are|does|do|did|has|can|tell|give|say|list|name|count|describe|box|locate|"
    r"read)\b)|[。;！!]\s*|[,、]?(?:还有|另外|并且|而且|顺便(?:问下|问|再)?|同时|然后)",
    re.I,
)
_IT_EN = re.compile(r"\b(?:it|that one|this one|them|him|her|itself)\b(?!'s (?:the|a)\b)|\bits\b", re.I)
_IT_ZH = re.compile(r"它|这个(?![\u4e00-\u9fff]*(?:图|画))|那个(?=被|挡|遮|有|在|是|后|前|左|右)")
SHORTEST = 2
"""Letters or characters that a part has at least."""


def parts(text: str, *, surely: bool = False) -> Iterator[tuple[str, str]]:
    """Yield each way to cut a text into two questions, as they are written; with `surely`, only where two sentences
    seem to meet."""
    seen = set()
    for joint in (_SURE_JOINTS if surely else _JOINTS).finditer(text):
        one, two = text[: joint.start()].strip(), text[joint.end() :].strip(" ,.;?!")
        long = all(len(re.findall(r"[a-z]{2,}|[\u4e00-\u9fff]", part, re.I)) >= SHORTEST for part in (one, two))
        if long and (one, two) not in seen:
            seen.add((one, two))
            yield one, two


def points_back(text: str) -> bool:
    """Whether a text says "it"."""
    return bool(_IT_EN.search(text) or _IT_ZH.search(text))


def with_name(text: str, name: str) -> str:
    """Return a text with a name in the place of its first "it".

    >>> with_name("and what colour is it?", "red car")
    'and what colour is the red car?'
    >>> with_name("它被什么挡住了", "车")
    '车被什么挡住了'
    """
    if _IT_ZH.search(text):
        return _IT_ZH.sub(lambda _: name, text, count=1)
    owned = f"the {name}'s"
    return _IT_EN.sub(lambda it: owned if it[0].lower() == "its" else f"the {name}", text, count=1)
