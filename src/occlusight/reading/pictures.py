"""Reading which of several pictures are meant, how many of them, and which way something moved."""

from __future__ import annotations

import re

from occlusight.occlusion.parse import plain
from occlusight.reading.decision import decision
from occlusight.reading.naming import denied
from occlusight.reading.numbers import quantity

_EN = ("first", "second", "third", "fourth")
_ZH = "一二三四"
_NUMBER = {word: i for i, word in enumerate(("one", "two", "three", "four"), 1)}
_PLACE = re.compile(
    rf"\b(?P<en>{'|'.join(_EN)}|last)\b|\b(?P<nth>[1-4])(?:st|nd|rd|th)\b|"
    rf"\b(?:picture|image|photo|frame|number|no\.|#) ?(?P<n>[1-4]|{'|'.join(_NUMBER)})\b|第(?P<zh>[{_ZH}1-4])|"
    rf"最后|图(?P<tu>[{_ZH}1-4])",
    re.I,
)
_NONE = re.compile(
    r"\bneither\b|\bnone\b|\bno(?:t in any)?(?: of the)? (?:picture|image|photo)s?\b|\bnot (?:in )?(?:any|either)\b|"
    r"都(?:没|不)|(?:一张|哪张|哪一张)(?:也|都)?(?:没|不)|没有(?:任何)?一张|^\W*没有?[。,\s]*$|^\W*no\W*$",
    re.I,
)
_ALL = re.compile(r"\bboth\b|\ball\b|\beach\b|\bevery\b|\beither\b|都|每张|每一张|全部", re.I)
_STILL = re.compile(
    r"\b(?:not|n't|never|no) (?:\w+ )?(?:move|moved|moving|movement)\b|\b(?:still|nowhere|same place|stayed|"
    r"stationary)\b|"
    r"没有?(?:移?动|变)|不动|原地|静止|位置没变",
    re.I,
)

_GONE = re.compile(
    r"\b(?:no longer|not any ?more|gone|disappeared|vanished|out of (?:sight|view)|hidden|invisible)\b|"
    r"看不[到见清]|不见|消失|不在|挡住|遮住|没有了",
    re.I,
)
_SEEN = re.compile(
    r"\bstill (?:there|visible|in view|seen)\b|\bcan (?:still )?be seen\b|看得?[到见]|可见|还在|仍在", re.I
)


def still_seen(text: str) -> str | None:
    """Return yes or no: whether the text says that something can still be seen; None where it does not say."""
    said = decision(text)
    if said in ("yes", "no"):
        return said
    text = plain(text)
    return "no" if _GONE.search(text) else "yes" if _SEEN.search(text) else None


def which(text: str, count: int) -> list[int] | None:
    """Return the pictures that the text names, of `count`, by their numbers from 1; None where it does not say."""
    text = plain(text)
    named = {_place(m, count) for m in _PLACE.finditer(text) if not denied(text, m.start())}
    if _NONE.search(text):
        return []
    if named:
        return sorted(n for n in named if n <= count)
    return list(range(1, count + 1)) if _ALL.search(text) else None


def _place(match: re.Match[str], count: int) -> int:
    said = match.groupdict()
    if said["en"]:
        word = said["en"].lower()
        return count if word == "last" else _EN.index(word) + 1
    digit = said["nth"] or said["n"] or said["zh"] or said["tu"]
    if digit is None:
        return count
    return int(digit) if digit.isdigit() else _NUMBER.get(digit.lower()) or _ZH.index(digit) + 1


def how_many(text: str, count: int) -> int | None:
    """Return how many of `count` pictures the text says; None where it does not say."""
    if _NONE.search(plain(text)):
        return 0
    said = quantity(text)
    if said is not None:
        return int(said)
    if decision(text) == "no":
        return 0
    return count if _ALL.search(plain(text)) else None


def way(text: str) -> str | None:
    """Return which way something moved: left, right or nowhere; None where the text does not say."""
    text = plain(text)
    if _STILL.search(text):
        return "nowhere"
    said = {
        "left" if m.group(0).lower() in ("left", "左") else "right"
        for m in re.finditer(r"\bleft\b|\bright\b|左|右", text, re.I)
    }
    from_side = re.search(
        r"\bfrom (?:the )?(?:left|right) to (?:the )?(left|right)|从[左右]边?[^左右]{0,3}([左右])", text, re.I
    )
    if from_side:
        return "left" if (from_side.group(1) or from_side.group(2)).lower() in ("left", "左") else "right"
    return said.pop() if len(said) == 1 else None
