"""A picture in which somebody outlined things and said which hides which, and the relation graph that follows from
it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from PIL.Image import Image

from occlusight.datasets.masks import encode
from occlusight.occlusion.graph import UNMEASURED, Graph, Object, Relation
from occlusight.scenes.imports.naming import Kinds, told_apart
from occlusight.scenes.imports.thing import Thing
from occlusight.scenes.truth.measure import COMPLETE, NEARLY_ALL, part_of
from occlusight.scenes.truth.targeted import relative_box

Pair = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Annotated:
    """A picture with its things. `hides` has (i, j) where thing i hides part of thing j, `nearer` where i is known to
    be nearer than j.

    `picture` is a file, or what is shown instead of it. `judged` says whether every pair of things that meet was
    judged; where not, nothing is asked about all that may hide a thing. `where` is the annotation's place, for errors.
    """

    id: str
    picture: Path | Image
    things: tuple[Thing, ...]
    hides: frozenset[Pair] = frozenset()
    nearer: frozenset[Pair] = frozenset()
    judged: bool = True
    where: str = ""


def graph_of(shown: Annotated, size: tuple[int, int], kinds: Kinds) -> tuple[Graph, dict[str, Any]]:
    """Return the graph of a picture of (width, height) pixels, and each object's masks as COCO run lengths, whole and
    visible.

    Things of which not a pixel is outlined are left out.
    """
    kept = [i for i, thing in enumerate(shown.things) if thing.extent.any()]
    things = [shown.things[i] for i in kept]
    at = {i: k for k, i in enumerate(kept)}
    hides = {(at[a], at[b]) for a, b in shown.hides if a in at and b in at}
    nearer = {(at[a], at[b]) for a, b in shown.nearer if a in at and b in at}
    names = told_apart(things, kinds)
    objects = []
    for k, (thing, (kind, name, name_zh, unique)) in enumerate(zip(things, names, strict=True)):
        seen, whole = int(thing.seen.sum()), int(thing.extent.sum())
        objects.append(
            Object(
                id=f"o{k + 1}",
                kind=kind,
                name=name,
                name_zh=name_zh,
                box=relative_box(thing.seen if seen else thing.extent),
                amodal_box=relative_box(thing.extent),
                visible_fraction=round(seen / whole, 4),
                colour=thing.colour,
                unique=unique,
                area=round(seen / thing.seen.size, 6),
                distance=thing.distance,
                shown_part=part_of(thing.seen, thing.extent) if 0 < seen < NEARLY_ALL * whole else None,
                seen="direct" if seen else "nowhere",
            )
        )
    relations = tuple(
        relation
        for a, b in permutations(range(len(things)), 2)
        if (relation := _relation(things, hides, a, b)) is not None
    )
    order = tuple(tuple(objects[k].id for k in group) for group in depth_groups(things, nearer))
    masks = {
        o.id: {"amodal": encode(t.extent), "visible": encode(t.seen)} for o, t in zip(objects, things, strict=True)
    }
    return Graph(*size, tuple(objects), relations, order), masks


def _relation(things: Sequence[Thing], hides: set[Pair], a: int, b: int) -> Relation | None:
    """Return how thing `a` covers thing `b`: what is hidden of `b` inside the outline of `a`.

    Where the outlines of two things meet and nobody said which is in front, a sliver (one pixel) in both directions:
    too little to ask about. So too where somebody said it but the outlines do not show it.
    """
    said, ids = (a, b) in hides, (f"o{a + 1}", f"o{b + 1}")
    whole = things[b].whole
    if whole is None:
        return Relation(*ids, "partial", 0.0, UNMEASURED) if said else None
    area = int(whole.sum())
    meets = things[a].extent & whole
    if not said:
        doubtful = (b, a) not in hides and bool(meets.any())
        return Relation(*ids, "partial", round(1 / area, 6), part_of(meets, whole)) if doubtful else None
    covered = meets & ~things[b].seen
    count = int(covered.sum())
    if count == 0:
        return Relation(*ids, "partial", round(1 / area, 6), part_of(meets, whole) if meets.any() else "middle")
    others = [things[c].extent for c, hidden in hides if hidden == b and c != a]
    alone = covered & ~np.logical_or.reduce(others) if others else covered
    share = count / area
    return Relation(
        *ids,
        "complete" if share >= COMPLETE else "partial",
        round(share, 4),
        part_of(covered, whole) if share < NEARLY_ALL else "all",
        alone_fraction=round(int(alone.sum()) / area, 4) if others else None,
    )


def depth_groups(things: Sequence[Thing], nearer: set[Pair]) -> list[list[int]]:
    """Return the things from front to back, those in one group where their order is not known.

    A cut between two groups is made only where every thing before it is known to be nearer than every thing behind it:

    >>> depth_groups([thing, thing, thing], {(2, 0), (2, 1)})
    [[2], [0, 1]]

    Where all distances are known they decide alone, each thing in a group of its own.
    """
    if things and all(t.distance is not None for t in things):
        return [[k] for k in sorted(range(len(things)), key=lambda k: things[k].distance or 0.0)]
    ordered = sorted(range(len(things)), key=lambda k: (sum(pair[1] == k for pair in nearer), k))
    groups: list[list[int]] = []
    for place, k in enumerate(ordered):
        before, behind = ordered[:place], ordered[place:]
        if not groups or all((i, j) in nearer for i in before for j in behind):
            groups.append([])
        groups[-1].append(k)
    return [sorted(group) for group in groups]
