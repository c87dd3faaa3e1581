"""Reading in a free-text answer which characters it says can be read, and whether it says that they can."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from occlusight.occlusion.parse import without_thoughts
from occlusight.reading.decision import decision

_QUOTED = re.compile(r"[\"“”「『‘`*_]+([^\"“”「」『』‘’`*_\n]+?)[\"“”」』’`*_]+|(?<![A-Za-z])'([^'\n]+)'(?![A-Za-z])")
_DENYING = re.compile(
    r"\b(?:covered|hidden|blocked|obscured|obstructed|missing|except|not|cannot|can't|unreadable|illegible)\b|挡|"
    r"遮|盖|看不|不清|读不|缺|没有|无法|除",
    re.I,
)
_UNCOVERED = re.compile(
    r"\b(?:no (?:\w+ )?(?:characters?|letters?|digits?|part|bit|text|thing)|nothing|none)\b[^.,;!?\n]*?"
    r"\b(?:covered|hidden|blocked|obscured|obstructed|missing)\b|\bnothing (?:covers|hides|blocks|is in front of)\b|"
    r"(?:没有?|未|不)(?:任何|一个)?(?:东西|物体|字|文字|字符)?(?:被|有)?(?:任何)?(?:东西|物体)?(?:遮|挡|盖)[挡住盖]?",
    re.I,
)
_AROUND = re.compile(  # words of an answer that stand beside the characters it names
    r"(?:只|仅|都|还)?(?:可以|能够?)?(?:看|读|认|辨认)得?(?:清楚?|到|见|出)来?|可见|清晰|"
    r"(?:这)?[一两三四五六七八九]个|文字|字符|写着|上面|"
    r"[和与及跟是有的字]"
)
_DASH = re.compile(r"[\s…·.,、/|\-—_?？]+")
_LEGIBLE = re.compile(
    r"看得清|看得见|看得到|读得出|读得清|认得出|清晰|\blegible\b|\breadable\b|\bcan be (?:read|seen|made out)\b", re.I
)
_ILLEGIBLE = re.compile(
    r"看不|读不|认不|辨认不|不(?:完整|全)|\b(?:not|n't|cannot|un|il)[- ]?(?:be )?(?:legible|readable|read|seen|"
    r"visible|made out)\b|\bonly (?:part|some)\b|只能|仅能",
    re.I,
)


def can_be_read(text: str) -> str | None:
    """Return yes or no for an answer to whether a text or a character can be read; None where it does not say.

    That it cannot be read is a no, not doubt; that nothing of it is covered is a yes.

    >>> can_be_read("Yes. No character on the sign is covered.")
    'yes'
    """
    rest = _UNCOVERED.sub(" ", text)
    said = decision(rest, visible_means_yes=True)
    if said is None and rest != text and not _DENYING.search(rest):
        return "yes"
    if said == "unknown":
        return "no"
    if said is not None:
        return said
    if _ILLEGIBLE.search(text):
        return "no"
    return "yes" if _LEGIBLE.search(text) else None


def characters_read(raw: str, known: Collection[str], others: Collection[str] = ()) -> str | None:
    """Return the characters that an answer says can be read, in its order, without blanks and dots; None where it names
    none.

    What stands in quotation marks counts, where there is any; else runs of characters that are `known` to be on the
    sign. What a clause says is covered is passed over, and so are `others`: words that name things.

    >>> characters_read('On the sign "BA…ERY" can be read; the "K" is covered.', set("BAKERY"))
    'BAERY'
    """
    text = without_thoughts(raw)
    quoted = [(m.start(), m.group(1) or m.group(2)) for m in _QUOTED.finditer(text)]
    known = {c.upper() for c in known}
    if quoted:
        kept = [said for at, said in quoted if not _denied(text, at, at + len(said))]
        if not kept:
            return None
        # a sign that is named in quotation marks is no reading of it
        fitting = [said for said in kept if set(_bare(said)) & known] or kept
        return _joined([_bare(said) for said in fitting])
    for word in sorted(others, key=len, reverse=True):
        text = re.sub(re.escape(word), " ", text, flags=re.I)
    found = []
    for clause in re.split(r"[,，。;；:：!！\n]|(?<!\d)\.(?!\d)", text):
        if _DENYING.search(clause):
            continue
        clause = _AROUND.sub(lambda m: m.group() if set(m.group()) & known else " ", clause)
        runs = re.findall(r"[A-Z0-9][A-Z0-9…· .\-]*[A-Z0-9]|\b[A-Z0-9]\b|[\u4e00-\u9fff…、 ]+", clause)
        for run in runs:
            bare = _bare(run)
            if bare and bare not in ("I", "A") and set(bare) <= known:
                found.append(bare)
    return _joined(found)


def _joined(pieces: Sequence[str]) -> str | None:
    """Put pieces of a text together; one of several characters that is said again counts once."""
    kept = [p for i, p in enumerate(pieces) if len(p) == 1 or p not in pieces[:i]]
    return "".join(kept) or None


def _bare(text: str) -> str:
    return _DASH.sub("", text).upper()


def _denied(text: str, start: int, end: int) -> bool:
    """Whether the clause around a quotation says that it cannot be seen."""
    before = re.split(r"[,，。;；.!！\n]|\bbut\b|\band\b|而|但", text[:start])[-1]
    after = re.split(r"[,，。;；.!！\n]|\bbut\b|\bexcept\b|而|但|除", text[end:])[0]
    return _DENYING.search(before) is not None or _DENYING.search(after) is not None
