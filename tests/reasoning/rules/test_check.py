"""The most probable graph that breaks no rule."""

from __future__ import annotations

import json

import pytest

from occlusight.errors import BadInput
from occlusight.occlusion.graph import Box, Graph, Object, Relation
from occlusight.reasoning.rules.check import check
from occlusight.reasoning.rules.observed import Observed, Pair


def thing(id: str, box: Box = (0, 0, 500, 500), kind: str = "box", material: str = "opaque") -> Object:
    return Object(id, kind, id, id, box, box, 1.0, material)


def observed(*objects: Object, nearer: tuple[Pair, ...] = (), **hides: float) -> Observed:
    """`a_b=0.9`: the model says with 0.9 that a hides part of b."""
    pairs = [(*name.split("_"), p) for name, p in hides.items()]
    relations = tuple(Relation(a, b, "partial", 0.0, "unknown", probability=p, raw_probability=p) for a, b, p in pairs)
    return Observed(Graph(100, 100, objects, relations), nearer)


def found(given: Observed) -> set[str]:
    return {f"{r.occluder}_{r.occluded}" for r in check(given).graph.relations}


A, B, C = thing("a"), thing("b"), thing("c")


def test_what_a_model_says_without_contradiction_stays() -> None:
    checked = check(observed(A, B, C, a_b=0.9, b_a=0.2, b_c=0.6, a_c=0.4))
    assert {(r.occluder, r.occluded) for r in checked.graph.relations} == {("a", "b"), ("b", "c")}
    assert checked.optimal
    assert checked.graph.optimal
    assert checked.graph.depth_order == (("a",), ("b",), ("c",))


def test_a_checked_graph_is_read_back_as_it_was_written() -> None:
    graph = check(observed(A, B, a_b=0.9, b_a=0.2)).graph
    body = json.loads(json.dumps(graph.to_json()))
    assert body["optimal"] is True
    assert body["relations"][0]["raw_probability"] == 0.9
    assert Graph.from_json(body) == graph


def test_of_two_directions_the_surer_one_stays() -> None:
    assert found(observed(A, B, a_b=0.8, b_a=0.9)) == {"b_a"}


def test_things_that_let_light_through_can_hide_parts_of_each_other() -> None:
    assert found(observed(thing("a", material="porous"), B, a_b=0.8, b_a=0.9)) == {"a_b", "b_a"}


def test_a_circle_is_cut_where_it_costs_least() -> None:
    assert found(observed(A, B, C, a_b=0.9, b_c=0.7, c_a=0.8)) == {"a_b", "c_a"}


def test_what_is_nearer_is_not_hidden_by_what_is_farther() -> None:
    assert found(observed(A, B, nearer=(Pair("b", "a", 0.9),), a_b=0.8)) == set()
    assert found(observed(A, B, nearer=(Pair("b", "a", 0.7),), a_b=0.8)) == {"a_b"}


def test_things_apart_hide_nothing_of_each_other() -> None:
    assert found(observed(A, thing("b", (600, 0, 700, 100)), a_b=0.9)) == set()


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ((Pair("a", "x", 0.5),), "'a' and 'x', which are not two objects"),
        ((Pair("a", "a", 0.5),), "'a' and 'a', which are not two objects"),
        ((Pair("a", "b", float("nan")),), "nan, not 0 to 1"),
        ((Pair("a", "b", 0.5), Pair("a", "b", 0.6)), "given twice in 'nearer'"),
    ],
)
def test_pairs_that_say_nothing_are_refused(pairs: tuple[Pair, ...], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        observed(A, B, nearer=pairs)
