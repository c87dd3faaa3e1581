"""A graph that contradicts nothing: the most probable one that breaks no rule, from what a model says."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from clingo import Symbol

from occlusight.errors import BadInput
from occlusight.occlusion.graph import UNMEASURED, Graph, Relation
from occlusight.reasoning.rules import program, solver
from occlusight.reasoning.rules.changes import Change, against_the_word, changes
from occlusight.reasoning.rules.depth import depth_order
from occlusight.reasoning.rules.explain import Reasons, contradiction
from occlusight.reasoning.rules.observed import Observed
from occlusight.reasoning.rules.ruleset import Rules, shipped_rules
from occlusight.reasoning.rules.unseen import unseen

MATERIAL = "through_material"

Margins = Mapping[tuple[str, str], float]


@dataclass(frozen=True)
class Checked:
    """graph: what is true in the most probable world that breaks no rule, with its order in depth
    optimal: whether no other world is more probable
    changes: what is not as the model says
    margins: of relations (occluder, occluded) of the graph, how much more probable this world is than the best one
        without the relation, in log-odds; for as many as there was time for, the least sure first
    """

    graph: Graph
    optimal: bool
    changes: tuple[Change, ...] = ()
    margins: Margins = field(default_factory=dict)


def check(observed: Observed, rules: Rules | None = None, budget_s: float = 0.5) -> Checked:
    """Return the most probable graph that breaks no rule, or the best one found in the time.

    Relations keep the model's `raw_probability`, and the details that it told. Where one has a `probability`, that
    becomes the one by the margin: what the model says of all pairs together, under the rules. Raises BadInput where a
    user's rules leave nothing that can be true of the picture, and names the fewest that do.
    """
    deadline = time.monotonic() + budget_s
    rules = rules or shipped_rules()
    picture = solver.facts_text(program.facts(observed, rules)) + "".join(rule.program for rule in rules.own)
    base = program.text("occlusion.lp")
    solving = base + program.text("solving.lp") + picture + solver.facts_text(program.of_rules(rules))
    world = solver.solve(solving, deadline)
    if world is None:
        raise _contradiction(base + picture, rules)
    told = program.said(observed)
    reasons = Reasons(base + picture, rules)
    atoms = world.atoms if world.optimal else _polished(world.atoms, told, reasons)
    things = {o.id: o for o in observed.graph.objects}
    changed = changes(atoms, told, reasons, rules, things)
    margins = _margins(atoms, world.cost, solving, told, deadline) if world.optimal else {}
    carriers = {b: a for name, a, b in _pairs(atoms) if name == "carries"}
    objects = tuple(replace(o, supported_by=carriers.get(o.id)) for o in observed.graph.objects)
    graph = replace(
        observed.graph,
        objects=objects,
        relations=tuple(_relations(observed, atoms, changed, margins, rules)),
        depth_order=depth_order(objects, [(a, b) for name, a, b in _pairs(atoms) if name == "before"]),
        optimal=world.optimal,
    )
    return Checked(unseen(graph, observed, atoms), world.optimal, changed, margins)


def _pairs(atoms: frozenset[Symbol]) -> Iterator[tuple[str, str, str]]:
    two = (a for a in atoms if a.name in ("hides", "before", "carries"))
    yield from sorted((a.name, a.arguments[0].string, a.arguments[1].string) for a in two)


def _polished(atoms: frozenset[Symbol], told: Mapping[Symbol, float], reasons: Reasons) -> frozenset[Symbol]:
    """Return a world that was not proved the best without what stands against the model's word for no reason."""
    for one in against_the_word(atoms, told):
        if not reasons.forced(atoms, [one])[one]:
            atoms = reasons.complete(atoms ^ {one})
    return atoms


def _margins(
    atoms: frozenset[Symbol], cost: int, solving: str, told: Mapping[Symbol, float], deadline: float
) -> dict[tuple[str, str], float]:
    control = solver.grounded(solving, solver.PROVING)
    shown = [a for a in atoms if a.name == "hides"]
    found = {}
    for one in sorted(shown, key=lambda a: (abs(told.get(a, 0.5) - 0.5), a)):
        other = solver.cheapest(control, [(one, False)], deadline)
        if other is None:
            break
        found[one.arguments[0].string, one.arguments[1].string] = (other - cost) / program.HUNDREDTHS
    return found


def _relations(
    observed: Observed, atoms: frozenset[Symbol], changes: tuple[Change, ...], margins: Margins, rules: Rules
) -> Iterator[Relation]:
    """Yield the relations that hold, in the order in which they were asked, then those that only follow from rules."""
    forced = {c.of: c.rules for c in changes if c.about == "hides"}
    asked = {(r.occluder, r.occluded): r for r in observed.graph.relations}
    things = {o.id: o for o in observed.graph.objects}
    true = {(a, b) for name, a, b in _pairs(atoms) if name == "hides"}
    for pair in [*(p for p in asked if p in true), *sorted(true - asked.keys())]:
        relation = asked.get(pair, Relation(*pair, "partial", 0.0, UNMEASURED, probability=None))
        names = forced.get(pair, ())
        kind = _type(relation.type, rules.knowledge.tags(things[pair[0]]))
        probability = relation.probability
        if probability is not None:
            probability = _probability(margins[pair]) if pair in margins else None if names else probability
        if kind != relation.type and pair in asked:
            names = (*names, MATERIAL)
        yield replace(relation, type=kind, probability=probability, changed_by=names)


def _type(said: str, tags: frozenset[str]) -> str:
    """Return how a thing with these properties covers another: as glass, as a mirror, or by hiding it."""
    for material, kind in (("transparent", "transparent"), ("mirror", "reflective")):
        if material in tags:
            return kind
    return said if said in ("partial", "complete") else "partial"


def _probability(log_odds: float) -> float:
    """Return a probability from its log-odds, never surer than the program takes any."""
    sure = program.SUREST
    return min(max(1 / (1 + math.exp(-min(log_odds, 50.0))), 1 - sure), sure)


def _contradiction(base: str, rules: Rules) -> BadInput:
    hard = [rule.name for rule in rules.rules if rule.weight is None]
    text = (
        program.text("circles.lp")
        + program.text("contradiction.lp")
        + "".join(f"{program.atom('rule', name)}.\n" for name in hard)
    )
    guilty = contradiction(base + text, hard)
    own = [rule.name for rule in rules.own if rule.name in guilty]
    said = "; ".join(f"{name} ({rules[name].says.en})" for name in guilty)
    return BadInput(
        f"no picture like this can be true by these rules together: {said}; "
        f"take out or weaken one of yours ({', '.join(own)}), or give it a weight"
    )
