"""What is nearer to the camera, and what farther."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from occlusight.occlusion.facts import Facts
from occlusight.questions.draw import Draw
from occlusight.questions.paraphrases import fill
from occlusight.questions.phrases import Wording, cap
from occlusight.questions.template import Answer, Asked, Template, about, of_all


def extreme(facts: Facts, ids: list[str], sign: int) -> Answer:
    """The nearest (sign 1) or farthest (sign -1) of these objects: by the order in depth where distances are not all
    known."""
    far = {id: facts.objects[id].distance for id in ids}
    known = all(d is not None for d in far.values())
    last = len(facts.rank)
    found = min(ids, key=lambda id: sign * ((far[id] or 0.0) if known else facts.rank.get(id, last)))
    return {"value": found, "kind": facts.objects[found].kind, "objects": [found]}


def nearest(facts: Facts, ids: list[str]) -> Answer:
    """Which is nearest to the camera?"""
    return extreme(facts, ids, 1)


def farthest(facts: Facts, ids: list[str]) -> Answer:
    """Which is farthest from the camera?"""
    return extreme(facts, ids, -1)


def nearer(facts: Facts, a: str, b: str) -> Answer:
    """Which of two is nearer?"""
    found = a if facts.distance_order(a, b) == "front" else b
    return {"value": found, "other": b if found == a else a, "objects": [a, b]}


def farther(facts: Facts, a: str, b: str) -> Answer:
    """Which of two is farther?"""
    found = a if facts.distance_order(a, b) == "behind" else b
    return {"value": found, "other": b if found == a else a, "objects": [a, b]}


def draw_nearest(draw: Draw) -> Sequence[Asked]:
    """Which object is nearest?"""
    return (of_all("nearest"),) if draw.candidates.extreme("nearest") else ()


def draw_farthest(draw: Draw) -> Sequence[Asked]:
    """Which object is farthest?"""
    return (of_all("farthest"),) if draw.candidates.extreme("farthest") else ()


def draw_nearer(draw: Draw) -> Sequence[Asked]:
    """Which of two is nearer?"""
    pair = draw.pick(draw.candidates.ordered)
    return () if pair is None else (about("nearer", pair),)


def draw_farther(draw: Draw) -> Sequence[Asked]:
    """Which of two is farther?"""
    pair = draw.pick(draw.candidates.ordered)
    return () if pair is None else (about("farther", pair),)


def _superlative(en: str, zh: str) -> Callable[[Answer, Wording], str]:
    def word(answer: Answer, w: Wording) -> str:
        return (
            f"{cap(w.the(answer['value']))} is {en} us." if w.lang == "en" else f"{w.the(answer['value'])}离我们{zh}。"
        )

    return word


def _comparative(en: str, zh: str) -> Callable[[Answer, Wording], str]:
    def word(answer: Answer, w: Wording) -> str:
        this, other = answer["value"], answer["other"]
        return (
            f"{cap(w.the(this))} is {en} than {w.the(other)}."
            if w.lang == "en"
            else f"{w.the(this)}比{w.the(other)}{zh}。"
        )

    return word


def _retell_one(kind: str) -> Callable[[dict[str, Any], Wording], list[str]]:
    return lambda answer, w: fill(kind, w, {"a": w.the(answer["value"])})


def _retell_two(which: str) -> Callable[[dict[str, Any], Wording], list[str]]:
    return lambda answer, w: fill(f"depth_pair.{which}", w, {"w": w.the(answer["value"]), "o": w.the(answer["other"])})


def class_of_kind(facts: Facts, arguments: Sequence[Any], answer: Mapping[str, Any]) -> str:
    """The kind of the one object."""
    return str(answer["kind"])


def class_of_two(facts: Facts, arguments: Sequence[Any], answer: Mapping[str, Any]) -> str:
    """Whether it is the first or the second of two."""
    return "first" if answer["value"] == arguments[0] else "second"


TEMPLATES = (
    Template(
        name="nearest.all",
        kind="nearest",
        program=nearest,
        draw=draw_nearest,
        offers=lambda c, rng: [of_all("nearest")] if c.extreme("nearest") else [],
        answer_class=class_of_kind,
        reply=_superlative("nearest to", "最近"),
        read="one_object",
        paraphrase=_retell_one("nearest"),
    ),
    Template(
        name="farthest.all",
        kind="farthest",
        program=farthest,
        draw=draw_farthest,
        answer_class=class_of_kind,
        reply=_superlative("farthest from", "最远"),
        read="one_object",
        paraphrase=_retell_one("farthest"),
    ),
    Template(
        name="depth_pair.nearer",
        kind="depth_pair",
        program=nearer,
        draw=draw_nearer,
        offers=lambda c, rng: [about("nearer", p) for p in c.ordered],
        answer_class=class_of_two,
        reply=_comparative("nearer", "更近"),
        read="nearer",
        paraphrase=_retell_two("nearer"),
    ),
    Template(
        name="depth_pair.farther",
        kind="depth_pair",
        program=farther,
        draw=draw_farther,
        offers=lambda c, rng: [about("farther", p) for p in c.ordered],
        answer_class=class_of_two,
        reply=_comparative("farther away", "更远"),
        read="farther",
        paraphrase=_retell_two("farther"),
    ),
)
