"""Pictures as a model might describe them, for tests of the rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from occlusight.occlusion.facts import SHADOW_AREA, Facts
from occlusight.occlusion.graph import Box, Graph, Object, Relation
from occlusight.reasoning.rules.check import check
from occlusight.reasoning.rules.observed import Cue, Observed, Pair, Veil
from occlusight.reasoning.rules.places import meet
from occlusight.reasoning.rules.ruleset import Rules


def thing(id: str, box: Box = (0, 0, 500, 500), kind: str = "thing", **more: str) -> Object:
    """An object that is named by its id."""
    return Object(id, kind, id, id, box, box, 1.0, **more)  # type: ignore[arg-type]


def hiding(**hides: float) -> tuple[Relation, ...]:
    """`a_b=0.9`: the model says with 0.9 that a hides part of b."""
    pairs = [(*name.split("_"), p) for name, p in hides.items()]
    return tuple(Relation(a, b, "partial", 0.0, "unknown", probability=p, raw_probability=p) for a, b, p in pairs)


def observed(
    *objects: Object,
    nearer: Iterable[Pair] = (),
    supports: Iterable[Pair] = (),
    mirrored: Iterable[Pair] = (),
    veils: Iterable[Veil] = (),
    cues: Iterable[Cue] = (),
    **hides: float,
) -> Observed:
    """Things, and what a model says of them."""
    graph = Graph(100, 100, objects, hiding(**hides))
    return Observed(graph, tuple(nearer), tuple(supports), tuple(mirrored), tuple(veils), tuple(cues))


def found(given: Observed, rules: Rules | None = None) -> dict[str, tuple[str, ...]]:
    """The relations that hold, and the rules that changed each."""
    relations = check(given, rules, budget_s=5).graph.relations
    return {f"{r.occluder}_{r.occluded}": r.changed_by for r in relations}


def dropped(given: Observed, rules: Rules | None = None) -> dict[str, tuple[str, ...]]:
    """What does not hold against the model's word, and why."""
    return {"_".join(c.of): c.rules for c in check(given, rules, budget_s=5).changes if not c.holds}


def told_truly(graph: Graph, sure: float = 0.9) -> Observed:
    """A scene's truth as a sure model would tell what can be seen of it, with its shadows and images as cues."""
    facts = Facts(graph)
    seen = [o for o in graph.objects if o.visible_fraction > 0 and o.seen == "direct"]
    ids = {o.id for o in seen}
    relations = []
    for a in seen:
        for b in seen:
            said = facts.hides(a.id, b.id)
            if a is b or said is None or not meet(a.box, b.box):
                continue
            known = facts.relations.get((a.id, b.id), Relation(a.id, b.id, "partial", 0.0, "unknown"))
            p = sure if said else 1 - sure
            relations.append(replace(known, probability=p, raw_probability=p))
    images = [r for r in graph.reflections if facts.shown_in(r.mirror, r.object)]
    objects = (
        replace(o, touches_ground_at=None, supported_by=o.supported_by if o.supported_by in ids else None) for o in seen
    )
    return Observed(
        replace(graph, objects=tuple(objects), relations=tuple(relations)),
        mirrored=tuple(Pair(r.mirror, r.object, sure) for r in images if {r.mirror, r.object} <= ids),
        cues=(
            *(Cue("shadow", s.box) for s in graph.shadows if s.area >= SHADOW_AREA),
            *(Cue("reflection", r.box, kind=facts.objects[r.object].kind, mirror=r.mirror) for r in images),
        ),
    )
