"""What is asked about glass, mirrors, hidden things and other cameras: drawn here, executed by the programs `through`, `mirrored`,
`told_behind`, `shown_in` and `hides_from`.

These are asked only where they are asked for, so that the questions about other pictures do not change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from occlusight.occlusion.facts import Facts
from occlusight.questions.candidates import Candidates

Program = list[list[Any]]
Asked = tuple[Program, dict[str, str]]
Pair = tuple[Asked, Asked]
T = TypeVar("T")

STAGED_KINDS: tuple[str, ...] = ("through", "mirrored", "mirror_shows", "unknown", "viewpoint")


class Drawing(Protocol):
    """What draws: see `draw`."""

    facts: Facts
    candidates: Candidates

    def pick(self, items: list[T]) -> T | None:
        """One of the items; None where there are none."""


def about(op: str, ids: tuple[str, ...], slots: str = "ab") -> Asked:
    """Return a question whose program is one step about some objects."""
    return [[op, list(ids)]], dict(zip(slots, ids, strict=True))


def viewed(facts: Facts, pair: tuple[str, str]) -> Asked:
    """Return the question whether a pair hides from the second camera."""
    view = facts.graph.views[0]
    program, slots = about("hides_from", pair)
    return program, {**slots, "s": view.side, "d": str(view.degrees)}


def through(draw: Drawing) -> Pair | None:
    """Something seen through glass, and something that is not behind that glass or is behind something opaque."""
    c = draw.candidates
    yes = draw.pick(c.through)
    first, second = (c.opaque, c.beside_glass) if draw.pick([0, 1]) else (c.beside_glass, c.opaque)
    no = draw.pick(first or second)
    return None if yes is None or no is None else (about("through", yes), about("through", no))


def mirrored(draw: Drawing) -> Pair | None:
    """Something that a mirror shows, and something that it does not."""
    yes, no = draw.pick(draw.candidates.mirrored), draw.pick(draw.candidates.not_mirrored)
    return None if yes is None or no is None else (about("mirrored", yes), about("mirrored", no))


def mirror_shows(draw: Drawing) -> Asked | None:
    """What a mirror shows, where all of it can be told."""
    found = draw.pick(draw.candidates.clear_mirrors)
    return None if found is None else about("shown_in", (found,), "a")


def told_behind(draw: Drawing) -> Pair | None:
    """A board behind which something tells of a hidden thing, and one of its kind of which nothing tells."""
    told, untold = draw.candidates.boards
    kinds = {draw.facts.objects[id].kind for id in told}
    yes, no = draw.pick(told), draw.pick([id for id in untold if draw.facts.objects[id].kind in kinds])
    return None if yes is None or no is None else (about("told_behind", (yes,), "a"), about("told_behind", (no,), "a"))


def viewpoint(draw: Drawing) -> Pair | None:
    """A pair that hides here and from the second camera too, and one that hides here alone."""
    if not draw.facts.graph.views:
        return None
    both, here, never = draw.candidates.from_second_view
    yes, no = draw.pick(both), draw.pick(here or never)  # a pair that hides neither here nor there is a fair no too
    return None if yes is None or no is None else (viewed(draw.facts, yes), viewed(draw.facts, no))


SINGLE: dict[str, dict[str, Callable[[Drawing], Asked | None]]] = {
    "mirror_shows": {"recognition.mirror": mirror_shows},
}
PAIRED: dict[str, dict[str, Callable[[Drawing], Pair | None]]] = {
    "through": {"occlusion.through": through},
    "mirrored": {"occlusion.mirror": mirrored},
    "unknown": {"unknown.behind": told_behind},
    "viewpoint": {"viewpoint.side": viewpoint},
}
