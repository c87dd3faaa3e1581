"""Probabilities of decisions: every pair of clearly named things is asked, fitted ones are judged apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.reasoning.street import STREET

from occlusight.backends.decision import Decision
from occlusight.bench.decisions import decided, measure
from occlusight.datasets.dataset import SceneLine
from occlusight.occlusion.graph import Graph

CLEAR = replace(STREET, objects=tuple(replace(one, unique=True, visible_fraction=0.9) for one in STREET.objects))


class Knows:
    """Knows two pairs, and says so with the same probability of everything; what is said of the bus is not fitted."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def decide(self, pictures: Any, questions: list[str], /) -> list[Decision]:
        self.asked += questions
        true = ("red car hidden by the street lamp", "red car hidden by the dog", "红色的汽车被路灯", "红色的汽车被狗")
        chances = [0.9 if any(one in text for one in true) else 0.1 for text in questions]
        return [
            Decision(chance, 1 - chance, calibrated="bus" not in text and "公交车" not in text)
            for chance, text in zip(chances, questions, strict=True)
        ]


def scene(graph: Graph) -> SceneLine:
    return SceneLine("s", "boxes", Path("s.png"), graph)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_pair_is_asked_both_ways_and_judged(lang: Any) -> None:
    model = Knows()
    found = measure(list(decided(model, scene(CLEAR), lang)))
    assert len(set(model.asked)) == len(model.asked) == found["n"] == 12
    assert found["hides"] == 2
    assert (found["calibrated"]["n"], found["own_word"]["n"]) == (6, 6)
    assert found["calibrated"]["accuracy"] == 1.0
    assert found["calibrated"]["ece"] == pytest.approx(0.1)  # right all the time, and 0.9 sure


def test_a_scene_of_one_thing_asks_nothing() -> None:
    model = Knows()
    alone = replace(CLEAR, objects=CLEAR.objects[:1], relations=(), depth_order=())
    found = measure(list(decided(model, scene(alone), "en")))
    assert (found["n"], found["calibrated"], model.asked) == (0, {"n": 0}, [])
