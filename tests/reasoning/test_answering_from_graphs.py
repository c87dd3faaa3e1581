"""Answers to any question that come from the relation graph of the picture, and what they rest on."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from tests.reasoning.asking import LEARNT, SEES, Model, reads

from occlusight.backends.completion import Completion
from occlusight.backends.protocol import Request
from occlusight.reasoning.answering import Answering
from occlusight.reasoning.graph_answers import GraphAnswer
from occlusight.reasoning.sentences import sentence
from occlusight.reasoning.understanding import Understanding, Understood


@dataclass(frozen=True)
class Graphs:
    """Graphs that tell one thing about one step."""

    step: str
    text: str

    def told(self, request: Request, asked: Understood) -> GraphAnswer | None:
        return GraphAnswer(self.text, 0.9) if asked.program[-1][0] == self.step else None


def answered(question: str, label: str, graphs: Graphs) -> Completion:
    answering = Answering(
        Model(SEES, learnt=LEARNT),
        Understanding(reads(label, 0.5, 0.99, "")),
        graphs,  # type: ignore[arg-type]
    )
    return Completion.of(answering.generate(Request(question, "street.webp")))


@pytest.mark.parametrize(
    ("label", "text", "probability"),
    [("behind:1", "The dog is behind it.", 0.9), ("colour:1", sentence("unlearnt", "en"), None)],
)
def test_what_is_not_learnt_is_answered_where_a_graph_holds_it(
    label: str, text: str, probability: float | None
) -> None:
    found = answered("what is behind the car", label, Graphs("behind", "The dog is behind it."))
    assert found.text == text
    assert (found.grounds and found.grounds.probability) == probability


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("Yes. The dog is partly hidden.", "The dog is partly hidden."),
        ("No. Nothing is hidden.", "Nothing is hidden."),
        ("是的。狗被遮挡了一部分。", "狗被遮挡了一部分。"),
    ],
)
def test_whether_all_is_visible_and_whether_anything_is_hidden_are_answered_alike(told: str, said: str) -> None:
    found = answered("is everything visible", "anything_hidden:", Graphs("anything_hidden", told))
    assert found.text == said
    assert found.grounds is not None
