"""What is asked about glass, mirrors, hidden things and other cameras: drawn here, executed by the programs `through`, `mirrored`,
`told_behind`, `shown_in` and `hides_from`.

These are asked only where they are asked for, so that the questions about other pictures do not change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from occlusight.occlusion.balance import Balance
from occlusight.occlusion.facts import Facts, hides

Program = list[list[Any]]
Asked = tuple[Program, dict[str, str]]
Pair = tuple[Asked, Asked]
T = TypeVar("T")

STAGED_KINDS: tuple[str, ...] = ("through", "mirrored", "mirror_shows", "unknown", "viewpoint")
OPAQUE_AREA = 0.02  # of the picture: a smaller thing is not asked about as something to hide behind


class Drawing(Protocol):
    """What draws: see `questions`."""

    facts: Facts
    pairs: list[tuple[str, str]]
    balance: Balance | None

    def pick(self, items: list[T]) -> T | None:
        """One of the items; None where there are none."""

    def even(self, items: list[T], program: Callable[[T], Program]) -> T | None:
        """`pick`, but with a balance the item whose program's answer evens out most."""


def _both(op: str, yes: tuple[str, ...] | None, no: tuple[str, ...] | None, slots: str = "ab") -> Pair | None:
    if yes is None or no is None:
        return None
    asked = [([[op, list(p)]], dict(zip(slots, p, strict=True))) for p in (yes, no)]
    return asked[0], asked[1]


def through(draw: Drawing) -> Pair | None:
    """Something seen through glass, and something that is not behind that glass or is behind something opaque."""
    f = draw.facts
    yes = draw.even([p for p in draw.pairs if f.through(*p)], lambda p: [["through", list(p)]])
    panes = {a for a, _ in draw.pairs if f.objects[a].material == "transparent"}
    beside = [(a, b) for a, b in draw.pairs if a in panes and (a, b) not in f.relations and f.vertical(a, b) == "none"]
    opaque = [p for p in draw.pairs if f.hides(*p) and f.objects[p[0]].material == "opaque"]
    first, second = (opaque, beside) if draw.pick([0, 1]) else (beside, opaque)
    noes = first or second if draw.balance is None else opaque + beside
    return _both("through", yes, draw.even(noes, lambda p: [["through", list(p)]]))


def mirrored(draw: Drawing) -> Pair | None:
    """Something that a mirror shows, and something that it does not."""
    f = draw.facts
    yes = draw.even(
        [(r.mirror, r.object) for r in f.graph.reflections if f.shown_in(r.mirror, r.object) and f.told(r.object)],
        lambda p: [["mirrored", list(p)]],
    )
    mirrors = [id for id in f.nameable if f.objects[id].material == "mirror"]
    seen = {(r.mirror, r.object) for r in f.graph.reflections}
    no = draw.even(
        [(m, b) for m in mirrors for b in f.nameable if b not in mirrors and (m, b) not in seen],
        lambda p: [["mirrored", list(p)]],
    )
    return _both("mirrored", yes, no)


def mirror_shows(draw: Drawing) -> Asked | None:
    """What a mirror shows, where all of it can be told."""
    f = draw.facts
    by_mirror: dict[str, list[str]] = {}
    for r in f.graph.reflections:
        by_mirror.setdefault(r.mirror, []).append(r.object)
    clear = [m for m, ids in by_mirror.items() if m in f.nameable and all(f.shown_in(m, id) for id in ids)]
    found = draw.pick(clear)
    return None if found is None else ([["shown_in", [found]]], {"a": found})


def told_behind(draw: Drawing) -> Pair | None:
    """A board behind which something tells of a hidden thing, and one of which nothing tells."""
    f = draw.facts
    boards = [id for id in f.nameable if f.objects[id].material == "opaque" and f.objects[id].area >= OPAQUE_AREA]
    shown = {a for (a, b), r in f.relations.items() if r.covered_fraction > 0 and f.objects[b].seen == "direct"}
    yes = [id for id in boards if f.evidence(id)]
    no = [
        id
        for id in boards
        if not f.evidence(id) and id not in shown and f.objects[id].kind in {f.objects[y].kind for y in yes}
    ]
    one, other = (draw.even(ids, lambda a: [["told_behind", [a]]]) for ids in (yes, no))
    return _both("told_behind", None if one is None else (one,), None if other is None else (other,), "a")


def viewpoint(draw: Drawing) -> Pair | None:
    """A pair that hides here and from the second camera too, and one that hides here alone."""
    f = draw.facts
    if not f.graph.views:
        return None
    view = f.graph.views[0]
    there = {(r.occluder, r.occluded): r for r in view.relations}
    known = [p for p in draw.pairs if f.hides(*p) and all(view.visible.get(id, 0) > 0.05 for id in p)]
    yes = draw.even([p for p in known if hides(there.get(p))], lambda p: [["hides_from", list(p)]])
    # a pair that hides neither here nor there is a fair no too
    no = draw.even(
        [p for p in known if hides(there.get(p)) is False]
        or [p for p in draw.pairs if f.hides(*p[::-1]) and p not in there],
        lambda p: [["hides_from", list(p)]],
    )
    both = _both("hides_from", yes, no)
    if both is None:
        return None
    extra = {"s": view.side, "d": str(view.degrees)}
    return tuple((program, {**slots, **extra}) for program, slots in both)  # type: ignore[return-value]


SINGLE: dict[str, dict[str, Callable[[Drawing], Asked | None]]] = {
    "mirror_shows": {"recognition.mirror": mirror_shows},
}
PAIRED: dict[str, dict[str, Callable[[Drawing], Pair | None]]] = {
    "through": {"occlusion.through": through},
    "mirrored": {"occlusion.mirror": mirrored},
    "unknown": {"unknown.behind": told_behind},
    "viewpoint": {"viewpoint.side": viewpoint},
}
