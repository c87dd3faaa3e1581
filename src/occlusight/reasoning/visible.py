"""Whether there is anything to see of what a question is about, before anybody is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from occlusight.occlusion.facts import NOTICEABLE_AREA
from occlusight.occlusion.graph import Graph, Object, Text, Unknown
from occlusight.reasoning.rules.places import area

HARDLY = 0.02  # visible share below which a thing cannot be told from what is before it


def nothing_visible(graph: Graph, asked: Sequence[str]) -> tuple[Unknown, ...]:
    """Return, for each thing that is asked about and of which nothing can be seen, why: `asked` has ids of the graph,
    or names that mean nothing there."""
    return tuple(_reasons(graph, asked))


def _reasons(graph: Graph, asked: Sequence[str]) -> Iterator[Unknown]:
    things = {o.id: o for o in graph.objects}
    for one in dict.fromkeys(asked):
        o = things.get(one)
        if o is None:
            yield Unknown((one,), Text(f"there is no {one} to be seen in the picture", f"图中看不到{one}"))
        elif why := _why(graph, o):
            yield Unknown((one,), why)


def _why(graph: Graph, o: Object) -> Text | None:
    before = [graph.object(r.occluder) for r in graph.relations if r.occluded == o.id]
    if o.seen == "reflection":
        en = f"the {o.name} itself cannot be seen, its image in a mirror alone"
        return Text(en, f"看不到{o.name_zh}本身，只看到它在镜中的影像")
    if o.visible_fraction < HARDLY or o.seen == "nowhere":
        en = f": it is behind the {' and the '.join(p.name for p in before)}" if before else ""
        zh = f"：它在{'和'.join(p.name_zh for p in before)}后面" if before else ""
        return Text(f"nothing of the {o.name} can be seen{en}", f"{o.name_zh}一点也看不到{zh}")
    if area(o.box) < NOTICEABLE_AREA * 1_000_000:
        return Text(f"the {o.name} is too small in the picture to be seen well", f"{o.name_zh}在图中太小，看不清")
    return None
