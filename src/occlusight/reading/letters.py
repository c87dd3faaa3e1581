"""Reading the letter of a choice: stated first, after words of choosing, alone in the last line, or called right.

A letter counts only where it stands for a choice: "A" is mostly an article, "I" a person, and both begin sentences.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

from occlusight.reading.naming import denied, plain_words

LETTERS = string.ascii_uppercase

_FILLER = re.compile(
    r"[\s:(\[{<\"'=\-–—]*(?:(?:probably|most likely|likely|clearly|definitely|simply|indeed|therefore|that|"
    r"it is|it's|就?是|应该?是|为|选择?)\s*)*"
    r"(?:(?:the )?(?:correct |right )?(?:option|choice|letter|answer|选项|选择|答案)\s*)?[\s:(\[{<\"']*",
    re.I,
)
_AFTER_LETTER = r"[)\].:,;}>\"'。、!|/]|$|\n|\s*(?:[-–—=(\[|✓✔✅]|$)"
_GOES_ON = (  # "B because ...", "B is correct"
    r"\s+(?:is|was|as|since|because|seems|appears|would|looks|matches|describes|shows|best|by|due|for|given|"
    r"i\b|it\b|its\b|而|因为|是|正确|符合)|(?:选?项|是|正确|对|因为|符合)"
)
_AND = r"\s*[)\].]?\s*(?:,|/|&|\+|\band/or\b|\band\b|\bor\b|和|或者?|与|及|、)\s*(?:option |选项)?[(\[]?"
_CHOSEN = re.compile(
    r"(?:\b(?:i|we)(?:'d| would|'ll| will| must| should| have to)?\s+(?:\w+ )?(?:choose|pick|select|go with|"
    r"say|opt for|answer|chose|picked|selected)|\b(?:so|therefore|thus|hence),?\s+(?:it(?:'s| is|"
    r"\s+must be)?)?|"
    r"\b(?:correct|right|best|matching) (?:one|option|choice|answer|caption),?\s+(?:is|would be|here is)|"
    r"\b(?:corresponds?|points?|leads?) (?:us )?to|\bmatch(?:es)?|=>|->|→|"
    r"(?:^|[^不没未别])(?:故|应该?|应当|所以|因此|我|就|答案|可)?(?:选项?|选择|选项(?:是|"
    r"为)))[\s:]*(?:the )?(?:option |choice |letter |"
    r"选项)?[(\[\"'{]*(?P<letter>[A-Za-z])(?![A-Za-z'’])[)\]\"'}]*",
    re.I,
)
_CALLED_RIGHT = re.compile(
    r"(?:\b(?:option|choice|answer|statement|caption)\s+|"
    r"选项)?[(\[]?(?<![A-Za-z'’])(?P<letter>[A-Z])(?![A-Za-z'’])[)\]]?(?:选?项)?\s*[:,]?\s*(?:is|was|seems|"
    r"appears to be|looks|是|为|:)?\s*(?:the |clearly |most likely |also |probably |最)*"
    r"(?:correct|right|true|best|the answer|answer|accurate|正确|对的|符合)"
)
_POINTED_AT = re.compile(
    r"\b(?:it is|this is|that is|so|therefore|must be|is)\b[^,]*?(?:\((?P<one>[A-Z])\)|\b[Oo]ption (?P<two>[A-Z])\b)"
)
_ARTICLE_GOES_ON = (
    r"\s+(?:is (?:correct|right|the (?:correct|right|best|answer))|because|since)\b|(?:选?项|正确|对|因为|符合)"
)


def letters_of(choices: Sequence[str]) -> str:
    """The letters that stand for these choices."""
    return LETTERS[: len(choices)]


def first_letter(text: str, choices: Sequence[str]) -> int | None:
    """The index of the letter that the text begins with, where it stands for a choice and is no word of a sentence."""
    opening = _FILLER.match(text)
    at = opening.end() if opening else 0
    letter, before, rest = text[at : at + 1], text[:at], text[at + 1 :]
    index = letters_of(choices).find(letter.upper()) if letter else -1
    if index < 0 or re.match(r"(?!选?项|是|正确|对|因为|符合|、|和|或)[\w'’]", rest):
        return None
    if letter.islower() and before.strip() == "" and not re.match(r"[).:]\s|[ .)\]:]*$", rest):
        return None
    if re.match(_AFTER_LETTER, rest):
        return index
    own = plain_words(choices[index])
    if own and re.match(rf"{re.escape(own)}\b", plain_words(rest)):
        return index
    goes_on = _ARTICLE_GOES_ON if letter in "AIa" else _GOES_ON
    return index if letter.isupper() and re.match(goes_on, rest, re.I) else None


def several_first(text: str, choices: Sequence[str]) -> bool:
    """Whether a text begins with two letters side by side: "A or B", "A, C", "AB"."""
    opening = _FILLER.match(text)
    rest = text[opening.end() if opening else 0 :]
    one = f"[{letters_of(choices)}]"
    side_by_side = rf"(?:either |both )?[(\[]?{one}{_AND}{one}(?![A-Za-z'’])|{one}{{2,{len(choices)}}}(?![A-Za-z'’])"
    return re.match(side_by_side, rest) is not None


def repeats_the_list(text: str) -> bool:
    """Whether a text begins by saying the choices again: "A. bed B. chair", or a line each."""
    return re.match(r"[\s{(\[]*A\s*[)\].:](?:(?!\bB\b)[^\n])*(?:\s*\n)?[\s,{(\[]*B\s*[)\].:]\s*\S", text) is not None


def chosen_letter(text: str, choices: Sequence[str]) -> int | None:
    """The letter after words of choosing: "I would go with B", "故选B"; of several the last."""
    found = None
    for match in _CHOSEN.finditer(text):
        letter, rest = match.group("letter"), text[match.end() : match.end() + 12]
        index = letters_of(choices).find(letter.upper())
        if index < 0 or (letter.islower() and match.group(0)[-1] not in ")]"):
            continue
        if letter in "AI" and re.match(r"\s+(?!(?:is|because|since|as)\b)[a-z]", rest):
            continue
        if re.match(_AND + r"[A-Z](?![A-Za-z'’])", rest) or denied(text, match.start("letter")):
            continue
        found = index
    return found


def letter_of_last_line(text: str, choices: Sequence[str]) -> int | None:
    """The letter that is the whole of the last line, alone or with its own choice."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    match = re.fullmatch(r"[(\[]?([A-Z])(?:[)\].:\s]+(.*))?[)\]]?[.。]?", lines[-1]) if len(lines) > 1 else None
    index = letters_of(choices).find(match.group(1)) if match else -1
    if match is None or index < 0:
        return None
    said = plain_words(match.group(2) or "")
    return index if not said or (said == plain_words(choices[index]) and not repeats_the_list(text)) else None


def letters_called_right(text: str, choices: Sequence[str]) -> set[int]:
    """The letters that are called right ("option B is correct"), or to which the last sentence points ("it is (B)")."""
    offered = letters_of(choices)
    called = [m for m in _CALLED_RIGHT.finditer(text) if not re.search(r"\b(?:not|n't|in)\b|不", m.group(0))]
    found = {m.group("letter") for m in called}
    if not found:
        last = re.split(r"(?<!\d)[.。!?;\n](?=\s|$)", text.rstrip(" .。\n"))[-1]
        at = len(text.rstrip(" .。\n")) - len(last)
        pointed = [m for m in _POINTED_AT.finditer(last) if not denied(text, at + m.end() - 2)]
        found = {m.group("one") or m.group("two") for m in pointed}
    return {offered.find(letter) for letter in found if letter in offered}
