"""Choices between things, in the words of a model that knows its own alone."""

from __future__ import annotations

import pytest
from tests.reasoning.test_understanding import Script, sure

from occlusight.reasoning.own_choices import own_names, own_question
from occlusight.reasoning.understanding import Understanding
from occlusight.reasoning.vocabulary import shipped_words

NEARER = {
    "Which is nearer, x1 or x2?": sure("nearer:12"),
    "x1和x2,哪个更近?": sure("nearer:12"),
    "Is x1 sad?": sure("nearer:12", inside=0.1),
}


@pytest.mark.parametrize(
    ("question", "learnt", "own"),
    [
        (
            "Which is nearer, the lamp post or the red car?",
            {"nearer"},
            "Which is nearer, the street lamp or the red car?",
        ),
        ("Which is nearer, the lamp post or the red car?", {"count"}, None),
        ("Which is nearer, the lamp post or the elephant?", {"nearer"}, None),
        ("路灯杆和红色的汽车，哪个更近？", {"nearer"}, "路灯和红色的汽车哪个更近?"),
        ("Is the dog sad?", {"nearer"}, None),
        ("Which one is it?", {"nearer"}, None),
    ],
)
def test_a_question_is_put_in_the_models_words_where_it_means_what_was_learnt(
    question: str, learnt: set[str], own: str | None
) -> None:
    found = own_question(question, Understanding(Script(NEARER)), learnt)
    assert found == (question if own is None else own)


@pytest.mark.parametrize(
    ("value", "own"),
    [
        ("lamp post", ("street lamp",)),
        ("the blue couch", ("blue sofa",)),
        ("路灯杆", ("路灯",)),
        ("elephant", ()),
        ("left", ()),
        ("the car and the dog", ()),
        ("some of the car", ()),
    ],
)
def test_a_thing_has_the_models_own_name(value: str, own: tuple[str, ...]) -> None:
    assert own_names(value, shipped_words()) == own
