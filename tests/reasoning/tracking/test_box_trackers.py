"""Trackers of boxes: what they say comes before names, and what they lose is found by names."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

import pytest
from tests.reasoning.tracking.test_track import called

from occlusight.cli.track import tracker_of
from occlusight.errors import BadInput
from occlusight.occlusion.graph import Box
from occlusight.reasoning.tracking.identity import ByNameAndPlace
from occlusight.reasoning.tracking.library_trackers import TRACKERS, LibraryTracker

LEFT, RIGHT = (0, 0, 200, 200), (700, 0, 900, 200)


class Told:
    """Says what it was told to, frame by frame, and remembers what it was asked."""

    def __init__(self, *numbers: list[int | None]) -> None:
        self.numbers = list(numbers)
        self.asked: list[list[Box]] = []

    def update(self, boxes: Sequence[Box], scores: Sequence[float]) -> list[int | None]:
        assert all(0 < score <= 1 for score in scores)
        self.asked.append(list(boxes))
        return self.numbers.pop(0)


def test_the_tracker_decides_whatever_things_are_called() -> None:
    tracker = Told([7, 8], [8, 7])
    by = ByNameAndPlace(tracker=tracker)
    first = by.update([called("cup", box=LEFT), called("cup", box=RIGHT)])
    assert by.update([called("mug", box=LEFT), called("cup", box=RIGHT)]) == first[::-1]
    assert tracker.asked == [[LEFT, RIGHT], [LEFT, RIGHT]]


def test_what_the_tracker_lost_is_found_by_its_name() -> None:
    by = ByNameAndPlace(tracker=Told([None, 1], [1], [1, 5], [5, 1]))
    cup, dog = by.update([called("cup", box=LEFT), called("dog", box=RIGHT)])
    assert by.update([called("dog", box=RIGHT)]) == [dog]
    assert by.update([called("dog", box=RIGHT), called("cup", box=(300, 0, 500, 200))]) == [dog, cup]
    assert by.update([called("cup", box=LEFT), called("dog", box=RIGHT)]) == [cup, dog]


def test_things_without_boxes_are_not_the_trackers() -> None:
    tracker = Told([3], [])
    by = ByNameAndPlace(tracker=tracker)
    assert by.update([called("dog"), called("cup", box=LEFT)]) == ["o1", "o2"]
    assert by.update([called("dog")]) == ["o1"]
    assert tracker.asked == [[LEFT], []]


@pytest.mark.parametrize("name", TRACKERS)
def test_trackers_of_the_library_follow_things_that_pass_each_other(name: str) -> None:
    """Two of one name and colour; the one in front hides the other for three frames."""
    pytest.importorskip("trackers")
    pytest.importorskip("supervision")
    by = ByNameAndPlace(tracker=LibraryTracker(name, 10))
    a, b = by.update([called("cup", box=(0, 0, 200, 200)), called("cup", box=(800, 300, 1000, 500))])
    for t in range(1, 17):
        boxes = [(50 * t, 0, 50 * t + 200, 200), (800 - 50 * t, 300, 1000 - 50 * t, 500)]
        order = [0, 1] if t % 2 else [1, 0]
        if 6 <= t < 9:
            order = [0]
        found = by.update([called("cup", box=boxes[k]) for k in order])
        assert found == [(a, b)[k] for k in order], t
    assert by.update([]) == []


def test_what_there_is_not_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="no tracker 'kalman'; there are sort"):
        LibraryTracker("kalman", 2)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"not installed: .*'\.\[trackers\]'"):
        tracker_of("sort", 2)
    with pytest.raises(BadInput, match="takes own, sort"):
        tracker_of("kalman", 2)
    assert tracker_of("own", 2) is None
