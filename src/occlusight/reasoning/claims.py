"""What a question wants a yes or a no to, where the model's own answer says more and decides nothing, or decides the
opposite: whether one thing is behind another, is nearer than it, or would still be hidden."""

from __future__ import annotations

import re
from collections.abc import Mapping

from occlusight.occlusion.kinds import Lang
from occlusight.reasoning.names import Name, named
from occlusight.reasoning.vocabulary import Words

HIDDEN, FIRST = "hidden", "first"
"""Claims that something would still be hidden, and that the first of two things is the nearer, or the farther one."""
_WHETHER = re.compile(
    r"^\W*(?:(?:and|so|then|but) )?(?:is|are|was|were|isn't|does|do|did|can|could|would|will|has)\b"
    r"(?!.*\b(?:what|which|who|where|how|or)\b)|"
    r"\b(?:would|will|could|can|does|do|is)(?: the)? x\d\b(?<!what is x\d)(?!.*\b(?:what|which|who|where|how|or)\b)|"
    r"^(?!.*(?:谁|什么|啥|哪|还是|多少|怎么)).*(?:吗|么[?？。]?$|是否|是不是|会不会|能不能|对吧|对不对|没有?[?？。]?$)",
    re.I,
)
"""What is answered by a yes or a no."""
_ASKS_WHICH = re.compile(r"\b(?:what|which|who|where|how)\b", re.I)
_DIRECTIONS: Mapping[str, re.Pattern[str]] = {
    "front": re.compile(r"\bin front\b|\bahead of\b|\bbefore x|前", re.I),
    "behind": re.compile(r"\bbehind\b|\bin back of\b|\b(?:at|to) the (?:back|rear) of\b|后", re.I),
    "left": re.compile(r"\bleft\b|左", re.I),
    "right": re.compile(r"\bright (?:of|side|hand)\b|\bright-hand|\b(?:to|on|at) (?:the|its|your) right\b|右", re.I),
}
_HIDING = re.compile(r"\b(?:hid|block|cover|obscur|occlud|obstruct|conceal)\w*|[挡遮盖藏]", re.I)
_DENYING = re.compile(
    r"\bun\w+|\b(?:not|no longer|no more|nothing|free of)\b|n't\b|不再|不被|没被|没有被|无遮|不会", re.I
)
_THAN = re.compile(r"x1\b.*\bthan\b.*\bx2|x1.{0,4}(?<!相)比x2", re.I)
_DECISIONS: Mapping[str, str] = {"Yes. ": "No. ", "No. ": "Yes. ", "会。": "不会。", "不会。": "会。"}
_SAID: Mapping[Lang, tuple[str, str]] = {"en": ("Yes. ", "No. "), "zh": ("是的。", "不是。")}


def claimed(op: str, text: str) -> str:
    """Return what a question wants a yes or a no to, whose names are cut to x1 and x2: directions of the one from the
    other, `HIDDEN` or `FIRST`; empty where it asks for something else.

    >>> [claimed("position", text) for text in ("Is x1 behind x2?", "x1在x2的左后方吗", "Where is x1?")]
    ['behind', 'behind left', '']
    >>> claimed("remove", "Without x1, would x2 still be hidden?"), claimed("nearer", "x1比x2近吗")
    ('hidden', 'first')
    """
    if not _WHETHER.search(text) or _ASKS_WHICH.search(text):
        return ""
    match op:
        case "position":
            return " ".join(sorted(directions(text)))
        case "remove":
            return HIDDEN if _HIDING.search(text) and not _DENYING.search(text) else ""
        case "nearer" | "farther":
            return FIRST if _THAN.search(text) else ""
    return ""


def directions(text: str) -> frozenset[str]:
    """Return the directions that a text without names says: of "front", "behind", "left" and "right"."""
    return frozenset(name for name, pattern in _DIRECTIONS.items() if pattern.search(text))


def decided(told: str, claim: str, first: Name, lang: Lang, words: Words) -> str:
    """Return an answer with the decision about what was claimed before it, or turned; as it is where it does not tell.

    `first` is what the claim is about.
    """
    if claim == HIDDEN:
        begun = next((one for one in _DECISIONS if told.startswith(one)), "")
        return _DECISIONS[begun] + told.removeprefix(begun) if begun else told
    found = named(told, words)
    if claim == FIRST:
        kinds = [{*name.kinds} for name in found.names if name.kinds]
        if len(kinds) != 2 or sum(bool(one & {*first.kinds}) for one in kinds) != 1:
            return told  # which of the two is meant is not said by their kinds
        return _SAID[lang][not kinds[0] & {*first.kinds}] + told
    said = directions(found.without())
    return _SAID[lang][not said.issuperset(claim.split())] + told if said else told
