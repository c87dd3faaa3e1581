"""IDF1 and HOTA of boxes, by hand; and questions about time, answered from what was told."""

from __future__ import annotations

import math

import pytest

from occlusight.bench.clip_questions import answered
from occlusight.bench.identity import identities
from occlusight.datasets.clips import ClipLine, ClipThing, Hidden

pytest.importorskip("scipy")
HERE, THERE = (0, 0, 100, 100), (500, 0, 600, 100)


def test_the_same_boxes_are_perfect_whatever_they_are_called() -> None:
    kept = identities([{"a": HERE, "b": THERE}] * 4, [{"x": HERE, "y": THERE}] * 4)
    assert kept is not None
    assert (kept.hota, kept.right, kept.invented, kept.missed) == (pytest.approx(1.0), 8, 0, 0)


def test_an_exchange_half_way_halves_what_keeps_its_identity() -> None:
    kept = identities([{"a": HERE, "b": THERE}] * 4, [{"x": HERE, "y": THERE}] * 2 + [{"x": THERE, "y": HERE}] * 2)
    assert kept is not None
    assert (kept.right, kept.invented, kept.missed) == (4, 4, 4)
    # all boxes are found; each hit's tracks share 2 of 4 + 4 - 2 boxes
    assert kept.hota == pytest.approx(math.sqrt(1 / 3))


def test_boxes_that_share_little_are_not_the_same() -> None:
    beside = (60, 0, 160, 100)  # shares a quarter of the union
    kept = identities([{"a": HERE}], [{"x": beside}])
    assert kept is not None
    assert (kept.right, kept.invented, kept.missed) == (0, 1, 1)
    assert kept.hota == pytest.approx(5 / 19)  # of the limits up to 0.25
    missed = identities([{"a": HERE}], [{}])
    assert missed is not None
    assert (missed.hota, missed.missed) == (0.0, 1)
    assert identities([{}], [{}]) is None


CLIP = ClipLine(
    "c",
    "r",
    (),
    tuple(float(t) for t in range(8)),
    {
        "o1": ClipThing("car", "car", (1.0,) * 8, ()),
        "o2": ClipThing("dog", "dog", (1, 1, 0, 0, 1, 1, 0, 0), (Hidden(2, 3, ("o1",)), Hidden(6, 7, ("o3",)))),
        "o3": ClipThing("bus", "bus", (1.0,) * 8, ()),
        "o4": ClipThing("cup", "cup", (1.0,) * 8, ()),
        "o5": ClipThing("cup", "cup", (1.0,) * 8, ()),
    },
)
KINDS = {"o1": "car", "o2": "dog", "o3": "bus", "o4": "cup", "o5": "cup"}
SAME: dict[str, str | None] = {id: id for id in KINDS}
SEEN = {id: [v is not None and v > 0 for v in thing.visible] for id, thing in CLIP.things.items()}
TRUE = [("o1", "o2", 2, 3), ("o3", "o2", 6, 7)]


def wrong(events: list[tuple[str, str, int, int]], seen: dict[str, list[bool]] | None = None) -> list[str]:
    return [kind for kind, fine in answered(CLIP, KINDS, seen or SEEN, events, SAME) if not fine]


def test_the_truth_answers_every_question() -> None:
    assert wrong(TRUE) == []
    every = [kind for kind, _ in answered(CLIP, KINDS, SEEN, TRUE, SAME)]
    assert every == ["how_often", "at_end", "how_often", "who_hid", "when", "at_end", "how_often", "at_end"]


def test_each_mistake_is_wrong_where_it_is_one() -> None:
    assert wrong([("o3", "o2", 2, 3), ("o3", "o2", 6, 7)]) == ["who_hid"]
    assert wrong(TRUE[:1]) == ["how_often", "who_hid", "at_end"]
    assert wrong([("o1", "o2", 4, 5), TRUE[1]]) == ["when"]
    assert wrong([TRUE[0], ("o3", "o2", 6, 6)]) == ["at_end"]
    assert wrong([], {id: [True] * 8 for id in KINDS}) == ["how_often", "who_hid", "when", "at_end"]
    gone = answered(CLIP, KINDS, SEEN, TRUE, {**SAME, "o1": None})
    assert [kind for kind, fine in gone if not fine] == ["how_often", "at_end"]
