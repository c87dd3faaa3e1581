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
from occlusight.reasoning.in_the_picture import list_of
from occlusight.reasoning.looking import DENIED, Looking, believed, denials, denied_from
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


@dataclass
class Counts:
    """Counts as many of each kind as it has, and lists what it says. `rounds` is how often it was asked."""

    there: dict[str, int]
    learnt: tuple[str, ...] = ("count",)
    rounds: int = 0

    @property
    def info(self) -> Any:
        return SimpleNamespace(learnt=self.learnt)

    @property
    def capabilities(self) -> Any:
        return SimpleNamespace(scores="whole")

    def score_many(self, asked: Sequence[tuple[Request, list[str]]], *, whole: bool) -> list[list[float]]:
        assert not whole
        self.rounds += 1
        return [[self._chance(request.prompt, one) for one in choices] for request, choices in asked]

    def _chance(self, prompt: str, said: str) -> float:
        (n,) = (n for name, n in self.there.items() if name in prompt)
        return math.log(0.99 if n == {"None": 0, "没有": 0, "One": 1, "一": 1, "Two": 2, "两": 2}[said] else 0.01)


BENCH, DOG, TREE = (Thing(shipped_words().kinds[key]) for key in ("bench", "dog", "tree"))
THERE = {"benches": 1, "长椅": 1, "dogs": 2, "狗": 2, "trees": 0, "树": 0}


def test_a_list_has_nothing_twice_that_is_counted_once_and_nothing_that_is_denied() -> None:
    backend: Any = Counts(THERE)
    assert believed(backend, Request("x", ()), [BENCH, DOG, TREE, BENCH, DOG], 0.5) == [BENCH, DOG, DOG]
    red = replace(BENCH, colour=("red", "红色"))
    assert believed(backend, Request("x", ()), [BENCH, red], 0.5) == [BENCH, red]  # told apart by their colours


@pytest.mark.parametrize(
    ("said", "listed", "learnt"),
    [
        ("There are three objects: a bench, a tree and a bench.", "There is one object: a bench.", ("count",)),
        ("There are two objects: a bench and a dog.", "There are two objects: a bench and a dog.", ("count",)),
        ("There is one object: a tree.", "There is one object: a tree.", ("count",)),  # rather that than nothing
        ("There are two objects: a bench and a tree.",) * 2 + ((),),
    ],
)
def test_a_list_is_kept_without_what_the_model_takes_back(said: str, listed: str, learnt: tuple[str, ...]) -> None:
    backend: Any = Counts(THERE, learnt)
    looking = Looking(backend, Request("x", ()), shipped_words(), {}, lambda _: said)
    assert looking.listed("en") == listed
    rounds = backend.rounds
    assert looking.listed("en") == listed
    assert backend.rounds == rounds  # it is not asked again


def test_lists_are_worded_in_both_languages() -> None:
    assert (
        list_of([DOG, replace(BENCH, colour=("red", "红色"))], "en") == "There are two objects: a dog and a red bench."
    )
    assert list_of([DOG], "zh") == "图中有一个物体：一只狗。"
