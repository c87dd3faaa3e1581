"""Yes or no, with a probability, without decoding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from occlusight.backends.fields import as_wordings
from occlusight.backends.protocol import Backend, Request

YES = ("Yes", "yes", "YES", "是", "是的", "有", "会", "对")
NO = ("No", "no", "NO", "不", "不是", "否", "没", "没有")
FORMS = {"en": "Is that so? Answer yes or no.", "zh": "是这样吗？请回答是或否。"}


@dataclass(frozen=True)
class Decision:
    """The probabilities of an answer that begins with a yes, and with a no, in any wording; where `calibrated`, those
    that it is so and that it is not, fitted to how often that is right."""

    yes: float
    no: float
    calibrated: bool = False

    @classmethod
    def of(cls, yes: float, no: float) -> Decision:
        """Return the decision of two log-probabilities."""
        return cls(math.exp(yes), math.exp(no))

    @property
    def probability(self) -> float:
        """The probability of yes among the two; a half where the model says neither."""
        return self.yes / (self.yes + self.no) if self.yes + self.no > 0 else 0.5


def decide(backend: Backend, request: Request, yes: Sequence[str] = YES, no: Sequence[str] = NO) -> Decision:
    """Return how likely the model is to begin its answer with a yes or a no: one reading of the prompt, no decoding.

    Raises BadInput where `yes` or `no` are no texts, or the request cannot be answered.

    >>> decide(backend, Request("Is the bicycle hidden by the bush?", (picture,))).probability  # doctest: +SKIP
    0.63
    """
    first, second = backend.score(request, [as_wordings("yes", yes), as_wordings("no", no)], whole=False)
    return Decision.of(first, second)


def as_predicate(asked: str, as_it_is: bool) -> str:
    """Return a question, or a statement, with the form of its answer in its language; without, for a model that knows
    its own wordings alone."""
    return asked if as_it_is else f"{asked}\n\n{FORMS[language_of(asked)]}"


def language_of(text: str) -> Literal["en", "zh"]:
    """Return the language that is Chinese where there is a Chinese character."""
    return "zh" if any("一" <= c <= "鿿" for c in text) else "en"
