"""Why a world is not as the model says, and which rules leave no world at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from clingo import Function, Model, String, Symbol, SymbolicAtom, SymbolType

from occlusight.reasoning.rules import solver
from occlusight.reasoning.rules.ruleset import Rules

CHOSEN = ("hides", "nearer", "carries", "shows", "veils", "because")
"""The atoms that a world consists of: all others follow from them."""


Broken = frozenset[tuple[str, str, str]]


class Reasons:
    """Tells which rules a world breaks. `program` is `occlusion.lp` with the user's rules and the facts of the
    picture."""

    def __init__(self, program: str, rules: Rules) -> None:
        self._control = solver.grounded(program, ())
        self._order = {rule.name: n for n, rule in enumerate(rules.rules)}
        self._chosen = [(a.literal, a.symbol) for name in CHOSEN for n in (1, 2) for a in self._atoms(name, n)]
        found = [(a.literal, tuple(map(_text, a.symbol.arguments))) for a in self._atoms("broken", 3)]
        self._broken = [(literal, one) for literal, one in found if one[0] in self._order]
        self._edges = {
            rule: [(a.literal, tuple(map(_text, a.symbol.arguments))) for a in self._atoms(name, 2)]
            for name, rule in (("before", "nearer_acyclic"), ("carries", "carrying_acyclic"))
        }

    def forced(self, world: frozenset[Symbol], ones: Iterable[Symbol]) -> dict[Symbol, tuple[str, ...]]:
        """Return, for each of some atoms, the rules that the world would break if that one were the other way round,
        and that it keeps now."""
        now = self.broken(world)
        names = {one: {rule for rule, *_ in self.broken(world ^ {one}) - now} for one in ones}
        return {one: tuple(sorted(rules, key=lambda name: self._order[name])) for one, rules in names.items()}

    def broken(self, world: frozenset[Symbol]) -> frozenset[tuple[str, ...]]:
        """Return the rules of this set that a world breaks, each with the two things that break it."""
        found: set[tuple[str, ...]] = set()

        def read(model: Model) -> None:
            found.update(one for literal, one in self._broken if model.is_true(literal))
            disputed = {frozenset(two) for rule, *two in found if rule == "occluder_nearer"}
            for rule, edges in self._edges.items():
                circles = circular(two for literal, two in edges if model.is_true(literal))
                found.update((rule, *two) for two in circles if frozenset(two) not in disputed)

        self._solve(world, read)
        return frozenset(found)

    def complete(self, world: frozenset[Symbol]) -> frozenset[Symbol]:
        """Return a world with all that follows from what it is made of."""
        found: list[Symbol] = []
        self._solve(world, lambda model: found.extend(model.symbols(shown=True)))
        return frozenset(found)

    def _solve(self, world: frozenset[Symbol], read: Callable[[Model], None]) -> None:
        signs = [literal if symbol in world else -literal for literal, symbol in self._chosen]
        self._control.solve(assumptions=signs, on_model=read)

    def _atoms(self, name: str, n: int) -> Iterator[SymbolicAtom]:
        yield from self._control.symbolic_atoms.by_signature(name, n)


def _text(symbol: Symbol) -> str:
    return symbol.string if symbol.type == SymbolType.String else str(symbol)


def circular(pairs: Iterable[tuple[str, ...]]) -> set[tuple[str, str]]:
    """Return the pairs that lie on a circle.

    >>> sorted(circular([("a", "b"), ("b", "c"), ("c", "b")]))
    [('b', 'c'), ('c', 'b')]
    """
    after: dict[str, set[str]] = defaultdict(set)
    for a, b in pairs:
        after[a].add(b)

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        ahead = [start]
        while ahead:
            new = after.get(ahead.pop(), set()) - found
            found |= new
            ahead += new
        return found

    reach = {b: reached(b) for b in {b for targets in after.values() for b in targets}}
    return {(a, b) for a, targets in after.items() for b in targets if a in reach[b]}


def contradiction(program: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return the fewest rules, of those named, that leave no world together: none of them can be left out.

    `program` is `occlusion.lp` with `circles.lp` and `contradiction.lp`, the user's rules, and the facts of the
    picture.
    """
    control = solver.grounded(program, ())
    of = {name: Function("hard", [String(name)]) for name in names}
    literals = {a.literal: name for name, symbol in of.items() if (a := control.symbolic_atoms[symbol]) is not None}

    def core(kept: Sequence[str]) -> list[str] | None:
        """The rules that the solver used to show that those kept leave no world; None where they leave one."""
        with control.solve(assumptions=[(of[name], name in kept) for name in names], yield_=True) as handle:
            if not handle.get().unsatisfiable:
                return None
            return [literals[one] for one in handle.core() if one in literals]

    kept = core(names) or []
    for name in list(kept):
        if name in kept and (smaller := core([one for one in kept if one != name])) is not None:
            kept = [one for one in kept if one in smaller]
    return tuple(name for name in names if name in kept)
