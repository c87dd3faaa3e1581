"""Balanced questions: in no cell, the questions whose texts name the same, is an answer commoner than the template's
commonest."""

from __future__ import annotations

from collections import Counter, defaultdict
from types import ModuleType

import numpy as np
import pytest

from occlusight.occlusion.facts import Facts
from occlusight.occlusion.kinds import KindNames
from occlusight.questions.balance import Chosen, main_answers, match
from occlusight.questions.candidates import Candidates
from occlusight.questions.offers import offers
from occlusight.questions.programs import execute
from occlusight.questions.registry import templates

KINDS = {
    "recognition": 1,
    "explanation": 4,
    "position": 3,
    "count": 1,
    "hidden_part": 2,
    "depth_pair": 2,
    "who_hides": 1,
}
PICTURES = 80


@pytest.fixture(scope="module")
def pictures(graphs: ModuleType, names: dict[str, KindNames]) -> list[Candidates]:
    return [Candidates(Facts(graphs.random_graph(np.random.default_rng(i))), names) for i in range(PICTURES)]


@pytest.fixture(scope="module")
def matched(pictures: list[Candidates]) -> list[list[Chosen]]:
    return match(pictures, KINDS, (), np.random.default_rng(5))


def by_cell(asked: list[list[Chosen]]) -> dict[tuple[str, tuple[str, ...]], Counter[str]]:
    cells: dict[tuple[str, tuple[str, ...]], Counter[str]] = defaultdict(Counter)
    for one in (one for about in asked for one in about):
        cells[one.template, one.offer.says][one.offer.answer] += 1
    return cells


def test_who_knows_the_kinds_knows_no_more_than_the_commonest_answer(
    pictures: list[Candidates], matched: list[list[Chosen]]
) -> None:
    cells = by_cell(matched)
    for template in {template for template, _ in cells}:
        mine = [counts for (t, says), counts in cells.items() if t == template and says]
        if not mine:
            continue
        commonest = sum(mine, Counter[str]()).most_common(1)[0][1]
        assert sum(max(counts.values()) for counts in mine) == commonest, template
        rng = np.random.default_rng(0)
        main = main_answers(templates()[template], [o for c in pictures for o in offers(c, templates()[template], rng)])
        assert all(len({counts[answer] for answer in main}) == 1 for counts in mine), template
    kinds = {template.partition(".")[0] for template, _ in cells}
    assert kinds == {"recognition", "explanation", "position", "count", "hidden_part", "depth_pair", "who_hides"}


def test_unmatched_the_kinds_tell_more(pictures: list[Candidates]) -> None:
    """The same pictures, each asked what comes first: the proof above would fail."""
    rng = np.random.default_rng(0)
    asked = [
        [Chosen(i, t, o) for t in ("explanation.active",) for o in offers(c, templates()[t], rng)][:4]
        for i, c in enumerate(pictures)
    ]
    cells = by_cell(asked)
    commonest = sum(cells.values(), Counter[str]()).most_common(1)[0][1]
    assert sum(max(counts.values()) for counts in cells.values()) > 1.1 * commonest


def test_no_picture_is_asked_too_much_or_anything_twice(
    pictures: list[Candidates], matched: list[list[Chosen]]
) -> None:
    for i, about in enumerate(matched):
        kinds = Counter(one.template.partition(".")[0] for one in about)
        assert all(n <= KINDS[kind] for kind, n in kinds.items())
        assert len({(one.template, str(one.offer.program)) for one in about}) == len(about)
        assert {one.scene for one in about} <= {i}
    noes = [one.offer.easy for about in matched for one in about if one.offer.answer == "no"]
    assert noes
    assert 2 * sum(noes) <= len(noes)


def test_what_is_always_asked_is_asked_without_partners(pictures: list[Candidates]) -> None:
    """Of three pictures hardly any question has a partner; each that shows a thing before another is asked a yes and a
    no all the same."""
    few = [c for c in pictures if c.covering and (c.reversed or c.overlapping)][:3]
    rng = np.random.default_rng(5)
    plain, always = (match(few, KINDS, kinds, rng) for kinds in ((), ("explanation", "position")))
    asked = [Counter(one.template.partition(".")[0] for one in about) for about in plain]
    assert any(not counts["explanation"] for counts in asked)
    for about in always:
        answers = [one.offer.answer for one in about if one.template.startswith("explanation")]
        assert answers.count("yes") == answers.count("no") > 0
        assert any(one.template.startswith("position") for one in about)


def test_the_same_state_matches_the_same(pictures: list[Candidates], matched: list[list[Chosen]]) -> None:
    again = match(pictures, KINDS, (), np.random.default_rng(5))
    assert [[one.offer for one in about] for about in again] == [[one.offer for one in about] for about in matched]
    other = match(pictures, KINDS, (), np.random.default_rng(6))
    assert [[one.offer for one in about] for about in other] != [[one.offer for one in about] for about in matched]


@pytest.mark.parametrize("template", sorted(name for name, t in templates().items() if t.offers))
def test_what_is_offered_is_answered_by_its_program(template: str, pictures: list[Candidates]) -> None:
    """And is about what a question may name, with no pair of which too little is covered to tell."""
    for c in pictures[:20]:
        for offer in offers(c, templates()[template], np.random.default_rng(0)):
            answer = execute(offer.program, c.facts)
            op, arguments = offer.program[-1]
            if op == "hides":
                assert c.facts.hides(*arguments) is not None
                assert answer["value"] == offer.answer
            assert all(c.facts.told(id) for id in arguments if id in c.facts.objects)
