"""The most probable world of a logic program, within a time: by proof first, then by search for what is good enough."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from clingo import Control, Model, SolveHandle, Symbol

PROVING = ("--opt-strategy=usc,oll",)
"""Raises a lower bound until a world meets it: the best is proved in hundredths of a second, or nothing is found."""
SEARCHING = ("--opt-strategy=bb", "--heuristic=Domain")
"""Finds a world at once and better ones later; proves nothing in time."""
SHARE = 0.6  # of the time, for proving


@dataclass(frozen=True)
class World:
    """The atoms that are true and shown, what the world costs, and whether none is cheaper."""

    atoms: frozenset[Symbol]
    cost: int
    optimal: bool


def grounded(program: str, options: Sequence[str]) -> Control:
    """Return a solver that knows a program."""
    control = Control(list(options), logger=lambda *_: None)
    control.add("base", [], program)
    control.ground([("base", [])])
    return control


def solve(program: str, deadline: float) -> World | None:
    """Return the cheapest world that is found before `deadline` on the monotonic clock (or soon after, when none is
    before); None where the program has none."""
    now = time.monotonic()
    found, ended = _run(grounded(program, PROVING), now + SHARE * (deadline - now), patient=False)
    if ended:
        return found
    found, ended = _run(grounded(program, SEARCHING), deadline, patient=True)
    return World(found.atoms, found.cost, ended) if found else None


def cheapest(control: Control, assumed: Sequence[tuple[Symbol, bool]], deadline: float) -> float | None:
    """Return what the cheapest world costs in which some atoms are as assumed, infinity where there is no such world;
    None where the time is up: then `control` is not to be asked again."""
    world, ended = _run(control, deadline, assumed=assumed, patient=False)
    if not ended:
        return None
    return world.cost if world else math.inf


def facts_text(facts: Iterable[Symbol]) -> str:
    """Return facts as a program."""
    return "".join(f"{fact}.\n" for fact in facts)


def _run(
    control: Control, deadline: float, *, patient: bool, assumed: Sequence[tuple[Symbol, bool]] = ()
) -> tuple[World | None, bool]:
    """Return the best world found and whether the search came to its end; `patient` waits for a first world."""
    best: list[World] = []

    def keep(model: Model) -> None:
        best.append(World(frozenset(model.symbols(shown=True)), sum(model.cost), model.optimality_proven))

    handle: SolveHandle
    with control.solve(async_=True, on_model=keep, assumptions=list(assumed)) as handle:
        ended = handle.wait(max(0.0, deadline - time.monotonic()))
        while patient and not ended and not best:
            ended = handle.wait(0.01)
        handle.cancel()
    last = best[-1] if best else None
    return (World(last.atoms, last.cost, ended) if last else None), ended
