"""Relation graphs of what a model said: probabilities that were fitted or are said not to be, and no contradiction."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import combinations

import pytest
from tests.reasoning.street import FITTED, PICTURE, UNDERSTANDING, sees

from occlusight.occlusion.graph import Graph
from occlusight.reasoning.calibration import Calibration
from occlusight.reasoning.extract import Extractor
from occlusight.reasoning.graph_answers import SeenGraph
from occlusight.reasoning.relations import describe


def test_a_server_that_tells_first_tokens_alone_can_tell_every_choice_apart() -> None:
    backend = sees(scores_of="first token")
    describe(Extractor(backend), PICTURE)
    assert any(len(choices) > 2 for choices in backend.choices)  # the details, too
    for choices in backend.choices:
        first = [{word.split()[0] for word in words} for words in choices]
        assert all(not one & other for one, other in combinations(first, 2)), choices


def test_a_graph_holds_what_the_model_said_with_calibrated_probabilities() -> None:
    found = describe(Extractor(sees()), PICTURE, FITTED)
    names = {o.id: o.name for o in found.graph.objects}
    told = {(names[r.occluder], names[r.occluded]): r for r in found.graph.relations}
    assert told.keys() == {("street lamp", "red car"), ("dog", "red car")}
    for relation in told.values():
        assert relation.raw_probability == pytest.approx(1 / (1 + math.exp(-5)), abs=1e-4)
        assert relation.probability is not None
        assert 0.85 < relation.probability < 0.999
        assert relation.evidence is not None
        assert "red car" in relation.evidence.en
    assert found.certainty.calibrated
    assert found.certainty.on == "renders"
    assert {o.probability for o in found.graph.objects} == {0.97}
    json.dumps(found.to_json())


@pytest.mark.parametrize(
    ("calibration", "world", "why"),
    [
        (None, None, "calibrate"),
        (replace(FITTED, revision="other"), None, "revision"),
        (FITTED, 0.02, "renders"),
        (replace(FITTED, fits={}), None, "language"),
    ],
)
def test_a_fit_of_something_else_is_not_used_and_that_is_said(
    calibration: Calibration | None, world: float | None, why: str
) -> None:
    found = describe(Extractor(sees(world=world)), PICTURE, calibration)
    assert not found.certainty.calibrated
    assert why in str(found.certainty.why_not)
    assert all(r.probability is None and r.raw_probability is not None for r in found.graph.relations)
    assert len(found.graph.relations) == 2


def test_pairs_that_are_not_sure_are_told_as_unknown() -> None:
    found = describe(Extractor(sees(sure=1.0)), PICTURE, FITTED)
    assert {pair for u in found.graph.unknown if len(pair := u.about) == 2} == set(found.asked)
    assert Graph.from_json(json.loads(json.dumps(found.to_json()))).doubted == found.graph.doubted


def test_what_is_said_and_what_is_not_is_decided_by_the_probabilities_that_are_told() -> None:
    backend = sees(sure=3.0)  # by itself a relation is likelier than the least that is said
    odds = backend.odds
    for text in ("Does the dog hide the red car?", "Is the red car hidden by the dog?"):
        odds[PICTURE, text] = 1.0  # and this one is not
    found = describe(Extractor(backend), PICTURE, FITTED)
    names = {o.id: o.name for o in found.graph.objects}
    doubted = found.graph.doubted
    for relation in found.graph.relations:
        assert relation.probability is not None
        pair = relation.occluder, relation.occluded
        assert (pair in doubted) == (relation.probability < 0.8)
        if pair in doubted:
            assert doubted[pair].probability == pytest.approx(relation.probability)
    told = [(names[r.occluder], (r.occluder, r.occluded) in doubted) for r in found.graph.relations]
    assert told == [("street lamp", False), ("dog", True)]


def test_what_contradicts_itself_leaves_no_graph() -> None:
    backend = sees()
    lamp, car = "Does the street lamp hide the red car?", "Does the red car hide the street lamp?"
    back = "Is the street lamp hidden by the red car?"
    for text in (car, back):
        backend.odds[PICTURE, text] = backend.odds[PICTURE, lamp] - 1
    found = describe(Extractor(backend), PICTURE, FITTED)
    names = {o.id: o.name for o in found.graph.objects}
    assert {(names[r.occluder], names[r.occluded]) for r in found.graph.relations} == {
        ("street lamp", "red car"),
        ("dog", "red car"),
    }


def test_a_seen_graph_answers_and_is_the_document_of_its_description() -> None:
    found = describe(Extractor(sees()), PICTURE, FITTED)
    graph = SeenGraph.of(found, lambda: UNDERSTANDING)
    assert graph == found.graph or graph.relations == found.graph.relations
    assert graph.to_json() == found.to_json()
