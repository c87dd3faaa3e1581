"""What is seen through glass, what mirrors show, and what mirrors and shadows tell of things that nothing shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from occlusight.occlusion.facts import Facts
from occlusight.occlusion.kinds import article, kind_names
from occlusight.questions.candidates import Candidates
from occlusight.questions.draw import Draw
from occlusight.questions.paraphrases import decided, fill
from occlusight.questions.phrases import Wording, cap
from occlusight.questions.template import Answer, Asked, Template, about


def through(facts: Facts, a: str, b: str) -> Answer:
    """Is `b` seen through `a`?"""
    value = "yes" if facts.through(a, b) else "no"
    covered = round(facts.graph.covered(a, b), 3)
    opaque = bool(facts.hides(a, b))
    return {
        "value": value,
        "glass": a,
        "object": b,
        "covered_fraction": covered,
        "hides": opaque,
        "objects": [a, b],
    }


def mirrored(facts: Facts, mirror: str, b: str) -> Answer:
    """Does the mirror show `b`? And is that the only place where it can be seen?"""
    value = "yes" if facts.shown_in(mirror, b) else "no"
    only = facts.objects[b].seen == "reflection"
    return {"value": value, "mirror": mirror, "object": b, "only": only, "objects": [mirror, b]}


def shown_in(facts: Facts, mirror: str) -> Answer:
    """What does the mirror show? The largest first."""
    found = sorted((r for r in facts.graph.reflections if r.mirror == mirror), key=lambda r: (-r.area, r.object))
    ids = [r.object for r in found if facts.shown_in(mirror, r.object)]
    return {"value": ids, "mirror": mirror, "objects": [mirror, *ids]}


def told_behind(facts: Facts, a: str) -> Answer:
    """Can it be told from the picture whether something is behind `a`? By what?"""
    found = facts.evidence(a)
    objects = [a, *(found[k] for k in ("hidden", "mirror") if k in found)]
    base: Answer = {"value": "yes" if found else "no", "occluder": a, "evidence": None}
    return {**base, **found, "objects": objects}


def draw_through(draw: Draw) -> Sequence[Asked]:
    """Something seen through glass, and something that is not behind that glass or is behind something opaque."""
    c = draw.candidates
    yes = draw.pick(c.through)
    first, second = (c.opaque, c.beside_glass) if draw.pick([0, 1]) else (c.beside_glass, c.opaque)
    no = draw.pick(first or second)
    return () if yes is None or no is None else (about("through", yes), about("through", no))


def draw_mirrored(draw: Draw) -> Sequence[Asked]:
    """Something that a mirror shows, and something that it does not."""
    yes, no = draw.pick(draw.candidates.mirrored), draw.pick(draw.candidates.not_mirrored)
    return () if yes is None or no is None else (about("mirrored", yes), about("mirrored", no))


def draw_shown(draw: Draw) -> Sequence[Asked]:
    """What a mirror shows, where all of it can be told."""
    found = draw.pick(draw.candidates.clear_mirrors)
    return () if found is None else (about("shown_in", (found,), "a"),)


def draw_told(draw: Draw) -> Sequence[Asked]:
    """A board behind which something tells of a hidden thing, and one of its kind of which nothing tells."""
    told, untold = draw.candidates.boards
    kinds = {draw.facts.objects[id].kind for id in told}
    yes, no = draw.pick(told), draw.pick([id for id in untold if draw.facts.objects[id].kind in kinds])
    return () if yes is None or no is None else (about("told_behind", (yes,), "a"), about("told_behind", (no,), "a"))


def offer_mirrored(c: Candidates, rng: np.random.Generator) -> Iterable[Asked]:
    """Mirrors, with what they show and what they do not."""
    return [about("mirrored", p) for p in (*c.mirrored, *c.not_mirrored)]


def say_through(answer: Answer, w: Wording) -> str:
    """Is B seen through A?"""
    a, b = w.the(answer["glass"]), w.the(answer["object"])
    if w.lang == "zh":
        if answer["value"] == "yes":
            return f"是的。{b}在{a}的后面,透过玻璃仍然可见。"
        if answer["hides"]:
            return f"不能。{a}不透明,遮挡了{b}的一部分。"
        return f"不能。{b}不在{a}的后面。"
    if answer["value"] == "yes":
        return f"Yes. {cap(b)} is behind {a} and can be seen through the glass."
    if answer["hides"]:
        return f"No. {cap(a)} is opaque and hides part of {b}."
    return f"No. {cap(b)} is not behind {a}."


def say_mirrored(answer: Answer, w: Wording) -> str:
    """Is B seen in A?"""
    a, b, only = w.the(answer["mirror"]), w.the(answer["object"]), answer["only"]
    if w.lang == "zh":
        if answer["value"] == "no":
            return f"不能。{a}里没有照出{b}。"
        return f"能。{a}里照出了{b}{',只有在镜像中才能看到' if only else ''}。"
    if answer["value"] == "no":
        return f"No. {cap(a)} does not show {b}."
    return f"Yes. {cap(a)} shows {b}{', which can only be seen there' if only else ''}."


def say_shown(answer: Answer, w: Wording) -> str:
    """What does A show?"""
    if w.lang == "zh":
        return f"{w.the(answer['mirror'])}里照出了{w.them(answer['value'])}。"
    return f"{cap(w.the(answer['mirror']))} shows {w.them(answer['value'])}."


def say_told(answer: Answer, w: Wording) -> str:
    """Can it be told whether something is behind A?"""
    a, evidence = w.the(answer["occluder"]), answer["evidence"]
    if w.lang == "zh":
        if answer["value"] == "no":
            return f"不能确定。{a}完全挡住了后面,没有影子或倒影可以说明。"
        if evidence == "shadow":
            return f"能。地面上的影子说明{a}后面有东西。"
        return f"能。{w.the(answer['mirror'])}里照出了{a}后面的东西。"
    if answer["value"] == "no":
        return f"No. {cap(a)} hides all that may be behind it, and no shadow or reflection tells."
    if evidence == "shadow":
        return f"Yes. A shadow on the ground shows that something is behind {a}."
    mirror, thing = w.the(answer["mirror"]), answer["hidden"]
    noun = kind_names(w.names, w.facts.objects[thing].kind).en
    return f"Yes. {cap(mirror)} shows {article(noun)} {noun} behind {a}."


def retell_shown(answer: dict[str, Any], w: Wording) -> list[str]:
    return fill("shown", w, {"list": w.them(answer["value"])})


TEMPLATES = (
    Template(
        name="occlusion.through",
        kind="through",
        program=through,
        draw=draw_through,
        group=2,
        offers=lambda c, rng: [about("through", p) for p in (*c.through, *c.opaque, *c.beside_glass)],
        reply=say_through,
        read="yes_no",
        paraphrase=decided("through", "glass", "object"),
    ),
    Template(
        name="occlusion.mirror",
        kind="mirrored",
        program=mirrored,
        draw=draw_mirrored,
        group=2,
        offers=offer_mirrored,
        reply=say_mirrored,
        read="yes_no",
        paraphrase=decided("mirror", "mirror", "object"),
    ),
    Template(
        name="recognition.mirror",
        kind="mirror_shows",
        program=shown_in,
        draw=draw_shown,
        offers=lambda c, rng: [about("shown_in", (m,), "a") for m in c.clear_mirrors],
        reply=say_shown,
        read="shown",
        paraphrase=retell_shown,
    ),
    Template(
        name="unknown.behind",
        kind="unknown",
        program=told_behind,
        draw=draw_told,
        group=2,
        offers=lambda c, rng: [about("told_behind", (b,), "a") for boards in c.boards for b in boards],
        reply=say_told,
        read="can_be_told",
        paraphrase=decided("behind", "occluder", "occluder"),
    ),
)
