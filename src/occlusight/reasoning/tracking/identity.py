"""Which thing of one frame is which of the frames before."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Protocol

from occlusight.occlusion.graph import Box
from occlusight.reasoning.objects import Seen, overlap
from occlusight.reasoning.own_wording import Thing

NEAR = 0.2
"""Boxes of one kind in frames that follow each other are the same thing's where they share so much of their union."""


SCORE = 0.9
"""How sure trackers are told that each box is: models that are asked for boxes do not say."""


class BoxTracker(Protocol):
    """Follows boxes alone, as trackers do (`library_trackers.py` has some)."""

    def update(self, boxes: Sequence[Box], scores: Sequence[float]) -> list[int | None]:
        """Return which track each box of the next frame belongs to, in their order, no two to one; None for a box that
        belongs to none yet.

        Args:
            boxes: (left, top, right, bottom) in thousandths of the picture; none where nothing is seen.
            scores: how sure each box is, from 0 to 1.
        """
        ...


class Matcher(Protocol):
    """Gives things identities that last."""

    def update(self, objects: Sequence[Seen]) -> list[str]:
        """Return the identity of each object of the next frame, in their order, no two alike."""
        ...


@dataclass
class Track:
    """A thing as it was seen last. `frames` is in how many."""

    id: str
    last: Seen
    frames: int = 0


@dataclass
class ByNameAndPlace:
    """Follows things of one kind by their boxes where there are any, else by their colours; a thing that is the only
    one of its kind before and now is the same. One that was not seen for a while keeps its identity.

    tracker: says first which box goes on from which, whatever the things are called; what it has lost is found by the
        rules above
    """

    tracks: list[Track] = field(default_factory=list)
    tracker: BoxTracker | None = None
    _of_tracker: dict[int, Track] = field(default_factory=dict)
    _given: int = 0

    def update(self, objects: Sequence[Seen]) -> list[str]:
        """See `Matcher`."""
        free = list(self.tracks)
        found: dict[int, Track] = {}
        followed = self._followed(objects)
        for index, number in followed.items():
            track = self._of_tracker.get(number)
            if track in free:
                found[index] = track
                free.remove(track)
        for closest in (_by_place, _by_colour):
            pairs = (
                (closeness, -number, index, track)
                for index, seen in enumerate(objects)
                for number, track in enumerate(self.tracks)
                if (closeness := closest(seen, track.last)) > 0
            )
            for _, _, index, track in sorted(pairs, key=lambda pair: pair[:3], reverse=True):
                if index not in found and track in free:
                    found[index] = track
                    free.remove(track)
        for index, seen in enumerate(objects):
            if index not in found:
                alone = [track for track in free if track.last.thing.kind.key == seen.thing.kind.key]
                same = [one for one in objects if one.thing.kind.key == seen.thing.kind.key]
                if len(alone) == len(same) == 1:
                    found[index] = alone[0]
                    free.remove(alone[0])
        for index, seen in enumerate(objects):
            if index not in found:
                self._given += 1
                found[index] = Track(f"o{self._given}", seen)
                self.tracks.append(found[index])
            track = found[index]
            track.last, track.frames = replace(seen, thing=_named(seen.thing, track.last.thing)), track.frames + 1
        self._of_tracker |= {number: found[index] for index, number in followed.items()}
        return [found[index].id for index in range(len(objects))]

    def forget(self, ids: Set[str]) -> None:
        """Drop identities: what comes back is new."""
        self.tracks = [track for track in self.tracks if track.id not in ids]
        self._of_tracker = {number: track for number, track in self._of_tracker.items() if track.id not in ids}

    def _followed(self, objects: Sequence[Seen]) -> dict[int, int]:
        """The tracker's number of each object that has one, by its place."""
        if self.tracker is None:
            return {}
        boxes = {index: seen.box for index, seen in enumerate(objects) if seen.box is not None}
        numbers = self.tracker.update(list(boxes.values()), [SCORE] * len(boxes))
        return {index: number for index, number in zip(boxes, numbers, strict=True) if number is not None}


def _named(now: Thing, before: Thing) -> Thing:
    """The name that says more: a colour that was told once is kept."""
    return now if now.colour[0] or not before.colour[0] else before


def _by_place(a: Seen, b: Seen) -> float:
    """How close two boxes of one kind are; 0 where they are not close."""
    if a.box is None or b.box is None or a.thing.kind.key != b.thing.kind.key:
        return 0.0
    shared = overlap(a.box, b.box)
    return shared if shared >= NEAR else 0.0


def _by_colour(a: Seen, b: Seen) -> float:
    """1 where two are called the same, colours included."""
    return float(a.thing.kind.key == b.thing.kind.key and a.thing.colour == b.thing.colour)
