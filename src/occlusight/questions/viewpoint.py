"""Who hides whom from another camera."""

from __future__ import annotations

from collections.abc import Sequence

from occlusight.occlusion.facts import Facts
from occlusight.occlusion.facts import hides as relation_hides
from occlusight.questions.draw import Draw
from occlusight.questions.paraphrases import decided
from occlusight.questions.phrases import Wording
from occlusight.questions.template import Answer, Asked, Template, about

SIDE_ZH = {"left": "左", "right": "右"}


def hides_from(facts: Facts, a: str, b: str) -> Answer:
    """Would `a` hide part of `b` from the second camera?"""
    view = facts.graph.views[0]
    relation = next((r for r in view.relations if (r.occluder, r.occluded) == (a, b)), None)
    value = "yes" if relation_hides(relation) else "no"
    where = {"side": view.side, "degrees": view.degrees}
    return {"value": value, "occluder": a, "occluded": b, **where, "objects": [a, b]}


def viewed(facts: Facts, pair: tuple[str, str]) -> Asked:
    """Return the question whether a pair hides from the second camera."""
    view = facts.graph.views[0]
    program, slots = about("hides_from", pair)
    return program, {**slots, "s": view.side, "d": str(view.degrees)}


def draw_viewed(draw: Draw) -> Sequence[Asked]:
    """A pair that hides here and from the second camera too, and one that hides here alone."""
    if not draw.facts.graph.views:
        return ()
    both, here, never = draw.candidates.from_second_view
    yes, no = draw.pick(both), draw.pick(here or never)  # a pair that hides neither here nor there is a fair no too
    return () if yes is None or no is None else (viewed(draw.facts, yes), viewed(draw.facts, no))


def say_viewed(answer: Answer, w: Wording) -> str:
    """Would A hide B from there?"""
    a, b, side, degrees = w.the(answer["occluder"]), w.the(answer["occluded"]), answer["side"], answer["degrees"]
    if w.lang == "zh":
        where = f"从{SIDE_ZH[side]}侧{degrees}度看"
        return f"会。{where},{a}仍然遮挡{b}。" if answer["value"] == "yes" else f"不会。{where},{a}不遮挡{b}。"
    where = f"from {degrees} degrees to the {side}"
    if answer["value"] == "yes":
        return f"Yes. Seen {where}, {a} hides part of {b}."
    return f"No. Seen {where}, {a} does not hide {b}."


TEMPLATES = (
    Template(
        name="viewpoint.side",
        kind="viewpoint",
        program=hides_from,
        draw=draw_viewed,
        group=2,
        offers=lambda c, rng: [viewed(c.facts, p) for pairs in c.from_second_view for p in pairs],
        reply=say_viewed,
        read="yes_no",
        paraphrase=decided("view", "occluder", "occluded"),
    ),
)
