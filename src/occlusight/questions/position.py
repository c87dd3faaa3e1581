"""Where one thing is relative to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from occlusight.occlusion.facts import Facts
from occlusight.occlusion.kinds import counted, kind_names
from occlusight.questions.draw import Draw
from occlusight.questions.paraphrases import fill
from occlusight.questions.phrases import OPPOSITE, Wording, cap
from occlusight.questions.template import Answer, Asked, Template, about

AXES = ("horizontal", "depth", "vertical")
PLACES = tuple(f"{side} {depth} none" for side in ("left", "right") for depth in ("front", "behind"))
DEPTH = {"en": {"front": "in front of", "behind": "behind"}, "zh": {"front": "前", "behind": "后"}}
SIDE = {"en": {"left": "left", "right": "right"}, "zh": {"left": "左", "right": "右"}}
VERTICAL = {"en": {"above": "on top of", "below": "underneath"}, "zh": {"above": "上", "below": "下"}}


def place(facts: Facts, a: str, b: str) -> dict[str, str]:
    """Where `a` is relative to `b`: something that stands on the other is only above it."""
    vertical = facts.vertical(a, b)
    on = vertical != "none"
    return {
        "horizontal": "none" if on else facts.horizontal(a, b),
        "depth": "none" if on else facts.depth(a, b),
        "vertical": vertical,
    }


def position(facts: Facts, a: str, b: str) -> Answer:
    """Where is `a` relative to `b`?"""
    return {"value": place(facts, a, b), "object": a, "reference": b, "objects": [a, b]}


def count_position(facts: Facts, ids: list[str], kind: str, reference: str) -> Answer:
    """How many are there, and where is each relative to the reference?"""
    places = []
    for id in ids:
        entry: dict[str, Any] = {
            "object": id,
            **place(facts, id, reference),
            "hidden": bool(facts.hides(reference, id)),
        }
        entry["hides"] = bool(facts.hides(id, reference))
        places.append(entry)
    return {"value": len(ids), "kind": kind, "reference": reference, "positions": places, "objects": [*ids, reference]}


def draw_position(draw: Draw) -> Sequence[Asked]:
    """Where is A relative to B?"""
    pair = draw.pick(draw.candidates.placed)
    return () if pair is None else (about("position", pair),)


def draw_count_position(draw: Draw) -> Sequence[Asked]:
    """How many of a kind, and where is each relative to something else?"""
    option = draw.pick(draw.candidates.counted_places)
    return () if option is None or draw.candidates.confusable(option[0]) else (count_place(*option),)


def count_place(kind: str, r: str) -> Asked:
    """Return the question how many of a kind there are, and where each is relative to `r`."""
    return [["recognised", [kind]], ["count_position", ["$0", kind, r]]], {"k": kind, "r": r}


def say_position(answer: Answer, w: Wording) -> str:
    """Where is A relative to B?"""
    return cap(w.where(answer["value"], answer["object"], answer["reference"])) + ("." if w.lang == "en" else "。")


def say_count_position(answer: Answer, w: Wording) -> str:
    """How many, where is each, and who hides whom?"""
    kind, n, r = kind_names(w.names, answer["kind"]), answer["value"], answer["reference"]
    places, en = answer["positions"], w.lang == "en"
    if n == 1:
        o = w.facts.objects[places[0]["object"]]
        first = counted(kind, 1, w.lang, o.name if en else o.name_zh)
        subjects = [w.it(o.id)]
    else:
        first = counted(kind, n, w.lang)
        subjects = [w.the(p["object"]) for p in places]
    verb = "is" if n == 1 else "are"
    sentences = [f"There {verb} {first}." if en else f"图中有{first}。"]
    for entry, subject in zip(places, subjects, strict=True):
        place = w.beside(entry, subject, w.the(r)).replace("{it}", w.it(r))
        if entry["hidden"]:
            place += f", partly hidden by it, so {w.the(r)} is nearer" if en else ""
            place += "" if en else f",被{w.the(r)}遮挡了一部分,所以{w.the(r)}离我们更近"
        elif entry["hides"]:
            place += f", and hides part of {w.the(r)}" if en else f",遮挡了{w.the(r)}的一部分"
        sentences.append(f"{cap(place)}." if en else f"{place}。")
    return (" " if en else "").join(sentences)


def _placed(entry: dict[str, Any], a: str, b: str, w: Wording) -> list[str]:
    lang, slots = w.lang, {"a": w.the(a), "b": w.the(b)}
    for slot, words, axis in (
        ("side", SIDE, "horizontal"),
        ("depth", DEPTH, "depth"),
        ("vertical", VERTICAL, "vertical"),
    ):
        if entry[axis] != "none":
            slots |= {slot: words[lang][entry[axis]], f"other_{slot}": words[lang][OPPOSITE[entry[axis]]]}
    which = (
        "vertical"
        if "vertical" in slots
        else "across"
        if "depth" not in slots
        else "both"
        if "side" in slots
        else "deep"
    )
    return fill(f"position.{which}", w, slots)


def retell_position(answer: dict[str, Any], w: Wording) -> list[str]:
    return _placed(answer["value"], answer["object"], answer["reference"], w)


def retell_count_position(answer: dict[str, Any], w: Wording) -> list[str]:
    counts = fill("position.count", w, {"n": str(answer["value"]), "m": kind_names(w.names, answer["kind"]).measure})
    found = []
    for i, opening in enumerate(counts):
        places = [_placed(entry, entry["object"], answer["reference"], w) for entry in answer["positions"]]
        said = [
            options[i % len(options)] if w.the(entry["object"]) in options[i % len(options)] else options[0]
            for options, entry in zip(places, answer["positions"], strict=True)
        ]
        found.append(opening + (" " if w.lang == "en" else "").join(said))
    return found


def in_words(entry: Mapping[str, str]) -> str:
    """A place as a class of answers: "left front none"."""
    return " ".join(entry[axis] for axis in AXES)


def class_of_places(facts: Facts, arguments: Sequence[Any], answer: Mapping[str, Any]) -> str:
    """The number, and each place."""
    return "; ".join([str(answer["value"]), *map(in_words, answer["positions"])])


TEMPLATES = (
    Template(
        name="position.relative",
        kind="position",
        program=position,
        draw=draw_position,
        offers=lambda c, rng: [about("position", p) for p in c.placed],
        answer_class=lambda facts, arguments, answer: in_words(answer["value"]),
        main_answers=PLACES,
        reply=say_position,
        read="position",
        paraphrase=retell_position,
    ),
    Template(
        name="position.count",
        kind="position",
        program=count_position,
        draw=draw_count_position,
        offers=lambda c, rng: [count_place(*p) for p in c.counted_places if not c.confusable(p[0])],
        answer_class=class_of_places,
        main_answers=tuple(f"1; {place}" for place in PLACES),
        reply=say_count_position,
        read="count_position",
        paraphrase=retell_count_position,
    ),
)
