"""Naming: whether a text has the words of something, as whole words, and does not deny it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from occlusight.reading.mentions import REACH

_ORDINALS = ("first", "second", "third", "fourth", "fifth")
_ORDINAL_DIGITS = ("1st", "2nd", "3rd", "4th", "5th")
_ZH_ORDINALS = "一二三四五"
_PLACE = re.compile(
    rf"\b(?P<en>{'|'.join((*_ORDINALS, *_ORDINAL_DIGITS))}|last) (?:option|choice|one|answer|caption|statement)\b|"
    rf"第(?P<zh>[{_ZH_ORDINALS}])(?:个|项|种)?(?:选项|答案|说法|描述)",
    re.I,
)
_DENIED_AFTER = re.compile(
    r"\s*(?:\([A-Z]\)\s*)?(?:(?:is|are|was|does|do|would|can)(?:n't| not)\b|不(?:是|在|对|正确)|并(?:不|非))", re.I
)
_IDIOMS = re.compile(
    r"\b(?:right (?:behind|in front|next|there|here|now|away|beside|above|below|under|at|on top)|that's right|"
    r"that is right|all right|alright|you're right|you are right|right answer|right choice|right option|"
    r"above[- ]mentioned|(?:as|the) (?:shown |described |options? )?above|options? (?:above|below)|(?:listed|"
    r"given|shown) (?:above|below)|as below|on the other hand|in the (?:image|picture|photo)|has left|"
    r"is left(?: over)?(?= ))",
    re.I,
)


def named(text: str, choice: str) -> bool:
    """Whether a text names something as whole words and does not deny it."""
    return any(
        not denied(text, start) and not _DENIED_AFTER.match(text, end) for start, end in mentions_of(text, choice)
    )


def plain_words(text: str) -> str:
    """The words of a text in small letters, without articles and punctuation."""
    words = re.sub(r"[^\w\s]", " ", text.lower()).split()
    return " ".join(w for w in words if w not in ("a", "an", "the"))


def only_named(text: str, choices: Sequence[str]) -> int | None:
    """The only choice that is named and not denied; one inside a longer one that is named there does not count."""
    text = _IDIOMS.sub(" ", text)
    spans = {i: mentions_of(text, c) for i, c in enumerate(choices)}
    kept = set()
    for i, places in spans.items():
        for start, end in places:
            inside = any(
                j != i and s <= start and end <= e and e - s > end - start
                for j, other in spans.items()
                for s, e in other
            )
            if not inside and not denied(text, start) and not _DENIED_AFTER.match(text, end):
                kept.add(i)
    return kept.pop() if len(kept) == 1 else None


def mentions_of(text: str, choice: str) -> list[tuple[int, int]]:
    """Where a text has the words of a choice, articles and punctuation aside."""
    words = plain_words(choice).split()
    if not words:
        return []
    joint = r"[\W_]+(?:(?:an?|the)[\W_]+)?"
    pattern = joint.join(re.escape(w) for w in words)
    if words[0][0].isascii():
        pattern = rf"(?<![^\W_]){pattern}" if not re.match(r"\w", words[0]) else rf"(?<![A-Za-z0-9]){pattern}"
    if words[-1][-1].isascii():
        pattern = rf"{pattern}(?![A-Za-z0-9])(?!'s\b)"
    return [m.span() for m in re.finditer(pattern, text, re.I)]


def denied(text: str, start: int) -> bool:
    """Whether what stands at a place is denied by the words before it."""
    before = re.split(r"[.。!?;\n,]|\bbut\b|而是|而", text[max(0, start - REACH) : start])[-1]
    return (
        re.search(
            r"(?:\bnot|n't|\bneither|\bnor|\bno|\bnever|\binstead of|\brather than|\bexcept|\bwithout|"
            r"\brul(?:e|es|ed|ing) out|\beliminat\w+|\bexclud\w+)\b[^.,]{0,30}$|"
            r"(?:不是|并非|而非|不在|没有|不选|排除|除了|不应?该?选)[^,。]{0,8}$",
            before,
            re.I,
        )
        is not None
    )


def by_place(text: str, count: int) -> int | None:
    """The choice of so many by its place in the list: "the second option", "第二个选项"."""
    found = set()
    for match in _PLACE.finditer(text):
        if not denied(text, match.start()):
            found.add(_place(match))
    places = {i % count for i in found if i < count}
    return places.pop() if len(places) == 1 else None


def _place(match: re.Match[str]) -> int:
    if match.group("zh"):
        return _ZH_ORDINALS.index(match.group("zh"))
    word = match.group("en").lower()
    if word == "last":
        return -1
    return (_ORDINALS if word in _ORDINALS else _ORDINAL_DIGITS).index(word)
