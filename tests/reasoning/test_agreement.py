"""What was said held against the graph of the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.reasoning.street import UNDERSTANDING, answers, asked

from occlusight.reasoning.agreement import checked
from occlusight.reasoning.graph_answers import GraphAnswers
from occlusight.reasoning.understanding import Understanding, Understood


def by(program: list[list[object]], lang: str, **how: object) -> GraphAnswers:
    """Answers by a graph whose truth is known, where every question means one program."""

    class Means(Understanding):
        def of(self, question: str, history: Sequence[str] = ()) -> Understood:
            return asked(question, program, lang)

    return replace(answers(**how), understanding=Means(UNDERSTANDING.read))


@pytest.mark.parametrize(
    ("question", "program", "said", "agrees"),
    [
        ("does the lamp post hide the car", [["hides", ["lamp post", "car"]]], "Yes, in the middle.", True),
        ("does the lamp post hide the car", [["hides", ["lamp post", "car"]]], "No, the car is before it.", False),
        ("does the lamp post hide the car", [["hides", ["lamp post", "car"]]], "It is a nice street.", None),
        ("狗遮挡了车吗", [["hides", ["狗", "车"]]], "没有。", False),
        ("狗遮挡了车吗", [["hides", ["狗", "车"]]], "是的，狗挡住了车。", True),
        ("what hides the car", [["who_hides", ["car"]]], "The dog and the street lamp hide it.", True),
        ("what hides the car", [["who_hides", ["car"]]], "The dog hides the car.", False),
        ("what hides the car", [["who_hides", ["car"]]], "A cat and the dog and the street lamp.", False),
        ("what hides the car", [["who_hides", ["car"]]], "Nothing hides the car.", False),
        ("what hides the dog", [["who_hides", ["dog"]]], "Nothing hides the dog.", True),
        ("what hides the dog", [["who_hides", ["dog"]]], "Who knows?", None),
        ("what is nearest", [["recognised", []], ["nearest", ["$0"]]], "The lamp post.", True),
        ("what is nearest", [["recognised", []], ["nearest", ["$0"]]], "The bus is nearest.", False),
        ("what colour is the dog", [["colour", ["dog"]]], "It is brown.", None),
        ("does the cat hide the car", [["hides", ["cat", "car"]]], "Yes.", None),
    ],
)
def test_an_answer_agrees_with_its_graph_or_not_or_cannot_be_compared(
    question: str, program: list[list[object]], said: str, agrees: bool | None
) -> None:
    graph = by(program, "zh" if "狗" in question else "en")
    found = checked(said, question, graph)
    assert (found and found.agrees) == agrees
    if found:
        assert found.text == graph.answer(question).text


def test_the_probability_is_the_graphs() -> None:
    found = checked("No.", "does the dog hide the car", by([["hides", ["dog", "car"]]], "en"))
    assert found is not None
    assert not found.agrees
    assert found.probability is not None
    assert 0.85 < found.probability < 0.999


def test_what_the_graph_itself_said_agrees_with_it_whatever_it_was() -> None:
    graph = by([["nearer", ["car", "bus"]]], "en")
    assert checked("It is the car.", "car or bus nearer", graph) is None
    found = checked(graph.answer("car or bus nearer").text, "car or bus nearer", graph)
    assert found is not None
    assert found.agrees
