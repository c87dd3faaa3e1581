"""What a model says of a picture, before any rule: the input of the rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from occlusight.errors import BadInput
from occlusight.occlusion.graph import Box, Graph, Relation

CUES = ("shadow", "contact", "reflection")


@dataclass(frozen=True)
class Pair:
    """What a model says of two objects, by their ids, and the probability that it is so."""

    first: str
    second: str
    probability: float


@dataclass(frozen=True)
class Veil:
    """The probability by a model's word that something is behind `occluder` that cannot be seen at all."""

    occluder: str
    probability: float


@dataclass(frozen=True)
class Cue:
    """A shadow on the ground, a place where something rests on what is not seen, or an image in a mirror: each has a
    cause, which may be something that cannot be seen. `probability`: that the cue is there at all.

    `box` is the shadow, the place of contact or the image. `of` is, where it is known, the id of the object whose
    shadow or image it is; for a contact that of the object which rests there. `kind` is what an image shows; `mirror`
    the id of the mirror.
    """

    sort: str
    box: Box
    probability: float = 1.0
    of: str | None = None
    kind: str | None = None
    mirror: str | None = None


@dataclass(frozen=True)
class Observed:
    """A picture as a model describes it.

    graph: the objects with their boxes, kinds and materials, and a relation for every ordered pair that was asked, the
        improbable ones too; `probability`, or `raw_probability` where that is None, says how probable it is that the
        first hides part of the second, or covers it as glass. Its order in depth is not read.
    nearer: the first is nearer to the camera than the second
    supports: the first carries the second
    mirrored: the first, a mirror, shows the second
    veils, cues: what speaks for things that cannot be seen

    Raises BadInput where a pair names no object of the graph, names one twice, or where a probability is none.
    """

    graph: Graph
    nearer: tuple[Pair, ...] = ()
    supports: tuple[Pair, ...] = ()
    mirrored: tuple[Pair, ...] = ()
    veils: tuple[Veil, ...] = ()
    cues: tuple[Cue, ...] = ()

    def __post_init__(self) -> None:
        ids = {o.id for o in self.graph.objects}
        if len(ids) != len(self.graph.objects):
            raise BadInput("two objects of a graph have the same id; give each its own")
        for name in ("hides", "nearer", "supports", "mirrored"):
            pairs = self.hides if name == "hides" else getattr(self, name)
            seen = [(p.first, p.second) for p in pairs]
            if len(set(seen)) != len(seen):
                raise BadInput(f"a pair of objects is given twice in {name!r}; give each ordered pair once")
            for p in pairs:
                if p.first == p.second:
                    raise BadInput(f"{name!r} is about {p.first!r} twice; a pair is of two objects")
        for what, id in self._named():
            if id not in ids:
                raise BadInput(f"{what} is about {id!r}, which is none of the graph's objects")
        for what, probability in self._weighed():
            if not 0 <= probability <= 1:
                raise BadInput(f"the probability of {what} is {probability}; it must lie between 0 and 1")
        for cue in self.cues:
            if cue.sort not in CUES:
                raise BadInput(f"a cue of the sort {cue.sort!r} is not one of {', '.join(CUES)}")

    @property
    def hides(self) -> tuple[Pair, ...]:
        """Who hides whom by the model's word, with the probabilities that the rules weigh."""
        return tuple(Pair(r.occluder, r.occluded, said(r)) for r in self.graph.relations)

    def _named(self) -> Iterator[tuple[str, str]]:
        for name in ("hides", "nearer", "supports", "mirrored"):
            yield from ((repr(name), id) for p in getattr(self, name) for id in (p.first, p.second))
        yield from (("a veil", v.occluder) for v in self.veils)
        yield from (("a cue", id) for c in self.cues for id in (c.of, c.mirror) if id is not None)

    def _weighed(self) -> Iterator[tuple[str, float]]:
        for name in ("hides", "nearer", "supports", "mirrored"):
            yield from ((f"{p.first!r} {name} {p.second!r}", p.probability) for p in getattr(self, name))
        yield from ((f"a veil by {v.occluder!r}", v.probability) for v in self.veils)
        yield from ((f"a {c.sort}", c.probability) for c in self.cues)


def said(relation: Relation) -> float:
    """The probability that a relation has by the model's word: calibrated where that is known. Raises BadInput where
    there is none at all."""
    found = relation.raw_probability if relation.probability is None else relation.probability
    if found is None:
        raise BadInput(f"the relation of {relation.occluder!r} to {relation.occluded!r} has no probability")
    return found
