"""Reading which of several choices an answer says: by its letter, by its place in the list, or by naming it.

A stated letter is never overruled by a choice that is mentioned afterwards. What is denied ("not the cup", "A is wrong") is not said,
and an answer that keeps two choices open says none.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

from occlusight.reading.decision import NO, YES, verdict
from occlusight.reading.mentions import REACH
from occlusight.reading.numbers import quantity
from occlusight.reading.stated import stated_answers, told

LETTERS = string.ascii_uppercase

_ORDINALS = {
    "first": 0,
    "1st": 0,
    "second": 1,
    "2nd": 1,
    "third": 2,
    "3rd": 2,
    "fourth": 3,
    "4th": 3,
    "fifth": 4,
    "last": -1,
}
_ZH_ORDINALS = {"一": 0, "二": 1, "三": 2, "四": 3, "五": 4}
_REFUSED = re.compile(
    r"\b(?:none|no option|no (?:correct )?(?:answer|choice|option))\b(?: of (?:the|these|them|those)\b)?|\bnot (?:sure|listed|among|any of)\b|"
    r"\b(?:both|all) (?:of (?:the|these|them)|are|options|choices)\b|\b(?:can ?not|can't|unable to|impossible to|hard to|difficult to) (?:\w+ )?"
    r"(?:tell|say|determine|judge|know|see|answer|decide|identify|choose|be determined|help|assist|process|view)\b|\b(?:don't|do not) know\b|\bunclear\b|\bsorry\b|\bunknown\b|"
    r"以上都不|都不(?:是|对)|均不|都对|都正确|无法|不确定|不知道|看不清|不清楚|对不起|抱歉|没有正确",
    re.I,
)
_FILLER = re.compile(
    r"[\s:(\[{<\"'=\-–—]*(?:(?:probably|most likely|likely|clearly|definitely|simply|indeed|therefore|that|it is|it's|就?是|应该?是|为|选择?)\s*)*"
    r"(?:(?:the )?(?:correct |right )?(?:option|choice|letter|answer|选项|选择|答案)\s*)?[\s:(\[{<\"']*",
    re.I,
)
_AFTER_LETTER = r"[)\].:,;}>\"'。、!?|/]|$|\n|\s*(?:[-–—=(\[|✓✔✅]|$)"
_GOES_ON = (  # "B because ...", "B is correct"
    r"\s+(?:is|was|as|since|because|seems|appears|would|looks|matches|describes|shows|best|by|due|for|given|i\b|it\b|its\b|而|因为|是|正确|符合)|(?:选?项|是|正确|对|因为|符合)"
)
_AND = r"\s*[)\].]?\s*(?:,|/|&|\+|\band/or\b|\band\b|\bor\b|和|或者?|与|及|、)\s*(?:option |选项)?[(\[]?"
_CHOSEN = re.compile(
    r"(?:\b(?:i|we)(?:'d| would|'ll| will| must| should| have to)?\s+(?:\w+ )?(?:choose|pick|select|go with|say|opt for|answer|chose|picked|selected)|\b(?:so|therefore|thus|hence),?\s+(?:it(?:'s| is|\s+must be)?)?|"
    r"\b(?:correct|right|best|matching) (?:one|option|choice|answer|caption),?\s+(?:is|would be|here is)|\b(?:corresponds?|points?|leads?) (?:us )?to|\bmatch(?:es)?|=>|->|→|"
    r"(?:^|[^不没未别])(?:故|应该?|应当|所以|因此|我|就|答案|可)?(?:选项?|选择|选项(?:是|为)))[\s:]*(?:the )?(?:option |choice |letter |选项)?[(\[\"'{]*(?P<letter>[A-Za-z])(?![A-Za-z'’])[)\]\"'}]*",
    re.I,
)
_VERDICT_OF = (
    r"(?:\b(?:option|choice|answer|statement|caption)\s+|选项)?[(\[]?(?<![A-Za-z'’])(?P<letter>[A-Z])(?![A-Za-z'’])[)\]]?(?:选?项)?\s*[:,]?\s*(?:is|was|seems|appears to be|looks|是|为|:)?\s*(?:the |clearly |most likely |also |probably |最)*"
    r"(?P<word>correct|right|true|best|the answer|answer|accurate|正确|对的|符合)"
)
_TRUE_OF = re.compile(_VERDICT_OF)
_IDIOMS = re.compile(
    r"\b(?:right (?:behind|in front|next|there|here|now|away|beside|above|below|under|at|on top)|that's right|that is right|all right|alright|you're right|you are right|right answer|right choice|right option|"
    r"above[- ]mentioned|(?:as|the) (?:shown |described |options? )?above|options? (?:above|below)|(?:listed|given|shown) (?:above|below)|as below|on the other hand|in the (?:image|picture|photo)|has left|is left(?: over)?(?= ))",
    re.I,
)


def choice(text: str, choices: Sequence[str]) -> int | None:
    """Return the index of the choice that an answer says, None where it says none, several, or one that is not there.

    >>> choice("I considered (A), but it is wrong. Final answer: B.", ["the cup", "the book"])
    1
    """
    for place in stated_answers(text):
        content = told(place.text)
        found = _stated(content, choices)
        if found is not None:
            return found
        if place.how != "box" and (_several(content, len(choices)) or _REFUSED.match(content)):
            return None
    text = told(text)
    for reader in (_leading, _chosen_letter, _last_line, _called_right):
        if (found := reader(text, choices)) is not None:
            return found if found >= 0 else None
    if _REFUSED.search(text):
        return None
    return _by_kind(text, choices)


def named(text: str, choice: str) -> bool:
    """Whether a text names something as whole words and does not deny it."""
    return any(not _denied(text, start) for start, _ in _mentions(text, choice))


def phrase(text: str) -> str | None:
    """Return the word or short phrase that an answer gives, as `plain_words`; None where it gives none.

    A yes or no that begins a sentence is the answer without the sentence.

    >>> phrase("**Answer:** a red car.")
    'red car'
    """
    for place in stated_answers(text):
        if place.how != "box" or re.search(r"[\w]", told(place.text)):
            text = re.split(r"(?<!\d)[.;。;](?!\d)", told(place.text))[0]
            break
    text = told(text)
    if (leading := re.match(r"(yes|no)(?=[,.:;!]|$)", text, re.I)) is not None:
        return leading.group(1).lower()
    if _REFUSED.match(text) or re.match(
        r"(?:i'm |i am |i )?(?:sorry|can ?not|can't|unable|unsure)\b|it is (?:unclear|impossible)", text, re.I
    ):
        return None
    return plain_words(text) or None


def plain_words(text: str) -> str:
    """The words of a text in small letters, without articles and punctuation."""
    words = re.sub(r"[^\w\s]", " ", text.lower()).split()
    return " ".join(w for w in words if w not in ("a", "an", "the"))


def _letter(text: str, choices: Sequence[str]) -> int | None:
    """The letter that a text begins with, where it stands for a choice and is no word of a sentence."""
    opening = _FILLER.match(text)
    at = opening.end() if opening else 0
    letter = text[at : at + 1]
    if not ("A" <= letter.upper() <= LETTERS[len(choices) - 1]) or len(letter) != 1:
        return None
    before, rest = text[:at], text[at + 1 :]
    index = LETTERS.index(letter.upper())
    if re.match(r"[\w'’]", rest) and not re.match(r"(?:选?项|是|正确|对|因为|符合|、|和|或)", rest):
        return None
    closed = re.match(_AFTER_LETTER, rest) is not None
    if letter.islower() and not (before.strip() or not rest.strip(" .)]:") or re.match(r"[).:]\s", rest)):
        return None
    if closed:
        return index
    own = plain_words(choices[index])
    if own and re.match(rf"{re.escape(own)}\b", plain_words(rest)):
        return index
    if letter.isupper() and letter not in "AI" and (before.strip(" ") or True) and re.match(_GOES_ON, rest, re.I):
        return index
    return (
        index
        if letter == "A"
        and re.match(
            r"\s+(?:is (?:correct|right|the (?:correct|right|best|answer))|because|since)\b|(?:选?项|正确|对|因为|符合)",
            rest,
            re.I,
        )
        else None
    )


def _several(text: str, count: int) -> bool:
    """Whether a text begins with two letters side by side: "A or B", "A, C", "AB"."""
    opening = _FILLER.match(text)
    rest = text[opening.end() if opening else 0 :]
    one = f"[A-{LETTERS[count - 1]}]"
    return (
        re.match(rf"(?:either |both )?[(\[]?{one}{_AND}{one}(?![A-Za-z'’])|{one}{{2,{count}}}(?![A-Za-z'’])", rest)
        is not None
    )


def _stated(content: str, choices: Sequence[str]) -> int | None:
    """The choice in what follows a label, stands in a field or in a box."""
    if re.match(r"\W*(?:not|n't|neither|不是|不|非)(?![A-Za-z])", content, re.I) or _several(content, len(choices)):
        return None
    if re.fullmatch(r"\W*[a-zA-Z]\W*", content):
        letter = re.sub(r"\W", "", content).upper()
        return LETTERS.index(letter) if letter <= LETTERS[len(choices) - 1] else None
    found = _letter(content, choices)
    if found is not None or _REFUSED.match(content):
        return found
    first = re.split(r"(?<!\d)[.;。;](?!\d)", content)[0]
    return _by_kind(first, choices)


def _leading(text: str, choices: Sequence[str]) -> int | None:
    """The letter that the text begins with; -1 where it begins with several, or says the whole list again."""
    if _several(text, len(choices)):
        return -1
    lines = [m.group(1) for m in re.finditer(r"^\s*[(\[]?([A-Z])[)\].:]\s*\S", text, re.M)]
    echoed = len(lines) > 1 and lines[: len(choices)] == list(LETTERS[: len(lines[: len(choices)])])
    if echoed:
        return None
    return _letter(text, choices)


def _chosen_letter(text: str, choices: Sequence[str]) -> int | None:
    """The letter after words of choosing: "I would go with B", "故选B"."""
    found = []
    for match in _CHOSEN.finditer(text):
        letter, rest = match.group("letter"), text[match.end() : match.end() + 12]
        if (
            letter.upper() > LETTERS[len(choices) - 1]
            or (letter.islower()
            and not match.group(0).rstrip().endswith((")", "]")))
        ):
            continue
        if letter in "AI" and re.match(r"\s+[a-z]", rest) and not re.match(r"\s+(?:is|because|since|as)\b", rest):
            continue
        if re.match(_AND + r"[A-Z](?![A-Za-z'’])", rest) or re.search(
            r"\b(?:not|n't|never|either|between)\b[^.,]*$", match.group(0) + "", re.I
        ):
            continue
        if _denied(text, match.start() + 1):
            continue
        found.append(LETTERS.index(letter.upper()))
    return found[-1] if found else None


def _last_line(text: str, choices: Sequence[str]) -> int | None:
    """The letter that is the whole of the last line, alone or with its own choice."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) < 2:
        return None
    match = re.fullmatch(r"[(\[]?([A-Z])(?:[)\].:\s]+(.*))?[)\]]?[.。]?", lines[-1])
    if match is None or match.group(1) > LETTERS[len(choices) - 1]:
        return None
    index, said = LETTERS.index(match.group(1)), plain_words(match.group(2) or "")
    lists = [line for line in lines if re.match(r"[(\[]?[A-Z][)\].:]", line)]
    return index if not said or (said == plain_words(choices[index]) and len(lists) < len(choices)) else None


def _called_right(text: str, choices: Sequence[str]) -> int | None:
    """The one letter that is called right: "option B is correct"; -1 where there are several."""
    found = set()
    for match in _TRUE_OF.finditer(text):
        if match.group("letter") <= LETTERS[len(choices) - 1] and not re.search(
            r"\b(?:not|n't|in)\b|不", match.group(0)
        ):
            found.add(LETTERS.index(match.group("letter")))
    if not found:
        last = re.split(r"(?<!\d)[.。!?;\n](?=\s|$)", text.rstrip(" .。\n"))[-1]
        letters = {m.group(1) for m in re.finditer(r"\(([A-Z])\)|\b[Oo]ption ([A-Z])\b", last) if m.group(1)}
        letters |= {m.group(1) for m in re.finditer(r"\b[Oo]ption ([A-Z])\b", last)}
        if len(letters) == 1 and re.search(
            r"\b(?:it is|this is|that is|so|therefore|must be|is)\b[^,]*$", last[: last.find(next(iter(letters)))]
        ):
            letter = letters.pop()
            at = text.rfind(letter)
            if letter <= LETTERS[len(choices) - 1] and not _denied(text, at):
                return LETTERS.index(letter)
    return found.pop() if len(found) == 1 else -1 if found else None


def _by_kind(text: str, choices: Sequence[str]) -> int | None:
    """The choice that a text names, by what the choices are: yes and no, numbers, or things."""
    words = [plain_words(c) for c in choices]
    if set(words) <= {"yes", "no", "true", "false", "是", "否", "对", "错", "有", "没有"}:
        said = verdict(text)
        meant = [i for i, w in enumerate(words) if said == (YES if w in ("yes", "true", "是", "对", "有") else NO)]
        return meant[0] if len(meant) == 1 else None
    if all(re.fullmatch(r"\d+", w) for w in words):
        n = quantity(text)
        meant = [i for i, w in enumerate(words) if n == int(w)]
        return meant[0] if len(meant) == 1 else None
    if (found := _only_named(text, choices)) is not None:
        return found
    return _by_place(text, len(choices))


def _only_named(text: str, choices: Sequence[str]) -> int | None:
    """The only choice that is named and not denied; one that is part of a longer one that is named there does not count."""
    text = _IDIOMS.sub(" ", text)
    spans = {i: _mentions(text, c) for i, c in enumerate(choices)}
    kept = set()
    for i, places in spans.items():
        for start, end in places:
            inside = any(
                j != i and s <= start and end <= e and e - s > end - start
                for j, other in spans.items()
                for s, e in other
            )
            if not inside and not _denied(text, start):
                kept.add(i)
    return kept.pop() if len(kept) == 1 else None


def _mentions(text: str, choice: str) -> list[tuple[int, int]]:
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


def _denied(text: str, start: int) -> bool:
    """Whether what stands at a place is denied by the words before it."""
    before = re.split(r"[.。!?;\n,]|\bbut\b|而是|而", text[max(0, start - REACH) : start])[-1]
    return (
        re.search(
            r"(?:\bnot|n't|\bneither|\bnor|\bno|\bnever|\binstead of|\brather than|\bexcept|\bwithout|\brul(?:e|es|ed|ing) out|\beliminat\w+|\bexclud\w+)\b[^.,]{0,30}$|"
            r"(?:不是|并非|而非|不在|没有|不选|排除|除了|不应?该?选)[^,。]{0,8}$",
            before,
            re.I,
        )
        is not None
    )


def _by_place(text: str, count: int) -> int | None:
    """The choice by its place in the list: "the second option", "第二个选项"."""
    found = {
        _ORDINALS[m.group(1).lower()]
        for m in re.finditer(
            r"\b(first|1st|second|2nd|third|3rd|fourth|4th|fifth|last) (?:option|choice|one|answer|caption|statement)\b",
            text,
            re.I,
        )
        if not _denied(text, m.start())
    }
    found |= {
        _ZH_ORDINALS[m.group(1)]
        for m in re.finditer(r"第([一二三四五])(?:个|项|种)?(?:选项|答案|说法|描述)", text)
        if not _denied(text, m.start())
    }
    places = {i % count for i in found if i < count}
    return places.pop() if len(places) == 1 else None
