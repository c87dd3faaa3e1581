"""What may have caused a shadow, a contact or an image in a mirror: a thing that is seen, one that another hides
wholly, or one outside the picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from occlusight.occlusion.graph import Box, Object
from occlusight.reasoning.rules.knowledge import Knowledge, normal
from occlusight.reasoning.rules.observed import Cue
from occlusight.reasoning.rules.places import area, foot, gap, rests

AT_FOOT = 40  # of 1000: a shadow begins this near to what casts it
OUTSIDE = {"shadow": 2.5, "reflection": 1.5}  # log-odds that something seen is the cause rather than something outside
APART = 0.02  # for each thousandth between a cue and what could hide its cause
SMALLER = 1.0  # for what could hide its cause and is small in the picture, compared with the largest that could


@dataclass(frozen=True)
class Cause:
    """`seen` of a thing, `behind` a thing, or `outside`; `price` is how much less probable it is, in log-odds."""

    name: str
    of: tuple[str, ...]
    price: float


def candidates(cue: Cue, objects: Sequence[Object], known: Knowledge) -> Iterator[Cause]:
    """Yield what may have caused a cue."""
    at_rest = next((o for o in objects if o.id == cue.of), None)
    seen = [o for o in objects if _may_be_seen(cue, o, at_rest, known)]
    yield from (Cause("seen", (o.id,), 0.0) for o in seen)
    if cue.of is not None and cue.sort != "contact":
        return
    veils = [o for o in objects if _may_veil(cue, o, known)]
    largest = max((area(o.box) for o in veils), default=1) or 1
    for o in veils:
        price = APART * gap(o.box, cue.box) + SMALLER * (1 - area(o.box) / largest)
        yield Cause("behind", (o.id,), price)
    if cue.sort in OUTSIDE:
        yield Cause("outside", (), OUTSIDE[cue.sort])


def _may_be_seen(cue: Cue, o: Object, at_rest: Object | None, known: Knowledge) -> bool:
    """Whether a thing that is seen may have caused a cue, which is of `at_rest` where that is known."""
    if o.visible_fraction == 0 or o.seen != "direct" or not o.located:
        return False
    match cue.sort:
        case "shadow":
            foot_line = (o.box[0], foot(o), o.box[2], foot(o))
            return o.id == cue.of if cue.of else gap(foot_line, cue.box) <= AT_FOOT
        case "reflection":
            same = o.id == cue.of if cue.of else cue.kind is None or normal(cue.kind) in known.of_kind(o.kind)
            return same and o.id != cue.mirror
        case _:
            carries = at_rest is None or known.may_carry(o, at_rest)
            return o is not at_rest and carries and rests(o.box, cue.box)


def _may_veil(cue: Cue, o: Object, known: Knowledge) -> bool:
    """Whether what caused a cue may be wholly behind a thing."""
    if (
        not o.located
        or o.id in (cue.of, cue.mirror)
        or o.seen != "direct"
        or {"transparent", "porous", "mirror"} & known.tags(o)
    ):
        return False
    if cue.sort == "reflection":
        size, room = known.height(cue.kind or ""), known.height(o.kind)
        return _as_large(o.box, cue.box) and (size is None or room is None or room[1] >= size[0])
    return gap(o.box, cue.box) <= AT_FOOT and foot(o) >= cue.box[1]


def _as_large(a: Box, image: Box) -> bool:
    """Whether a thing looks at least as large as an image, which is seen from farther away than the thing itself."""
    return a[2] - a[0] >= image[2] - image[0] and a[3] - a[1] >= image[3] - image[1]
