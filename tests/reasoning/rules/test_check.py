"""The most probable graph that breaks no rule: what is decided, how surely, and why."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from tests.reasoning.rules.observations import dropped, found, observed, thing

from occlusight.errors import BadInput
from occlusight.occlusion.graph import Graph
from occlusight.reasoning.rules.check import check
from occlusight.reasoning.rules.observed import Cue, Pair, Veil

A, B, C = thing("a"), thing("b"), thing("c")


def test_what_a_model_says_without_contradiction_stays() -> None:
    checked = check(observed(A, B, C, a_b=0.9, b_a=0.2, b_c=0.6, a_c=0.4))
    assert {(r.occluder, r.occluded) for r in checked.graph.relations} == {("a", "b"), ("b", "c")}
    assert checked.optimal
    assert checked.graph.optimal
    assert checked.changes == ()
    assert checked.graph.depth_order == (("a",), ("b",), ("c",))


def test_a_checked_graph_is_read_back_as_it_was_written() -> None:
    graph = check(observed(A, B, a_b=0.9, b_a=0.2)).graph
    body = json.loads(json.dumps(graph.to_json()))
    assert body["optimal"] is True
    assert body["relations"][0]["raw_probability"] == 0.9
    assert Graph.from_json(body) == graph


def test_of_two_directions_the_surer_one_stays() -> None:
    assert found(observed(A, B, a_b=0.8, b_a=0.9)) == {"b_a": ()}
    assert dropped(observed(A, B, a_b=0.8, b_a=0.9)) == {"a_b": ("one_direction",)}


def test_a_circle_is_cut_where_it_costs_least() -> None:
    given = observed(A, B, C, a_b=0.9, b_c=0.7, c_a=0.8)
    assert found(given).keys() == {"a_b", "c_a"}
    assert dropped(given) == {"b_c": ("nearer_acyclic",)}


def test_what_is_nearer_is_not_hidden_by_what_is_farther() -> None:
    given = observed(A, B, nearer=[Pair("b", "a", 0.9)], a_b=0.8)
    assert dropped(given) == {"a_b": ("occluder_nearer",)}
    assert dropped(observed(A, B, nearer=[Pair("b", "a", 0.7)], a_b=0.8)) == {"b_a": ("occluder_nearer",)}


def test_a_change_says_in_both_languages_what_and_why() -> None:
    cup, lamp = thing("a", kind="cup"), thing("b", (600, 0, 700, 100))
    (change,) = check(observed(cup, lamp, a_b=0.75)).changes
    assert (change.about, change.of, change.holds, change.said) == ("hides", ("a", "b"), False, 0.75)
    assert change.why.en == (
        "The model says that the a hides part of the b, which cannot be: "
        "things that are apart in the picture hide nothing of each other."
    )
    assert change.why.zh == "模型说a挡住b的一部分，但这不成立：在图中互不相接的东西不会互相遮挡。"


def test_a_probability_weighs_both_directions() -> None:
    """0.9 against 0.8: the worlds are 0.9 x 0.2, 0.1 x 0.8 and 0.1 x 0.2, and the margin is to the second best."""
    checked = check(observed(A, B, a_b=0.9, b_a=0.8), budget_s=5)
    (relation,) = checked.graph.relations
    assert relation.probability == pytest.approx(0.18 / (0.18 + 0.08), abs=0.005)
    assert relation.raw_probability == 0.9
    assert checked.margins["a", "b"] == pytest.approx(math.log(0.18 / 0.08), abs=0.02)


def test_a_model_that_is_not_calibrated_gets_no_probability_from_the_rules() -> None:
    given = observed(A, B, a_b=0.9, b_a=0.8)
    relations = tuple(replace(r, probability=None) for r in given.graph.relations)
    (relation,) = check(replace(given, graph=replace(given.graph, relations=relations))).graph.relations
    assert (relation.probability, relation.raw_probability) == (None, 0.9)


def test_what_was_told_of_a_relation_is_kept() -> None:
    given = observed(A, B, a_b=0.9)
    told = replace(given.graph.relations[0], hidden_part="left", covered_fraction=0.3)
    (relation,) = check(replace(given, graph=replace(given.graph, relations=(told,)))).graph.relations
    assert (relation.hidden_part, relation.covered_fraction, relation.type) == ("left", 0.3, "partial")


def test_an_empty_picture_has_an_empty_graph() -> None:
    checked = check(observed())
    assert checked.graph.relations == checked.graph.depth_order == ()
    assert checked.optimal


def test_where_nothing_tells_the_lower_thing_is_nearer() -> None:
    far, near = thing("far", (0, 100, 100, 300)), thing("near", (800, 300, 900, 800))
    beside = thing("beside", (500, 500, 600, 795))
    assert check(observed(far, near, beside)).graph.depth_order == (("beside", "near"), ("far",))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"nearer": [Pair("a", "x", 0.5)]}, "'x', which is none of the graph's objects"),
        ({"nearer": [Pair("a", "a", 0.5)]}, "'a' twice; a pair is of two"),
        ({"nearer": [Pair("a", "b", float("nan"))]}, "is nan; it must lie between 0 and 1"),
        ({"supports": [Pair("a", "b", 1.5)]}, "is 1.5; it must lie between 0 and 1"),
        ({"nearer": [Pair("a", "b", 0.5), Pair("a", "b", 0.6)]}, "given twice in 'nearer'"),
        ({"veils": [Veil("x", 0.5)]}, "'x', which is none"),
        ({"cues": [Cue("smell", (0, 0, 1, 1))]}, "'smell' is not one of shadow, contact, reflection"),
    ],
)
def test_what_says_nothing_is_refused(given: dict[str, list[Pair]], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        observed(A, B, **given)  # type: ignore[arg-type]
