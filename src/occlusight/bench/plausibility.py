"""Is the reason given for a yes or no plausible? A rule, checked against answers labelled by hand
(tests/bench/labelled).

From the text come claims about this picture: who is nearer, which part is hidden, which part can still be seen, how
much is hidden, where one thing is relative to the other, that they do not overlap, that it is the other way round, and
the cues of ground contact (what meets the ground lower in the picture is nearer) and outline (that of the nearer thing
is whole). Restating the decision is no claim. A reason is plausible when at least two claims hold and none is false; to
call a thing by a colour that it does not have, or to let the wrong one hide the other, is false. An amount may miss its
class by 8 points; a part is not checked where nearly all is hidden. Of two things that are neither beside, before nor
on one another all that can be said is that they do not overlap: there one claim is enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from occlusight.occlusion.facts import AMOUNTS
from occlusight.reading.hiding import hider
from occlusight.reading.mentions import Vocabulary
from occlusight.reading.places import place
from occlusight.reading.reasons import amounts, cues, hidden_parts, no_overlap, seen_parts

AMOUNT_SLACK = 0.08
CLAIMS_NEEDED = 2
VAGUE = 3  # "partly" stands for so many classes that it is not false of nearly all either


@dataclass(frozen=True)
class Reason:
    """What a reason states, and which of it is false; `plausible` also needs that enough is stated."""

    stated: dict[str, Any]
    false: tuple[str, ...]
    needed: int = CLAIMS_NEEDED

    @property
    def plausible(self) -> bool:
        """Whether enough claims were made and nothing is false."""
        return len(self.stated) >= self.needed and not self.false

    def __str__(self) -> str:
        if self.false:
            return f"false: {', '.join(self.false)}"
        if len(self.stated) < self.needed:
            return f"claims about this picture: {len(self.stated)}, of {self.needed} that are needed"
        return "every claim is true"


def judge(answer: dict[str, Any], text: str, words: Vocabulary) -> Reason:
    """Judge the reason in an answer to "does A hide B, and why?" whose decision is right, against the computed
    answer."""
    a, b = answer["occluder"], answer["occluded"]
    claims = _Claims()
    said, by = place(text, a, b, words), hider(text, a, b, words)
    truth = _truth(answer, words)
    for axis in ("horizontal", "depth", "vertical"):
        value = getattr(said, axis)
        if value and truth.get(axis, "none") != "none":
            claims.state(axis, value, value == truth[axis])
    if answer["value"] == "yes":
        claims.check("hider", by in (None, a))
        claims.check("overlap", not no_overlap(text))
        covered: dict[str, Any] | None = answer
    else:
        reverse = answer["reverse"]
        if by:
            claims.state("hider", by, reverse and by == b)
        if no_overlap(text):
            claims.state("overlap", "none", not reverse)
        covered = _reverse_cover(answer, words)
    if covered is not None:
        _how_much(claims, covered, text)
    _cues(claims, text, a, b, words)
    claims.check("name", not any(m.misnamed for m in words.mentions(text)))
    nothing_else = answer["value"] == "no" and not answer["reverse"] and set(truth.values()) == {"none"}
    return Reason(claims.stated, tuple(claims.false), 1 if nothing_else else CLAIMS_NEEDED)


class _Claims:
    """Claims as they are read: what is stated, and what of it is false."""

    def __init__(self) -> None:
        self.stated: dict[str, Any] = {}
        self.false: list[str] = []

    def state(self, what: str, value: Any, true: bool) -> None:
        """Count a claim."""
        self.stated[what] = value
        self.check(what, true)

    def check(self, what: str, true: bool) -> None:
        """Note what is false without counting it as a claim."""
        if not true:
            self.false.append(what)


def _truth(answer: dict[str, Any], words: Vocabulary) -> dict[str, str]:
    """Where A is relative to B: stored with a no, looked up for a yes."""
    if answer["value"] == "no":
        return {axis: answer[axis] for axis in ("horizontal", "depth", "vertical")}
    across = words.facts.horizontal(answer["occluder"], answer["occluded"]) if words.facts else "none"
    return {"horizontal": across, "depth": "front"}


def _reverse_cover(answer: dict[str, Any], words: Vocabulary) -> dict[str, Any] | None:
    """How B covers A, where it does and the truth is at hand."""
    relation = words.facts.relations.get((answer["occluded"], answer["occluder"])) if words.facts else None
    if not answer["reverse"] or relation is None:
        return None
    return {"hidden_part": relation.hidden_part, "covered_fraction": relation.covered_fraction}


def _how_much(claims: _Claims, covered: dict[str, Any], text: str) -> None:
    part = covered["hidden_part"]
    parts = hidden_parts(text)
    if parts and (parts != {"all"} or part == "all"):  # else "almost all" says how much, not which part
        claims.state("parts", sorted(parts), part == "all" or part in parts)
    if seen := seen_parts(text):
        claims.state("seen", sorted(seen), part == "all" or part not in seen)
    if classes := amounts(text):
        fits = any(amount_fits(c, covered["covered_fraction"]) for c in classes)
        if fits or len(classes) < VAGUE:
            claims.state("amounts", sorted(classes), fits)


def _cues(claims: _Claims, text: str, a: str, b: str, words: Vocabulary) -> None:
    if words.facts is None:
        return
    for cue in cues(text, a, b, words):
        other = b if cue.id == a else a
        if cue.what == "ground":
            low, high = words.facts.foot(cue.id), words.facts.foot(other)
            claims.state("ground", cue.id, low != high and (low > high) is cue.low_or_whole)
        else:
            hidden = bool(words.facts.hides(other, cue.id))
            claims.state("outline", cue.id, hidden is not cue.low_or_whole)


def amount_fits(name: str, fraction: float) -> bool:
    """Whether a covered fraction lies in a class of amount, or within the slack of it."""
    low = 0.0
    for other, high in AMOUNTS:
        if other == name:
            return low - AMOUNT_SLACK <= fraction <= high + AMOUNT_SLACK
        low = high
    raise KeyError(name)
