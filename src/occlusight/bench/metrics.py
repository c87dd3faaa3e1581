"""From scored questions to the numbers of the contract, each with its interval clustered by scene.

- `recognition_f1`: F1 of the kinds named against the kinds that are there (as sets), summed over pictures.
- `occlusion_yes_accuracy`, `occlusion_no_accuracy`: decisions of the kinds `occlusion` and `explanation` (in which decision
  and reason are asked together), by the true answer; `occlusion_balanced_accuracy` is their mean.
- `position_accuracy`: every decided axis (left/right, front/behind, on/under) stated and right; where a number is asked
  too, that as well.
- `explanation_plausible`: share of explanations with the right decision and a reason whose statements are all true.
- `contradiction_rate`: of the pairs asked in both directions, the share where both "A hides B" and "B hides A" got a yes.
- `unparsed`, `cut`, `failed`: numbers of answers; the first two count as not right everywhere, the last nowhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from occlusight.bench.scorers import CUT, ERROR, NO_ANSWER, Score
from occlusight.bench.statistics import Rate, Statistic, balanced, f1, rate, ratio
from occlusight.occlusion.questions import Question


@dataclass(frozen=True)
class Scored:
    """A question with its score."""

    question: Question
    score: Score
    heldout: bool | None = None


Row = Sequence[float]
DECISIONS = ("occlusion", "explanation")


def summarise(scored: Sequence[Scored]) -> dict[str, Any]:
    """Return the whole result: headline numbers, then by type, template, language and mesh."""
    by_mesh = {label: [s for s in scored if s.heldout is flag] for label, flag in (("seen", False), ("unseen", True))}
    return {
        **headline(scored),
        "by_type": {key: accuracy(group) for key, group in _grouped(scored, lambda s: s.question.kind).items()},
        "by_template": {key: accuracy(group) for key, group in _grouped(scored, lambda s: s.question.template).items()},
        "by_lang": {key: headline(group) for key, group in _grouped(scored, lambda s: s.question.lang).items()},
        "by_mesh": {label: headline(group) for label, group in by_mesh.items() if group},
    }


def headline(scored: Sequence[Scored]) -> dict[str, Any]:
    """Return the numbers of the contract for these questions; None where none of them bears on a number."""
    decisions = [s for s in scored if s.question.kind in DECISIONS]
    yes = [s for s in decisions if s.question.answer["value"] == "yes"]
    no = [s for s in decisions if s.question.answer["value"] == "no"]
    rates: dict[str, Rate] = {
        "recognition_f1": _rate([s for s in scored if s.question.template == "recognition.list"], _found, f1),
        "occlusion_balanced_accuracy": _rate(decisions, _balanced, balanced),
        "occlusion_yes_accuracy": _rate(yes),
        "occlusion_no_accuracy": _rate(no),
        "position_accuracy": _rate([s for s in scored if s.question.kind == "position"]),
        "explanation_plausible": _rate([s for s in scored if s.question.kind == "explanation"], _plausible),
        "contradiction_rate": contradictions(scored),
    }
    numbers: dict[str, Any] = {"n": len(scored), "n_scenes": len({s.question.scene for s in scored})}
    for name, found in rates.items():
        numbers |= found.to_json(name)
    outcomes = [s.score.outcome for s in scored]
    return numbers | {
        "unparsed": outcomes.count(NO_ANSWER),
        "cut": outcomes.count(CUT),
        "failed": outcomes.count(ERROR),
    }


def accuracy(scored: Sequence[Scored]) -> dict[str, Any]:
    """Return the share of right answers (for recognition their F1), with n and the outcomes."""
    found = _rate(scored)
    result: dict[str, Any] = {"n": len(scored), "n_scenes": found.scenes}
    if all(s.question.template == "recognition.list" for s in scored):
        result |= _rate(scored, _found, f1).to_json("f1")
    else:
        result |= found.to_json("accuracy")
    if all(s.question.kind == "explanation" for s in scored):
        result |= _rate(scored, _plausible).to_json("plausible")
    outcomes = [s.score.outcome for s in scored]
    return result | {"unparsed": outcomes.count(NO_ANSWER), "cut": outcomes.count(CUT), "failed": outcomes.count(ERROR)}


def contradictions(scored: Iterable[Scored]) -> Rate:
    """Of the pairs asked in both directions in one language, the share where both directions got a yes."""
    said: dict[tuple[str, str], dict[tuple[str, str], bool]] = defaultdict(dict)
    for s in scored:
        q = s.question
        if q.kind not in DECISIONS or "occluder" not in q.answer or s.score.extracted not in ("yes", "no"):
            continue
        directions = said[q.scene, q.lang]
        pair = (q.answer["occluder"], q.answer["occluded"])
        directions[pair] = directions.get(pair, False) or s.score.extracted == "yes"
    rows: dict[str, list[Row]] = defaultdict(list)
    for (scene, _), directions in said.items():
        for (a, b), yes in directions.items():
            if a < b and (b, a) in directions:
                rows[scene].append((float(yes and directions[b, a]), 1.0))
    return rate(rows)


def _right(s: Scored) -> Row:
    return (float(s.score.outcome == "right"), 1.0)


def _plausible(s: Scored) -> Row:
    return (float(bool(s.score.details.get("plausible"))), 1.0)


def _found(s: Scored) -> Row:
    return tuple(float(s.score.details[key]) for key in ("hits", "extra", "missed"))


def _balanced(s: Scored) -> Row:
    hit, one = _right(s)
    return (hit, one, 0.0, 0.0) if s.question.answer["value"] == "yes" else (0.0, 0.0, hit, one)


def _rate(scored: Iterable[Scored], row: Callable[[Scored], Row] = _right, statistic: Statistic = ratio) -> Rate:
    rows: dict[str, list[Row]] = defaultdict(list)
    for s in scored:
        if s.score.outcome != ERROR:
            rows[s.question.scene].append(row(s))
    return rate(rows, statistic)


def _grouped(scored: Iterable[Scored], key: Callable[[Scored], str]) -> dict[str, list[Scored]]:
    groups: dict[str, list[Scored]] = defaultdict(list)
    for s in scored:
        groups[key(s)].append(s)
    return dict(groups)
