"""Who hides whom, which part of it, and why: the questions about one thing before another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from occlusight.occlusion.facts import Facts, amount_of
from occlusight.occlusion.graph import UNMEASURED
from occlusight.questions.candidates import Candidates
from occlusight.questions.draw import Draw
from occlusight.questions.paraphrases import covered, fill, two
from occlusight.questions.phrases import OPPOSITE, Wording, cap
from occlusight.questions.position import place
from occlusight.questions.template import Answer, Asked, Template, about

WHERE_EN = {"left": ", on the left", "right": ", on the right", "top": ", at the top", "bottom": ", at the bottom"}
WHERE_EN |= {"middle": ", in the middle", "all": "", UNMEASURED: ""}
WHERE_ZH = {"left": "左侧", "right": "右侧", "top": "上部", "bottom": "下部", "middle": "中间"}
PART_EN = {"left": "The left side", "right": "The right side", "top": "The top", "bottom": "The bottom"}
PART_EN |= {"middle": "The middle", "all": "Nearly the whole of it"}
SEEN_EN = {"left": "the right side", "right": "the left side", "top": "the bottom", "bottom": "the top"}
SEEN_EN |= {"middle": "both sides", "all": "only small pieces"}
SEEN_ZH = {"left": "右侧", "right": "左侧", "top": "下部", "bottom": "上部", "middle": "两侧", "all": "只有一些小块"}


def cover(facts: Facts, a: str, b: str) -> dict[str, Any]:
    """How `a` covers `b`; only where it does."""
    relation = facts.relations[a, b]
    if not relation.measured:
        return {"hidden_part": UNMEASURED, "covered_fraction": None, "amount": "part"}
    fraction = round(relation.covered_fraction, 3)
    return {"hidden_part": relation.hidden_part, "covered_fraction": fraction, "amount": amount_of(fraction)}


def hides(facts: Facts, a: str, b: str) -> Answer:
    """Does `a` hide part of `b`? With what a reason can cite: the reverse, the overlap, the relative position."""
    answer: Answer = {"value": "yes" if facts.hides(a, b) else "no", "occluder": a, "occluded": b, "objects": [a, b]}
    if facts.hides(a, b):
        return {**answer, **cover(facts, a, b)}
    reverse = bool(facts.hides(b, a))
    return {**answer, "reverse": reverse, **place(facts, a, b)}


def anything_hides(facts: Facts, b: str) -> Answer:
    """Is anything hiding `b`?"""
    found = facts.occluders(b)
    answer: Answer = {"value": "yes" if found else "no", "occluded": b, "occluders": found, "objects": [*found, b]}
    return {**answer, **(cover(facts, found[0], b) if len(found) == 1 else {})}


def who_hides(facts: Facts, b: str) -> Answer:
    """What hides `b`? The value is the list of occluders, the one that covers most first; empty for nothing."""
    found = facts.occluders(b)
    return {"value": found, "occluded": b, "objects": [*found, b]}


def hidden_part(facts: Facts, a: str, b: str) -> Answer:
    """Which part of `b` does `a` hide?"""
    found = cover(facts, a, b)
    return {"value": found["hidden_part"], "occluder": a, "occluded": b, **found, "objects": [a, b]}


def draw_pair(draw: Draw) -> Sequence[Asked]:
    """A pair that hides and one that does not: the same pair reversed in half of cases, one that overlaps in a quarter.

    Asking a pair in both directions is what shows whether a model contradicts itdraw.
    """
    c = draw.candidates
    yes, chance = draw.pick(c.covering), draw.rng.random()
    order = (c.reversed, c.overlapping, c.apart)
    if chance >= 0.5:
        order = (c.overlapping, c.apart, c.reversed)
    if chance >= 0.75:
        order = (c.apart, c.overlapping, c.reversed)
    no = draw.pick(next((pairs for pairs in order if pairs), []))
    if yes is None or no is None:
        return ()
    if no in c.reversed and yes[::-1] in c.reversed:
        no = yes[::-1]
    return about("hides", yes), about("hides", no)


def draw_anything(draw: Draw) -> Sequence[Asked]:
    """An object that something hides and one that nothing hides."""
    yes, no = draw.pick(draw.candidates.hidden), draw.pick(draw.candidates.free)
    if yes is None or no is None:
        return ()
    return about("anything_hides", (yes,), "b"), about("anything_hides", (no,), "b")


def draw_who(draw: Draw) -> Sequence[Asked]:
    """What hides B? In a third of cases nothing does."""
    hidden, free = draw.candidates.hidden, draw.candidates.free
    first = hidden if draw.rng.random() < 2 / 3 else free
    b = draw.pick(first or hidden or free)
    return () if b is None else (about("who_hides", (b,), "b"),)


def draw_part(draw: Draw) -> Sequence[Asked]:
    """Which part of B does A hide? The rarer parts as often as the common ones, where the picture has them."""
    by_part: dict[str, list[tuple[str, str]]] = {}
    for pair in draw.candidates.covering:
        by_part.setdefault(draw.facts.relations[pair].hidden_part, []).append(pair)
    chosen = draw.pick(draw.pick([by_part[part] for part in sorted(by_part)]) or [])
    return () if chosen is None else (about("hidden_part", chosen),)


def offer_pairs(c: Candidates, rng: np.random.Generator) -> Iterable[Asked]:
    """Every pair of which it can be told."""
    return [about("hides", p) for p in (*c.covering, *c.reversed, *c.overlapping, *c.apart)]


def _covers(answer: Answer, w: Wording, *, passive: bool) -> str:
    """The yes of a pair, without a full stop."""
    a, b, part = answer["occluder"], answer["occluded"], answer["hidden_part"]
    if w.lang == "en":
        cover = f"hides {w.amount(answer)} of {w.it(b)}{WHERE_EN[part]}"
        if passive:
            cover = f"hides {w.amount(answer)} of it{WHERE_EN[part]}"
            return f"{w.the(b)} is behind {w.the(a)}, which {cover.replace('of it', f'of {w.it(b)}')}"
        return f"{w.the(a)} stands in front of {w.the(b)} and {cover}"
    amount = w.amount(answer)
    where = WHERE_ZH.get(part, "")
    little = answer["amount"] in ("small", "part")
    if passive:
        share = f"{where}的{amount}" if where and little else amount
        tail = "" if little or not where else f",主要在{where}"
        return f"{w.the(b)}在{w.the(a)}的后面,{share}被{w.the(a)}遮挡{tail}"
    share = f"{w.it(b)}{where}的{amount}" if where and little else f"{w.it(b)}的{amount}"
    tail = "" if little or not where else f",主要在{where}"
    return f"{w.the(a)}在{w.the(b)}的前面,遮挡了{share}{tail}"


def _still_seen(part: str, w: Wording) -> str:
    if part == UNMEASURED:
        return ""
    if w.lang == "en":
        return f"; {SEEN_EN[part]} can still be seen"
    return f";{SEEN_ZH[part]}仍然可见"


def _pair(answer: Answer, w: Wording, *, passive: bool, seen: bool) -> str:
    a, b = answer["occluder"], answer["occluded"]
    en = w.lang == "en"
    if answer["value"] == "yes":
        body = _covers(answer, w, passive=passive) + (_still_seen(answer["hidden_part"], w) if seen else "")
        return f"Yes. {body[0].upper()}{body[1:]}." if en else f"是的。{body}。"
    if answer["reverse"]:
        if en:
            first, how, second = (b, "in front of", a) if passive else (a, "behind", b)
            return f"No. {cap(w.the(first))} is {how} {w.the(second)}, so it is {w.the(b)} that hides {w.the(a)}."
        first, how, second = (b, "前面", a) if passive else (a, "后面", b)
        return f"没有。{w.the(first)}在{w.the(second)}的{how},是{w.the(b)}遮挡了{w.the(a)}。"
    place = w.where(_flip(answer), b, a) if passive else w.where(answer, a, b)
    if en:
        return f"No. They do not overlap; {place}." if place else "No. They do not overlap in the picture."
    return f"没有。两者没有重叠,{place}。" if place else "没有。两者在图中没有重叠。"


def _flip(entry: Answer) -> Answer:
    return {axis: OPPOSITE[entry[axis]] for axis in ("horizontal", "depth", "vertical")}


def _pair_reply(*, passive: bool, seen: bool) -> Callable[[Answer, Wording], str]:
    return lambda answer, w: _pair(answer, w, passive=passive, seen=seen)


def say_anything(answer: Answer, w: Wording) -> str:
    """Is anything hiding B?"""
    b, found = answer["occluded"], answer["occluders"]
    if w.lang == "en":
        if not found:
            return f"No. Nothing hides {w.the(b)}."
        if len(found) == 1:
            return f"Yes. {cap(w.them(found))} hides {w.amount(answer)} of {w.it(b)}{WHERE_EN[answer['hidden_part']]}."
        return f"Yes. {cap(w.them(found))} hide parts of {w.it(b)}."
    if not found:
        return f"没有。没有物体遮挡{w.the(b)}。"
    amount = w.amount(answer) if len(found) == 1 else "一部分"
    where = WHERE_ZH.get(answer.get("hidden_part", ""), "") if answer.get("amount") in ("small", "part") else ""
    return f"是的。{w.them(found)}遮挡了{w.it(b)}{where}的{amount}。"


def say_who(answer: Answer, w: Wording) -> str:
    """What hides B?"""
    b, found = answer["occluded"], answer["value"]
    if w.lang == "zh":
        return f"{w.them(found)}遮挡了{w.the(b)}。" if found else f"没有物体遮挡{w.the(b)}。"
    if not found:
        return f"Nothing hides {w.the(b)}."
    return f"{cap(w.them(found))} {'hides' if len(found) == 1 else 'hide'} part of {w.the(b)}."


def say_part(answer: Answer, w: Wording) -> str:
    """Which part of B does A hide?"""
    a, b, where = answer["occluder"], answer["occluded"], answer["hidden_part"]
    if w.lang == "zh":
        return (
            f"{WHERE_ZH.get(where, '几乎全部')}。"
            f"{w.the(a)}遮挡了{w.the(b)}的{w.amount(answer)}{_still_seen(where, w)}。"
        )
    return f"{PART_EN[where]}. {cap(w.the(a))} hides {w.amount(answer)} of {w.the(b)}{_still_seen(where, w)}."


def retell_pair(answer: dict[str, Any], w: Wording) -> list[str]:
    return fill(f"occlusion.pair_{answer['value']}", w, two(answer, w))


def retell_anything(answer: dict[str, Any], w: Wording) -> list[str]:
    return fill(f"occlusion.any_{answer['value']}", w, {"b": w.the(answer["occluded"])})


def retell_explanation(answer: dict[str, Any], w: Wording) -> list[str]:
    slots = two(answer, w)
    if answer["value"] == "yes":
        return fill("explanation.yes", w, slots | covered(answer, w))
    if answer["reverse"]:
        return fill("explanation.no_reverse", w, slots)
    place = w.where(answer, answer["occluder"], answer["occluded"])
    joint = "; " if w.lang == "en" else ";"
    return fill("explanation.no_apart", w, slots | {"place": f"{joint}{place}" if place else ""})


def retell_part(answer: Answer, w: Wording) -> list[str]:
    return fill("hidden_part", w, two(answer, w) | covered(answer, w))


def retell_who(answer: dict[str, Any], w: Wording) -> list[str]:
    b = w.the(answer["occluded"])
    if not answer["value"]:
        return fill("who_hides.none", w, {"b": b})
    return fill("who_hides.some", w, {"who": w.them(answer["value"]), "b": b})


def _offer_each(op: str) -> Callable[[Candidates, np.random.Generator], Iterable[Asked]]:
    return lambda c, rng: [about(op, (b,), "b") for b in (*c.hidden, *c.free)]


def _of_pair(name: str, retell: Callable[[Answer, Wording], list[str]]) -> Template:
    """Does A hide B? By its kind with the reason or without, by its voice from A's side or from B's."""
    kind, voice = name.split(".")
    return Template(
        name=name,
        kind=kind,
        program=hides,
        draw=draw_pair,
        group=2,
        offers=offer_pairs,
        easy=lambda c: c.apart,
        reply=_pair_reply(passive=voice == "passive", seen=kind == "explanation"),
        read="explanation" if kind == "explanation" else "yes_no",
        paraphrase=retell,
    )


TEMPLATES = (
    _of_pair("occlusion.active", retell_pair),
    _of_pair("occlusion.passive", retell_pair),
    Template(
        name="occlusion.anything",
        kind="occlusion",
        program=anything_hides,
        draw=draw_anything,
        group=2,
        offers=_offer_each("anything_hides"),
        reply=say_anything,
        read="yes_no",
        paraphrase=retell_anything,
    ),
    _of_pair("explanation.active", retell_explanation),
    _of_pair("explanation.passive", retell_explanation),
    Template(
        name="hidden_part.pair",
        kind="hidden_part",
        program=hidden_part,
        draw=draw_part,
        offers=lambda c, rng: [about("hidden_part", p) for p in c.covering],
        main_answers=("left", "right"),
        reply=say_part,
        read="hidden_part",
        paraphrase=retell_part,
    ),
    Template(
        name="who_hides.one",
        kind="who_hides",
        program=who_hides,
        draw=draw_who,
        offers=_offer_each("who_hides"),
        main_answers=("nothing",),
        reply=say_who,
        read="who_hides",
        paraphrase=retell_who,
    ),
)
