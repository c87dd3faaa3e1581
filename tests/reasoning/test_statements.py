"""Questions that state what was fitted get fitted probabilities, as a graph would give them; all others none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.reasoning.street import FITTED, PICTURE, sees
from tests.reasoning.test_reasoned import reads

from occlusight.backends.protocol import Message, Request
from occlusight.errors import Cancelled
from occlusight.reasoning.calibration import Calibration
from occlusight.reasoning.extract import Extractor
from occlusight.reasoning.reasoned import Reasoning
from occlusight.reasoning.relations import describe
from occlusight.reasoning.statements import fitted, stated

OWN = ("list_all", "hides", "count")
POST, BACK, ABSENT = (
    "does the street lamp hide the red car?",
    "does the red car hide the street lamp?",
    "is the cup hidden by the dog?",
)
PLAIN = Request("?", PICTURE)


def by(label: str = "hides:12", calibration: Calibration | None = FITTED, **how: object) -> Reasoning:
    return Reasoning(Extractor(sees(**how)), reads(label), calibration)


def test_probabilities_are_those_of_the_graph() -> None:
    for learnt in (OWN, ()):
        reasoning = by(learnt=learnt, bias=-1.0)
        found = fitted(reasoning, PLAIN, [POST, ABSENT, BACK, POST])
        assert found.probabilities[1] is None  # nobody sees a cup
        graph = describe(reasoning.extractor, PICTURE, FITTED)
        ids = {one.name: one.id for one in graph.graph.objects}
        lamp, car = ids["street lamp"], ids["red car"]
        wanted = graph.asked[lamp, car]
        assert found.probabilities == (pytest.approx(wanted), None, pytest.approx(graph.asked[car, lamp]), wanted)
        assert wanted > 0.8 > 0.1 > graph.asked[car, lamp]


def test_a_pair_is_asked_as_it_was_fitted_and_once() -> None:
    reasoning = by(learnt=OWN)
    fitted(reasoning, PLAIN, [POST, BACK, POST])
    asked = reasoning.extractor.backend.asked  # type: ignore[attr-defined]
    hides = [text for text, _ in asked if "hid" in text]
    assert len(hides) == 8  # two wordings, both ways, with the picture and without
    assert sum(shown for text, shown in asked if "hid" in text) == 4


@pytest.mark.parametrize(
    ("reasoning", "request_"),
    [
        (by(calibration=None), PLAIN),
        (by(calibration=replace(FITTED, revision="other")), PLAIN),
        (by(world=0.1), PLAIN),
        (by("who_hides:1"), PLAIN),
        (by(), Request("?")),
        (by(), Request("?", (PICTURE, Path("other.webp")))),
        (by(), replace(PLAIN, system="Be strict.")),
        (by(), replace(PLAIN, history=(Message("user", "?"), Message("assistant", "Yes.")))),
    ],
)
def test_where_the_fit_does_not_hold_there_is_no_probability(reasoning: Reasoning, request_: Request) -> None:
    assert fitted(reasoning, request_, [POST]).probabilities == (None,)


@pytest.mark.parametrize(
    ("question", "is_stated"),
    [
        ("does the street lamp hide the red car?", True),
        ("The street lamp hides part of the red car.", True),
        ("路灯有没有遮挡汽车？", True),
        ("路灯挡不挡汽车？", True),
        ("Does the lamp not hide the car?", False),
        ("Doesn't the lamp hide the car?", False),
        ("Is the car completely hidden by the lamp?", False),
        ("How much of the car does the lamp hide?", False),
        ("路灯没有遮挡汽车。", False),
        ("路灯完全遮挡汽车吗？", False),
        ("does the car on the left hide the dog?", False),  # which car it is gets lost
        ("does the flumph hide the dog?", False),
    ],
)
def test_only_what_states_that_a_part_is_hidden_is_stated(question: str, is_stated: bool) -> None:
    found = stated(question, reads("hides:12"))
    assert (found is not None) is is_stated
    if found is not None:
        assert len(found.names) == 2


def test_it_stops_between_lots() -> None:
    with pytest.raises(Cancelled):
        fitted(by(), PLAIN, [POST], lambda: True)
