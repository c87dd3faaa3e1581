"""Things that cannot be seen, as objects of a checked graph: what their shadows, contacts and reflections tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from clingo import Symbol

from occlusight.occlusion.graph import Graph, Object, Relation, Text
from occlusight.reasoning.rules.observed import Cue, Observed

THING = Text("hidden thing", "藏着的东西")
TELLS = {
    "shadow": Text(
        "its shadow falls beside {0}, and nothing that can be seen casts it",
        "{0}旁边有它的影子，而看得见的东西投不出这个影子",
    ),
    "contact": Text("{1} rests on it, and nothing that can be seen is there", "{1}靠在它上面，而那里看不到任何东西"),
    "reflection": Text("its image is seen in {1}, and it cannot be seen itself", "{1}里有它的影像，而看不到它本身"),
}


def unseen(graph: Graph, observed: Observed, world: frozenset[Symbol]) -> Graph:
    """Return a graph with what is wholly hidden: an object behind each that hides one, with a relation that tells why.

    Where it is is not known beyond that it is behind: its boxes are those of what hides it.
    """
    behind: dict[str, list[Cue]] = defaultdict(list)
    for atom in sorted(a for a in world if a.name == "because" and a.arguments[1].name == "behind"):
        n, cause = atom.arguments
        behind[cause.arguments[0].string].append(observed.cues[n.number])
    things = {o.id: o for o in graph.objects}
    taken = set(things)
    objects, relations = list(graph.objects), list(graph.relations)
    order = [list(group) for group in graph.depth_order]
    for id, cues in behind.items():
        hidden = next(name for n in range(1, len(behind) + 1) if (name := f"hidden{n}") not in taken)
        taken.add(hidden)
        objects.append(_object(hidden, things[id], cues))
        probability = max(cue.probability for cue in cues)
        why = list(_why(things, id, cues))
        evidence = Text("; ".join(t.en for t in why), "；".join(t.zh for t in why))
        relations.append(
            Relation(
                id,
                hidden,
                "complete",
                1.0,
                "all",
                evidence,
                None,
                raw_probability=probability,
                changed_by=("evidence",),
            )
        )
        at = next(n for n, group in enumerate(order) if id in group)
        order.insert(at + 1, [hidden])
    return replace(
        graph, objects=tuple(objects), relations=tuple(relations), depth_order=tuple(tuple(group) for group in order)
    )


def _object(id: str, before: Object, cues: list[Cue]) -> Object:
    kind = next((cue.kind for cue in cues if cue.kind), "thing")
    mirrored = any(cue.sort == "reflection" for cue in cues)
    return Object(
        id,
        kind,
        THING.en,
        THING.zh,
        before.box,
        before.box,
        0.0,
        probability=max(cue.probability for cue in cues),
        unique=False,
        seen="reflection" if mirrored else "nowhere",
    )


def _why(things: dict[str, Object], id: str, cues: list[Cue]) -> Iterator[Text]:
    for cue in cues:
        other = things.get(cue.mirror or cue.of or "")
        said = TELLS[cue.sort]
        yield Text(
            said.en.format(f"the {things[id].name}", f"the {other.name}" if other else "a mirror"),
            said.zh.format(things[id].name_zh, other.name_zh if other else "镜子"),
        )
