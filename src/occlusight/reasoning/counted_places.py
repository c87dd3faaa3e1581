"""How many there are of a kind, and where they are seen from another thing, where the model counts otherwise when it is
asked for their number alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from occlusight.occlusion.kinds import Lang
from occlusight.questions.template import Program
from occlusight.reading.numbers import numbers_in
from occlusight.reasoning.own_wording import Thing, own_wording
from occlusight.reasoning.sentences import SPACE


def counted_places(
    whole: Callable[[str], str],
    learnt: Collection[str],
    arguments: Sequence[str],
    things: Mapping[str, Thing],
    lang: Lang,
) -> str:
    """Return the model's answer to how many there are of a kind and where they are seen from another thing; where it
    counts one when asked for the number alone, and several here, that number and where the one is.

    whole: returns the model's whole answer to a question in its own words
    arguments: of the step: the list, the kind and the other thing; `things` are what the names stand for
    """
    kind, other = arguments[-2:]
    program: Program = [["recognised", [kind]], ["count_position", ["$0", kind, other]]]
    told = whole(own_wording(program, things, lang))
    if _first_number(told) in (None, 1) or not {"count", "position"} <= {*learnt}:
        return told
    alone = whole(own_wording([["recognised", [kind]], ["count", ["$0", kind]]], things, lang))
    if _first_number(alone) != 1:
        return told
    where = whole(own_wording([["position", ["a", "b"]]], {"a": things[kind], "b": things[other]}, lang))
    return f"{alone}{SPACE[lang]}{where}"


def _first_number(text: str) -> int | None:
    return next((int(one.value) for one in numbers_in(text)), None)
