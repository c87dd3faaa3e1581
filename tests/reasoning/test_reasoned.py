"""A backend that answers from graphs what they hold, and leaves all else to the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.reasoning.observed_scene import Sees
from tests.reasoning.street import FITTED, PICTURE, STREET

from occlusight.backends.completion import Completion
from occlusight.backends.protocol import Request
from occlusight.backends.scripted import Scripted
from occlusight.occlusion.facts import Facts
from occlusight.reasoning.extract import Extractor
from occlusight.reasoning.labels import LABELS
from occlusight.reasoning.reasoned import Reasoned, Reasoning
from occlusight.reasoning.understanding import Understanding


@dataclass(frozen=True)
class Read:
    labels: Mapping[str, float]
    hides: float = 0.97
    inside: float = 0.99


def reads(label: str) -> Understanding:
    def read(questions: Sequence[str]) -> Sequence[Read]:
        return [Read(dict.fromkeys(LABELS, 0.001) | {label: 0.95}) for _ in questions]

    return Understanding(read)


def asked(label: str, request: Request) -> tuple[Completion, Scripted]:
    model = Scripted("The model's own words.")
    sees = Sees({PICTURE: Facts(STREET)})
    backend = Reasoned(model, Reasoning(Extractor(sees), reads(label), FITTED))
    return Completion.of(backend.generate(request)), model


def test_what_a_graph_holds_is_answered_from_it_with_its_grounds() -> None:
    found, model = asked("who_hides:1", Request("what hides the car?", PICTURE))
    assert found.text == "The street lamp and the dog hide part of the red car."
    assert not model.requests
    assert found.grounds is not None
    assert len(found.grounds.relations) == 2
    assert found.grounds.probability is not None
    assert found.asked is not None
    assert found.asked.program == (("who_hides", ("o3",)),)


@pytest.mark.parametrize(
    ("label", "request_"),
    [
        ("colour:1", Request("what colour is the car?", PICTURE)),
        ("who_hides:1", Request("what hides the car?", (PICTURE, Path("other.webp")))),
        ("who_hides:1", Request("what hides the car?")),
        ("who_hides:1", Request("what hides the car?", PICTURE, regex="yes|no")),
    ],
)
def test_all_else_goes_to_the_model(label: str, request_: Request) -> None:
    found, model = asked(label, request_)
    assert found.text == "The model's own words."
    assert found.grounds is None
    assert model.requests == [request_]


def test_a_graph_is_made_once_a_picture() -> None:
    sees = Sees({PICTURE: Facts(STREET)})
    backend = Reasoned(Scripted(""), Reasoning(Extractor(sees), reads("who_hides:1"), FITTED))
    for _ in range(2):
        Completion.of(backend.generate(Request("what hides the car?", PICTURE)))
    pictures = [text for text, with_picture in sees.asked if with_picture]
    assert len(pictures) == len(set(pictures))
    backend.clear_cache()
    Completion.of(backend.generate(Request("what hides the car?", PICTURE)))
    assert len([text for text, with_picture in sees.asked if with_picture]) == 2 * len(pictures)


def test_what_would_be_seen_without_a_thing_is_what_it_hides() -> None:
    found, model = asked("remove:1", Request("what if the street lamp were gone?", PICTURE))
    assert found.text == "The red car."
    assert not model.requests


def test_a_thing_that_the_graph_lacks_is_left_to_the_model_that_asked() -> None:
    graphs = Reasoning(Extractor(Sees({PICTURE: Facts(STREET)})), reads("hides_what:1"), FITTED)
    for question, told in (("what does the dog hide?", "The red car."), ("what does the zebra hide?", None)):
        request = Request(question, PICTURE)
        found = graphs.told(request, graphs.understanding.of(question))
        assert (found and found.text) == told
    several = Request("what does the dog hide?", (PICTURE, PICTURE))
    assert graphs.told(several, graphs.understanding.of(several.prompt)) is None  # a graph is of one picture


def test_what_the_list_leaves_out_is_looked_for_and_answered_about() -> None:
    facts = Facts(STREET)
    sees = Overlooks({PICTURE: facts}, learnt=("list_all", "hides", "count", "nearer"))
    model = Scripted("The model's own words.")
    backend = Reasoned(model, Reasoning(Extractor(sees), reads("who_hides:1"), FITTED))
    found = Completion.of(backend.generate(Request("what hides the bus?", PICTURE)))
    assert found.text == "Nothing hides the bus."
    asked = [text for text, with_picture in sees.asked if with_picture]
    assert len(asked) == len(set(asked))  # what was known is not asked again
    absent = Completion.of(backend.generate(Request("what hides the horse?", PICTURE)))
    assert absent.text.startswith("There is no horse")


def test_two_of_a_kind_that_a_question_tells_apart_by_colour_are_two() -> None:
    sees = Sees({PICTURE: Facts(STREET)}, learnt=("list_all", "hides", "count", "nearer"))
    sees.odds |= {
        (PICTURE, text): -5.0
        for one in ("street lamp", "red car", "dog", "bus")
        for text in (
            f"Does the blue car hide the {one}?",
            f"Does the {one} hide the blue car?",
            f"Is the blue car hidden by the {one}?",
            f"Is the {one} hidden by the blue car?",
            f"Which is nearer, the {one} or the blue car?",
        )
    }
    sees.odds[PICTURE, "Does the red car hide the blue car?"] = 5.0
    sees.odds[PICTURE, "Is the blue car hidden by the red car?"] = 5.0
    backend = Reasoned(Scripted(""), Reasoning(Extractor(sees), reads("hides:12"), FITTED))
    found = Completion.of(backend.generate(Request("does the red car hide the blue car?", PICTURE)))
    assert found.text.startswith("Yes. The red car stands in front of the blue car")


class Overlooks(Sees):
    """Leaves the last thing out of its list, and counts it when it is asked."""

    def listed(self, facts: Facts) -> str:
        return "I see " + ", ".join(f"a {facts.objects[id].name}" for id in facts.recognised[:-1]) + "."

    def _learn(self, path: Path, facts: Facts) -> None:
        self.listed = super().listed  # type: ignore[method-assign]
        super()._learn(path, facts)
        del self.listed
