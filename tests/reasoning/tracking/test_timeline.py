"""The most probable story of a clip: things persist, what goes is behind something, and nothing happens for nothing."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from occlusight.reasoning.tracking.timeline import Sighting, Story, story

FRAMES = 14
GOES, COMES = 5, 9


def clip(seen: list[float], hides: dict[int, dict[tuple[str, str], float]]) -> list[Sighting]:
    """A ball that is seen with these probabilities, beside a box and a tree that always are."""
    return [
        Sighting(
            t / 2, {"ball": p, "box": 0.95, "tree": 0.95}, hides.get(t, {("box", "ball"): 0.05, ("tree", "ball"): 0.05})
        )
        for t, p in enumerate(seen)
    ]


def went_behind(**changed: float) -> list[float]:
    seen = [0.05 if GOES <= t < COMES else 0.95 for t in range(FRAMES)]
    for frame, p in changed.items():
        seen[int(frame[1:])] = p
    return seen


TOUCHES = {t: {("box", "ball"): 0.9, ("ball", "box"): 0.1, ("tree", "ball"): 0.02} for t in (GOES - 1, COMES)}


def hidden(told: Story) -> dict[int, str]:
    return {t: behind["ball"] for t, behind in enumerate(told.behind) if "ball" in behind}


def test_what_goes_is_behind_what_touched_it_until_it_comes_back() -> None:
    told = story(clip(went_behind(), TOUCHES))
    assert hidden(told) == dict.fromkeys(range(GOES, COMES), "box")
    assert told.optimal
    assert [("box", "ball") in parts for parts in told.parts] == [t in (GOES - 1, COMES) for t in range(FRAMES)]


def test_a_flicker_is_no_event() -> None:
    told = story(clip(went_behind(t2=0.3, t7=0.6), TOUCHES))
    assert hidden(told) == dict.fromkeys(range(GOES, COMES), "box")


def test_what_does_not_come_back_is_still_there() -> None:
    seen = [0.95 if t < GOES else 0.05 for t in range(FRAMES)]
    assert hidden(story(clip(seen, TOUCHES))) == dict.fromkeys(range(GOES, FRAMES), "box")


def test_what_nothing_could_hide_has_left_the_picture() -> None:
    away = {t: {("box", "ball"): 0.001, ("tree", "ball"): 0.001} for t in range(FRAMES)}
    told = story(clip([0.95 if t < GOES else 0.02 for t in range(FRAMES)], away))
    assert [t for t, out in enumerate(told.out) if "ball" in out] == list(range(GOES, FRAMES))


PLACES = {"box": (100, 600, 300, 800), "tree": (460, 300, 540, 800)}


def placed(at: list[tuple[int, float]], asked: frozenset[int] = frozenset()) -> list[Sighting]:
    """A ball with its left side and how surely it is seen, frame by frame, beside a box and a tree; it is asked about
    together with the box in a few frames, and in others nobody is asked about what is far apart."""
    found = []
    for t, (left, p) in enumerate(at):
        boxes = {**PLACES, "ball": (left, 720, left + 80, 800)} if p > 0.5 else PLACES
        hides = {("box", "ball"): 0.9, ("ball", "box"): 0.1} if t in asked else {}
        found.append(Sighting(t / 2, {"ball": p, "box": 0.95, "tree": 0.95}, hides, boxes))
    return found


def test_what_leaves_at_the_border_is_not_behind_something_far_from_it() -> None:
    told = story(placed([(600 + 64 * t, 0.95) for t in range(6)] + [(0, 0.03)] * 6))
    assert hidden(told) == {}
    assert [t for t, out in enumerate(told.out) if "ball" in out] == list(range(6, 12))
    unplaced = [Sighting(t / 2, {"ball": 0.95 if t < 6 else 0.03, "box": 0.95}, {}) for t in range(12)]
    assert hidden(story(unplaced)) == {}


def test_what_comes_back_far_from_a_thing_was_not_behind_it() -> None:
    told = story(placed([(920 - 20 * t, 0.95) for t in range(5)] + [(0, 0.03)] * 4 + [(920, 0.95)] * 5))
    assert hidden(told) == {}
    assert sum("ball" in out for out in told.out) == 4


def test_what_is_fast_is_behind_what_it_was_near() -> None:
    """Too far from the tree to be asked about, before and after, but it cannot have left from the middle."""
    told = story(placed([(680 - 20 * t, 0.95) for t in range(6)] + [(0, 0.03)] * 4 + [(580, 0.95)] * 4))
    assert hidden(told) == dict.fromkeys(range(6, 10), "tree")
    touched = story(placed([(360, 0.95)] * 6 + [(0, 0.03)] * 4 + [(310, 0.95)] * 4, frozenset({10})))
    assert hidden(touched) == dict.fromkeys(range(6, 10), "box")


def test_what_was_never_seen_is_nowhere() -> None:
    told = story(clip([0.05] * FRAMES, {}))
    assert all(
        "ball" not in (*seen, *behind, *out) for seen, behind, out in zip(told.seen, told.behind, told.out, strict=True)
    )


def test_a_thing_that_is_hidden_in_part_for_sure_is_not_hidden_wholly_for_that() -> None:
    always = {t: {("box", "ball"): 0.99, ("ball", "box"): 0.01} for t in range(FRAMES)}
    told = story(clip([0.9] * FRAMES, always))
    assert hidden(told) == {}
    assert all(parts == {("box", "ball")} for parts in told.parts)


def test_no_clip_has_no_story() -> None:
    assert story([]).frames == 0


chance = st.floats(0.01, 0.99)
IDS = ("a", "b", "c")


@given(
    st.lists(
        st.tuples(
            st.fixed_dictionaries(dict.fromkeys(IDS, chance)),
            st.dictionaries(st.sampled_from([(a, b) for a in IDS for b in IDS if a != b]), chance),
        ),
        max_size=5,
    )
)
@settings(max_examples=30, deadline=None)
def test_every_story_holds_together(frames: list[tuple[dict[str, float], dict[tuple[str, str], float]]]) -> None:
    told = story([Sighting(float(t), seen, hides) for t, (seen, hides) in enumerate(frames)])
    met: set[str] = set()
    for seen, behind, out, parts in zip(told.seen, told.behind, told.out, told.parts, strict=True):
        met |= seen
        assert sorted([*seen, *behind, *out]) == sorted(met)  # what was seen once is in one place
        assert set(behind.values()) <= seen  # and behind what is seen
        assert all((b, a) not in parts and {a, b} <= seen for a, b in parts)


@pytest.mark.slow
def test_a_long_noisy_clip_has_a_story_in_its_time() -> None:
    rng = random.Random(1)
    ids = [f"o{i}" for i in range(8)]
    frames = [Sighting(float(t), {id: min(0.99, max(0.01, rng.gauss(0.8, 0.2))) for id in ids}, {}) for t in range(120)]
    assert story(frames, budget_s=5.0).frames == 120
