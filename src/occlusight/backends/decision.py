"""Yes or no, with a probability, without decoding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from occlusight.backends.fields import as_wordings
from occlusight.backends.protocol import Backend, Request

YES = ("Yes", "yes", "YES", "是", "是的", "有", "会", "对")
NO = ("No", "no", "NO", "不", "不是", "否", "没", "没有")


@dataclass(frozen=True)
class Decision:
    """The probabilities of an answer that begins with a yes, and with a no, in any wording."""

    yes: float
    no: float

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
    return Decision(math.exp(first), math.exp(second))
