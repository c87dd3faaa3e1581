"""Scoring what is seen: colours, whether there is one, how much is hidden, lists and orders of things, descriptions,
boxes.

A list is right as a whole or wrong; its hits, extra and missed things are in the details. Boxes have their mean IoU as
value: over every object that counts, 0 for one that was missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from occlusight.bench.readings import Read, compared, unsaid
from occlusight.occlusion.facts import Facts, amount_of
from occlusight.occlusion.parse import plain
from occlusight.reading.colours import colours
from occlusight.reading.decision import decision
from occlusight.reading.detections import Detection, detections
from occlusight.reading.hiding import denied
from occlusight.reading.lists import claims, none_said, sequence
from occlusight.reading.mentions import Vocabulary
from occlusight.reading.pictures import how_many, still_seen, way, which
from occlusight.reading.reasons import amounts, percentage

NEAR = 0.10  # a percentage this near is right though it falls into the next class
HALF = 0.20  # as near to a half as "half" reaches
FOUND = 0.5  # IoU from which a box is right
VAGUE = frozenset({"small", "part", "more_than_half"})  # what "part of it" may mean in a reason


def colour(answer: dict[str, Any], text: str, words: Vocabulary) -> Read:
    """The one colour that is said; several are no answer."""
    said = colours(plain(text))
    return compared(said[0], answer["value"]) if len(said) == 1 else unsaid("which colour")


def exists(answer: dict[str, Any], text: str, words: Vocabulary) -> Read:
    """Is there one? "I see a dog" is a yes, too."""
    said, kind = decision(text), answer["kind"]
    if said in ("yes", "no"):
        return compared(said, answer["value"])
    text = plain(text)
    if not any(kind in m.kinds for m in words.mentions(text)):
        return unsaid("yes or no")
    return compared("yes" if kind in words.kinds(text) else "no", answer["value"])


def amount(answer: dict[str, Any], text: str, words: Vocabulary) -> Read:
    """How much: in words, as a half, or as a percentage."""
    true, share = answer["value"], answer["hidden_fraction"]
    if (percent := percentage(text)) is not None:
        near = abs(percent - share) <= NEAR or amount_of(percent) == true
        right = near and (percent == 0) == (true == "nothing")
        return Read(percent, float(right), "agrees" if right else f"the truth is {share}")
    if none_said(text):
        return compared("nothing", true)
    said = amounts(text)
    if not said:
        return unsaid("how much")
    if said == VAGUE:
        return compared("part", true)
    right = true in said and (said != {"part", "more_than_half"} or abs(share - 0.5) <= HALF)
    return Read(sorted(said), float(right), "agrees" if right else f"the truth is {true}")


def listed(answer: dict[str, Any], text: str, words: Vocabulary) -> Read:
    """Everything must be named, and nothing else; what cannot be told may be."""
    text = plain(text)
    true, about = set(answer["value"]), set(answer["about"])
    others = [m for m in words.mentions(text) if not denied(text, m)]
    others = [m for m in others if set(m.ids) & true or not set(m.ids) & about]
    if not others:
        return _in_list(set(), [], true) if none_said(text) else unsaid("what is there")
    extra = [m.ids[0] if m.ids else m.kinds[0] for m in others if not set(m.ids) & (true | set(answer["may"]))]
    return _in_list({id for m in others for id in m.ids} & true, extra, true)


def _in_list(found: set[str], extra: Sequence[str], true: set[str]) -> Read:
    right = found == true and not extra
    details = {"hits": len(found), "extra": len(extra), "missed": len(true - found)}
    return Read(
        sorted(found) + list(extra), float(right), "agrees" if right else f"the truth is {sorted(true)}", details
    )


def order(answer: dict[str, Any], text: str, words: Vocabulary) -> Read:
    """Everything must be named, and each thing before those that are farther away by the margin."""
    said = sequence(text, words)
    if not said:
        return unsaid("which things")
    true, ties = answer["value"], {frozenset(pair) for pair in answer["ties"]}
    place = {id: i for i, id in enumerate(said)}
    told = [(a, b) for i, a in enumerate(true) for b in true[i + 1 :] if frozenset((a, b)) not in ties]
    kept = sum(a in place and b in place and place[a] < place[b] for a, b in told)
    right = set(said) == set(true) and kept == len(told)
    details = {"pairs": len(told), "pairs_right": kept}
    return Read(said, float(right), "agrees" if right else f"the truth is {true}", details)


def description(answer: dict[str, Any], text: str, words: Vocabulary) -> Read:
    """F1 of what is said: the kinds that are there, and who hides whom. True pairs that were not asked for neither help
    nor harm."""
    assert words.facts is not None  # an answer is read with the words of its picture
    said, true = set(words.kinds(plain(text))), set(answer["value"])
    if not said:
        return unsaid("what is there")
    claimed, told = claims(text, words), {(a, b) for a, b in answer["hides"]}
    false = [pair for pair in claimed if not _holds(pair, words.facts)]
    hits, extra = len(said & true) + len(claimed & told), [*sorted(said - true), *map(" hides ".join, false)]
    missed = [*sorted(true - said), *map(" hides ".join, sorted(told - claimed))]
    reason = "; ".join(f"{label}: {', '.join(x)}" for label, x in (("extra", extra), ("missed", missed)) if x)
    details = {"hits": hits, "extra": len(extra), "missed": len(missed)}
    return Read(sorted(said), 2 * hits / (2 * hits + len(extra) + len(missed)), reason or "agrees", details)


def _holds(pair: tuple[str, str], facts: Facts) -> bool:
    return facts.hides(*pair) is not False


def boxes(answer: dict[str, Any], text: str, words: Vocabulary) -> Read:
    """Mean IoU over the objects that count. An entry is for an object that its label can mean; of two for one thing the
    worse is named twice, one whose label means nothing that was asked for is extra."""
    entries = detections(text)
    if entries is None:
        return unsaid("any box")
    known = {**answer["boxes"], **answer["others"]}
    meant = [_meant(entry, words) for entry in entries]
    pairs = sorted(
        ((iou(e.box, known[id]), i, id) for i, e in enumerate(entries) for id in meant[i] & known.keys()),
        key=lambda pair: (-pair[0], pair[1], pair[2]),
    )
    taken: dict[int, str] = {}
    overlap: dict[str, float] = {}
    for share, i, id in pairs:
        if i not in taken and id not in overlap:
            taken[i], overlap[id] = id, share
    left = [meant[i] for i in range(len(entries)) if i not in taken]
    twice = sum(bool(ids & known.keys()) for ids in left)
    extra = len(left) - twice
    shares = {id: round(overlap.get(id, 0.0), 4) for id in answer["value"]}
    missed = [id for id in answer["value"] if id not in overlap]
    right = min(shares.values(), default=1.0) >= FOUND and not twice and not extra
    details = {"entries": len(entries), "twice": twice, "extra": extra, "missed": len(missed), "iou": shares}
    wrong = ", ".join(f"{id} {share:.2f}" for id, share in shares.items() if share < FOUND)
    reason = "agrees" if right else f"IoU under {FOUND}: {wrong or 'none'}; named twice {twice}, extra {extra}"
    said = [{"box": list(e.box), "label": e.label} for e in entries]
    value = sum(shares.values()) / len(shares) if shares else float(not entries)
    return Read(said, value, reason, details, right)


def _meant(entry: Detection, words: Vocabulary) -> set[str]:
    found = words.mentions(plain(entry.label))
    return set(found[-1].ids) if found else set()


def iou(one: Sequence[float], two: Sequence[float]) -> float:
    """Intersection over union of two boxes.

    >>> iou((0, 0, 10, 10), (5, 0, 15, 10))
    0.3333333333333333
    """
    across, down = min(one[2], two[2]) - max(one[0], two[0]), min(one[3], two[3]) - max(one[1], two[1])
    if across <= 0 or down <= 0:
        return 0.0
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (one, two)]
    return across * down / (sum(areas) - across * down)


def which_pictures(answer: dict[str, Any], text: str, words: Vocabulary) -> Read:
    """Every picture that has one, and no other."""
    said = which(text, answer["pictures"])
    return unsaid("which picture") if said is None else compared(said, answer["value"])


def count_pictures(answer: dict[str, Any], text: str, words: Vocabulary) -> Read:
    """How many of the pictures?"""
    said = how_many(text, answer["pictures"])
    return unsaid("how many pictures") if said is None else compared(said, answer["value"])


def moved(answer: dict[str, Any], text: str, words: Vocabulary) -> Read:
    """Which way?"""
    said = way(text)
    return unsaid("which way") if said is None else compared(said, answer["value"])


def still_there(answer: dict[str, Any], text: str, words: Vocabulary) -> Read:
    """Can it still be seen?"""
    said = still_seen(text)
    return unsaid("yes or no") if said is None else compared(said, answer["value"])
