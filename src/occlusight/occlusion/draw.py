"""Drawing what to ask about one picture: programs, and the objects and kinds that their texts mention."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from occlusight.occlusion.balance import Balance, answer_class
from occlusight.occlusion.facts import DEPTH_MARGIN, Facts, is_recognised
from occlusight.occlusion.kinds import Names, kind_names
from occlusight.occlusion.programs import execute
from occlusight.occlusion.staged_questions import PAIRED, SINGLE, Asked, Program
from occlusight.occlusion.text_questions import PAIRED as TEXT_PAIRED
from occlusight.occlusion.text_questions import SINGLE as TEXT_SINGLE
from occlusight.occlusion.wordings import confusable

ABSENT_SHARE = 0.15  # of the counting questions ask about a kind that is not there
MAX_COUNT = 6  # more than this many is not counted


class Draw:
    """Draws programs to ask about one picture."""

    def __init__(self, facts: Facts, names: Names, rng: np.random.Generator, balance: Balance | None) -> None:
        self.facts, self.names, self.rng, self.balance = facts, names, rng, balance
        ids = facts.nameable
        self.pairs = [(a, b) for a in ids for b in ids if a != b]
        self.covering = [p for p in self.pairs if facts.hides(*p)]
        clear = [p for p in self.pairs if facts.hides(*p) is False]
        covering = set(self.covering)
        self.reversed = [(a, b) for a, b in clear if (b, a) in covering]
        rest = [(a, b) for a, b in clear if facts.hides(b, a) is False]
        self.overlapping = [p for p in rest if facts.boxes_overlap(*p)]
        self.apart = [p for p in rest if not facts.boxes_overlap(*p)]

    def of_kind(self, kind: str, limit: int) -> Iterator[tuple[str, Asked]]:
        """Yield at most `limit` (template, what to ask), none of them twice."""
        single, paired = OF_ONE.get(kind), OF_TWO.get(kind)
        seen: set[str] = set()
        for _ in range(limit // 2 if paired else limit):
            found: list[tuple[str, Asked]] = []
            if paired:
                for template, method in self.shuffled(list(paired.items())):
                    both = method(self)
                    if both is not None:
                        found = [(template, asked) for asked in both]
                        break
            elif single:
                for template, one in self.shuffled(list(single.items())):
                    asked = one(self)
                    if asked is not None:
                        found = [(template, asked)]
                        break
            keys = {f"{template}{asked}" for template, asked in found}
            if keys & seen:
                continue
            seen |= keys
            yield from found

    def pick(self, items: list[Any]) -> Any:
        """One of the items; None where there are none. Always draws once."""
        at = int(self.rng.random() * len(items))
        return items[at] if items else None

    def even(self, items: list[Any], program: Callable[[Any], Program]) -> Any:
        """`pick`, but with a balance the item whose program's answer evens out most."""
        if self.balance is None:
            return self.pick(items)
        return self.balance.choose(items, lambda item: self.excess(program(item)), self.rng)

    def excess(self, program: Program) -> float:
        """How much oftener than others the program's answer was right for questions like it."""
        if self.balance is None:
            return 0.0
        op, arguments = program[-1]
        value = answer_class(self.facts, program, execute(program, self.facts))
        return self.balance.excess(self.facts, op, arguments, value)

    def shuffled(self, items: list[Any]) -> list[Any]:
        """The items in random order."""
        return items if len(items) < 2 else [items[i] for i in self.rng.permutation(len(items))]

    def pair_yes_no(self) -> tuple[Asked, Asked] | None:
        """A pair that hides and one that does not: the same pair reversed in half of cases, one that overlaps in a quarter.

        Asking a pair in both directions is what shows whether a model contradicts itself.
        """
        if self.balance is not None:
            return self.even_pair()
        yes, chance = self.pick(self.covering), self.rng.random()
        no = self.pick(next((pairs for pairs in self.negatives(chance) if pairs), []))
        if yes is None or no is None:
            return None
        if no in self.reversed and yes[::-1] in self.reversed:
            no = yes[::-1]
        return _hides(*yes), _hides(*no)

    def negatives(self, chance: float) -> tuple[list[tuple[str, str]], ...]:
        """Pairs that do not hide, the sort that is wanted first."""
        order = (self.reversed, self.overlapping, self.apart)
        if chance >= 0.5:
            order = (self.overlapping, self.apart, self.reversed)
        if chance >= 0.75:
            order = (self.apart, self.overlapping, self.reversed)
        return order

    def even_pair(self) -> tuple[Asked, Asked] | None:
        """`pair_yes_no`, of all such pairs the one that evens out most."""
        noes = next((pairs for pairs in self.negatives(self.rng.random()) if pairs), [])
        both = [(yes, yes[::-1]) for yes in self.covering if yes[::-1] in noes]
        if noes is self.reversed and both:
            chosen = self.even_of(both)
            return None if chosen is None else (_hides(*chosen[0]), _hides(*chosen[1]))
        yes, no = self.even(self.covering, _hides_program), self.even(noes, _hides_program)
        return None if yes is None or no is None else (_hides(*yes), _hides(*no))

    def even_of(self, both: list[tuple[tuple[str, str], tuple[str, str]]]) -> Any:
        """Of pairs of a yes and a no, the one that evens out most."""
        if self.balance is None:
            return self.pick(both)
        excess = {p: self.excess(_hides_program(p)) for pair in both for p in pair}
        return self.balance.choose(both, lambda pair: excess[pair[0]] + excess[pair[1]], self.rng)

    def anything_yes_no(self) -> tuple[Asked, Asked] | None:
        """An object that something hides and one that nothing hides."""
        yes = self.even(self.hidden(), lambda b: [["anything_hides", [b]]])
        no = self.even(self.free(), lambda b: [["anything_hides", [b]]])
        if yes is None or no is None:
            return None
        return ([["anything_hides", [yes]]], {"b": yes}), ([["anything_hides", [no]]], {"b": no})

    def hidden(self) -> list[str]:
        """Objects whose occluders can all be named."""
        f = self.facts
        found = [(b, f.occluders(b)) for b in f.nameable]
        return [b for b, by in found if by and all(is_recognised(f.objects[a]) for a in by)]

    def free(self) -> list[str]:
        """Objects that nothing hides, not even the edge of the picture."""
        return [b for b in self.facts.nameable if self.facts.untouched(b) and self.facts.whole_in_picture(b)]

    def who(self) -> Asked | None:
        """What hides B? In a third of cases nothing does."""
        hidden, free = self.hidden(), self.free()
        first = hidden if self.rng.random() < 2 / 3 else free
        b = self.even(first or hidden or free, lambda b: [["who_hides", [b]]])
        return None if b is None else ([["who_hides", [b]]], {"b": b})

    def part(self) -> Asked | None:
        """Which part of B does A hide? The rarer parts as often as the common ones, where the picture has them."""
        by_part: dict[str, list[tuple[str, str]]] = {}
        for pair in self.covering:
            by_part.setdefault(self.facts.relations[pair].hidden_part, []).append(pair)
        if self.balance is None:
            pair = self.pick(self.pick([by_part[part] for part in sorted(by_part)]) or [])
        else:
            pair = self.even(self.covering, lambda p: [["hidden_part", list(p)]])
        if pair is None:
            return None
        return [["hidden_part", list(pair)]], {"a": pair[0], "b": pair[1]}

    def position(self) -> Asked | None:
        """Where is A relative to B?"""
        f = self.facts
        pairs = [(a, b) for a, b in self.pairs if _placed(f, a, b)]
        pair = self.even(pairs, lambda p: [["position", list(p)]])
        return None if pair is None else ([["position", list(pair)]], {"a": pair[0], "b": pair[1]})

    def count_position(self) -> Asked | None:
        """How many of a kind, and where is each relative to something else?"""
        f = self.facts
        nameable, options = set(f.nameable), []
        for kind in self.countable():
            members = [id for id in f.recognised if f.objects[id].kind == kind]
            if len(members) > 3 or (len(members) > 1 and not set(members) <= nameable):
                continue
            for r in f.nameable:
                if f.objects[r].kind != kind and all(_placed(f, id, r) for id in members):
                    options.append((kind, r))
        option = self.even(options, lambda o: _count_position(*o))
        if option is None or confusable(kind_names(self.names, option[0]), f, self.names):
            return None
        kind, r = option
        return _count_position(kind, r), {"k": kind, "r": r}

    def countable(self) -> list[str]:
        """Kinds whose number is beyond doubt and not too high, in the order of the picture."""
        kinds = dict.fromkeys(self.facts.objects[id].kind for id in self.facts.recognised)
        counts = {k: sum(self.facts.objects[id].kind == k for id in self.facts.recognised) for k in kinds}
        return [k for k in kinds if counts[k] <= MAX_COUNT and self.facts.countable(k)]

    def count(self) -> Asked | None:
        """How many of a kind? Kinds that are there several times are asked about more often."""
        f = self.facts
        present = self.countable()
        weighted = [k for id in f.recognised for k in present if f.objects[id].kind == k]
        there = {o.kind for o in f.objects.values()}
        absent = [key for key in self.names if key not in there]
        kind = self.even(absent if self.rng.random() < ABSENT_SHARE and absent else weighted, _count_program)
        if kind is None or confusable(kind_names(self.names, kind), f, self.names):
            return None
        return _count_program(kind), {"k": kind}

    def recognition(self) -> Asked | None:
        """What is in the picture?"""
        if not self.facts.recognised:
            return None
        return [["recognised", []], ["list_all", ["$0"]]], {}

    def extreme(self, op: str) -> Asked | None:
        """Nearest or farthest: only where one object is so by the margin, of all that can be noticed."""
        f = self.facts
        far = {id: f.objects[id].distance for id in f.noticeable}
        distances = sorted(d for d in far.values() if d is not None)
        if len(distances) < 2 or len(distances) < len(far):
            return None
        near, second = (distances[0], distances[1]) if op == "nearest" else (distances[-2], distances[-1])
        end = distances[0] if op == "nearest" else distances[-1]
        winner = next(id for id, d in far.items() if d == end)
        if second - near < DEPTH_MARGIN * near or winner not in f.recognised or not f.objects[winner].unique:
            return None
        return [["recognised", []], [op, ["$0"]]], {}

    def nearest(self) -> Asked | None:
        """Which object is nearest?"""
        return self.extreme("nearest")

    def farthest(self) -> Asked | None:
        """Which object is farthest?"""
        return self.extreme("farthest")

    def depth_pair(self, op: str) -> Asked | None:
        """Which of two is nearer (or farther)? Only with the margin, and where hiding does not say otherwise."""
        f = self.facts
        pairs = [(a, b) for a, b in self.pairs if f.distance_order(a, b) != "none" and f.depth(a, b) != "none"]
        pair = self.even(pairs, lambda p: [[op, list(p)]])
        return None if pair is None else ([[op, list(pair)]], {"a": pair[0], "b": pair[1]})

    def nearer(self) -> Asked | None:
        """Which of two is nearer?"""
        return self.depth_pair("nearer")

    def farther(self) -> Asked | None:
        """Which of two is farther?"""
        return self.depth_pair("farther")

    def remove_yes_no(self) -> tuple[Asked, Asked] | None:
        """Taking away the only occluder, and taking away another thing."""
        f = self.facts
        hidden = [b for b in self.hidden() if f.whole_in_picture(b)]
        yes, no = [], []
        for b in hidden:
            occluders = f.occluders(b)
            slivers = [a for (a, other) in f.relations if other == b and f.hides(a, b) is None]
            if slivers:
                continue
            if len(occluders) == 1 and occluders[0] in f.nameable:
                yes.append((occluders[0], b))
            no += [(a, b) for a in f.nameable if a != b and (len(occluders) > 1 or a not in occluders)]
        one, other = (self.even(pairs, lambda p: [["remove", list(p)]]) for pairs in (yes, no))
        if one is None or other is None:
            return None
        return ([["remove", list(one)]], dict(zip("ab", one, strict=True))), (
            [["remove", list(other)]],
            dict(zip("ab", other, strict=True)),
        )


def _hides(a: str, b: str) -> Asked:
    return _hides_program((a, b)), {"a": a, "b": b}


def _hides_program(pair: tuple[str, str]) -> Program:
    return [["hides", list(pair)]]


def _count_program(kind: str) -> Program:
    return [["recognised", [kind]], ["count", ["$0", kind]]]


def _count_position(kind: str, r: str) -> Program:
    return [["recognised", [kind]], ["count_position", ["$0", kind, r]]]


def _placed(f: Facts, a: str, b: str) -> bool:
    """Whether anything can be said about where `a` is relative to `b`."""
    return f.vertical(a, b) != "none" or f.horizontal(a, b) != "none" or f.depth(a, b) != "none"


OF_ONE: dict[str, dict[str, Callable[[Any], Asked | None]]] = {
    "recognition": {"recognition.list": Draw.recognition},
    "position": {"position.relative": Draw.position, "position.count": Draw.count_position},
    "count": {"count.kind": Draw.count},
    "nearest": {"nearest.all": Draw.nearest},
    "farthest": {"farthest.all": Draw.farthest},
    "hidden_part": {"hidden_part.pair": Draw.part},
    "who_hides": {"who_hides.one": Draw.who},
    "depth_pair": {"depth_pair.nearer": Draw.nearer, "depth_pair.farther": Draw.farther},
    **SINGLE,
    **TEXT_SINGLE,
}
OF_TWO: dict[str, dict[str, Callable[[Any], tuple[Asked, Asked] | None]]] = {
    "occlusion": {
        "occlusion.active": Draw.pair_yes_no,
        "occlusion.passive": Draw.pair_yes_no,
        "occlusion.anything": Draw.anything_yes_no,
    },
    "explanation": {"explanation.active": Draw.pair_yes_no, "explanation.passive": Draw.pair_yes_no},
    "remove": {"remove.one": Draw.remove_yes_no},
    **PAIRED,
    **TEXT_PAIRED,
}
