"""Answers about what is there and what is not, in which colour, and how many there are."""

from __future__ import annotations

import pytest
from tests.reasoning.asking import LEARNT, answered

from occlusight.reasoning.sentences import sentence


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("is the elephant hidden", "I see no elephant in this picture; I see a street lamp, a red car and a dog."),
        ("is the bus hidden", "I see no bus in this picture; I see a street lamp, a red car and a dog."),
        ("公交车被挡住了吗", "我在图中没有看到公交车，我看到的是一盏路灯、一辆红色的汽车和一只狗。"),
    ],
)
def test_what_is_not_there_is_said_first(question: str, answer: str) -> None:
    assert answered(question, "who_hides:1", {})[0] == answer


def test_a_thing_is_there_that_is_counted_and_not_listed() -> None:
    own = {
        "How many buses are there?": "One bus.",
        "图中有几辆公交车?": "一辆公交车。",
        "Is anything hiding the bus?": "No.",
    }
    assert answered("is the bus hidden", "who_hides:1", own)[0] == "No."
    assert answered("is there a bus", "exists:1", own)[0] == "Yes, there is a bus."


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("is there a red car", "Yes, there is a red car."),
        ("is there a dog", "Yes, there is a dog."),
        ("is there a blue car", "No, I see no blue car; I see a street lamp, a red car and a dog."),
        ("is there a zebra", "No, I see no zebra; I see a street lamp, a red car and a dog."),
        ("is there a brown dog", "I have not learnt that yet."),
        ("有狗吗", "有，图中有一只狗。"),
    ],
)
def test_existence_is_made_of_the_list(question: str, answer: str) -> None:
    assert answered(question, "exists:1", {})[0] == answer


def test_what_is_denied_is_not_said_to_be_seen() -> None:
    own = {"How many dogs are there?": "None.", "图中有几只狗?": "没有。"}
    said = "I see no dog in this picture; I see a street lamp and a red car."
    assert answered("what hides the dog", "who_hides:1", own)[0] == said


def test_whether_there_is_one_is_judged_as_for_any_other_question() -> None:
    own = {
        "Is there a dog in the picture?": "No. There is no dog in the picture.",
        "图中有狗吗?": "有。图中有狗。",
        "Is there a bus in the picture?": "Yes. There is a bus in the picture.",
        "图中有公交车吗?": "没有。图中没有公交车。",
    }
    own |= {f"Is there a {name} in the picture?": "Yes." for name in ("street lamp", "car")}
    own |= {f"图中有{name}吗?": "有。" for name in ("路灯", "汽车")}
    learnt = (*LEARNT, "exists")
    assert answered("is there a dog", "exists:1", own, learnt=learnt)[0] == "Yes, there is a dog."
    absent = "No, I see no bus; I see a street lamp, a red car and a dog."
    assert answered("is there a bus", "exists:1", own, learnt=learnt)[0] == absent


@pytest.mark.parametrize(("question", "label"), [("how many buses", "count:1"), ("is there a red bus", "exists:1")])
def test_what_is_judged_not_to_be_there_is_neither_counted_nor_coloured(question: str, label: str) -> None:
    own = {"Is there a red bus in the picture?": "Yes. There is a red bus in the picture."}
    told = answered(question, label, own, learnt=(*LEARNT, "exists_coloured"))[0]
    assert told.startswith("No, I see no ")


def test_what_counts_something_else_says_that_there_is_none() -> None:
    own = {"How many dogs are there?": "One street lamp.", "图中有几只狗?": "一只狗。"}
    told = answered("how many dogs", "count:1", own)[0]
    assert told == "No, I see no dogs; I see a street lamp and a red car."
    own["How many dogs are there?"] = "One."
    assert answered("how many dogs", "count:1", own)[0] == "One."


@pytest.mark.parametrize(
    ("question", "label", "answer"),
    [
        ("how many dogs are on the table", "count_position:12", "One. " + sentence("counted", "en")),
        ("how many wheels does the car have", "count_position:12", sentence("part", "en", {"it": "wheels"})),
        ("how many windows does the car have", "count_position:12", sentence("part", "en", {"it": "windows"})),
        ("汽车有几个轮子", "count_position:21", sentence("part", "zh", {"it": "轮子"})),
        ("is the wheel hidden", "who_hides:1", sentence("part", "en", {"it": "wheel"})),
        ("is the dog on the table", "position:12", sentence("surface", "en", {"it": "table"})),
        ("狗在桌子上吗", "position:12", sentence("surface", "zh", {"it": "桌子"})),
        ("is there a table", "exists:1", "No, I see no table; I see a street lamp, a red car and a dog."),
    ],
)
def test_parts_and_what_things_stand_on_are_not_denied(question: str, label: str, answer: str) -> None:
    assert answered(question, label, {})[0] == answer


def test_another_colour_than_was_said_is_told_first() -> None:
    own = {"Does the street lamp hide the red car?": "No.", "路灯是否遮挡红色的汽车?": "没有。"}
    for question, answer in (
        ("does the street lamp hide the blue car", "I see no blue car, but a red car. No."),
        ("does the street lamp hide the red car", "No."),
        ("路灯挡住蓝色的车了吗", "我没有看到蓝色的车，看到的是一辆红色的汽车。没有。"),
    ):
        assert answered(question, "hides:12", own)[0] == answer


def test_a_colour_that_the_model_does_not_say_is_taken_as_it_was_given() -> None:
    own = {"Does the red car hide the brown dog?": "No."}
    assert answered("does the red car hide the brown dog", "hides:12", own)[0] == "No."


def test_what_is_not_learnt_is_declined() -> None:
    assert answered("what colour is the car", "colour:1", {})[0] == sentence("unlearnt", "en")
    own = {"What colour is the car?": "Red."}
    assert answered("what colour is the car", "colour:1", own, learnt=(*LEARNT, "colour"))[0] == "Red."


def test_only_colours_are_told_as_colours() -> None:
    own = {"What colour is the dog?": "Dog.", "狗是什么颜色?": "狗。"}
    for question, lang in (("what colour is the dog", "en"), ("狗是什么颜色", "zh")):
        told = answered(question, "colour:1", own, learnt=(*LEARNT, "colour"))[0]
        assert told == sentence("unpainted", lang, {"it": "the dog" if lang == "en" else "狗"})


def test_a_colour_within_another_word_is_none() -> None:
    own = {"What colour is the dog?": "Covered."}
    told = answered("what colour is the dog", "colour:1", own, learnt=(*LEARNT, "colour"))[0]
    assert told == sentence("unpainted", "en", {"it": "the dog"})
