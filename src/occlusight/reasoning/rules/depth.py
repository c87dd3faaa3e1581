"""The order in depth of a checked graph: what is before what, and where nothing tells, how low a thing stands."""

from __future__ import annotations

from collections.abc import Iterable
from graphlib import TopologicalSorter

from occlusight.occlusion.graph import Object
from occlusight.reasoning.rules.places import foot

SAME = 20  # of 1000: things whose feet differ by less in height are as far, by all that is known


def depth_order(objects: Iterable[Object], before: Iterable[tuple[str, str]]) -> tuple[tuple[str, ...], ...]:
    """Return the ids of objects from front to back, ties grouped: of those that nothing is before any more, the lowest
    in the picture come next.

    `before` has pairs (nearer, farther) without circles. A thing that stands on another is as low as that.
    """
    things = {o.id: o for o in objects}
    sorter: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(things, ()))
    for a, b in before:
        sorter.add(b, a)
    sorter.prepare()
    height = {id: _height(things, id) for id in things}
    ready, groups = list(sorter.get_ready()), []
    while ready:
        lowest = max(height[id] for id in ready)
        group = sorted(id for id in ready if height[id] > lowest - SAME)
        groups.append(tuple(group))
        sorter.done(*group)
        ready = [id for id in ready if id not in group] + list(sorter.get_ready())
    return tuple(groups)


def _height(things: dict[str, Object], id: str) -> int:
    """How low a thing, or what carries it, stands: 0-1000, the nearest has the most."""
    seen = [id]
    while (below := things[seen[-1]].supported_by) in things and below not in seen:
        seen.append(below)
    return max(foot(things[one]) for one in seen)
