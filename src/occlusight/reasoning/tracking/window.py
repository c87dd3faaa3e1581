"""Films that do not end, or are too long for one story: a window moves over them, and what leaves it is decided.

Each time half a window of frames has come, the story of the whole window is found anew, from what was decided of the
frame before it. What is true of its older half is kept then; the younger half is told again with what comes.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from statistics import fmean

from occlusight.backends.fields import Picture
from occlusight.errors import BadInput
from occlusight.reasoning.pairs import Pair
from occlusight.reasoning.relations import Described
from occlusight.reasoning.tracking.identity import ByNameAndPlace
from occlusight.reasoning.tracking.timeline import Sighting, State, Story, story
from occlusight.reasoning.tracking.track import Occlusion, evidence, hiding
from occlusight.reasoning.tracking.watch import Followed, Watcher

LEAST = 8
"""Frames of a window: fewer tell no event from a frame that was misread."""


@dataclass
class Begun:
    """An occlusion that has not ended: its first frame and second, the last frame, and how probable the frames make it,
    where they are calibrated."""

    first: int
    start_s: float
    last: int
    chances: list[float] = field(default_factory=list)


@dataclass
class Window:
    """Follows the things of frames that come in pieces; what it holds does not grow with them.

    What has been out of the picture for a whole window is forgotten: what comes back later is new.

    Args:
        watcher: looks at frames.
        frames: of a window, at least `LEAST`.
        matcher: says what is what.
    """

    watcher: Watcher
    frames: int
    matcher: ByNameAndPlace = field(default_factory=ByNameAndPlace)
    things: dict[str, Followed] = field(default_factory=dict)
    _coming: list[tuple[Sighting, Described]] = field(default_factory=list)
    _last: tuple[Sighting, Described, State] | None = None
    _open: dict[tuple[Pair, str], Begun] = field(default_factory=dict)
    _out: dict[str, int] = field(default_factory=dict)
    _number: int = 0

    def __post_init__(self) -> None:
        if self.frames < LEAST:
            raise BadInput(f"a window needs {LEAST} frames at least, but it has {self.frames}; make it longer")

    @property
    def step(self) -> int:
        """How many frames are best given at a time."""
        return self.frames // 2

    def add(self, frames: Sequence[tuple[float, Picture]]) -> list[Occlusion]:
        """Look at the next frames (seconds, picture); return what has ended before the younger half of the window."""
        watched = self.watcher.watch(frames, self.matcher, known=tuple(self.things.values()))
        self.things = {thing.id: thing for thing in watched.things}
        self._coming += zip(watched.sightings, watched.graphs, strict=True)
        return self._decide(max(0, len(self._coming) - self.step))

    def end(self) -> list[Occlusion]:
        """Return what is left, as nothing more comes: what lasts to the end has no end."""
        ended = self._decide(len(self._coming))
        left = [self._told(key, begun, None) for key, begun in self._open.items()]
        self._open.clear()
        return ended + left

    def _decide(self, count: int) -> list[Occlusion]:
        """Keep what is true of the oldest frames, so many; return the occlusions that have ended in them."""
        if not count:
            return []
        held = [] if self._last is None else [self._last[:2]]
        frames = held + self._coming
        told = story([sighting for sighting, _ in frames], begins=self._last and self._last[2])
        ended = []
        for at in range(len(held), len(held) + count):
            ended += self._next(told, at, *frames[at])
        self._last = (*frames[len(held) + count - 1], told.state(len(held) + count - 1))
        del self._coming[:count]
        self._forget()
        return sorted(ended, key=lambda one: one.start_s)

    def _next(self, told: Story, at: int, sighting: Sighting, graph: Described) -> list[Occlusion]:
        """Go on by a frame; return what ends with it."""
        now = {(pair, kind) for pair, kind in hiding(told, at).items()}
        ended = []
        for key in [key for key in self._open if key not in now]:
            begun = self._open.pop(key)
            self._heed(begun, key[0], sighting, graph)
            ended.append(self._told(key, begun, sighting.seconds))
        for key in sorted(now):
            begun = self._open.setdefault(key, Begun(self._number, sighting.seconds, self._number))
            begun.last = self._number
            self._heed(begun, key[0], sighting, graph)
        out = told.out[at]
        self._out = {id: self._out.get(id, 0) + 1 for id in out}
        self._number += 1
        return ended

    def _heed(self, begun: Begun, pair: Pair, sighting: Sighting, graph: Described) -> None:
        if graph.certainty.calibrated and pair in sighting.hides:
            begun.chances.append(sighting.hides[pair])

    def _told(self, key: tuple[Pair, str], begun: Begun, end_s: float | None) -> Occlusion:
        pair, kind = key
        chance = round(fmean(begun.chances), 4) if begun.chances else None
        said = evidence(pair, kind, begun.start_s, end_s, self.things)
        return Occlusion(*pair, kind, begun.first, begun.last, begun.start_s, end_s, chance, said)

    def _forget(self) -> None:
        """Drop what has been out of the picture for long, and is not in what comes."""
        coming = {id for sighting, _ in self._coming for id, p in sighting.seen.items() if p >= 0.5}
        gone = {id for id, frames in self._out.items() if frames >= self.frames} - coming
        if not gone or self._last is None:
            return
        sighting, graph, state = self._last
        self._last = without(sighting, gone), graph, State(state.seen, state.behind, state.out - gone)
        self._coming = [(without(sighting, gone), graph) for sighting, graph in self._coming]
        self.things = {id: thing for id, thing in self.things.items() if id not in gone}
        self.matcher.forget(gone)


def without(sighting: Sighting, ids: Set[str]) -> Sighting:
    """Return what is said of all other things."""
    seen = {id: p for id, p in sighting.seen.items() if id not in ids}
    hides = {pair: p for pair, p in sighting.hides.items() if ids.isdisjoint(pair)}
    return Sighting(sighting.seconds, seen, hides, {id: box for id, box in sighting.boxes.items() if id not in ids})
