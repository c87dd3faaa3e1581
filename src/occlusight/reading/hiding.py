"""Reading what is said to hide what, and which thing is named as the answer."""

from __future__ import annotations

import re

from occlusight.occlusion.parse import is_chinese, plain, sentences
from occlusight.reading.mentions import REACH, Mention, Vocabulary
from occlusight.reading.stated import stated_answers, told

NO_EN = r"\b(?:not|no|never|nothing|none|neither|nobody|without)\b|n't\b|\bun(?:obstructed|obscured|occluded|hidden)\b"
HIDE_EN = (
    r"\b(?:hid(?:es?|ing|den)|block(?:s|ing|ed)?|cover(?:s|ing|ed)?|occlud(?:es?|ing|ed)|obscur(?:es?|ing|ed)|"
    r"obstruct(?:s|ing|ed)?)\b"
)
HIDE_ZH = r"遮挡|挡住|遮住|盖住|遮蔽|遮盖|盖住|挡着|遮着|(?<=被)挡|遮掉"


def hider(text: str, a: str, b: str, words: Vocabulary) -> str | None:
    """Which of two things the text says hides the other; None where it does not say or denies it."""
    for sentence in sentences(text):
        mentions = words.mentions(sentence)
        for match in re.finditer(HIDE_EN + "|" + HIDE_ZH, sentence, re.I):
            before = sentence[: match.start()]
            clause = re.split(r"[,]|\bbut\b", before)[-1]
            if re.search(NO_EN + r"|没|不|未", clause, re.I) and not re.match(r"\W*no\b", clause, re.I):
                continue
            who = _hiding_subject(sentence, match, mentions)
            if who is not None and (a in who.ids) != (b in who.ids):
                return a if a in who.ids else b
    return None


def _hiding_subject(sentence: str, match: re.Match[str], mentions: list[Mention]) -> Mention | None:
    before = [m for m in mentions if m.end <= match.start()]
    after = [m for m in mentions if m.start >= match.end()]
    tail = sentence[match.end() :]
    if is_chinese(sentence):
        passive = sentence.rfind("被", 0, match.start())
        by = [m for m in before if m.start > passive >= 0 and "," not in sentence[passive : m.start]]
        if by:
            return by[-1]
        if passive >= 0 and "," not in sentence[passive : match.start()]:
            return None
        if before and before[-1].end == match.start():
            return before[-1]
        clause = [m for m in before if m.start > sentence.rfind(",", 0, match.start())]
        return next(iter(clause or before), None)
    if re.match(r"(?: \w+)? by\b", tail):
        return after[0] if after else None
    if re.match(r"(?: \w+)? behind\b", tail):
        return after[0] if after else None
    if not before or re.search(r"(?:ed|en)$", match.group(0), re.I):
        return None
    clause = [m for m in before if m.start > sentence.rfind(",", 0, match.start())]
    relative = re.search(r"\b(?:which|that)\b[^,]*$", sentence[: match.start()])
    return before[-1] if relative else (clause or before)[0]


def nothing(text: str) -> bool:
    """Whether the text says that there is no such thing ("Nothing hides the bus")."""
    text = plain(text)
    opening = re.match(
        r"\W*(?:nothing|none|no(?: object| one|thing)?\b|没有|无)|没有(?:任何)?(?:物体|东西)", text, re.I
    )
    return (
        opening is not None
        or re.search(r"\bnot (?:hidden|blocked|occluded|covered)|没有被|未被|无遮挡", text, re.I) is not None
    )


def chosen(text: str, words: Vocabulary) -> Mention | None:
    """The thing that an answer to "which ...?" names first and does not deny ("not the bus but the car").

    Where a label, a field or a box states the answer, it is looked for there first.
    """
    for said in (*(told(place.text) for place in stated_answers(text)), plain(text)):
        if (first := next((m for m in words.mentions(said) if not denied(said, m)), None)) is not None:
            return first
    return None


def denied(text: str, mention: Mention) -> bool:
    """Whether a thing is named only to say that it is not the one."""
    before = text[max(0, mention.start - REACH) : mention.start]
    return re.search(r"(?:\bnot|n't|\bneither|\bnor) (?:the |an? )?$|(?:不是|并非|而非)$", before, re.I) is not None
