"""A form of question is one object: one that is made up here is asked, answered, worded, read and scored like any
other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from occlusight.bench.scorers import NO_ANSWER, RIGHT, WRONG, score
from occlusight.occlusion.facts import Facts
from occlusight.questions import hiding, registry
from occlusight.questions.phrases import Wording, cap
from occlusight.questions.programs import execute
from occlusight.questions.question import about_objects, ask
from occlusight.questions.template import Answer, Template, about
from occlusight.reading.mentions import Vocabulary


def hidden_count(facts: Facts, a: str) -> Answer:
    """How many things does `a` hide?"""
    found = [b for b in facts.nameable if facts.hides(a, b)]
    return {"value": len(found), "occluder": a, "occluded": found, "objects": [a, *found]}


def say_hidden_count(answer: Answer, w: Wording) -> str:
    """The number, and whose it is."""
    a, n = w.the(answer["occluder"]), answer["value"]
    return f"{cap(a)} hides {n}." if w.lang == "en" else f"{a}遮挡了{n}个物体。"


MADE_UP = Template(
    name="hidden_count.one",
    kind="hidden_count",
    program=hidden_count,
    offers=lambda c, rng: [about("hidden_count", (a,), "a") for a in dict.fromkeys(a for a, _ in c.covering)],
    reply=say_hidden_count,
    read="number",
    texts={"en": ["How many things does {a} hide?"], "zh": ["{a}遮挡了几个物体?"]},
)


def clear() -> None:
    for looked_up in (registry.templates, registry.steps, registry.of_kind):
        looked_up.cache_clear()


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The made-up template stands in the file of its family."""
    monkeypatch.setattr(hiding, "TEMPLATES", (*hiding.TEMPLATES, MADE_UP))
    clear()
    yield
    monkeypatch.undo()
    clear()


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_made_up_template_is_asked_answered_read_and_scored(graphs, names, lang: str) -> None:
    facts = Facts(graphs.street())
    words = Vocabulary(names, facts)
    questions = ask(facts, names, np.random.default_rng(1), lang, ["hidden_count"], 4)
    assert {q.template for q in questions} == {"hidden_count.one"}
    assert {q.kind for q in questions} == {"hidden_count"}
    for q in questions:
        assert execute(q.program, facts) == q.answer
        assert q.answer["value"] == 1
        assert score(q, q.reply, "stop", words).outcome == RIGHT, q.reply
        assert score(q, "It hides 2.", "stop", words).outcome == WRONG
        assert score(q, "banana banana", "stop", words).outcome == NO_ANSWER
    assert "hidden_count" in about_objects()


def test_without_it_nothing_is_left_of_it() -> None:
    assert "hidden_count" not in about_objects()
    assert "hidden_count" not in registry.steps()


@pytest.mark.parametrize("change", [{"name": "who_hides.one"}, {"name": "new.one", "program": lambda facts: {}}])
def test_two_meanings_of_a_name_are_refused(monkeypatch: pytest.MonkeyPatch, change: dict[str, object]) -> None:
    """A second template of a name, and a second program of one."""
    twin = replace(MADE_UP, **change)
    if "program" in change:
        twin.program.__name__ = "hides"
    monkeypatch.setattr(hiding, "TEMPLATES", (*hiding.TEMPLATES, twin))
    clear()
    with pytest.raises(ValueError, match=r"who_hides\.one|hides of new\.one"):
        registry.steps()
    monkeypatch.undo()
    clear()
