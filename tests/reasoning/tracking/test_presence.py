"""What comes and goes, by how a model's word changes over a clip."""

from __future__ import annotations

import doctest

import numpy as np

from occlusight.datasets.clips import Hidden, runs_of
from occlusight.occlusion.kinds import KindNames
from occlusight.reasoning.own_wording import Thing
from occlusight.reasoning.tracking import presence
from occlusight.reasoning.tracking.presence import IN_PART, Mover, gone, in_part, levels, of_word

DOG = Thing(KindNames("dog", "dog", "dogs", "狗", "只"))


def test_examples() -> None:
    failed, tried = doctest.testmod(presence)
    assert tried
    assert not failed


def test_a_thing_that_is_half_denied_when_it_is_gone_comes_and_goes() -> None:
    word = np.array([5.3, 3.4, 3.2, 1.2, 1.2, 1.2, 3.0, 3.4, 4.1, 4.4])
    ((_, mover),) = of_word(DOG, word)
    assert mover.hidden == ((3, 5),)
    assert [one < 0.5 for one in mover.seen] == [False] * 3 + [True] * 3 + [False] * 4


def test_what_is_never_sure_or_wavers_does_not() -> None:
    assert list(of_word(DOG, np.array([1.5, 1.5, -2.0, -2.0, -2.0, 1.5, 1.5, 1.5]))) == []
    assert list(of_word(DOG, np.array([5.0, 5.0, 0.0, 2.4, -3.0, 1.9, 5.0, 5.0]))) == []


def test_where_a_frame_is_not_as_the_stillest_a_part_is_seen() -> None:
    word = np.array([5.0, 5.0, 0.2, 0.1, 0.1, 0.1, 0.3, 5.0, 5.0, 5.0])
    seen, _ = levels(word)
    rest = np.array([3.0, 3.0, 2.0, 1.0, 1.0, 1.0, 2.0, 3.0, 3.0, 3.0])  # another thing's word
    mover = Mover(DOG, seen, tuple(gone(seen)))
    still = in_part(mover, np.stack([word, rest], axis=1))
    assert still.hidden == ((3, 5),)
    assert (still.seen[2], still.seen[6]) == (IN_PART, IN_PART)
    moving = np.stack([word, np.arange(10.0)], axis=1)  # no two frames alike, as when the camera moves
    assert in_part(mover, moving).hidden == ((2, 6),)


def test_a_hiding_that_goes_on_behind_more_things_is_one() -> None:
    lines = [{"from": 2, "to": 3, "by": ["o1"]}, {"from": 4, "to": 5, "by": ["o1", "o2"]}]
    assert runs_of([*lines, {"from": 8, "to": 8, "by": ["o3"]}]) == (Hidden(2, 5, ("o1", "o2")), Hidden(8, 8, ("o3",)))
