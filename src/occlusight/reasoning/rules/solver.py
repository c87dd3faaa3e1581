"""The most probable world of a logic program, within a time: by proof first, then by search for what is good enough."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from clingo import Control, Model, Symbol

PROVING = ("--opt-strategy=usc,oll",)
"""Raises a lower bound until a world meets it: the best is proved in hundredths of a second, or nothing is found."""
SEARCHING = ("--opt-strategy=bb", "--heuristic=Domain")
"""Finds a world at once and better ones later; proves nothing in time."""
SHARE = 0.6  # of the time, for proving


@dataclass(frozen=True)
class World:
    """The atoms that are true, the cost that the solver paid, and whether no world is cheaper."""

    atoms: frozenset[Symbol]
    cost: int
    optimal: bool


def solve(programs: Sequence[str], facts: Iterable[Symbol], budget_s: float) -> World | None:
    """Return the cheapest world that is found in the time (or soon after, when none is found before); None where the
    program has none."""
    body = "".join(f"{fact}.\n" for fact in facts)
    deadline = time.monotonic() + budget_s
    found, ended = _run([*programs, body], PROVING, time.monotonic() + SHARE * budget_s, patient=False)
    if ended:
        return found
    found, ended = _run([*programs, body], SEARCHING, deadline, patient=True)
    return World(found.atoms, found.cost, ended) if found else None


def _run(
    programs: Sequence[str], options: Sequence[str], deadline: float, *, patient: bool
) -> tuple[World | None, bool]:
    """Return the best world found and whether the search came to its end; `patient` waits for a first world."""
    best: list[World] = []

    def keep(model: Model) -> None:
        best.append(World(frozenset(model.symbols(atoms=True)), sum(model.cost), model.optimality_proven))

    control = Control(list(options), logger=lambda *_: None)
    for text in programs:
        control.add("base", [], text)
    control.ground([("base", [])])
    with control.solve(async_=True, on_model=keep) as handle:
        ended = handle.wait(max(0.0, deadline - time.monotonic()))
        while patient and not ended and not best:
            ended = handle.wait(0.01)
        handle.cancel()
    last = best[-1] if best else None
    return (World(last.atoms, last.cost, ended) if last else None), ended
