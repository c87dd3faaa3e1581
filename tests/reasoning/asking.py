"""A scripted model that is asked in any words, as tests of answers ask it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from occlusight.backends.completion import Completion
from occlusight.backends.protocol import Message, Request
from occlusight.backends.scripted import Scripted
from occlusight.reasoning.answering import Answering
from occlusight.reasoning.labels import LABELS
from occlusight.reasoning.understanding import Understanding

LEARNT = ("list_all", "hides", "anything_hides", "count", "nearer", "position", "nearest")
SEES = {
    "What is in the picture?": "There are three objects: a street lamp, a red car and a dog.",
    "图中有什么?": "图中有三个物体：一盏路灯、一辆红色的汽车和一只狗。",
}


THERE = {"street lamps", "cars", "dogs", "路灯", "汽车", "狗"}
COUNTED = re.compile("How many (?P<en>.+) are there.|图中有几.(?P<zh>.+?).")


class Model(Scripted):
    """Answers from a script; where that does not say how many there are of a kind, there is one of what it sees."""

    def answer(self, request: Request) -> str:
        counted = COUNTED.fullmatch(request.prompt)
        if counted is None or (isinstance(self.script, Mapping) and request.prompt in self.script):
            return super().answer(request)
        there = (counted["en"] or counted["zh"]) in THERE
        return ("One." if there else "None.") if counted["en"] else ("一个。" if there else "没有。")


@dataclass(frozen=True)
class Read:
    labels: Mapping[str, float]
    hides: float
    inside: float


def reads(label: str, hides: float, inside: float, second: str):
    """A reader to whom every question with names means one thing, and every other nothing in particular."""
    chances = dict.fromkeys(LABELS, 0.001) | ({second: 0.46} if second else {})
    chances[label] = 0.4 if second else 0.95

    def read(questions: Sequence[str]) -> Sequence[Read]:
        return [Read(chances, hides, inside) for _ in questions]

    return read


SIDES = Understanding(reads("who_hides:1", 0.5, 0.99, ""))
IS_THERE = Understanding(reads("exists:1", 0.5, 0.99, ""))


def answered(
    question: str,
    label: str,
    script: Mapping[str, str],
    hides: float = 0.97,
    inside: float = 0.99,
    second: str = "",
    history: tuple[Message, ...] = (),
    learnt: tuple[str, ...] = LEARNT,
) -> tuple[str, list[str]]:
    """The answer and what the model was asked."""
    backend = Model({**SEES, **script}, learnt=learnt)
    answering = Answering(backend, Understanding(reads(label, hides, inside, second)))
    text = Completion.of(answering.generate(Request(question, "street.webp", history=history))).text
    return text, [request.prompt for request in backend.requests]
