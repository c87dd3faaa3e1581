"""What would be seen if something were taken away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from occlusight.occlusion.facts import Facts
from occlusight.questions.draw import Draw
from occlusight.questions.paraphrases import fill, two
from occlusight.questions.phrases import Wording, cap
from occlusight.questions.template import Answer, Asked, Template, about


def remove(facts: Facts, a: str, b: str) -> Answer:
    """If `a` were taken away, would all of `b` be visible?"""
    others = [id for id in facts.occluders(b) if id != a]
    hidden = bool(facts.hides(a, b))
    value = "yes" if hidden and not others else "no"
    return {"value": value, "removed": a, "occluded": b, "hidden": hidden, "others": others, "objects": [a, b, *others]}


def draw_remove(draw: Draw) -> Sequence[Asked]:
    """Taking away the only occluder, and taking away another thing."""
    yes, no = (draw.pick(pairs) for pairs in draw.candidates.removing)
    return () if yes is None or no is None else (about("remove", yes), about("remove", no))


def say_remove(answer: Answer, w: Wording) -> str:
    """If A were taken away, would all of B be visible?"""
    a, b, others = answer["removed"], answer["occluded"], answer["others"]
    if w.lang == "en":
        if answer["value"] == "yes":
            return f"Yes. Only {w.the(a)} hides {w.the(b)}."
        verb = "hides" if len(others) == 1 else "hide"
        if answer["hidden"]:
            return f"No. {cap(w.them(others))} {verb} part of {w.the(b)} too."
        return f"No. {cap(w.them(others))} {verb} {w.the(b)}, not {w.the(a)}."
    if answer["value"] == "yes":
        return f"会。只有{w.the(a)}遮挡了{w.the(b)}。"
    if answer["hidden"]:
        return f"不会。{w.them(others)}也遮挡了{w.the(b)}。"
    return f"不会。遮挡{w.the(b)}的是{w.them(others)},不是{w.the(a)}。"


def retell_remove(answer: dict[str, Any], w: Wording) -> list[str]:
    return fill(f"remove.{answer['value']}", w, two(answer, w, "removed"))


TEMPLATES = (
    Template(
        name="remove.one",
        kind="remove",
        program=remove,
        draw=draw_remove,
        group=2,
        offers=lambda c, rng: [about("remove", p) for pairs in c.removing for p in pairs],
        reply=say_remove,
        read="visible",
        paraphrase=retell_remove,
    ),
)
