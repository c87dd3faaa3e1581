"""A graph that contradicts nothing: the most probable one that breaks no rule, from what a model says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from graphlib import TopologicalSorter

from clingo import Symbol

from occlusight.occlusion.graph import Graph
from occlusight.reasoning.rules import program, solver
from occlusight.reasoning.rules.observed import Observed


@dataclass(frozen=True)
class Checked:
    """graph: what is true in the most probable world that breaks no rule, with its order in depth; every relation keeps
        the model's `raw_probability`
    optimal: whether no other world is more probable
    """

    graph: Graph
    optimal: bool


def check(observed: Observed, budget_s: float = 0.5) -> Checked:
    """Return the most probable graph that breaks no rule, or the best one found in the time."""
    texts = [program.text("occlusion.lp"), program.text("solving.lp")]
    world = solver.solve(texts, program.facts(observed), budget_s)
    assert world is not None  # a world in which nothing hides anything breaks no rule
    relations = tuple(
        r for r in observed.graph.relations if program.atom("hides", r.occluder, r.occluded) in world.atoms
    )
    graph = replace(
        observed.graph, relations=relations, depth_order=depth_order(observed.graph, world.atoms), optimal=world.optimal
    )
    return Checked(graph, world.optimal)


def depth_order(graph: Graph, atoms: frozenset[Symbol]) -> tuple[tuple[str, ...], ...]:
    """Return the objects from front to back: each group as soon as all that is before it was named."""
    sorter: TopologicalSorter[str] = TopologicalSorter({o.id: () for o in graph.objects})
    for a in atoms:
        if a.name == "before":
            sorter.add(a.arguments[1].string, a.arguments[0].string)
    sorter.prepare()
    groups = []
    while sorter.is_active():
        group = sorter.get_ready()
        groups.append(tuple(sorted(group)))
        sorter.done(*group)
    return tuple(groups)
