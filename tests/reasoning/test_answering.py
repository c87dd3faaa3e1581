"""Answers: in the model's own wordings, of what is there, in the question's language, or honestly declined."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from tests.reasoning.asking import IS_THERE, LEARNT, SEES, SIDES, Model, Read, answered, reads

from occlusight.backends.completion import Completion
from occlusight.backends.events import Done, Event, TextDelta
from occlusight.backends.fields import Picture
from occlusight.backends.protocol import CancelCheck, Message, ModelInfo, Request
from occlusight.errors import BadInput
from occlusight.reasoning.answering import Answering
from occlusight.reasoning.labels import LABELS
from occlusight.reasoning.names import named
from occlusight.reasoning.own_wording import Thing, own_wording
from occlusight.reasoning.sentences import sentence
from occlusight.reasoning.spoken import without_yes
from occlusight.reasoning.understanding import Understanding
from occlusight.reasoning.vocabulary import shipped_words


def test_a_question_is_put_in_the_models_own_words() -> None:
    own = {"Does the street lamp hide the car?": "Yes. The street lamp hides a small part of it."}
    text, asked = answered("does teh lamp post block the automobile", "hides:12", own)
    assert text == "Yes. The street lamp hides a small part of it."
    assert asked == ["Does the street lamp hide the car?"]


def test_the_answer_is_in_the_questions_language() -> None:
    own = {"路灯是否遮挡汽车?": "是的。"}
    assert answered("灯柱把车挡住了没", "hides:12", own)[0] == "是的。"


def test_where_a_thing_is_can_be_said_by_another_one() -> None:
    own = {"Where is the car relative to the street lamp?": "The car is behind it."}
    assert answered("where is the car", "locate:1", own)[0] == "The car is behind it."
    boxes = own | {"Where is the car? Answer as JSON.": "[...]"}
    learnt = (*LEARNT, "locate")
    assert answered("where is the car", "locate:1", boxes, learnt=learnt)[0] == "The car is behind it."
    assert answered("the bounding box of the car", "locate:1", boxes, learnt=learnt)[0] == "[...]"


@pytest.mark.parametrize(
    ("own", "answer"),
    [("Yes. The street lamp hides its middle.", "The street lamp hides its middle."), ("No. It is beside it.",) * 2],
)
def test_a_part_that_one_thing_hides_of_another_is_told_where_it_hides_any(own: str, answer: str) -> None:
    learnt, script = (*LEARNT, "hidden_part"), {"Does the street lamp hide the car?": own}
    asked = answered("which part of the car does the street lamp hide", "part_hidden:1", script, 0.03, learnt=learnt)
    assert asked == (answer, ["Does the street lamp hide the car?"])


def test_an_answer_that_says_more_than_yes_is_given_without_it() -> None:
    own = {"Is anything hiding the car?": "Yes. The street lamp hides it."}
    assert answered("how much of the car is covered", "amount_hidden:1", own)[0] == "The street lamp hides it."
    assert list(without_yes(iter([TextDelta("Yes")]))) == [TextDelta("Yes")]


def test_a_meaning_that_needs_several_pictures_is_not_meant_of_one() -> None:
    chances = {"moved:1": 0.36, "locate:1": 0.34, "behind:1": 0.3}
    told = {**SEES, "Where is the car relative to the street lamp?": "The car is behind it."}

    def read(questions: Sequence[str]) -> Sequence[Read]:
        return [Read(chances, 0.5, 0.99) for _ in questions]

    answering = Answering(Model(told, learnt=LEARNT), Understanding(read))
    text = Completion.of(answering.generate(Request("where did the car go", "street.webp"))).text
    assert text == "The car is behind it."


def test_what_no_picture_tells_is_declined_with_an_example_about_this_one() -> None:
    text, _ = answered("how old is the dog", "colour:1", {}, inside=0.02)
    assert text.endswith("ask, for example: Does the street lamp hide the red car?")
    assert answered("狗几岁了", "colour:1", {}, inside=0.02)[0] == sentence(
        "outside", "zh", {"example": "路灯是否遮挡红色的汽车?"}
    )


def test_without_a_picture_one_is_asked_for() -> None:
    answering = Answering(Model(SEES, learnt=LEARNT), Understanding(reads("who_hides:1", 0.5, 0.99, "")))
    text = Completion.of(answering.generate(Request("what hides the dog"))).text
    assert text == sentence("no_picture", "en")


def test_a_mirror_that_is_not_named_is_looked_for() -> None:
    said = "I see no mirror in this picture; I see a street lamp, a red car and a dog."
    assert answered("is the dog reflected", "mirrored:1", {}, learnt=(*LEARNT, "mirrored"))[0] == said


def test_what_would_be_seen_without_a_thing_is_what_it_hides() -> None:
    own = {"What does the street lamp hide?": "The dog."}
    learnt = (*LEARNT, "hides_what", "remove")
    assert answered("take the lamp post away", "remove:1", own, learnt=learnt)[0] == "The dog."
    assert answered("take the lamp post away", "remove:1", own)[0] == sentence("unlearnt", "en")


def test_whether_a_thing_is_where_it_is_said_to_be_is_decided_first() -> None:
    own = {"Where is the car relative to the street lamp?": "The car is to the right of the street lamp and behind it."}
    for question, begins in (("is the car behind the post", "Yes. "), ("is the car to the left of the post", "No. ")):
        told = answered(question, "position:12", own)[0]
        assert told == begins + own["Where is the car relative to the street lamp?"]
    assert answered("where is the car seen from the post", "position:12", own)[0].startswith("The car")


def test_whether_a_thing_would_still_be_hidden_is_the_opposite_of_whether_it_would_be_seen() -> None:
    kinds = shipped_words().kinds
    things = {"a": Thing(kinds["street_lamp"]), "b": Thing(kinds["car"])}
    own = {own_wording([["remove", ["a", "b"]]], things, "en"): "Yes. Only it hides the car."}
    for question, answer in (
        ("without the lamp post, would the car be seen whole", "Yes. Only it hides the car."),
        ("without the lamp post, would the car still be hidden", "No. Only it hides the car."),
    ):
        assert answered(question, "hides:12", own, learnt=(*LEARNT, "remove"))[0] == answer


def test_what_was_seen_in_a_picture_is_kept_for_the_next_question() -> None:
    answering = Answering(backend := Model(SEES, learnt=LEARNT), IS_THERE)
    for picture, lists in (("a.webp", 1), ("a.webp", 1), ("b.webp", 2)):
        Completion.of(answering.generate(Request("is there a red car", picture)))
        assert len(backend.requests) == lists


def test_unsure_of_the_direction_it_says_both() -> None:
    own = {"Does the street lamp hide the car?": "Yes.", "Does the car hide the street lamp?": "No."}
    said = "The street lamp hides the car; the car does not hide the street lamp."
    assert answered("lamp post car hide?", "hides:12", own, hides=0.2)[0] == said


def test_unsure_of_the_meaning_it_asks_back() -> None:
    chances = {"behind:1": 0.34, "hides_what:1": 0.33, "in_front:1": 0.33}

    def read(questions: Sequence[str]) -> Sequence[Read]:
        return [Read(chances, 0.5, 0.99) for _ in questions]

    answering = Answering(Model(SEES, learnt=LEARNT), Understanding(read))
    text = Completion.of(answering.generate(Request("past the car?", "street.webp"))).text
    assert text == "Do you mean: What is behind the car? Or: What does the car hide?"


def test_things_told_apart_by_place_are_declined() -> None:
    assert answered("what hides the left one", "who_hides:1", {})[0] == sentence("place", "en")


def test_the_models_answer_streams_and_ends_as_it_did() -> None:
    own = {"Is anything hiding the dog?": "No. The dog is fully visible, nothing is before it."}
    answering = Answering(Model({**SEES, **own}, learnt=LEARNT), Understanding(reads("who_hides:1", 0.5, 0.99, "")))
    *pieces, done = answering.generate(Request("what hides the dog", "street.webp", max_tokens=3))
    assert len(pieces) == 3
    assert done.finish_reason == "length"


@pytest.mark.parametrize(
    ("question", "label", "stop", "answer"),
    [
        ("what hides the dog", "who_hides:1", ("fully", "nothing"), "No. The dog is "),  # the model's own words
        ("what hides the cat", "who_hides:1", ("street",), "I see no cat in this picture; I see a "),  # a sentence
        ("sing a song", "outside", (" in a picture",), "I can only tell what is"),
        ("what hides the dog", "who_hides:1", ("nowhere",), "No. The dog is fully visible, nothing is before it."),
    ],
)
def test_what_stops_an_answer_stops_it_whoever_says_it(
    question: str, label: str, stop: tuple[str, ...], answer: str
) -> None:
    own = {"Is anything hiding the dog?": "No. The dog is fully visible, nothing is before it."}
    inside = 0.01 if label == "outside" else 0.99
    read = reads("who_hides:1", 0.5, inside, "")
    answering = Answering(Model({**SEES, **own}, learnt=LEARNT), Understanding(read))
    done = Completion.of(answering.generate(Request(question, "street.webp", stop=stop)))
    assert (done.text, done.finish_reason) == (answer, "stop")
    assert done.asked is not None


def test_after_what_stops_it_the_second_of_two_questions_is_not_asked() -> None:
    own = {"Is anything hiding the dog?": "No. It is visible.", "Is anything hiding the car?": "Yes. The lamp."}
    one, two = (SIDES.of(f"what hides the {thing}") for thing in ("dog", "car"))
    both: Any = SimpleNamespace(of=lambda *_: replace(one, parts=(one, two)), words=SIDES.words)
    forms: tuple[tuple[dict[str, Any], int], ...] = (({}, 2), ({"stop": ("visible",)}, 1), ({"max_tokens": 2}, 1))
    for settings, asked in forms:
        model = Model({**SEES, **own}, learnt=LEARNT)
        text = Completion.of(Answering(model, both).generate(Request("both?", "street.webp", **settings))).text
        assert len([one for one in model.requests if one.prompt in own]) == asked, text


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


OWN = {**SEES, "Is anything hiding the dog?": "No."}


def test_what_was_understood_is_told_at_the_end_with_what_all_questions_took() -> None:
    *_, done = Answering(Model(OWN, learnt=LEARNT), SIDES).generate(Request("what hides the dog", "street.webp"))
    assert isinstance(done, Done)
    assert done.asked is not None
    assert (done.asked.scope, done.asked.program) == ("inside", (("who_hides", ("dog",)),))
    assert (done.asked.lang, done.asked.domain) == ("en", None)
    assert done.usage.prompt_tokens == 5  # words of the question that the model was asked


@pytest.mark.parametrize("form", [{"regex": "(yes|no)"}, {"json_schema": "{}"}, {"logprobs": 0}])
def test_what_programs_ask_goes_to_the_model_as_it_is(form: Mapping[str, Any]) -> None:
    backend = Model("yes", learnt=LEARNT)
    assert Completion.of(Answering(backend, SIDES).generate(Request("what hides it", **form))).text == "yes"
    assert [request.prompt for request in backend.requests] == ["what hides it"]


def test_more_pictures_than_it_has_learnt_are_declined() -> None:
    class One(Model):
        @property
        def info(self) -> ModelInfo:
            return replace(super().info, pictures=1)

    answering = Answering(One(OWN, learnt=LEARNT), SIDES)
    text = Completion.of(answering.generate(Request("what hides the dog", ("a.webp", "b.webp")))).text
    assert text == sentence("several", "en", {"most": "one picture", "given": 2})


@pytest.mark.parametrize(("domain", "said"), [(0.1, True), (0.9, False), (None, False)])
def test_a_picture_of_another_world_is_said_to_be_one(domain: float | None, said: bool) -> None:
    class Elsewhere(Model):
        def domain(self, pictures: Sequence[Picture]) -> float | None:
            return domain

    answering = Answering(Elsewhere(OWN, learnt=LEARNT), SIDES)
    whole = Completion.of(answering.generate(Request("what hides the dog", "street.webp")))
    assert whole.text == (sentence("other_world", "en") if said else "") + "No."
    assert whole.asked is not None
    assert whole.asked.domain == domain


def test_a_follow_up_is_about_the_picture_shown_before() -> None:
    backend = Model(OWN, learnt=LEARNT)
    earlier = (Message("user", "what is there", ("street.webp",)), Message("assistant", "A dog."))
    request = Request("what hides the dog", history=earlier)
    assert Completion.of(Answering(backend, SIDES).generate(request)).text == "No."
    assert backend.requests[-1].pictures == (Path("street.webp"),)


def test_an_answer_that_is_closed_stops_what_the_model_does() -> None:
    closed: list[str] = []

    class Slow(Model):
        def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
            try:
                yield TextDelta("There is ")
                assert cancelled is not None
                assert not cancelled()
                answer.close()
                assert cancelled()
                yield TextDelta("a dog")
            finally:
                closed.append(request.prompt)

    answer = Answering(Slow("", learnt=LEARNT), IS_THERE).generate(Request("is there a red car", "street.webp"))
    assert list(answer) == []
    assert closed == ["What is in the picture?"]


def test_pictures_in_memory_are_told_apart_by_what_they_show() -> None:
    answering = Answering(backend := Model(OWN, learnt=LEARNT), IS_THERE)
    for colour, lists in (("red", 1), ("red", 1), ("blue", 2)):
        Completion.of(answering.generate(Request("is there a red car", Image.new("RGB", (9, 9), colour))))
        assert len(backend.requests) == lists


@pytest.mark.parametrize(
    ("label", "question", "said"),
    [
        ("hidden_now:1", "what hides the dog now", "No."),
        ("still_there:1", "is the dog still there", "Yes, there is a dog."),
    ],
)
def test_what_needs_several_pictures_is_asked_of_one_as_it_is_there(label: str, question: str, said: str) -> None:
    assert answered(question, label, {"Is anything hiding the dog?": "No."})[0] == said
