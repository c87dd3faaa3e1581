"""Answers: in the model's own wordings, of what is there, in the question's language, or honestly declined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest

from occlusight.backends.completion import Completion
from occlusight.backends.protocol import Message, Request
from occlusight.backends.scripted import Scripted
from occlusight.errors import BadInput
from occlusight.reasoning.answering import SAY, Answering
from occlusight.reasoning.labels import LABELS
from occlusight.reasoning.names import named
from occlusight.reasoning.own_wording import Thing, own_wording
from occlusight.reasoning.understanding import Understanding
from occlusight.reasoning.vocabulary import shipped_words

LEARNT = frozenset(("list_all", "hides", "anything_hides", "count", "nearer", "position", "nearest"))
SEES = {
    "What is in the picture?": "There are three objects: a street lamp, a red car and a dog.",
    "图中有什么?": "图中有三个物体：一盏路灯、一辆红色的汽车和一只狗。",
}


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


def answered(
    question: str,
    label: str,
    script: Mapping[str, str],
    hides: float = 0.97,
    inside: float = 0.99,
    second: str = "",
    history: tuple[Message, ...] = (),
    learnt: frozenset[str] = LEARNT,
) -> tuple[str, list[str]]:
    """The answer and what the model was asked."""
    backend = Scripted({**SEES, **script})
    answering = Answering(backend, Understanding(reads(label, hides, inside, second)), learnt)
    text = Completion.of(answering.generate(Request(question, history=history))).text
    return text, [request.prompt for request in backend.requests]


def test_a_question_is_put_in_the_models_own_words() -> None:
    own = {"Does the street lamp hide the red car?": "Yes. The street lamp hides a small part of it."}
    text, asked = answered("does teh lamp post block the automobile", "hides:12", own)
    assert text == "Yes. The street lamp hides a small part of it."
    assert asked[-1] == "Does the street lamp hide the red car?"


def test_the_answer_is_in_the_questions_language() -> None:
    own = {"路灯是否遮挡红色的汽车?": "是的。"}
    assert answered("灯柱把车挡住了没", "hides:12", own)[0] == "是的。"


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


def test_a_thing_is_looked_for_twice_before_it_is_denied() -> None:
    own = {"图中有什么?": "图中有一辆公交车。", "Is anything hiding the bus?": "No."}
    assert answered("is the bus hidden", "who_hides:1", own)[0] == "No."


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


def test_order_is_made_of_pairs() -> None:
    rank = ["street lamp", "dog", "red car"]

    def script(request: Request) -> str:
        if request.prompt in SEES:
            return SEES[request.prompt]
        first = min((name for name in rank if name in request.prompt), key=rank.index)
        return f"The {first} is nearer."

    answering = Answering(Scripted(script), Understanding(reads("in_order:", 0.5, 0.99, "")), LEARNT)
    text = Completion.of(answering.generate(Request("front to back please"))).text
    assert text == "From front to back: the street lamp, the dog and the red car."


def test_what_is_not_learnt_is_declined() -> None:
    assert answered("what colour is the car", "colour:1", {})[0] == SAY["unlearnt"]["en"]
    own = {"What colour is the red car?": "Red."}
    assert answered("what colour is the car", "colour:1", own, learnt=LEARNT | {"colour"})[0] == "Red."


def test_what_no_picture_tells_is_declined_with_an_example_about_this_one() -> None:
    text, _ = answered("how old is the dog", "colour:1", {}, inside=0.02)
    assert text.endswith("ask, for example: What is in the picture?")  # no picture was given
    assert answered("狗几岁了", "colour:1", {}, inside=0.02)[0] == SAY["outside"]["zh"].format(example="图中有什么?")


def test_the_example_is_about_this_picture() -> None:
    answering = Answering(Scripted(SEES), Understanding(reads("colour:1", 0.5, 0.01, "")), LEARNT)
    text = Completion.of(answering.generate(Request("how old is the dog", "street.webp"))).text
    assert text.endswith("ask, for example: Does the street lamp hide the red car?")


def test_a_mirror_that_is_not_named_is_looked_for() -> None:
    said = "I see no mirror in this picture; I see a street lamp, a red car and a dog."
    assert answered("is the dog reflected", "mirrored:1", {}, learnt=LEARNT | {"mirrored"})[0] == said


def test_what_would_be_seen_without_a_thing_is_what_it_hides() -> None:
    own = {"What does the street lamp hide?": "The dog."}
    learnt = LEARNT | {"hides_what", "remove"}
    assert answered("take the lamp post away", "remove:1", own, learnt=learnt)[0] == "The dog."
    assert answered("take the lamp post away", "remove:1", own)[0] == SAY["unlearnt"]["en"]


def test_what_was_seen_in_a_picture_is_kept_for_the_next_question() -> None:
    backend = Scripted({**SEES, "Is anything hiding the dog?": "No."})
    answering = Answering(backend, Understanding(reads("who_hides:1", 0.5, 0.99, "")), LEARNT)
    for picture, lists in (("a.webp", 1), ("a.webp", 1), ("b.webp", 2)):
        Completion.of(answering.generate(Request("what hides the dog", picture)))
        assert sum(request.prompt in SEES for request in backend.requests) == lists


def test_unsure_of_the_direction_it_says_both() -> None:
    own = {"Does the street lamp hide the red car?": "Yes.", "Does the red car hide the street lamp?": "No."}
    said = "The street lamp hides the red car; the red car does not hide the street lamp."
    assert answered("lamp post car hide?", "hides:12", own, hides=0.2)[0] == said


def test_unsure_of_the_meaning_it_asks_back() -> None:
    chances = {"behind:1": 0.34, "hides_what:1": 0.33, "in_front:1": 0.33}

    def read(questions: Sequence[str]) -> Sequence[Read]:
        return [Read(chances, 0.5, 0.99) for _ in questions]

    answering = Answering(Scripted(SEES), Understanding(read), LEARNT)
    text = Completion.of(answering.generate(Request("past the car?"))).text
    assert text == "Do you mean: What is behind the car? Or: What does the car hide?"


def test_things_told_apart_by_place_are_declined() -> None:
    assert answered("what hides the left one", "who_hides:1", {})[0] == SAY["place"]["en"]


def test_the_models_answer_streams_and_ends_as_it_did() -> None:
    own = {"Is anything hiding the dog?": "No. The dog is fully visible, nothing is before it."}
    answering = Answering(Scripted({**SEES, **own}), Understanding(reads("who_hides:1", 0.5, 0.99, "")), LEARNT)
    *pieces, done = answering.generate(Request("what hides the dog", max_tokens=3))
    assert len(pieces) == 3
    assert done.finish_reason == "length"


@pytest.mark.parametrize(
    ("program", "en", "zh"),
    [
        ([["hides", ["a", "b"]]], "Does the red car hide the dog?", "红色的汽车是否遮挡狗?"),
        ([["recognised", ["b"]], ["count", ["$0", "b"]]], "How many dogs are there?", "图中有几只狗?"),
        ([["recognised", ["b"]], ["count_position", ["$0", "b", "a"]]],
         "How many dogs are there, and where are they relative to the red car?",
         "图中有几只狗?它们与红色的汽车的位置关系是什么?"),
        ([["hidden_part", ["a", "b"]]], "Which part of the dog is hidden by the red car?",
         "狗的哪一部分被红色的汽车遮挡?"),
        ([["exists", ["b"]]], "Is there a dog in the picture?", "图中有狗吗?"),
    ],
)  # fmt: skip
def test_own_wordings(program: list, en: str, zh: str) -> None:
    kinds = shipped_words().kinds
    things = {"a": Thing(kinds["car"], ("red", "红色")), "b": Thing(kinds["dog"])}
    assert [own_wording(program, things, lang) for lang in ("en", "zh")] == [en, zh]


def test_every_program_has_an_own_wording() -> None:
    kinds = shipped_words().kinds
    things = {"x": Thing(kinds["car"]), "y": Thing(kinds["dog"])}
    alone = {("remove", 1), ("through", 1), ("mirrored", 1)}
    for label in LABELS.values():
        n = len(label.form.slots)
        if label.form.op in ("followup", "two_in_one") or (label.form.op, n) in alone:
            continue
        for lang in ("en", "zh"):
            text = own_wording(label.program(["x", "y"][:n]), things, lang, why=label.why)
            assert "{" not in text
            assert len(named(text).only(named(text).names).names) >= (n if n < 2 else 2)
    with pytest.raises(BadInput, match="no wording"):
        own_wording([["stated", []]], things, "en")
