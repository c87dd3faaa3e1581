"""What a model says of a picture, before any rule: the input of the rules."""

from __future__ import annotations

from dataclasses import dataclass

from occlusight.errors import BadInput
from occlusight.occlusion.graph import Graph, Relation


@dataclass(frozen=True)
class Pair:
    """What a model says of two objects, by their ids, and the probability that it is so."""

    first: str
    second: str
    probability: float


@dataclass(frozen=True)
class Observed:
    """A picture as a model describes it.

    graph: the objects with their boxes, kinds and materials, and a relation for every ordered pair that was asked, the
        improbable ones too; `probability`, or `raw_probability` where that is None, says how probable it is that the
        first hides part of the second. Its order in depth is not read.
    nearer: the first is nearer to the camera than the second
    supports: the first carries the second
    mirrored: the first, a mirror, shows the second

    Raises BadInput where a pair names no object of the graph, names one twice, or where a probability is none.
    """

    graph: Graph
    nearer: tuple[Pair, ...] = ()
    supports: tuple[Pair, ...] = ()
    mirrored: tuple[Pair, ...] = ()

    def __post_init__(self) -> None:
        ids = {o.id for o in self.graph.objects}
        if len(ids) != len(self.graph.objects):
            raise BadInput("two objects of a graph have the same id; give each its own")
        hiding = [Pair(r.occluder, r.occluded, said(r)) for r in self.graph.relations]
        for name in ("hides", "nearer", "supports", "mirrored"):
            pairs = hiding if name == "hides" else getattr(self, name)
            seen = [(p.first, p.second) for p in pairs]
            if len(set(seen)) != len(seen):
                raise BadInput(f"a pair of objects is given twice in {name!r}; give each ordered pair once")
            for p in pairs:
                if not {p.first, p.second} <= ids or p.first == p.second:
                    raise BadInput(f"{name!r} is about {p.first!r} and {p.second!r}, which are not two objects of it")
                if not 0 <= p.probability <= 1:
                    raise BadInput(f"the probability of {p.first!r} {name} {p.second!r} is {p.probability}, not 0 to 1")


def said(relation: Relation) -> float:
    """The probability that a relation has by the model's word: calibrated where that is known. Raises BadInput where
    there is none at all."""
    found = relation.raw_probability if relation.probability is None else relation.probability
    if found is None:
        raise BadInput(f"the relation of {relation.occluder!r} to {relation.occluded!r} has no probability")
    return found
