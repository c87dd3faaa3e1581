"""Which objects of the truth a model means by those that it names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph
from occlusight.reasoning.extract import Extraction
from occlusight.reasoning.objects import Seen, overlap
from occlusight.reasoning.pairs import Pair

SAME_PLACE = 0.5
"""Boxes that share so much of their union are around one object."""


@dataclass(frozen=True)
class Matched:
    """truth: the id in the truth of each object that was found there, by its own id
    doubtful: objects whose name fits several things of the truth, so that none can be held against it
    """

    truth: Mapping[str, str]
    doubtful: frozenset[str] = frozenset()


def match(seen: Sequence[Seen], truth: Graph) -> Matched:
    """Match by place where there are boxes (the best overlap first), else by name: by kind and colour, then, where one
    thing of a kind is left on both sides, by kind."""
    there = [o for o in truth.objects if o.seen == "direct" and o.visible_fraction > 0]
    if any(one.box is not None for one in seen):
        pairs = [(overlap(s.box, o.box), s.id, o.id) for s in seen if s.box is not None for o in there]
        found: dict[str, str] = {}
        for share, a, b in sorted(pairs, key=lambda p: (-p[0], p[1], p[2])):
            if share >= SAME_PLACE and a not in found and b not in found.values():
                found[a] = b
        return Matched(found)
    found, doubtful = {}, set()
    for s in seen:
        same = [o.id for o in there if o.kind == s.thing.kind.key and o.name == s.thing.called("en")]
        if len(same) == 1:
            found[s.id] = same[0]
        elif same:
            doubtful.add(s.id)
    for s in seen:
        if s.id in found or s.id in doubtful:
            continue
        left = [o.id for o in there if o.kind == s.thing.kind.key and o.id not in found.values()]
        rivals = [t for t in seen if t.thing.kind.key == s.thing.kind.key and t.id not in found]
        if len(left) == 1 and len(rivals) == 1:
            found[s.id] = left[0]
    return Matched(found, frozenset(doubtful))


def truth_of(extraction: Extraction, facts: Facts, kind: str, matched: Matched | None = None) -> dict[Pair, bool]:
    """Return which of the statements that were asked are true, of those of which the truth can tell: both objects are
    there, and it is beyond doubt whether one hides the other, or is nearer."""
    truth = (match(extraction.objects, facts.graph) if matched is None else matched).truth
    told: dict[Pair, bool] = {}
    for a, b in extraction.hides if kind == "hides" else extraction.nearer:
        if a not in truth or b not in truth:
            continue
        if kind == "hides":
            hidden = facts.hides(truth[a], truth[b])
            if hidden is not None:
                told[a, b] = hidden
        else:
            order = facts.depth(truth[a], truth[b])
            if order != "none":
                told[a, b] = order == "front"
    return told
