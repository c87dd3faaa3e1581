"""What programs ask of a checked graph: who is hidden and by what, what a virtual thing goes behind, whether a part is
covered, where somebody could come out, what to move in which order, and which window is over which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter

from occlusight.errors import BadInput
from occlusight.occlusion.facts import hides
from occlusight.occlusion.graph import Box, Graph, Object, Relation, Text
from occlusight.reasoning.rules.knowledge import Knowledge
from occlusight.reasoning.rules.places import foot, gap
from occlusight.reasoning.rules.ruleset import shipped_rules

CLEAR = 0.995  # visible share from which nothing is covered
HARDLY = 0.75  # visible share up to which a road user may be overlooked
BESIDE = 15  # of 1000: how near to a side of a thing another must be, and before it, to close that side
PARTS = {"left": "左侧", "right": "右侧", "top": "上部", "bottom": "下部", "middle": "中间", "all": "全部"}


@dataclass(frozen=True)
class Hidden:
    """A thing of which something is hidden, by `occluders`, the one that hides most first; `visible` is the share that
    can be seen. `doubted`: the graph is of none of them sure enough to say it (`Graph.doubted`)."""

    object: str
    occluders: tuple[str, ...]
    visible: float
    said: Text
    doubted: bool = False


@dataclass(frozen=True)
class Emergence:
    """Where something that cannot be seen could come out: from behind `occluder`, on its left or right, at `x` of 1000
    across the picture, None where places are not known. `known` is the road user that is seen there in part, None where
    there may be one."""

    occluder: str
    side: str
    x: int | None
    known: str | None
    said: Text


@dataclass(frozen=True)
class Move:
    """A thing to be moved, and what it is in the way of. `doubted`: of nothing for sure."""

    object: str
    frees: tuple[str, ...]
    said: Text
    doubted: bool = False


def hidden(graph: Graph, sort: str | None = None, knowledge: Knowledge | None = None) -> tuple[Hidden, ...]:
    """Return what is hidden in part or wholly, the most hidden first, those of which it is not sure last; only of a
    `sort`, a kind or property ("person", "road_user", "car"), where one is given."""
    known = _known(knowledge)
    found = []
    for o in graph.objects:
        doubted_too = _occluders(graph, o.id)
        if not doubted_too or (sort is not None and sort not in known.tags(o)):
            continue
        sure = tuple(id for id in doubted_too if (id, o.id) not in graph.doubted)
        occluders = sure or doubted_too
        by = [graph.object(id) for id in occluders]
        parts = {r.hidden_part for r in graph.relations if r.occluded == o.id and r.occluder in occluders} & set(PARTS)
        said = _hidden_said(o, by, sorted(parts)) if sure else _perhaps_hidden_said(o, by)
        found.append(Hidden(o.id, occluders, o.visible_fraction, said, not sure))
    return tuple(sorted(found, key=lambda one: (one.doubted, one.visible, one.object)))


def covered(graph: Graph, part: str) -> Hidden | None:
    """Return what covers a thing, as one that is inspected; None where nothing does. Raises BadInput for an id that the
    graph does not have."""
    _object(graph, part)
    return next((one for one in hidden(graph) if one.object == part), None)


def layers(graph: Graph) -> tuple[tuple[str, ...], ...]:
    """Return the things that are seen in layers from front to back, for a program that draws between them."""
    seen = {o.id for o in graph.objects if o.visible_fraction > 0 and o.seen == "direct"}
    found = (tuple(id for id in group if id in seen) for group in graph.depth_order)
    return tuple(group for group in found if group)


def drawn_over(graph: Graph, box: Box, behind: str) -> tuple[str, ...]:
    """Return what is to be drawn over a virtual thing in `box` (0-1000) that stands just behind another: what of that
    layer and those before it the box meets, or may meet, from back to front, so that each is drawn over the last.

    Raises BadInput for an id that the graph does not have.
    """
    _object(graph, behind)
    found: list[str] = []
    for group in layers(graph):
        found += [id for id in group if not graph.object(id).located or gap(graph.object(id).box, box) == 0]
        if behind in group:
            break
    return tuple(reversed(found))


def emerging(graph: Graph, knowledge: Knowledge | None = None) -> tuple[Emergence, ...]:
    """Return where road users could come into the way: those of which much is hidden, and both sides of everything on
    the ground that is large enough to hide a person, unless something nearer closes that side. The nearest first.
    Relations of which the graph is not sure count: what may be hidden could come out as well."""
    known = _known(knowledge)
    found: list[tuple[int, Emergence]] = []
    for o in graph.objects:
        tags = known.tags(o)
        behind = [(r, graph.object(r.occluded)) for r in graph.relations if r.occluder == o.id and hides(r)]
        for r, user in behind:
            hardly = user.visible_fraction <= HARDLY or not r.measured
            if hardly and "road_user" in known.tags(user) and (side := _side(o, user, r)):
                found.append((foot(o), _emergence(o, side, user)))
        taken = {one.side for _, one in found if one.occluder == o.id}
        if "hides_person" in tags and not tags & {"porous", "transparent"} and o.visible_fraction > 0:
            open_sides = (side for side in ("left", "right") if side not in taken and not _closed(graph, o, side))
            found += [(foot(o), _emergence(o, side, None)) for side in open_sides]
    ordered = sorted(found, key=lambda one: (one[1].known is None, -one[0], one[1].occluder, one[1].side))
    return tuple(one for _, one in ordered)


def to_free(graph: Graph, target: str) -> tuple[Move, ...]:
    """Return what must be moved to free a thing, in an order that can be carried out: what hides it or stands on it,
    and before each of those what hides that or stands on it. What may hide it is moved too, and said so. Raises
    BadInput for an id that the graph does not have."""
    _object(graph, target)
    in_the_way: dict[str, tuple[str, ...]] = {}
    ahead = [target]
    while ahead:
        one = ahead.pop()
        if one not in in_the_way:
            in_the_way[one] = tuple(dict.fromkeys((*_standing_on(graph, one), *_occluders(graph, one))))
            ahead += in_the_way[one]
    order = list(TopologicalSorter(_without_circles(in_the_way, target)).static_order())
    moved = [id for id in order if id != target]
    moves = []
    for id in moved:
        in_way_of = tuple(b for b, ways in in_the_way.items() if id in ways)
        sure = tuple(b for b in in_way_of if (id, b) not in graph.doubted or graph.object(id).supported_by == b)
        frees = sure or in_way_of
        moves.append(Move(id, frees, _move_said(graph, id, frees, doubted=not sure), not sure))
    return tuple(moves)


def _known(knowledge: Knowledge | None) -> Knowledge:
    return shipped_rules().knowledge if knowledge is None else knowledge


def _object(graph: Graph, id: str) -> Object:
    try:
        return graph.object(id)
    except KeyError:
        ids = ", ".join(o.id for o in graph.objects) or "none"
        raise BadInput(f"the graph has no object {id!r}; it has {ids}") from None


def _occluders(graph: Graph, id: str) -> tuple[str, ...]:
    found = [r for r in graph.relations if r.occluded == id and hides(r)]
    return tuple(r.occluder for r in sorted(found, key=lambda r: (-r.covered_fraction, r.occluder)))


def _standing_on(graph: Graph, id: str) -> Iterator[str]:
    yield from (o.id for o in graph.objects if o.supported_by == id)


def _without_circles(in_the_way: dict[str, tuple[str, ...]], target: str) -> dict[str, tuple[str, ...]]:
    """Return what is before what, walked from the target, without ways back: things that hide parts of each other, as
    a bush and a bicycle, are moved in the order in which they are come upon."""
    kept: dict[str, tuple[str, ...]] = {}

    def walk(id: str, path: frozenset[str]) -> None:
        if id in kept:
            return
        ways = tuple(way for way in in_the_way[id] if way not in path)
        for way in ways:
            walk(way, path | {way})
        kept[id] = ways

    walk(target, frozenset((target,)))
    return kept


def _closed(graph: Graph, o: Object, side: str) -> bool:
    """Whether a side of a thing ends at the picture's edge, something nearer stands across it, or nobody knows."""
    if not o.located:
        return True
    x = o.box[0] if side == "left" else o.box[2]
    if x <= BESIDE or x >= 1000 - BESIDE:
        return True
    rank = {id: n for n, group in enumerate(graph.depth_order) for id in group}
    return any(
        p.box[0] <= x - BESIDE and x + BESIDE <= p.box[2] and gap(p.box, o.box) == 0 and rank[p.id] < rank[o.id]
        for p in graph.objects
        if p.id != o.id and p.id in rank and o.id in rank
    )


def _side(o: Object, user: Object, r: Relation) -> str:
    """On which side of a thing one behind it is to be seen: by their places, else by the part of it that is hidden;
    empty where neither tells."""
    if o.located and user.located:
        return "left" if user.box[0] + user.box[2] < o.box[0] + o.box[2] else "right"
    return {"left": "right", "right": "left"}.get(r.hidden_part, "")


def _emergence(o: Object, side: str, user: Object | None) -> Emergence:
    x = (o.box[0] if side == "left" else o.box[2]) if o.located else None
    zh_side = PARTS[side]
    if user is None:
        said = Text(
            f"somebody could come out from behind the {o.name} on its {side}", f"可能有人从{o.name_zh}{zh_side}后面出来"
        )
    else:
        said = Text(
            f"the {user.name} could come out from behind the {o.name} on its {side}",
            f"{user.name_zh}可能从{o.name_zh}{zh_side}后面出来",
        )
    return Emergence(o.id, side, x, None if user is None else user.id, said)


def _hidden_said(o: Object, by: list[Object], parts: list[str]) -> Text:
    en, zh = " and the ".join(b.name for b in by), "和".join(b.name_zh for b in by)
    if o.visible_fraction == 0:
        return Text(f"the {o.name} cannot be seen: it is behind the {en}", f"{o.name_zh}看不见：它在{zh}后面")
    share = f", {o.visible_fraction:.0%} visible" if o.visible_fraction < CLEAR else ""
    where = f" ({', '.join(parts)})" if parts else ""
    share_zh = f"，可见{o.visible_fraction:.0%}" if share else ""
    where_zh = f"（{'、'.join(PARTS[part] for part in parts)}）" if parts else ""
    return Text(
        f"the {o.name} is partly hidden by the {en}{where}{share}", f"{o.name_zh}被{zh}挡住一部分{where_zh}{share_zh}"
    )


def _perhaps_hidden_said(o: Object, by: list[Object]) -> Text:
    en, zh = " or the ".join(b.name for b in by), "或".join(b.name_zh for b in by)
    return Text(
        f"the {o.name} may be partly hidden by the {en}; that is not sure",
        f"{o.name_zh}可能被{zh}挡住一部分，不能确定",
    )


def _move_said(graph: Graph, id: str, frees: tuple[str, ...], *, doubted: bool) -> Text:
    o, others = graph.object(id), [graph.object(one) for one in frees]
    en, zh = " and the ".join(b.name for b in others), "和".join(b.name_zh for b in others)
    may, may_zh = ("may be", "可能") if doubted else ("is", "")
    return Text(f"move the {o.name}, which {may} in the way of the {en}", f"移开{o.name_zh}，它{may_zh}挡着{zh}")
