"""A picture as facts of a logic program."""

from __future__ import annotations

import math
from collections.abc import Iterator
from importlib.resources import files

from clingo import Function, Number, String, Symbol

from occlusight.occlusion.graph import Object
from occlusight.reasoning.rules.causes import candidates
from occlusight.reasoning.rules.knowledge import Knowledge
from occlusight.reasoning.rules.observed import Observed, Pair
from occlusight.reasoning.rules.places import foot, inside, meet, rests, whole_in_picture
from occlusight.reasoning.rules.ruleset import Rules

HUNDREDTHS = 100  # weights are whole hundredths of log-odds: finer ones only slow the solver
SUREST = 0.9999  # no model is surer than that: what it says can be outweighed
UNASKED = 0.02  # probability that a thing hides part of one that it meets, where the model was not asked
UNSEEN = 1.0  # log-odds that something seen is the cause of a cue rather than something that cannot be seen
STANDING = 0.95  # probability that a thing stands on what its `supported_by` says
LOWER = 20  # of 1000: feet whose heights differ by less tell nothing
FACTOR = 1.3  # how much farther a thing must look than another by its size


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


def said(observed: Observed) -> dict[Symbol, float]:
    """Return what the model was asked, as atoms of the program, and the probability of each by its word."""
    standing = {(o.supported_by, o.id) for o in observed.graph.objects if o.supported_by}
    standing -= {(p.first, p.second) for p in observed.supports}
    pairs = {
        "hides": observed.hides,
        "nearer": observed.nearer,
        "carries": (*observed.supports, *(Pair(a, b, STANDING) for a, b in sorted(standing))),
        "shows": observed.mirrored,
    }
    found = {atom(name, p.first, p.second): p.probability for name, listed in pairs.items() for p in listed}
    return found | {atom("veils", v.occluder): v.probability for v in observed.veils}


def facts(observed: Observed, rules: Rules) -> Iterator[Symbol]:
    """Yield what `occlusion.lp` is told of a picture, and `solving.lp` of what the model says."""
    objects = observed.graph.objects
    told = said(observed)
    known = rules.knowledge
    for o in objects:
        yield atom("object", o.id)
        yield from (atom("is", o.id, tag) for tag in sorted(known.tags(o)))
        if o.seen == "reflection":
            yield atom("image", o.id)
        for p in objects:
            asked = (hides := atom("hides", o.id, p.id)) in told
            if o is p or not (meet(o.box, p.box) if o.located and p.located else asked):
                continue
            yield atom("meets", o.id, p.id)
            if o.located and p.located:
                yield from _of_two(o, p, known)
            if not asked:
                yield Function("says", [hides, Number(weight(UNASKED))])
    things = {o.id: o for o in objects}
    for one, probability in told.items():
        yield Function("asked", [one])
        yield Function("says", [one, Number(weight(probability))])
        if one.name == "carries":
            below, above = (things[a.string] for a in one.arguments)
            if known.may_carry(below, above):
                yield atom("may_carry", below.id, above.id)
            if not (below.located and above.located):
                yield atom("rests", below.id, above.id)
    yield from _of_cues(observed, known)


def of_rules(rules: Rules) -> Iterator[Symbol]:
    """Yield which rules are never broken and which may be, at what price."""
    for rule in rules.rules:
        if rule.weight is None:
            yield atom("hard", rule.name)
        else:
            yield Function("soft", [String(rule.name), Number(round(HUNDREDTHS * rule.weight))])


def _of_two(o: Object, p: Object, known: Knowledge) -> Iterator[Symbol]:
    if o.located and inside(o.box, p.box):
        yield atom("inside", o.id, p.id)
    if rests(o.box, p.box):
        yield atom("rests", o.id, p.id)
    if whole_in_picture(p.box) and foot(o) > foot(p) + LOWER:
        yield atom("lower", o.id, p.id)
    if _looks_farther(o, p, known):
        yield atom("small", o.id, p.id)


def _looks_farther(o: Object, p: Object, known: Knowledge) -> bool:
    """Whether o is so small in the picture for its kind, and p so large, that o is farther."""
    mine, others = known.height(o.kind), known.height(p.kind)
    if mine is None or others is None or not whole_in_picture(o.box):
        return False
    return mine[0] * max(1, p.box[3] - p.box[1]) > FACTOR * others[1] * max(1, o.box[3] - o.box[1])


def _of_cues(observed: Observed, known: Knowledge) -> Iterator[Symbol]:
    yield Function("price_of_unseen", [Number(round(HUNDREDTHS * UNSEEN))])
    for n, cue in enumerate(observed.cues):
        id = Number(n)
        yield Function("cue", [id, String(cue.sort)])
        yield Function("says", [Function("explained", [id]), Number(weight(cue.probability))])
        for cause in candidates(cue, observed.graph.objects, known):
            symbol = atom(cause.name, *cause.of)
            yield Function("candidate", [id, symbol])
            yield Function("price", [id, symbol, Number(round(HUNDREDTHS * cause.price))])
