"""Whether a thing is there: what a model is asked for it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

from occlusight.backends.protocol import Request
from occlusight.reasoning.calibration import Calibration
from occlusight.reasoning.looking import DENIED, denials, denied_from
from occlusight.reasoning.own_wording import Thing
from occlusight.reasoning.vocabulary import shipped_words

SAYS = {"None": 0.9, "No": 0.1, "没有": 0.4}


@dataclass
class Denies:
    """Says that there is none of anything, with other words more or less surely."""

    learnt: tuple[str, ...]

    @property
    def info(self) -> Any:
        return SimpleNamespace(learnt=self.learnt)

    def score_many(self, asked: Sequence[tuple[Request, list[str]]], *, whole: bool) -> list[list[float]]:
        assert not whole
        return [[math.log(SAYS[none]) for none in choices] for _, choices in asked]


@pytest.mark.parametrize(
    ("learnt", "chance"), [(("count",), (0.9 + 0.4) / 2), (("count", "exists"), (0.9 + 0.4 + 0.1 + 0.4) / 4)]
)
def test_a_thing_is_counted_and_asked_for_where_the_model_has_learnt_both(
    learnt: tuple[str, ...], chance: float
) -> None:
    things = [Thing(shipped_words().kinds[key]) for key in ("dog", "car", "tree")]
    assert denials(Denies(learnt), Request("x", ()), things) == pytest.approx([chance] * 3)  # type: ignore[arg-type]


def test_a_calibration_says_from_where_on_a_denial_is_believed() -> None:
    fitted = Calibration("a", "renders", {}, {}, denied=0.7)
    assert denied_from(fitted) == 0.7
    assert denied_from(replace(fitted, denied=None)) == denied_from(None) == DENIED
    body = json.dumps(fitted.to_json())
    assert Calibration.from_json(body, "a.json") == fitted
