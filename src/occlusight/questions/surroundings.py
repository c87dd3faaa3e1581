"""What stands around a thing: behind it, before it, on either side, between two; and the order of all from front to
back.

The answers are lists, front to back, and "nothing" is one. What stands where cannot always be told (two things side by
side at one distance): such a thing may be named or not, and so may one that is hardly seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations

import numpy as np

from occlusight.occlusion.facts import Facts
from occlusight.questions.candidates import Candidates
from occlusight.questions.draw import Draw
from occlusight.questions.paraphrases import fill
from occlusight.questions.phrases import Wording, cap
from occlusight.questions.position import place
from occlusight.questions.template import Answer, Asked, Template, about, of_all

LONGEST = 4  # things in a list that is asked for
ORDERED = (3, 6)  # fewest and most things that are put in order
NOTHING_SHARE = 0.3  # of the lists that are asked for are empty, where the picture has such


def listing(facts: Facts, about: list[str], holds: Callable[[str], bool | None]) -> Answer:
    """List the things of which something holds, front to back; `may` are those of which it cannot be told (None), or
    which are hardly seen. `about` are the things asked about."""
    others = [id for id in facts.objects if id not in about]
    held = {id: holds(id) for id in others}
    value = [id for id in facts.recognised if held.get(id)]
    may = [id for id in others if held[id] is not False and id not in value]
    return {"value": value, "may": may, "about": about, "objects": [*about, *value]}


def tellable(answer: Answer) -> bool:
    """Whether a list is short enough to be asked for, and beyond doubt where it is empty."""
    return len(answer["value"]) <= LONGEST and bool(answer["value"] or not answer["may"])


def _holds(facts: Facts, a: str, axis: str, side: str) -> Callable[[str], bool | None]:
    def holds(b: str) -> bool | None:
        found = place(facts, b, a)[axis]
        return None if found == "none" else found == side

    return holds


def behind(facts: Facts, a: str) -> Answer:
    """What is behind `a`, farther from the camera?"""
    return listing(facts, [a], _holds(facts, a, "depth", "behind"))


def in_front(facts: Facts, a: str) -> Answer:
    """What is in front of `a`, nearer to the camera?"""
    return listing(facts, [a], _holds(facts, a, "depth", "front"))


def left_of(facts: Facts, a: str) -> Answer:
    """What is to the left of `a`, as the picture shows it?"""
    return listing(facts, [a], _holds(facts, a, "horizontal", "left"))


def right_of(facts: Facts, a: str) -> Answer:
    """What is to the right of `a`, as the picture shows it?"""
    return listing(facts, [a], _holds(facts, a, "horizontal", "right"))


def between(facts: Facts, a: str, b: str) -> Answer:
    """What is between `a` and `b`, from left to right in the picture?"""
    one, two = (a, b) if facts.horizontal(a, b) == "left" else (b, a)

    def holds(c: str) -> bool | None:
        sides = facts.horizontal(c, one), facts.horizontal(c, two)
        if sides[0] == "left" or sides[1] == "right":
            return False
        return True if sides == ("right", "left") else None

    return listing(facts, [a, b], holds)


def in_order(facts: Facts, ids: list[str]) -> Answer:
    """All things from nearest to farthest; `ties` are pairs whose order cannot be told."""
    ties = [[a, b] for a, b in combinations(ids, 2) if facts.distance_order(a, b) == "none"]
    return {"value": ids, "ties": ties, "objects": ids}


Offers = Callable[[Candidates, np.random.Generator], Iterable[Asked]]


def offer_lists(program: Callable[[Facts, str], Answer]) -> Offers:
    """Every thing around which it can be told."""
    name = program.__name__
    return lambda c, rng: [about(name, (a,), "a") for a in c.facts.nameable if tellable(program(c.facts, a))]


def offer_between(c: Candidates, rng: np.random.Generator) -> Iterable[Asked]:
    """Pairs beside each other, each in one order."""
    apart = [p for p in combinations(c.facts.nameable, 2) if c.facts.horizontal(*p) != "none"]
    turned = [p if rng.random() < 0.5 else p[::-1] for p in apart]
    return [about("between", p) for p in turned if tellable(between(c.facts, *p))]


def draw_list(program: Callable[..., Answer], offers: Offers) -> Callable[[Draw], Sequence[Asked]]:
    """Draw one of the offers: seldom one whose list is empty."""

    def draw_one(draw: Draw) -> Sequence[Asked]:
        by: dict[bool, list[Asked]] = {True: [], False: []}
        for asked in offers(draw.candidates, draw.rng):
            by[bool(program(draw.facts, *asked[0][-1][1])["value"])].append(asked)
        full = draw.rng.random() >= NOTHING_SHARE
        found = draw.pick(by[full] or by[not full])
        return () if found is None else (found,)

    return draw_one


def offer_order(c: Candidates, rng: np.random.Generator) -> Iterable[Asked]:
    """All things, where each has a name and a distance of its own."""
    f = c.facts
    told = all(id in f.nameable and f.objects[id].distance is not None for id in f.recognised)
    return [of_all("in_order")] if told and ORDERED[0] <= len(f.recognised) <= ORDERED[1] else []


def say_listed(answer: Answer, w: Wording) -> str:
    """The list alone."""
    if not answer["value"]:
        return "Nothing." if w.lang == "en" else "没有东西。"
    return f"{cap(w.them(answer['value']))}{'.' if w.lang == 'en' else '。'}"


def retell_listed(answer: Answer, w: Wording) -> list[str]:
    """The list in other words."""
    return fill(f"listed.{'some' if answer['value'] else 'none'}", w, {"list": w.them(answer["value"])})


def retell_order(answer: Answer, w: Wording) -> list[str]:
    """The order in other words."""
    then, arrow = (", then ", " > ") if w.lang == "en" else (",然后是", " > ")
    named = [w.the(id) for id in answer["value"]]
    return fill("order", w, {"list": w.them(answer["value"]), "then": then.join(named), "arrows": arrow.join(named)})


def _around(program: Callable[[Facts, str], Answer]) -> Template:
    kind = program.__name__
    return Template(
        name=f"{kind}.thing",
        kind=kind,
        program=program,
        draw=draw_list(program, offer_lists(program)),
        offers=offer_lists(program),
        main_answers=("nothing",),
        reply=say_listed,
        read="listed",
        paraphrase=retell_listed,
    )


TEMPLATES = (
    *map(_around, (behind, in_front, left_of, right_of)),
    Template(
        name="between.two",
        kind="between",
        program=between,
        draw=draw_list(between, offer_between),
        offers=offer_between,
        main_answers=("nothing",),
        reply=say_listed,
        read="listed",
        paraphrase=retell_listed,
    ),
    Template(
        name="order.depth",
        kind="order",
        program=in_order,
        offers=offer_order,
        reply=say_listed,
        read="order",
        paraphrase=retell_order,
    ),
)
