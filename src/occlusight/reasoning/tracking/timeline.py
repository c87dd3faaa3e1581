"""What is true of the things of a clip in every frame: the most probable story in which things persist."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import permutations

from clingo import Symbol

from occlusight.occlusion.graph import Box
from occlusight.reasoning.pairs import Pair
from occlusight.reasoning.rules import solver
from occlusight.reasoning.rules.program import UNASKED, weight

COSTS: Mapping[str, int] = {"change": 100, "unseen": 400, "out": 250, "inner": 200, "back": 150, "unmet": 150}
"""Hundredths of log-odds that speak against an event: that a thing goes or comes, goes unseen from one hiding place to
the next, leaves the picture, does so from its inner part, comes back from there, is hidden by what nothing is known of
just before."""
SURE = 200
"""From these log-odds on that one hides part of another, nothing speaks against its having hidden it wholly."""
APART = SURE - weight(UNASKED)
"""Against a thing's having been hidden by one about which the model was not asked just before or after, though both
were in the picture: it is not asked about two that are far apart."""
AWAY = 200
"""The same where it is known how far apart they were, for every length of the thing, on top of `unmet`: in the time
between two frames it may come so far. Never more than `APART`."""
THERE = 0.3
"""Things that are seen with this probability are asked about in pairs."""
TURN = 60
"""Against that a thing begins or ends to be hidden in part."""
LONGEST_S = 5.0
"""Seconds for the story of a clip."""


@dataclass(frozen=True)
class Sighting:
    """What a model says of one frame.

    seconds: when
    seen: the probability that each thing is seen
    hides: the probability that the first hides part of the second, of pairs that were asked about
    boxes: where things are, in thousandths of the picture, of what that is known
    """

    seconds: float
    seen: Mapping[str, float]
    hides: Mapping[Pair, float]
    boxes: Mapping[str, Box] = field(default_factory=dict)


@dataclass(frozen=True)
class Story:
    """What is true in each frame, by its number.

    seen: the things that are seen
    behind: what is hidden wholly, and behind what
    out: what has left the picture
    parts: (what hides, what it hides part of)
    optimal: whether no other story is more probable
    cost: what speaks against it, in hundredths of log-odds
    """

    seen: tuple[frozenset[str], ...]
    behind: tuple[Mapping[str, str], ...]
    out: tuple[frozenset[str], ...]
    parts: tuple[frozenset[Pair], ...]
    optimal: bool
    cost: int = 0

    @property
    def frames(self) -> int:
        """How many there are."""
        return len(self.seen)

    def state(self, frame: int) -> State:
        """Return what is true in a frame."""
        return State(self.seen[frame], self.behind[frame], self.out[frame])


@dataclass(frozen=True)
class State:
    """What is true in one frame: what is seen, what is hidden wholly and behind what, what has left the picture."""

    seen: frozenset[str]
    behind: Mapping[str, str]
    out: frozenset[str]


def story(sightings: Sequence[Sighting], budget_s: float = LONGEST_S, begins: State | None = None) -> Story:
    """Return the most probable story of a clip, or the best one that is found in the time.

    Args:
        begins: what is true in the first frame, where that was decided before.
    """
    decided = "" if begins is None or not sightings else "".join(_decided(sightings[0], begins))
    found = solver.solve(program_of(sightings) + decided, time.monotonic() + budget_s)
    atoms: frozenset[Symbol] = frozenset() if found is None else found.atoms
    n = len(sightings)
    seen: list[set[str]] = [set() for _ in range(n)]
    behind: list[dict[str, str]] = [{} for _ in range(n)]
    out: list[set[str]] = [set() for _ in range(n)]
    for atom in atoms:
        *names, at = atom.arguments
        ids = [name.string for name in names]
        match atom.name:
            case "seen":
                seen[at.number].add(ids[0])
            case "behind":
                behind[at.number][ids[0]] = ids[1]
            case "out":
                out[at.number].add(ids[0])
    return Story(
        tuple(map(frozenset, seen)),
        tuple(behind),
        tuple(map(frozenset, out)),
        hidden_in_part(sightings, seen),
        found is None or found.optimal,
        0 if found is None else found.cost,
    )


def program_of(sightings: Sequence[Sighting]) -> str:
    """Return the logic program whose cheapest world is the most probable story."""
    constants = "".join(f"#const {name}={cost}.\n" for name, cost in COSTS.items())
    return constants + "".join(_facts(sightings)) + text("timeline.lp")


def text(name: str) -> str:
    """Return a program of this package."""
    return (files("occlusight.reasoning.tracking") / name).read_text("utf-8")


def hidden_in_part(sightings: Sequence[Sighting], seen: Sequence[Set[str]]) -> tuple[frozenset[Pair], ...]:
    """Return which things that are seen hide part of which, by frame: of every two the likeliest course of who hides
    whom, if anybody, by dynamic programming (Viterbi); nobody hides what hides it."""
    found: list[set[Pair]] = [set() for _ in sightings]
    pairs = dict.fromkeys(tuple(sorted(pair)) for sighting in sightings for pair in sighting.hides)
    for a, b in pairs:
        ways: tuple[Pair | None, ...] = (None, (a, b), (b, a))
        cost = [0.0] * len(ways)
        before: list[list[int]] = []
        for sighting, there in zip(sightings, seen, strict=True):
            together = a in there and b in there
            asked = [0.0, *(-weight(sighting.hides[p]) if p in sighting.hides else math.inf for p in ways[1:] if p)]
            now = asked if together else [0.0, math.inf, math.inf]
            turn = TURN if together else 0
            best = [min(range(len(ways)), key=lambda k: cost[k] + turn * (k != way)) for way in range(len(ways))]
            cost = [cost[k] + turn * (k != way) + now[way] for way, k in enumerate(best)]
            before.append(best)
        way = min(range(len(ways)), key=cost.__getitem__)
        for t in range(len(sightings) - 1, -1, -1):
            if (pair := ways[way]) is not None:
                found[t].add(pair)
            way = before[t][way]
    return tuple(map(frozenset, found))


def _facts(sightings: Sequence[Sighting]) -> Iterator[str]:
    for t, sighting in enumerate(sightings):
        for id, p in sighting.seen.items():
            yield f'seen_weight("{id}",{t},{weight(p)}).\n'
        there = [id for id, p in sighting.seen.items() if p >= THERE]
        for a, b in dict.fromkeys((*sighting.hides, *permutations(there, 2))):
            yield f'doubt("{a}","{b}",{t},{doubt(sighting, a, b)}).\n'
        for id, box in sighting.boxes.items():
            if border(box) > length(box):
                yield f'inner("{id}",{t}).\n'


def doubt(sighting: Sighting, a: str, b: str) -> int:
    """Return what speaks, in a frame in which both are seen, against a's hiding b wholly before or after it.

    >>> boxes = {"car": (0, 0, 100, 100), "dog": (150, 50, 250, 100)}
    >>> doubt(Sighting(0.0, {}, {("car", "dog"): 0.5}, boxes), "car", "dog")
    200
    >>> doubt(Sighting(0.0, {}, {}, boxes), "car", "dog"), doubt(Sighting(0.0, {}, {}), "car", "dog")
    (250, 589)
    """
    if (a, b) in sighting.hides:
        return max(0, SURE - weight(sighting.hides[a, b]))
    one, two = sighting.boxes.get(a), sighting.boxes.get(b)
    if one is None or two is None:
        return APART
    return min(APART, COSTS["unmet"] + round(AWAY * gap(one, two) / length(two)))


def gap(a: Box, b: Box) -> int:
    """Return how far apart two boxes are along the axis on which they are farthest apart; 0 where they overlap."""
    return max(0, a[0] - b[2], b[0] - a[2], a[1] - b[3], b[1] - a[3])


def length(box: Box) -> int:
    """Return a box's longer side, 1 at least."""
    return max(1, box[2] - box[0], box[3] - box[1])


def border(box: Box) -> int:
    """Return how far a box is from the nearest border of the picture."""
    return min(box[0], box[1], 1000 - box[2], 1000 - box[3])


def _decided(first: Sighting, state: State) -> Iterator[str]:
    """What is true in the first frame, as rules that leave no choice."""
    for id in first.seen:
        yield f':- {"not " if id in state.seen else ""}seen("{id}",0).\n'
    for id, by in state.behind.items():
        yield f'known("{id}",0). :- not behind("{id}","{by}",0).\n'
    for id in state.out:
        yield f'known("{id}",0). :- not out("{id}",0).\n'
