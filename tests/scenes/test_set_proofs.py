"""What is proven of all questions of a set together."""

from __future__ import annotations

from typing import Any

import pytest
from tests.reasoning.street import thing

from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph, Relation
from occlusight.scenes.check.proofs import set_failures

CAR = thing("car", "car", "red car", "红色的汽车", (400, 400, 700, 700), 3.0)
DOG = thing("dog", "dog", "dog", "狗", (650, 500, 800, 700), 6.0)
BUS = thing("bus", "bus", "bus", "公交车", (20, 100, 200, 300), 12.0)
CUP = thing("cup", "cup", "cup", "杯子", (30, 150, 100, 290), 14.0)
FACTS = Facts(Graph(400, 300, (CAR, DOG, BUS, CUP), (Relation("car", "dog", "partial", 0.2, "left"),)))
REVERSED, OVERLAPPING, APART = ("dog", "car"), ("cup", "bus"), ("bus", "car")


def failures(*noes: tuple[str, str]) -> list[str]:
    """What is wrong with a set that asks, about a scene each, a pair that hides and one that does not."""
    questions: list[dict[str, Any]] = []
    scenes = {}
    for n, no in enumerate(noes):
        scenes[f"s{n}"] = ({"camera": {}}, FACTS)
        for pair, value in ((("car", "dog"), "yes"), (no, "no")):
            asked = {"scene": f"s{n}", "template": "hides.one", "program": [["hides", list(pair)]]}
            questions += [{**asked, "lang": lang, "answer": {"value": value}} for lang in ("en", "zh")]
    return list(set_failures(questions, scenes))


@pytest.mark.parametrize(
    "noes",
    [
        (),
        (APART,),
        (APART,) * 16,
        (REVERSED, APART, APART, APART),
        (REVERSED, OVERLAPPING) * 40,
        (REVERSED, APART) * 40,
        (REVERSED,) * 42 + (APART,) * 58,  # as chance would have it, once in twenty sets
    ],
)
def test_few_hard_pairs_in_a_small_set_are_chance(noes: tuple[tuple[str, str], ...]) -> None:
    assert failures(*noes) == []


def test_a_set_whose_pairs_that_do_not_hide_are_easy_is_found() -> None:
    said = "pairs that do not hide, only"
    assert [f"of 17 {said} 0 are" in one for one in failures(*(APART,) * 17)] == [True]
    (failure,) = failures(*(REVERSED,) * 29, *(APART,) * 71)
    assert failure == f"of 100 {said} 29 are reversed true pairs or overlap"
