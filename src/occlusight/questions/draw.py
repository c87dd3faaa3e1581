"""Drawing about one picture: what the templates' `draw` draw from, and how."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from occlusight.occlusion.facts import Facts
from occlusight.occlusion.kinds import Names
from occlusight.questions.candidates import Candidates

T = TypeVar("T")


class Draw:
    """Draws what to ask about one picture."""

    def __init__(self, facts: Facts, names: Names, rng: np.random.Generator) -> None:
        self.facts, self.rng, self.candidates = facts, rng, Candidates(facts, names)

    def pick(self, items: list[T]) -> T | None:
        """One of the items; None where there are none. Always draws once."""
        at = int(self.rng.random() * len(items))
        return items[at] if items else None

    def shuffled(self, items: list[T]) -> list[T]:
        """The items in random order."""
        return items if len(items) < 2 else [items[i] for i in self.rng.permutation(len(items))]
