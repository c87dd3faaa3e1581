"""The shipped reader and the names together: plain questions in both languages are understood."""

from __future__ import annotations

import pytest

from occlusight.backends.open import open_reader
from occlusight.questions.wording import wordings
from occlusight.reasoning.understanding import Understanding

LIST = ["recognised", []]
MEANT = {
    "Does the street lamp hide the red car?": [["hides", ["street lamp", "red car"]]],
    "is the dog hidden by the bench": [["hides", ["bench", "dog"]]],
    "狗被长椅挡住了吗": [["hides", ["长椅", "狗"]]],
    "路灯挡住汽车了吗": [["hides", ["路灯", "汽车"]]],
    "what is hiding the elephant?": [["who_hides", ["elephant"]]],
    "how many chairs are there": [["recognised", ["chairs"]], ["count", ["$0", "chairs"]]],
    "what colour is the sofa": [["colour", ["sofa"]]],
    "沙发和椅子哪个更近": [["nearer", ["沙发", "椅子"]]],
    "图里有什么": [LIST, ["list_all", ["$0"]]],
    "which object is nearest to the camera?": [LIST, ["nearest", ["$0"]]],
    "where is the cup relative to the laptop": [["position", ["cup", "laptop"]]],
    "is the sofa a red one?": [["exists_coloured", ["sofa", "red"]]],
    "椅子是红的吗": [["exists_coloured", ["椅子", "red"]]],
    "which things are completely visible?": [["anything_hidden", []]],
    "Is the dog hidden by the bench, and which part can still be seen?": [["hides", ["bench", "dog"]]],
    "狗是否被长椅遮挡,还能看到哪些部分?": [["hides", ["长椅", "狗"]]],
}
OUTSIDE = ("what is the capital of France", "明天天气怎么样", "how old is the man")


@pytest.fixture(scope="module")
def understanding() -> Understanding:
    return Understanding(open_reader())


def test_plain_questions_are_understood(understanding: Understanding) -> None:
    found = {question: understanding.of(question) for question in MEANT}
    assert {question: (one.scope, one.program) for question, one in found.items()} == {
        question: ("inside", program) for question, program in MEANT.items()
    }


@pytest.mark.parametrize(
    ("lang", "names"), [("en", ("the street lamp", "the red car")), ("zh", ("路灯", "红色的汽车"))]
)
def test_which_part_one_thing_hides_of_another_is_understood_in_the_models_own_words(
    understanding: Understanding, lang: str, names: tuple[str, str]
) -> None:
    a, b = names
    asked = [text.format(a=a, b=b) for text in wordings()["hidden_part.pair"][lang]]
    assert len(asked) > 5
    meant = [["hidden_part", [a.removeprefix("the "), b.removeprefix("the ")]]]
    assert {question: understanding.of(question).program for question in asked} == dict.fromkeys(asked, meant)


def test_other_questions_are_declined(understanding: Understanding) -> None:
    assert {question: understanding.of(question).scope for question in OUTSIDE} == dict.fromkeys(OUTSIDE, "outside")


def test_a_followup_is_understood(understanding: Understanding) -> None:
    found = understanding.of("那狗呢?", ["汽车被什么挡住了?"])
    assert found.program == [["who_hides", ["狗"]]]


@pytest.mark.parametrize(
    "question", ["What is behind the sofa? And what colour is the chair?", "沙发后面有什么?椅子是什么颜色的?"]
)
def test_two_questions_are_parted(understanding: Understanding, question: str) -> None:
    found = understanding.of(question)
    assert [part.program[-1][0] for part in found.parts] == ["behind", "colour"]


@pytest.mark.parametrize(
    "question",
    [
        "自行车是否被灌木丛遮挡,还能看到哪些部分?",
        "Is the bicycle hidden by the bush? Which parts can still be seen?",
        "Is the bicycle hidden by the bush, and which part can still be seen?",
    ],
)
def test_which_part_after_whether_it_is_hidden_is_one_question_with_its_reason(question: str) -> None:
    found = Understanding(open_reader()).of(question)
    assert (found.program[-1][0], found.why, found.parts) == ("hides", True, ())
