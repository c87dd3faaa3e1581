"""Scoring one answer: what was extracted from the text, whether it agrees with the computed answer, and why.

`no answer`, `cut` and `error` are outcomes of their own, not `wrong`: they are reported apart. In the rates the first
two count as not right (a model gains nothing by keeping silent); an error is the run's fault and counts nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from occlusight.bench.plausibility import judge
from occlusight.bench.readings import Read, compared, unsaid
from occlusight.bench.sight_scorers import (
    amount,
    boxes,
    colour,
    count_pictures,
    description,
    exists,
    listed,
    moved,
    order,
    still_there,
    which_pictures,
)
from occlusight.occlusion.parse import plain
from occlusight.questions.question import Question
from occlusight.questions.registry import templates
from occlusight.reading.choice import choice
from occlusight.reading.decision import decision
from occlusight.reading.hiding import chosen, denied, nothing
from occlusight.reading.inscriptions import can_be_read, characters_read
from occlusight.reading.mentions import Vocabulary
from occlusight.reading.naming import named, plain_words
from occlusight.reading.numbers import number, quantity
from occlusight.reading.places import FLIP, Place, place
from occlusight.reading.reasons import hidden_parts

RIGHT, WRONG, NO_ANSWER, CUT, ERROR = "right", "wrong", "no answer", "cut", "error"


@dataclass(frozen=True)
class Score:
    """`value` is 1 or 0 (for recognition the F1 of the picture, for descriptions that of what they say, for boxes their
    mean IoU), None for an error; `raw` is the text as it came."""

    value: float | None
    outcome: str
    extracted: Any
    raw: str
    reason: str
    details: dict[str, Any] = field(default_factory=dict)


def score(question: Question, text: str, finish_reason: str | None, words: Vocabulary) -> Score:
    """Score an answer; `finish_reason` is the backend's, or "error"."""
    if finish_reason == "error":
        return Score(None, ERROR, None, text, "the backend failed")
    if finish_reason != "stop":
        read = Read(None, 0.0, f"the answer was {finish_reason or 'not ended'} before its end")
        return Score(0.0, CUT, None, text, read.reason, _details_of_nothing(question))
    read = SCORERS[templates()[question.template].read](question.answer, text, words)
    if read.extracted is None:
        return Score(0.0, NO_ANSWER, None, text, read.reason, _details_of_nothing(question))
    outcome = RIGHT if read.is_right else WRONG
    return Score(read.value, outcome, read.extracted, text, read.reason, read.details)


def _details_of_nothing(question: Question) -> dict[str, Any]:
    """Details of an answer from which nothing was read: for recognition, everything was missed."""
    read = templates()[question.template].read
    if read == "kinds":
        return {"hits": 0, "extra": 0, "missed": len(question.answer["value"])}
    return {"plausible": False} if read == "explanation" else {}


def kinds(answer: dict[str, Any], text: str, words: Vocabulary) -> Read:
    """Kinds named against kinds there are, as sets."""
    said, true = set(words.kinds(plain(text))), set(answer["value"])
    if not said:
        return unsaid("what is there")
    hits, extra, missed = len(said & true), sorted(said - true), sorted(true - said)
    f1 = 2 * hits / (2 * hits + len(extra) + len(missed))
    reason = "; ".join(f"{label}: {', '.join(ks)}" for label, ks in (("extra", extra), ("missed", missed)) if ks)
    details = {"hits": hits, "extra": len(extra), "missed": len(missed)}
    return Read(sorted(said), f1, reason or "agrees", details)


def yes_no(answer: dict[str, Any], text: str, words: Vocabulary) -> Read:
    """Does A hide B?"""
    said = decision(text)
    return unsaid("yes or no") if said in (None, "unknown") else compared(said, answer["value"])


def can_be_told(answer: dict[str, Any], text: str, words: Vocabulary) -> Read:
    """Can it be told? "It cannot" is a no here, not silence."""
    said = decision(text)
    return unsaid("yes or no") if said is None else compared("no" if said == "unknown" else said, answer["value"])


def explanation(answer: dict[str, Any], text: str, words: Vocabulary) -> Read:
    """The decision, and beside it whether the reason is plausible."""
    read = yes_no(answer, text, words)
    if read.extracted is None:
        return read
    if read.value != 1.0:
        return Read(read.extracted, 0.0, read.reason, {"plausible": False, "stated": {}})
    reason = judge(answer, plain(text), words)
    details = {"plausible": reason.plausible, "stated": reason.stated, "false": list(reason.false)}
    return Read(read.extracted, 1.0, str(reason), details)


def visible(answer: dict[str, Any], text: str, words: Vocabulary) -> Read:
    """Would all of B be visible?"""
    said = decision(text, visible_means_yes=True)
    return unsaid("yes or no") if said in (None, "unknown") else compared(said, answer["value"])


def position(answer: dict[str, Any], text: str, words: Vocabulary) -> Read:
    """Every axis that the truth decides must be stated, and right."""
    said = place(text, answer["object"], answer["reference"], words)
    return _place(said, answer["value"])


def _place(said: Place, true: dict[str, str]) -> Read:
    if not said:
        return unsaid("where it is")
    extracted = {axis: getattr(said, axis) or "none" for axis in ("horizontal", "depth", "vertical")}
    wrong = [axis for axis in extracted if true[axis] != "none" and extracted[axis] != true[axis]]
    reason = "agrees" if not wrong else f"the truth is {', '.join(f'{axis} {true[axis]}' for axis in wrong)}"
    return Read(extracted, float(not wrong), reason, {"wrong": wrong})


def count_position(answer: dict[str, Any], text: str, words: Vocabulary) -> Read:
    """The number and every place must be right."""
    n = number(text, answer["kind"], words)
    members = frozenset(entry["object"] for entry in answer["positions"])
    places = {}
    for entry in answer["positions"]:
        others = members - {entry["object"]}
        places[entry["object"]] = _place(place(text, entry["object"], answer["reference"], words, others), entry)
    if n is None and all(p.extracted is None for p in places.values()):
        return unsaid("how many and where")
    extracted = {"number": n, "positions": {id: p.extracted for id, p in places.items()}}
    placed = all(p.value == 1.0 for p in places.values())
    right = n == answer["value"]
    reason = "agrees" if right and placed else f"number {'right' if right else 'wrong'}, places "
    reason += "" if right and placed else "right" if placed else "not all right"
    return Read(extracted, float(right and placed), reason, {"number_right": right, "places_right": placed})


def count(answer: dict[str, Any], text: str, words: Vocabulary) -> Read:
    """How many?"""
    said = number(text, answer["kind"], words)
    return unsaid("how many") if said is None else compared(said, answer["value"])


def one_object(answer: dict[str, Any], text: str, words: Vocabulary) -> Read:
    """Which is nearest? The thing named first; a name that several things share is no answer."""
    mention = chosen(text, words)
    if mention is None:
        return unsaid("which object")
    if len(mention.ids) > 1 and answer["value"] in mention.ids:
        return unsaid(f"which {mention.kinds[0]}")
    return compared(mention.ids[0] if mention.ids else mention.kinds[0], answer["value"])


def nearer(answer: dict[str, Any], text: str, words: Vocabulary) -> Read:
    """Which of two is nearer?"""
    return _of_two(answer, text, words, "front")


def farther(answer: dict[str, Any], text: str, words: Vocabulary) -> Read:
    """Which of two is farther?"""
    return _of_two(answer, text, words, "behind")


def _of_two(answer: dict[str, Any], text: str, words: Vocabulary, winning: str) -> Read:
    a, b = answer["objects"]
    said = place(text, a, b, words).depth
    if said is not None:
        return compared(a if said == winning else b, answer["value"])
    mention = chosen(text, words)
    meant = [id for id in (a, b) if mention and id in mention.ids]
    return compared(meant[0], answer["value"]) if len(meant) == 1 else unsaid("which of the two")


def who_hides(answer: dict[str, Any], text: str, words: Vocabulary) -> Read:
    """Everything that hides B must be named, and nothing else."""
    text, true, b = plain(text), set(answer["value"]), answer["occluded"]
    others = [m for m in words.mentions(text) if b not in m.ids and not denied(text, m)]
    if not others:
        return compared([], answer["value"]) if nothing(text) else unsaid("what hides it")
    if nothing(text) and not true:
        return compared([], answer["value"])
    extra = [m for m in others if not set(m.ids) & true]
    covered = {id for m in others for id in m.ids} & true
    extracted = sorted(covered) + [m.ids[0] if m.ids else m.kinds[0] for m in extra]
    right = covered == true and not extra
    return Read(extracted, float(right), "agrees" if right else f"the truth is {sorted(true)}")


def hidden_part(answer: dict[str, Any], text: str, words: Vocabulary) -> Read:
    """The part must be named; of two that are named ("lower left") one may be beside it, but not its opposite."""
    said, true = hidden_parts(text), answer["value"]
    if not said:
        return unsaid("which part")
    opposite = {**FLIP, "top": "bottom", "bottom": "top"}.get(true)
    right = true in said and len(said) <= 2 and opposite not in said
    return Read(sorted(said), float(right), "agrees" if right else f"the truth is {true}")


def shown(answer: dict[str, Any], text: str, words: Vocabulary) -> Read:
    """Everything that a mirror shows must be named, and nothing else."""
    text, true = plain(text), set(answer["value"])
    others = [m for m in words.mentions(text) if answer["mirror"] not in m.ids and not denied(text, m)]
    if not others:
        return unsaid("what the mirror shows")
    extra = [m for m in others if not set(m.ids) & true]
    found = {id for m in others for id in m.ids} & true
    right = found == true and not extra
    extracted = sorted(found) + [m.ids[0] if m.ids else m.kinds[0] for m in extra]
    return Read(extracted, float(right), "agrees" if right else f"the truth is {sorted(true)}")


def own_number(answer: dict[str, Any], text: str, words: Vocabulary) -> Read:
    """The number that is said, in digits or in words."""
    said = quantity(text)
    return unsaid("one number") if said is None else compared(int(said) if said == int(said) else said, answer["value"])


def own_choice(answer: dict[str, Any], text: str, words: Vocabulary) -> Read:
    """The letter, or the one choice that is named."""
    said = choice(text, answer["choices"])
    return unsaid("which choice") if said is None else compared(said, answer["value"])


def own_text(answer: dict[str, Any], text: str, words: Vocabulary) -> Read:
    """One of the right texts must be in the answer, as whole words, and not be denied."""
    text = plain(text)
    said = plain_words(text)
    if not said:
        return unsaid("anything")
    right = any(named(text, one) for one in answer["value"])
    return Read(said, float(right), "agrees" if right else f"the truth is {' or '.join(answer['value'])}")


def characters(answer: dict[str, Any], text: str, words: Vocabulary) -> Read:
    """Every character that can be read must be named, in order, and no other."""
    assert words.facts is not None  # an answer is read with the words of its picture
    inscription = words.facts.inscriptions[answer["sign"]]
    names = {n for o in words.facts.objects.values() for n in (o.name, o.name_zh)}
    said = characters_read(text, {c.character for c in inscription.characters}, names)
    if said is None:
        return unsaid("which characters can be read")
    return compared(said, "".join(answer["value"]).upper())


def readable(answer: dict[str, Any], text: str, words: Vocabulary) -> Read:
    """Can it be read?"""
    said = can_be_read(plain(text))
    return unsaid("yes or no") if said is None else compared(said, answer["value"])


SCORERS: dict[str, Callable[[dict[str, Any], str, Vocabulary], Read]] = {
    "kinds": kinds,
    "yes_no": yes_no,
    "can_be_told": can_be_told,
    "visible": visible,
    "readable": readable,
    "colour": colour,
    "exists": exists,
    "amount": amount,
    "listed": listed,
    "order": order,
    "description": description,
    "boxes": boxes,
    "which_pictures": which_pictures,
    "count_pictures": count_pictures,
    "moved": moved,
    "still_there": still_there,
    "explanation": explanation,
    "position": position,
    "count_position": count_position,
    "count": count,
    "one_object": one_object,
    "nearer": nearer,
    "farther": farther,
    "hidden_part": hidden_part,
    "who_hides": who_hides,
    "shown": shown,
    "characters": characters,
    "number": own_number,
    "choice": own_choice,
    "text": own_text,
}
"""How a text is read, by what templates name in their `read`. The templates do not hold these: reading and questions
are on one floor."""
