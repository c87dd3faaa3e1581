"""A picture as facts of a logic program."""

from __future__ import annotations

import math
from collections.abc import Iterator
from importlib.resources import files

from clingo import Function, Number, String, Symbol

from occlusight.occlusion.graph import Box, Object
from occlusight.reasoning.rules.observed import Observed, Pair, said

HUNDREDTHS = 100  # weights are whole hundredths of log-odds: finer ones only slow the solver
SUREST = 0.9999  # no model is surer than that: what it says can be outweighed
TOUCH = 12  # of 1000: boxes that are nearer than this meet


def text(name: str) -> str:
    """Return a program of this package, `occlusion.lp` or another."""
    return (files("occlusight.reasoning.rules") / name).read_text("utf-8")


def atom(name: str, *arguments: str) -> Symbol:
    """Return an atom over names."""
    return Function(name, [String(a) for a in arguments])


def weight(probability: float) -> int:
    """Return the log-odds of a probability in hundredths.

    >>> weight(0.5), weight(0.9), weight(0.1), weight(1.0)
    (0, 220, -220, 921)
    """
    p = min(max(probability, 1 - SUREST), SUREST)
    return round(HUNDREDTHS * math.log(p / (1 - p)))


def meet(a: Box, b: Box, gap: int = TOUCH) -> bool:
    """Whether two boxes share area, or are no further apart than `gap` of 1000."""
    return max(a[0], b[0]) - min(a[2], b[2]) <= gap and max(a[1], b[1]) - min(a[3], b[3]) <= gap


def facts(observed: Observed) -> Iterator[Symbol]:
    """Yield what `occlusion.lp` is told of a picture."""
    objects = observed.graph.objects
    for o in objects:
        yield atom("object", o.id)
        yield from (atom("is", o.id, tag) for tag in tags(o))
        yield from (atom("meets", o.id, p.id) for p in objects if p is not o and meet(o.box, p.box))
    for name, pairs in said_of(observed).items():
        for p in pairs:
            yield atom({"hides": "asked"}.get(name, f"asked_{name}"), p.first, p.second)
            yield Function("says", [atom(name, p.first, p.second), Number(weight(p.probability))])


def said_of(observed: Observed) -> dict[str, tuple[Pair, ...]]:
    """Return what the model says by the name of the atom in the program."""
    return {
        "hides": tuple(Pair(r.occluder, r.occluded, said(r)) for r in observed.graph.relations),
        "nearer": observed.nearer,
        "carries": observed.supports,
        "shows": observed.mirrored,
    }


def tags(o: Object) -> set[str]:
    """Return what is known of an object: its kind and its material."""
    return {o.kind, o.material}
