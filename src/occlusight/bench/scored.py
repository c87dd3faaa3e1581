"""A question with its score, as metrics take it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from occlusight.bench.scorers import Score
from occlusight.questions.question import Question


@dataclass(frozen=True)
class Scored:
    """A question with its score, and the log-probabilities of yes and no where they were asked for."""

    question: Question
    score: Score
    heldout: bool | None = None
    log_probabilities: Mapping[str, float] | None = None

    @property
    def yes_probability(self) -> float | None:
        """The probability of yes against no."""
        if self.log_probabilities is None:
            return None
        return round(1 / (1 + math.exp(min(700.0, self.log_probabilities["no"] - self.log_probabilities["yes"]))), 6)


Row = Sequence[float]
