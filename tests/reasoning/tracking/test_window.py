"""A window that moves over a film: the same events as of the whole clip, and no more held the longer it lasts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.reasoning.street import thing
from tests.reasoning.tracking.test_timeline import clip
from tests.reasoning.tracking.test_track import COMES, FRAMES, GOES, SCENES, Looks, called

from occlusight.errors import BadInput
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph, Relation
from occlusight.reasoning.extract import Extractor
from occlusight.reasoning.tracking.identity import ByNameAndPlace, Track
from occlusight.reasoning.tracking.timeline import Sighting, State, story
from occlusight.reasoning.tracking.track import Occlusion, track
from occlusight.reasoning.tracking.watch import Followed, Watched, Watcher
from occlusight.reasoning.tracking.window import Window, without


def told(scenes: dict[Path, Facts], frames: int = 8, at_once: int = 4) -> tuple[list[Occlusion], Window]:
    window = Window(Watcher(Extractor(Looks(scenes))), frames)
    timed = [(number / 2, path) for number, path in enumerate(scenes)]
    ended = [event for at in range(0, len(timed), at_once) for event in window.add(timed[at : at + at_once])]
    return ended + window.end(), window


def as_pairs(events: list[Occlusion]) -> list[tuple[str, int, int, float | None]]:
    return [(event.evidence.en, event.first, event.last, event.end_s) for event in events]


@pytest.mark.parametrize("at_once", [1, 3, 4, FRAMES])
def test_a_window_tells_what_the_whole_clip_tells(at_once: int) -> None:
    whole = track(Watcher(Extractor(Looks(SCENES))).watch([(n / 2, path) for n, path in enumerate(SCENES)]), 2.0, 6.0)
    events, _ = told(SCENES, at_once=at_once)
    if at_once > 1:
        assert as_pairs(events) == as_pairs(list(whole.events))
    assert any((e.type, e.first, e.last) == ("complete", GOES, COMES - 1) for e in events)


def long_film(frames: int, hidden: range) -> dict[Path, Facts]:
    """A dog that a car hides for long, and a bus."""
    car = thing("t1", "car", "red car", "红色的汽车", (350, 300, 650, 700), 3.0)
    dog = thing("t2", "dog", "dog", "狗", (300, 500, 420, 680), 6.0)
    bus = thing("t3", "bus", "bus", "公交车", (20, 100, 200, 300), 12.0)
    scenes = {}
    for t in range(frames):
        there = [car, *([] if t in hidden else [dog]), bus]
        touching = (Relation("t1", "t2", "partial", 0.4, "right"),) if t in (hidden[0] - 1, hidden[-1] + 1) else ()
        scenes[Path(f"{t:03}.webp")] = Facts(Graph(400, 300, tuple(there), touching, tuple((o.id,) for o in there)))
    return scenes


def test_what_is_hidden_for_longer_than_a_window_is_still_there() -> None:
    events, window = told(long_film(40, range(6, 34)))
    [event] = [event for event in events if event.type == "complete"]
    assert (event.first, event.last, event.start_s, event.end_s) == (6, 33, 3.0, 17.0)
    assert len(window.things) == 3


def test_what_is_still_hidden_at_the_end_has_no_end() -> None:
    events, _ = told(dict(list(long_film(40, range(6, 34)).items())[:30]))
    [event] = [event for event in events if event.type == "complete"]
    assert (event.first, event.last, event.end_s) == (6, 29, None)
    assert event.evidence.en.endswith("still there at the end.")


class Says:
    """Watches as it was told to: a ball that rolls out of the picture, past a box and a tree."""

    def __init__(self, sightings: list[Sighting]) -> None:
        self.sightings = sightings
        self.known: list[list[str]] = []

    def watch(self, frames: list[Any], matcher: ByNameAndPlace, known: tuple[Followed, ...]) -> Watched:
        self.known.append([one.id for one in known])
        coming = [self.sightings.pop(0) for _ in frames]
        ids = dict.fromkeys([*self.known[-1], *(id for one in coming for id, p in one.seen.items() if p >= 0.5)])
        now = [without(one, one.seen.keys() - ids) for one in coming]
        matcher.tracks = matcher.tracks or [Track(id, called(id)) for id in ids]
        graph: Any = SimpleNamespace(certainty=SimpleNamespace(calibrated=True))
        return Watched(tuple(Followed(id, called(id)) for id in ids), tuple(now), (graph,) * len(now))


def watched(seen: list[float], hides: dict[int, dict[tuple[str, str], float]]) -> tuple[list[Occlusion], Window, Says]:
    says = Says(clip(seen, hides))
    window = Window(says, 8)  # type: ignore[arg-type]
    events = [event for _ in range(0, len(seen), 4) for event in window.add([(0.0, Path("."))] * 4)]
    return events + window.end(), window, says


def test_what_left_long_ago_is_forgotten() -> None:
    never = {t: {("box", "ball"): 0.001, ("tree", "ball"): 0.001} for t in range(24)}
    events, window, _ = watched([0.95] * 6 + [0.02] * 18, never)
    assert events == []
    assert sorted(window.things) == ["box", "tree"]
    assert sorted(track.id for track in window.matcher.tracks) == ["box", "tree"]
    _, kept, _ = watched([0.95] * 6 + [0.02] * 6, never)
    assert sorted(kept.things) == ["ball", "box", "tree"]


def test_an_event_is_as_probable_as_its_frames_say() -> None:
    touches = {t: {("box", "ball"): p, ("ball", "box"): 0.1, ("tree", "ball"): 0.02} for t, p in ((5, 0.9), (12, 0.8))}
    events, _, says = watched([0.95] * 6 + [0.05] * 6 + [0.95] * 4, touches)
    assert says.known[1:] == [["ball", "box", "tree"]] * 3
    wholly = next(event for event in events if event.type == "complete")
    assert (wholly.occluder, wholly.first, wholly.last) == ("box", 6, 11)
    assert wholly.probability == pytest.approx((6 * 0.05 + 0.8) / 7, abs=1e-4)


def test_nothing_is_said_of_what_is_left_out() -> None:
    [one] = clip([0.5], {})
    rest = without(one, {"ball"})
    assert (rest.seconds, dict(rest.seen), dict(rest.hides)) == (0.0, {"box": 0.95, "tree": 0.95}, {})


def test_what_was_decided_before_holds() -> None:
    sightings = clip([0.05] * 6, {})
    state = State(frozenset({"box", "tree"}), {"ball": "tree"}, frozenset())
    found = story(sightings, begins=state)
    assert [dict(behind) for behind in found.behind] == [{"ball": "tree"}] * 6
    away = story(sightings, begins=State(frozenset({"box", "tree"}), {}, frozenset({"ball"})))
    assert away.out == (frozenset({"ball"}),) * 6
    assert story(sightings).behind[0] == {}  # what was never seen is nowhere
    assert found.state(3) == state


def test_a_window_needs_frames() -> None:
    with pytest.raises(BadInput, match="8 frames at least, but it has 4"):
        Window(Watcher(Extractor(Looks(SCENES))), 4)
