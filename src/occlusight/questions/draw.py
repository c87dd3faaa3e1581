"""Drawing what to ask about one picture: programs, and the objects and kinds that their texts mention."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from occlusight.occlusion.facts import Facts
from occlusight.occlusion.kinds import Names
from occlusight.questions.candidates import Candidates
from occlusight.questions.inscription_questions import PAIRED as TEXT_PAIRED
from occlusight.questions.inscription_questions import SINGLE as TEXT_SINGLE
from occlusight.questions.targeted_questions import PAIRED, SINGLE, Asked, about

ABSENT_SHARE = 0.15  # of the counting questions ask about a kind that is not there


class Draw:
    """Draws programs to ask about one picture."""

    def __init__(self, facts: Facts, names: Names, rng: np.random.Generator) -> None:
        self.facts, self.rng, self.candidates = facts, rng, Candidates(facts, names)

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

    def shuffled(self, items: list[Any]) -> list[Any]:
        """The items in random order."""
        return items if len(items) < 2 else [items[i] for i in self.rng.permutation(len(items))]

    def pair_yes_no(self) -> tuple[Asked, Asked] | None:
        """A pair that hides and one that does not: the same pair reversed in half of cases, one that overlaps in a quarter.

        Asking a pair in both directions is what shows whether a model contradicts itself.
        """
        c = self.candidates
        yes, chance = self.pick(c.covering), self.rng.random()
        order = (c.reversed, c.overlapping, c.apart)
        if chance >= 0.5:
            order = (c.overlapping, c.apart, c.reversed)
        if chance >= 0.75:
            order = (c.apart, c.overlapping, c.reversed)
        no = self.pick(next((pairs for pairs in order if pairs), []))
        if yes is None or no is None:
            return None
        if no in c.reversed and yes[::-1] in c.reversed:
            no = yes[::-1]
        return about("hides", yes), about("hides", no)

    def anything_yes_no(self) -> tuple[Asked, Asked] | None:
        """An object that something hides and one that nothing hides."""
        yes, no = self.pick(self.candidates.hidden), self.pick(self.candidates.free)
        if yes is None or no is None:
            return None
        return about("anything_hides", (yes,), "b"), about("anything_hides", (no,), "b")

    def who(self) -> Asked | None:
        """What hides B? In a third of cases nothing does."""
        hidden, free = self.candidates.hidden, self.candidates.free
        first = hidden if self.rng.random() < 2 / 3 else free
        b = self.pick(first or hidden or free)
        return None if b is None else about("who_hides", (b,), "b")

    def part(self) -> Asked | None:
        """Which part of B does A hide? The rarer parts as often as the common ones, where the picture has them."""
        by_part: dict[str, list[tuple[str, str]]] = {}
        for pair in self.candidates.covering:
            by_part.setdefault(self.facts.relations[pair].hidden_part, []).append(pair)
        pair = self.pick(self.pick([by_part[part] for part in sorted(by_part)]) or [])
        return None if pair is None else about("hidden_part", pair)

    def position(self) -> Asked | None:
        """Where is A relative to B?"""
        pair = self.pick(self.candidates.placed)
        return None if pair is None else about("position", pair)

    def count_position(self) -> Asked | None:
        """How many of a kind, and where is each relative to something else?"""
        option = self.pick(self.candidates.counted_places)
        return None if option is None or self.candidates.confusable(option[0]) else count_place(*option)

    def count(self) -> Asked | None:
        """How many of a kind? Kinds that are there several times are asked about more often."""
        f, c = self.facts, self.candidates
        weighted = [k for id in f.recognised for k in c.countable if f.objects[id].kind == k]
        kind = self.pick(c.absent if self.rng.random() < ABSENT_SHARE and c.absent else weighted)
        return None if kind is None or c.confusable(kind) else count_kind(kind)

    def recognition(self) -> Asked | None:
        """What is in the picture?"""
        return of_all("list_all") if self.facts.recognised else None

    def nearest(self) -> Asked | None:
        """Which object is nearest?"""
        return of_all("nearest") if self.candidates.extreme("nearest") else None

    def farthest(self) -> Asked | None:
        """Which object is farthest?"""
        return of_all("farthest") if self.candidates.extreme("farthest") else None

    def nearer(self) -> Asked | None:
        """Which of two is nearer?"""
        pair = self.pick(self.candidates.ordered)
        return None if pair is None else about("nearer", pair)

    def farther(self) -> Asked | None:
        """Which of two is farther?"""
        pair = self.pick(self.candidates.ordered)
        return None if pair is None else about("farther", pair)

    def remove_yes_no(self) -> tuple[Asked, Asked] | None:
        """Taking away the only occluder, and taking away another thing."""
        yes, no = (self.pick(pairs) for pairs in self.candidates.removing)
        return None if yes is None or no is None else (about("remove", yes), about("remove", no))


def count_kind(kind: str) -> Asked:
    """Return the question how many of a kind there are."""
    return [["recognised", [kind]], ["count", ["$0", kind]]], {"k": kind}


def count_place(kind: str, r: str) -> Asked:
    """Return the question how many of a kind there are, and where each is relative to `r`."""
    return [["recognised", [kind]], ["count_position", ["$0", kind, r]]], {"k": kind, "r": r}


def of_all(op: str) -> Asked:
    """Return a question about all that is recognised."""
    return [["recognised", []], [op, ["$0"]]], {}


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
