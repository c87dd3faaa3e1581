"""From a decision's question to what a model is asked, and from its scores to probabilities."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from typing import Literal, TypeAlias

from occlusight.backends.decision import FORMS, NO, YES, language_of
from occlusight.serve.api.decision_shapes import (
    Choice,
    ChoiceAnswer,
    InputJson,
    InputText,
    LevelProbability,
    Option,
    OptionProbability,
    OutputText,
    Part,
    Predicate,
    PredicateAnswer,
    Question,
    Score,
    ScoreAnswer,
)

Lang: TypeAlias = Literal["en", "zh"]
Wordings: TypeAlias = tuple[str, ...]
TELL: dict[Lang, dict[str, str]] = {
    "en": {
        "predicate": FORMS["en"],
        "choice": "Answer with one of these alone:",
        "score": "Answer with one of these levels alone, from the lowest to the highest:",
    },
    "zh": {
        "predicate": FORMS["zh"],
        "choice": "请只回答以下选项之一：",
        "score": "请只回答以下等级之一，从低到高：",
    },
}
ARTICLES = ("the ", "a ", "an ")


def text_of(content: str | Sequence[Part | OutputText]) -> str:
    """Return the text of a message's or a question's parts."""
    if isinstance(content, str):
        return content
    texts = []
    for part in content:
        if isinstance(part, (InputText, OutputText)):
            texts.append(part.text)
        elif isinstance(part, InputJson):
            texts.append(json.dumps(part.data, ensure_ascii=False))
    return "\n".join(texts)


def prompt_of(question: Question, given: str, as_it_is: bool) -> str:
    """Return what the model is asked: what was given as text, the question, and the form of its answer.

    `as_it_is` leaves the form out, for a model that knows its own wordings alone.
    """
    asked = text_of(question.instructions)
    parts = [given, asked]
    if not as_it_is:
        parts.append("\n".join([TELL[language_of(asked)][question.type], *told(question)]))
    return "\n\n".join(part for part in parts if part)


def told(question: Question) -> list[str]:
    """Return the choices, or the levels, a line each."""
    match question:
        case Choice(choices=choices):
            named = [(said(option), option.description) for option in choices]
        case Score(levels=levels):
            named = [(level.label, level.description) for level in levels]
        case _:
            return []
    return [f"- {name}" + (f": {description}" if description else "") for name, description in named]


def said(option: Option) -> str:
    """Return how a model says a choice."""
    if isinstance(option.value, bool):
        return "yes" if option.value else "no"
    return option.value


def wordings_of(question: Question) -> list[Wordings]:
    """Return how a model may begin to say each possible answer."""
    match question:
        case Choice(choices=choices):
            return [(YES if one.value else NO) if isinstance(one.value, bool) else ways(one.value) for one in choices]
        case Score(levels=levels):
            return [ways(level.label) for level in levels]
    return [YES, NO]


def ways(value: str) -> Wordings:
    """Return a name as it stands at the beginning of an answer: with a capital, and after an article."""
    bare = [value] if value.lower().startswith(ARTICLES) or not value.isascii() else [value, f"the {value}"]
    return tuple(dict.fromkeys(way for one in bare for way in (one, one[:1].upper() + one[1:])))


def with_own_names(
    wordings: Sequence[Wordings], names: Sequence[Sequence[str]], longer: Sequence[Sequence[str]]
) -> list[Wordings]:
    """Return wordings with a model's own names of the same things, and with `longer` ones as they begin an answer, but
    for those by which two would be said alike."""
    own = [
        ({way for name in some for way in ways(name)} | {ways(name)[-1] for name in more}) - {*words}
        for words, some, more in zip(wordings, names, longer, strict=True)
    ]
    found = Counter(way for some in (*own, *map(set, wordings)) for way in some)
    return [
        (*words, *sorted(way for way in some if found[way] == 1)) for words, some in zip(wordings, own, strict=True)
    ]


def yes_first(question: Question) -> bool | None:
    """Return whether a question of yes or no has the yes first; None for any other."""
    match question:
        case Predicate():
            return True
        case Choice(choices=[Option(value=True), Option(value=False)]):
            return True
        case Choice(choices=[Option(value=False), Option(value=True)]):
            return False
    return None


def ambiguous(wordings: Sequence[Wordings]) -> bool:
    """Whether one answer begins as another one does, so that only whole answers tell them apart."""
    begun: list[tuple[str, int]] = []  # each begins as the one before does
    for word, at in sorted((word, at) for at, words in enumerate(wordings) for word in words):
        while begun and not word.startswith(begun[-1][0]):
            begun.pop()
        if any(other != at for _, other in begun):
            return True
        begun.append((word, at))
    return False


def answer_of(
    question: Question, logs: Sequence[float], calibrated: bool = False
) -> PredicateAnswer | ChoiceAnswer | ScoreAnswer:
    """Return a question's answer from the log-probability of each possible one."""
    shares = normalised(logs) if yes_first(question) is not None else evened(logs)
    match question:
        case Predicate(name=name):
            return PredicateAnswer(type="predicate", name=name, probability=shares[0], calibrated=calibrated)
        case Choice(name=name, choices=choices):
            best = max(range(len(shares)), key=shares.__getitem__)
            options = [OptionProbability(value=o.value, probability=p) for o, p in zip(choices, shares, strict=True)]
            return ChoiceAnswer(
                type="choice",
                name=name,
                choice=choices[best].value,
                confidence=shares[best],
                probabilities=options,
                calibrated=calibrated,
            )
        case Score(name=name, levels=levels):
            rated = [
                LevelProbability(value=place, label=level.label, probability=share)
                for place, (level, share) in enumerate(zip(levels, shares, strict=True))
            ]
            expected = sum(place * share for place, share in enumerate(shares))
            return ScoreAnswer(
                type="score",
                name=name,
                score=expected,
                confidence=max(shares),
                probabilities=rated,
                calibrated=calibrated,
            )


def normalised(logs: Sequence[float]) -> list[float]:
    """Return probabilities that sum to 1; equal ones where the model says none of them."""
    most = max(logs)
    if not math.isfinite(most):
        return [1 / len(logs)] * len(logs)
    weights = [math.exp(one - most) for one in logs]
    return [one / sum(weights) for one in weights]


def evened(logs: Sequence[float]) -> list[float]:
    """Return probabilities that sum to 1, where what the model would rather say than any of these is shared evenly.

    >>> [round(one, 3) for one in evened([math.log(0.5), math.log(0.1)])]
    [0.7, 0.3]
    """
    weights = [math.exp(one) for one in logs]
    rest = max(0.0, 1 - sum(weights)) / len(weights)
    total = max(1.0, sum(weights))
    return [one / total + rest for one in weights]
