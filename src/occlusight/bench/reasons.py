"""Is the reason given for a yes or no true? Every statement that can be read from it must agree with the truth.

For "A hides B" the statements are: which of the two is in front (said by a place word or by who hides whom), which part
of B is hidden, and how much of it. For "A does not hide B": that B hides A, or that they do not overlap, and where A is
relative to B. A reason is plausible when the decision is right, it makes at least one such statement, and all that it
makes are true. An amount may miss its class by 8 points; a part that the truth calls "all" is not checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from occlusight.occlusion.facts import AMOUNTS
from occlusight.occlusion.parse import amounts, hidden_parts, hider, no_overlap, place
from occlusight.occlusion.parse_names import Vocabulary

AMOUNT_SLACK = 0.08


@dataclass(frozen=True)
class Reason:
    """What a reason states, and which of it is false; `plausible` also needs that it states anything."""

    stated: dict[str, Any]
    false: tuple[str, ...]

    @property
    def plausible(self) -> bool:
        """Whether something was stated and nothing of it is false."""
        return bool(self.stated) and not self.false

    def __str__(self) -> str:
        if not self.stated:
            return "no reason is given"
        return f"false: {', '.join(self.false)}" if self.false else "every statement is true"


def judge(answer: dict[str, Any], text: str, words: Vocabulary) -> Reason:
    """Judge the reason in an answer to "does A hide B, and why?" against the computed answer."""
    a, b = answer["occluder"], answer["occluded"]
    said, by = place(text, a, b, words), hider(text, a, b, words)
    if answer["value"] == "yes":
        return _of_yes(answer, text, said.depth, by)
    return _of_no(answer, text, said.horizontal, said.depth, said.vertical, by)


def _of_yes(answer: dict[str, Any], text: str, depth: str | None, by: str | None) -> Reason:
    stated: dict[str, Any] = {}
    false = []
    if depth:
        stated["depth"] = depth
        false += ["depth"] if depth != "front" else []
    if by:
        stated["hider"] = by
        false += ["hider"] if by != answer["occluder"] else []
    parts, part = hidden_parts(text), answer["hidden_part"]
    if parts:
        stated["parts"] = sorted(parts)
        false += ["parts"] if part != "all" and part not in parts else []
    if classes := amounts(text):
        stated["amounts"] = sorted(classes)
        false += ["amounts"] if not any(amount_fits(c, answer["covered_fraction"]) for c in classes) else []
    return Reason(stated, tuple(false))


def amount_fits(name: str, fraction: float) -> bool:
    """Whether a covered fraction lies in a class of amount, or within the slack of it."""
    low = 0.0
    for other, high in AMOUNTS:
        if other == name:
            return low - AMOUNT_SLACK <= fraction <= high + AMOUNT_SLACK
        low = high
    raise KeyError(name)


def _of_no(
    answer: dict[str, Any], text: str, across: str | None, depth: str | None, vertical: str | None, by: str | None
) -> Reason:
    stated: dict[str, Any] = {}
    false = []
    if by:
        stated["hider"] = by
        false += ["hider"] if not (answer["reverse"] and by == answer["occluded"]) else []
    if no_overlap(text):
        stated["overlap"] = "none"
        false += ["overlap"] if answer["reverse"] else []
    for axis, value in (("horizontal", across), ("depth", depth), ("vertical", vertical)):
        if value and answer[axis] != "none":
            stated[axis] = value
            false += [axis] if value != answer[axis] else []
    return Reason(stated, tuple(false))
