"""Asking so that the question does not give its answer away.

A lamp post is oftener before a car than behind one, so "does the lamp post hide the car?" is oftener a yes than a no: who has read many
questions need not look. A balance keeps count, over the pictures of a data set in their order, of the answers that questions of a sort
have had, by what the question says (the kinds and colours it names) and by what can be seen at a glance (which of the two is larger,
lower, farther left, listed first). Of all that could be asked about the next picture, that is asked whose answer evens this out most.

What a picture is asked depends so on those before it and not on those after it: a set that grows keeps its questions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from occlusight.occlusion.facts import Facts

Program = Sequence[Sequence[Any]]
Trait = tuple[str, ...]
Key = tuple[str, Trait]  # the sort of question and the trait
T = TypeVar("T")

WEIGHTS = {"a": 1.0, "b": 1.0, "ab": 0.6, "colour_a": 0.5, "colour_b": 0.5}
GLANCE = 0.4  # weight of the other traits
CALM = 4.0  # questions with a trait before its counts weigh as much as they can


class Balance:
    """Counts of answers by sort of question and trait, over the pictures that were kept; `begin` forgets those of a picture that is
    not yet, so that each language can be asked the same."""

    def __init__(self) -> None:
        self._kept: dict[Key, dict[str, int]] = {}
        self._fresh: dict[Key, dict[str, int]] = {}

    def begin(self) -> None:
        """Forget what was noted since the last `keep`."""
        self._fresh = {}

    def keep(self) -> None:
        """Keep what was noted."""
        for key, counts in self._fresh.items():
            kept = self._kept.setdefault(key, {})
            for value, n in counts.items():
                kept[value] = kept.get(value, 0) + n
        self._fresh = {}

    def note(self, facts: Facts, program: Program, value: str) -> None:
        """Count a question that is asked, and the class of its answer."""
        op, arguments = program[-1]
        for trait in traits(facts, arguments):
            counts = self._fresh.setdefault((op, trait), {})
            counts[value] = counts.get(value, 0) + 1

    def excess(self, facts: Facts, op: str, arguments: Sequence[Any], value: str) -> float:
        """Return how much oftener than the other answers this one was right for questions like this; the sum over their traits."""
        total = 0.0
        for trait in traits(facts, arguments):
            counts = dict(self._kept.get((op, trait), ()))
            for other, n in self._fresh.get((op, trait), {}).items():
                counts[other] = counts.get(other, 0) + n
            n = sum(counts.values())
            share = counts.get(value, 0) - n / max(2, len(counts))
            total += WEIGHTS.get(trait[0], GLANCE) * share / (n + CALM)
        return total

    def choose(self, items: Sequence[T], excess: Callable[[T], float], rng: np.random.Generator) -> T | None:
        """Return the item with the least excess, by lot among equals; None where there are none. Always draws once."""
        draw = rng.random()
        if not items:
            return None
        costs = [excess(item) for item in items]
        least = min(costs) + 1e-9
        best = [item for item, cost in zip(items, costs, strict=True) if cost <= least]
        return best[int(draw * len(best))]


def traits(facts: Facts, arguments: Sequence[Any]) -> Iterator[Trait]:
    """Yield what a question about these objects or kinds says, and what a glance at the picture would add."""
    ids = [a for a in arguments if a in facts.objects]
    kinds = [facts.objects[a].kind if a in facts.objects else str(a) for a in arguments if not str(a).startswith("$")]
    for slot, kind in zip("ab", kinds, strict=False):
        yield slot, kind
    if len(kinds) > 1:
        yield ("ab", *kinds[:2])
    for slot, id in zip("ab", ids, strict=False):
        yield f"colour_{slot}", facts.objects[id].colour or "none"
    if len(ids) < 2:
        return
    one, two = (facts.objects[id] for id in ids[:2])
    order = [o.id for o in facts.graph.objects]
    yield "first", str(order.index(one.id) < order.index(two.id))
    yield "larger", str(one.area > two.area)
    yield "left", str(one.box[0] + one.box[2] < two.box[0] + two.box[2])
    yield "lower", str(one.box[1] + one.box[3] > two.box[1] + two.box[3])


def answer_class(facts: Facts, program: Program, answer: Mapping[str, Any]) -> str:
    """Return the class of an answer: what is counted as the same answer to questions of a template. Objects count by their kinds."""
    op, arguments = program[-1]
    value = answer["value"]
    if op in ("nearer", "farther"):
        return "first" if value == arguments[0] else "second"
    if op in ("nearest", "farthest"):
        return str(answer["kind"])
    if op == "position":
        return " ".join(value[axis] for axis in ("horizontal", "depth", "vertical"))
    if op == "count_position":
        places = [" ".join(p[axis] for axis in ("horizontal", "depth", "vertical")) for p in answer["positions"]]
        return "; ".join([str(value), *places])
    if op == "list_all":
        return ", ".join(f"{n} {kind}" for kind, n in sorted(answer["counts"].items()))
    if isinstance(value, list):
        return ", ".join(facts.objects[id].kind for id in value) or "nothing"
    return str(value)
