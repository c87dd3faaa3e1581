"""Answers that are executed on a relation graph."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from tests.reasoning.street import answers, asked

from occlusight.reasoning.graph_answers import GraphAnswers


@pytest.mark.parametrize(
    ("question", "program", "lang", "said"),
    [
        ("does the lamp post hide the car", [["hides", ["lamp post", "car"]]], "en", "Yes. The street lamp stands"),
        ("does the car hide the lamp post", [["hides", ["car", "lamp post"]]], "en", "No. The red car is behind"),
        ("does the dog hide the bus", [["hides", ["dog", "bus"]]], "en", "No. The dog does not hide the bus."),
        ("what hides the car", [["who_hides", ["car"]]], "en", "The street lamp and the dog hide part of the red car."),
        ("what hides the dog", [["who_hides", ["dog"]]], "en", "Nothing hides the dog."),
        ("what does the dog hide", [["hides_what", ["dog"]]], "en", "The red car."),
        ("is there a dog", [["exists", ["dog"]]], "en", "Yes. There is a dog."),
        ("is there a cat", [["exists", ["cat"]]], "en", "No. There is no cat."),
        ("what hides the cat", [["who_hides", ["cat"]]], "en", "There is no cat in the graph of this picture; it has"),
        ("what is nearest", [["recognised", []], ["nearest", ["$0"]]], "en", "The street lamp is nearest to us."),
        ("car or bus nearer", [["nearer", ["car", "bus"]]], "en", "The red car is nearer than the bus."),
        ("狗遮挡了车吗", [["hides", ["狗", "车"]]], "zh", "是的。狗在红色的汽车的前面"),
        ("什么挡住了狗", [["who_hides", ["狗"]]], "zh", "没有物体遮挡狗。"),
    ],
)
def test_answers_are_executed_on_the_graph(question: str, program: list[list[object]], lang: str, said: str) -> None:
    answer = answers().of(asked(question, program, lang), lang)  # type: ignore[arg-type]
    assert answer.text.startswith(said)


def test_an_answer_rests_on_relations_and_has_their_probability() -> None:
    by = answers()
    yes = by.of(asked("does the dog hide the car", [["hides", ["dog", "car"]]]), "en")
    assert len(yes.relations) == 1
    assert yes.probability == pytest.approx(yes.relations[0].probability, abs=1e-4)
    assert yes.evidence is not None
    assert yes.evidence.en
    assert yes.evidence.zh
    both = by.of(asked("what hides the car", [["who_hides", ["car"]]]), "en")
    assert len(both.relations) == 2
    assert both.probability is not None
    assert both.probability < yes.probability
    no = by.of(asked("does the car hide the dog", [["hides", ["car", "dog"]]]), "en")
    assert no.relations == ()
    assert no.probability is not None
    assert no.probability > 0.9
    assert json.loads(json.dumps(yes.to_json()))["program"] == [["hides", [*by_names(by, "dog", "red car")]]]


def test_that_something_is_hidden_is_as_sure_as_that_anything_hides_it() -> None:
    by = answers()
    found = by.of(asked("is anything hidden", [["anything_hidden", []]]), "en")
    assert found.text == "Yes. The red car is partly hidden."
    p = [r.probability for r in by.described.graph.relations if by.facts.objects[r.occluded].name == "red car"]
    assert found.probability == pytest.approx(1 - (1 - p[0]) * (1 - p[1]), abs=1e-4)  # type: ignore[operator]
    bare = replace(by.described, graph=replace(by.described.graph, relations=()), asked={("o1", "o2"): 0.1})
    none = GraphAnswers(bare, by.understanding).of(asked("is anything hidden", [["anything_hidden", []]]), "en")
    assert (none.text, none.probability) == ("No. Nothing is hidden.", 0.9)


def by_names(by: GraphAnswers, *names: str) -> list[str]:
    return [next(o.id for o in by.facts.objects.values() if o.name == name) for name in names]


def test_what_is_not_sure_is_said_not_to_be() -> None:
    answer = answers(sure=0.5).of(asked("does the dog hide the car", [["hides", ["dog", "car"]]]), "en")
    assert answer.text.startswith("Yes. The dog")
    assert answer.text.endswith("That is not sure: 56%.")


def test_who_asks_why_is_told_why() -> None:
    by = answers()

    def why(text: str, pair: list[object]) -> str:
        return by.of(replace(asked(text, [["hides", pair]]), why=True), "en").text

    assert why("does the dog hide the car, and why", ["dog", "car"]).endswith("can still be seen.")
    assert why("does the bus hide the dog, and why", ["bus", "dog"]) == (
        "No. The bus does not hide the dog, which is nearer."
    )
    assert why("does the dog hide the bus, and why", ["dog", "bus"]) == (
        "No. The dog is nearer, but they do not overlap in the picture."
    )


def test_what_no_graph_holds_is_left_to_others() -> None:
    answer = answers().of(asked("what colour is the dog", [["colour", ["dog"]]]), "en")
    assert not answer.from_graph
    assert answer.program


def test_places_need_boxes() -> None:
    where = asked("where is the dog relative to the bus", [["position", ["dog", "bus"]]])
    assert answers().of(where, "en").text.startswith("The dog is to the right of the bus")
    assert not answers(learnt=("list_all", "hides", "nearer")).of(where, "en").from_graph


def test_no_two_answers_on_a_graph_contradict_each_other() -> None:
    rng = np.random.default_rng(3)
    by = answers(sure=0.3, noise=lambda: float(rng.normal(0, 4)))
    for a in by.facts.objects:
        for b in by.facts.objects:
            if a != b:
                hides = not by.executed([["hides", [a, b]]], "en").text.startswith("No")
                assert hides == (b in by.facts.objects and a in by.facts.occluders(b))
                assert not (hides and by.facts.hides(b, a))
