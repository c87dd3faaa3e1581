"""How well a model's tracks of clips fit the truth: events, how late, what is seen, and identity after hiding.

Things are matched by their kind, since a model that draws no boxes tells no more; where a clip has several of a kind
the one whose visibility fits best counts. An event is that a thing is hidden wholly: a told one is right where it is
about the same things and the frames that both say are at least `OVERLAP` of the frames that either says. Where the
truth does not say what hides a thing, whatever is told to hide it is right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from occlusight.backends.fields import Picture
from occlusight.bench.clip_questions import answered
from occlusight.bench.identity import can_measure, identities
from occlusight.bench.statistics import Rate, f1, precision, rate, ratio, recall
from occlusight.datasets.clips import ClipLine, ClipThing
from occlusight.images.film import FilmLimits, open_film
from occlusight.reasoning.tracking.timeline import Sighting
from occlusight.reasoning.tracking.track import Track, track
from occlusight.reasoning.tracking.watch import Watched, Watcher

OVERLAP = 0.3
"""The least share of two events' frames that are common to both."""
Rows = dict[str, list[tuple[float, ...]]]


@dataclass(frozen=True)
class Told:
    """What is said of a clip: whether each thing is seen in every frame, and events as (occluder, occluded, first, last
    frame)."""

    kinds: Mapping[str, str]
    seen: Mapping[str, Sequence[bool]]
    events: Sequence[tuple[str, str, int, int]]

    @classmethod
    def of(cls, found: Track) -> Told:
        """What the most probable story says."""
        kinds = {thing.id: thing.seen.thing.kind.key for thing in found.things}
        seen = {id: [id in there for there in found.story.seen] for id in kinds}
        events = [e for e in found.events if e.type == "complete"]
        return cls(kinds, seen, [(e.occluder, e.occluded, e.first, e.last) for e in events])

    @classmethod
    def no_rules(cls, watched: Watched) -> Told:
        """The baseline of frames by themselves: what is not seen in one is hidden by what that frame says hides it
        most, if anything more likely than not."""
        kinds = {thing.id: thing.seen.thing.kind.key for thing in watched.things}
        seen = {id: [sighting.seen[id] >= 0.5 for sighting in watched.sightings] for id in kinds}
        events = []
        for id, frames in seen.items():
            by = [
                None if now else _most_hiding(id, one, 0.5) for now, one in zip(frames, watched.sightings, strict=True)
            ]
            for t, one in enumerate(by):
                if one is not None and (t == 0 or by[t - 1] != one):
                    last = next((k for k in range(t, len(by)) if by[k] != one), len(by)) - 1
                    events.append((one, id, t, last))
        return cls(kinds, seen, events)

    @classmethod
    def blind(cls, clip: ClipLine) -> Told:
        """The baseline without pictures: told what there is, it says that all is seen all the time."""
        kinds = {id: thing.kind for id, thing in clip.things.items()}
        return cls(kinds, {id: [True] * len(clip.seconds) for id in kinds}, ())

    @classmethod
    def last_seen(cls, watched: Watched) -> Told:
        """The baseline without a story: what a frame's own word is, and what hid a part of a thing when it was seen
        last is what hides it."""
        kinds = {thing.id: thing.seen.thing.kind.key for thing in watched.things}
        seen = {id: [sighting.seen[id] >= 0.5 for sighting in watched.sightings] for id in kinds}
        events = []
        for id, frames in seen.items():
            for first, last in gaps(frames):
                by = _most_hiding(id, watched.sightings[first - 1])
                if by is not None:
                    events.append((by, id, first, last))
        return cls(kinds, seen, events)


def gaps(seen: Sequence[bool]) -> list[tuple[int, int]]:
    """Return the first and last frame of every run in which a thing is not seen that was seen before.

    >>> gaps([False, True, False, False, True, False])
    [(2, 3), (5, 5)]
    """
    found, begun = [], False
    for t, now in enumerate(seen):
        if now:
            begun = True
        elif begun and seen[t - 1]:
            last = t
            while last + 1 < len(seen) and not seen[last + 1]:
                last += 1
            found.append((t, last))
    return found


def _most_hiding(id: str, sighting: Sighting, least: float = 0.0) -> str | None:
    chances = {a: p for (a, b), p in sighting.hides.items() if b == id and p >= least}
    return max(chances, key=chances.__getitem__) if chances else None


@dataclass(frozen=True)
class Judged:
    """A clip and what was watched in it."""

    clip: ClipLine
    watched: Watched


def watched(
    watcher: Watcher, clips: Sequence[ClipLine], show: Callable[[int, int], None] = lambda done, total: None
) -> list[Judged]:
    """Watch the pictures of clips by one model; `show` hears how many of how many are done."""
    found = []
    for number, clip in enumerate(clips, 1):
        clip, frames = pictures_of(clip)
        found.append(Judged(clip, watcher.watch(frames)))
        show(number, len(clips))
    return found


def pictures_of(clip: ClipLine) -> tuple[ClipLine, list[tuple[float, Picture]]]:
    """Return the frames of a clip (seconds, picture), a video's decoded; and the clip, of as many frames as were
    there. Raises BadVideo for one that cannot be opened."""
    if clip.video is None:
        return clip, list(zip(clip.seconds, clip.pictures, strict=True))
    film = open_film(clip.video, clip.per_second, limits=FilmLimits(frames=len(clip.seconds)))
    return clip.first(len(film.frames)), [(frame.seconds, frame.image) for frame in film.frames]


def measure(judged: Sequence[Judged]) -> dict[str, Any]:
    """Return the numbers of `bench video`: of the story, and of the baselines beside it."""
    stories = {one.clip.id: Told.of(_tracked(one)) for one in judged}
    baselines = {
        "last_seen": {one.clip.id: Told.last_seen(one.watched) for one in judged},
        "no_rules": {one.clip.id: Told.no_rules(one.watched) for one in judged},
        "blind": {one.clip.id: Told.blind(one.clip) for one in judged},
    }
    head = {"n_clips": len(judged), "n_frames": sum(len(one.clip.seconds) for one in judged)}
    beside = {name: _numbers(judged, told) for name, told in baselines.items()}
    return {**head, **_numbers(judged, stories), **kept_identities(judged), **beside}


def kept_identities(judged: Sequence[Judged]) -> dict[str, Any]:
    """Return `idf1` and `hota` of the clips whose boxes are known, where the model draws boxes: None without SciPy."""
    places: Rows = {}
    hota: Rows = {}
    for one in judged:
        true = [
            {id: box for id, thing in one.clip.things.items() if thing.boxes and (box := thing.boxes[t]) is not None}
            for t in range(len(one.clip.seconds))
        ]
        if not can_measure() or not any(true) or not any(one.watched.boxes):
            continue
        kept = identities(true, one.watched.boxes)
        if kept is not None:
            places[one.clip.id] = [(kept.right, kept.invented, kept.missed)]
            hota[one.clip.id] = [(kept.hota, 1.0)]
    return {**rate(places, f1).to_json("idf1"), **rate(hota, ratio).to_json("hota")}


def _tracked(one: Judged) -> Track:
    seconds = one.clip.seconds
    step = seconds[1] - seconds[0] if len(seconds) > 1 else 1.0
    return track(one.watched, 1 / step if step else 1.0, seconds[-1] + step)


def _numbers(judged: Sequence[Judged], told: Mapping[str, Told]) -> dict[str, Any]:
    events: Rows = {one.clip.id: [] for one in judged}
    late: Rows = {one.clip.id: [] for one in judged}
    seen: Rows = {one.clip.id: [] for one in judged}
    kept: Rows = {one.clip.id: [] for one in judged}
    asked: Rows = {one.clip.id: [] for one in judged}
    for one in judged:
        clip, said = one.clip, told[one.clip.id]
        alike = {id: same(thing, said) for id, thing in clip.things.items()}
        for _, fine in answered(clip, said.kinds, said.seen, said.events, alike):
            asked[clip.id].append((fine, 1))
        right = hits(clip, said)
        true = sum(len(thing.hidden) for thing in clip.things.values())
        events[clip.id].append((len(right), len(said.events) - len(right), true - len(right)))
        for (_, _, first, last), (_, hidden) in right:
            late[clip.id].append((abs(clip.seconds[first] - clip.seconds[hidden.first]), 1.0))
            ends = (min(last + 1, len(clip.seconds) - 1), min(hidden.last + 1, len(clip.seconds) - 1))
            late[clip.id].append((abs(clip.seconds[ends[0]] - clip.seconds[ends[1]]), 1.0))
        for id, thing in clip.things.items():
            mine = alike[id]
            shown = [v is not None and v > 0 for v in thing.visible]
            if mine is not None:
                for there, now in zip(shown, said.seen[mine], strict=True):
                    seen[clip.id].append((there and now, now and not there, there and not now))
            for hidden in thing.hidden:
                if hidden.first > 0 and hidden.last + 1 < len(shown):
                    kept[clip.id].append((mine is not None and _again(said.seen[mine], hidden.first, hidden.last), 1))
    found: dict[str, Rate] = {
        "event_f1": rate(events, f1),
        "event_precision": rate(events, precision),
        "event_recall": rate(events, recall),
        "time_error_s": rate(late, ratio),
        "visibility_f1": rate(seen, f1),
        "identity_after_hiding": rate(kept, ratio),
        "question_accuracy": rate(asked, ratio),
    }
    out: dict[str, Any] = {}
    for name, one_rate in found.items():
        out |= {**one_rate.to_json(name), f"{name}_n": one_rate.n}
    return out


def hits(clip: ClipLine, said: Told) -> list[tuple[tuple[str, str, int, int], tuple[str, Any]]]:
    """Return the told events that are right, each with (id, hidden) of the truth that it tells; each true one once."""
    left = [(id, hidden) for id, thing in clip.things.items() for hidden in thing.hidden]
    found = []
    for event in said.events:
        occluder, occluded, first, last = event
        fitting = [
            (common, number)
            for number, (id, hidden) in enumerate(left)
            if said.kinds[occluded] == clip.things[id].kind
            and (not hidden.by or said.kinds[occluder] in {clip.things[by].kind for by in hidden.by})
            and (common := overlap((first, last), (hidden.first, hidden.last))) >= OVERLAP
        ]
        if fitting:
            _, number = max(fitting)
            found.append((event, left.pop(number)))
    return found


def overlap(a: tuple[int, int], b: tuple[int, int]) -> float:
    """Return the share of frames that two runs have in common, of those that are in either.

    >>> overlap((2, 5), (4, 7))
    0.3333333333333333
    """
    common = min(a[1], b[1]) - max(a[0], b[0]) + 1
    either = max(a[1], b[1]) - min(a[0], b[0]) + 1
    return max(0, common) / either


def same(thing: ClipThing, said: Told) -> str | None:
    """Return the told thing of a true one's kind whose visibility fits best; None without any of its kind."""
    shown = [v is not None and v > 0 for v in thing.visible]
    alike = [id for id, kind in said.kinds.items() if kind == thing.kind]
    fits = {id: fmean(a == b for a, b in zip(shown, said.seen[id], strict=True)) for id in alike}
    return max(fits, key=fits.__getitem__) if fits else None


def _again(seen: Sequence[bool], first: int, last: int) -> bool:
    """Whether one identity is seen before a thing was hidden and after."""
    return any(seen[:first]) and any(seen[last + 1 :])
