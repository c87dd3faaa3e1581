"""Reading which of several choices an answer says: by its letter, by its place in the list, or by naming it.

A stated letter is never overruled by a choice that is mentioned afterwards. What is denied ("not the cup", "A is
wrong") is not said, and an answer that keeps two choices open says none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from occlusight.reading.decision import NO, YES, verdict
from occlusight.reading.letters import (
    chosen_letter,
    first_letter,
    letter_of_last_line,
    letters_called_right,
    letters_of,
    repeats_the_list,
    several_first,
)
from occlusight.reading.naming import by_place, only_named, plain_words
from occlusight.reading.numbers import quantity
from occlusight.reading.stated import stated_answers, told

_YES_WORDS, _NO_WORDS = ("yes", "true", "是", "对", "有"), ("no", "false", "否", "错", "没有")
_REFUSED = re.compile(
    r"\b(?:none|no option|no (?:correct )?(?:answer|choice|option))\b(?: of (?:the|these|them|those)\b)?|"
    r"\bnot (?:sure|listed|among|any of)\b|"
    r"\b(?:both|all) (?:of (?:the|these|them)|are|options|choices)\b|\b(?:can ?not|can't|unable to|"
    r"impossible to|hard to|difficult to) (?:\w+ )?"
    r"(?:tell|say|determine|judge|know|see|answer|decide|identify|choose|be determined|help|assist|process|"
    r"view)\b|\b(?:don't|do not) know\b|\bunclear\b|\bsorry\b|\bunknown\b|"
    r"以上都不|都不(?:是|对)|均不|都对|都正确|无法|不确定|不知道|看不清|不清楚|对不起|抱歉|没有正确",
    re.I,
)


def choice(text: str, choices: Sequence[str]) -> int | None:
    """Return the index of the choice that an answer says, None where it says none, several, or one that is not there.

    >>> choice("I considered (A), but it is wrong. Final answer: B.", ["the cup", "the book"])
    1
    """
    if not choices:
        return None
    for place in stated_answers(text):
        content = told(place.text)
        if (found := _stated(content, choices)) is not None:
            return found
        if place.how != "box" and (several_first(content, choices) or _REFUSED.match(content)):
            return None
    text = told(text)
    if several_first(text, choices):
        return None
    last = letter_of_last_line(text, choices)
    if not repeats_the_list(text) and (found := first_letter(text, choices)) is not None:
        return found if last in (found, None) else None
    if (found := chosen_letter(text, choices)) is not None or (found := last) is not None:
        return found
    if right := letters_called_right(text, choices):
        return right.pop() if len(right) == 1 else None
    return None if _REFUSED.search(text) else _by_kind(text, choices)


def phrase(text: str) -> str | None:
    """Return the word or short phrase that an answer gives, as `plain_words`; None where it gives none.

    A yes or no that begins a sentence is the answer without the sentence.

    >>> phrase("**Answer:** a red car.")
    'red car'
    """
    for place in stated_answers(text):
        if place.how != "box" or re.search(r"[\w]", told(place.text)):
            text = re.split(r"(?<!\d)[.;。](?!\d)", told(place.text))[0]
            break
    text = told(text)
    if (leading := re.match(r"(yes|no)(?=[,.:;!]|$)", text, re.I)) is not None:
        return leading.group(1).lower()
    if _REFUSED.match(text) or re.match(
        r"(?:i'm |i am |i )?(?:sorry|can ?not|can't|unable|unsure)\b|it(?: is|'s) (?:unclear|impossible)", text, re.I
    ):
        return None
    return plain_words(text) or None


def _stated(content: str, choices: Sequence[str]) -> int | None:
    """The choice in what follows a label, stands in a field or in a box."""
    if re.match(r"\W*(?:not|n't|neither|不是|不|非)(?![A-Za-z])", content, re.I) or several_first(content, choices):
        return None
    if re.fullmatch(r"\W*[a-zA-Z]\W*", content):
        index = letters_of(choices).find(re.sub(r"\W", "", content).upper())
        return index if index >= 0 else None
    found = first_letter(content, choices)
    if found is not None or _REFUSED.match(content):
        return found
    return _by_kind(re.split(r"(?<!\d)[.;。](?!\d)", content)[0], choices)


def _by_kind(text: str, choices: Sequence[str]) -> int | None:
    """The choice that a text names, by what the choices are: yes and no, numbers, or things."""
    words = [plain_words(c) for c in choices]
    if all(w in _YES_WORDS + _NO_WORDS for w in words):
        meant = {YES: _YES_WORDS, NO: _NO_WORDS}.get(verdict(text) or "", ())
        fitting = [i for i, w in enumerate(words) if w in meant]
    elif all(re.fullmatch(r"\d+", w) for w in words):
        n = quantity(text)
        fitting = [i for i, w in enumerate(words) if n == int(w)]
    else:
        found = only_named(text, choices)
        return by_place(text, len(choices)) if found is None else found
    return fitting[0] if len(fitting) == 1 else None
