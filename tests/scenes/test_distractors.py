"""Pairs that prove shortcuts wrong, in graphs and descriptions written by hand."""

from __future__ import annotations

from typing import Any

import pytest

from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Box, Graph, Object, Relation
from occlusight.scenes.truth.distractors import SORTS, Census, Pairs, census, distractors

Thing = tuple[Object, dict[str, Any]]


def thing(
    id: str,
    box: Box,
    distance: float,
    size: tuple[float, float, float] = (1.0, 1.0, 1.0),
    at: tuple[float, float, float] | None = None,
    yaw: float = 0.0,
    on: str | None = None,
) -> Thing:
    """A thing with its box in the picture; it stands at `at` (metres), by default on the axis at its distance."""
    o = Object(id, id, id, id, box, box, 1.0, unique=True, area=0.05, distance=distance, supported_by=on)
    return o, {"id": id, "position": at or (0.0, distance, 0.0), "yaw": yaw, "size": size}


def found(*things: Thing, relations: tuple[Relation, ...] = ()) -> Pairs:
    order = tuple((o.id,) for o, _ in sorted(things, key=lambda t: t[0].distance or 0.0))
    facts = Facts(Graph(512, 512, tuple(o for o, _ in things), relations, order))
    pairs = distractors(facts, [p for _, p in things])
    assert pairs.keys() == SORTS.keys()
    return {sort: pairs[sort] for sort in SORTS if pairs[sort]}


LEFT, RIGHT = (100, 400, 300, 600), (600, 400, 800, 600)


def test_the_nearer_may_stand_higher() -> None:
    low = (600, 500, 800, 700)
    small = (0.4, 0.4, 0.4)
    assert found(thing("a", LEFT, 2.0), thing("b", low, 4.0, small)) == {"higher_but_nearer": [["a", "b"]]}
    assert found(thing("a", LEFT, 4.0), thing("b", low, 2.0, small)) == {}
    assert found(thing("a", LEFT, 2.0), thing("b", RIGHT, 4.0, small)) == {}


@pytest.mark.parametrize(
    ("size", "distance", "sorts"),
    [
        ((1.0, 1.0, 1.0), 4.0, ["equal_size_at_other_distance"]),
        ((1.0, 1.03, 1.0), 4.0, ["equal_size_at_other_distance"]),
        ((1.0, 1.2, 1.0), 4.0, []),
        ((1.0, 1.0, 1.0), 2.05, []),
        ((1.0, 1.0, 1.6), 2.05, ["other_size_at_equal_distance"]),
        ((0.5, 0.5, 0.5), 2.05, ["other_size_at_equal_distance"]),
        ((1.0, 1.0, 1.6), 2.2, []),
    ],
)
def test_sizes_and_distances(size: tuple[float, float, float], distance: float, sorts: list[str]) -> None:
    other = thing("b", RIGHT, distance, size, at=(5.0, distance, 0.0))
    assert list(found(thing("a", LEFT, 2.0), other)) == sorts


def test_boxes_may_overlap_though_nothing_is_hidden() -> None:
    near = thing("a", (100, 300, 500, 700), 2.0)
    far = thing("b", (400, 400, 600, 690), 4.0, (0.4, 0.4, 0.4))
    assert found(near, far) == {"boxes_overlap_without_hiding": [["a", "b"]]}
    assert found(near, far, relations=(Relation("a", "b", "partial", 0.3, "left"),)) == {}
    assert found(near, far, relations=(Relation("a", "b", "partial", 0.01, "left"),)) == {}


def test_boxes_that_hardly_overlap_mislead_nobody() -> None:
    near = thing("a", (100, 300, 410, 700), 2.0)
    assert found(near, thing("b", (400, 400, 600, 690), 4.0, (0.4, 0.4, 0.4))) == {}


@pytest.mark.parametrize(
    ("x", "yaw", "touching"), [(1.005, 0.0, True), (1.02, 0.0, False), (1.02, 45.0, True), (1.22, 45.0, False)]
)
def test_things_may_touch_side_by_side(x: float, yaw: float, touching: bool) -> None:
    """Cubes of 1 m; turned by 45 degrees one reaches 0.71 m to the side."""
    one, two = thing("a", LEFT, 2.0, at=(0.0, 2.0, 0.0)), thing("b", RIGHT, 2.05, at=(x, 2.0, 0.0), yaw=yaw)
    assert ("touch_without_hiding" in found(one, two)) == touching
    hidden = (Relation("a", "b", "partial", 0.3, "left"),)
    assert "touch_without_hiding" not in found(one, two, relations=hidden)
    above = thing("b", RIGHT, 2.05, at=(x, 2.0, 1.5), yaw=yaw)
    assert "touch_without_hiding" not in found(one, above)


def test_what_stands_on_a_thing_does_not_count() -> None:
    base, on = thing("a", LEFT, 2.0), thing("b", (100, 200, 300, 450), 2.05, (1.0, 1.0, 2.0), (0.0, 2.0, 1.0), on="a")
    assert found(base, on) == {}


def test_a_census_counts_pairs_and_scenes() -> None:
    none: Pairs = {sort: [] for sort in SORTS}
    two = {**none, "higher_but_nearer": [["a", "b"], ["a", "c"]]}
    counted = census([two, none, {**none, "higher_but_nearer": [["a", "b"]]}])
    assert counted["higher_but_nearer"] == Census(scenes=2, pairs=3)
    assert counted["touch_without_hiding"] == Census(0, 0)
