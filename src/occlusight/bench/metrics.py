"""From scored questions to the numbers of the contract, each with its interval clustered by scene.

- `recognition_f1`, `recognition_precision`, `recognition_recall`: of the kinds named against the kinds that are there
  (as sets), summed over pictures.
- `occlusion_yes_accuracy`, `occlusion_no_accuracy`: decisions of the kinds `occlusion` and `explanation` (in which
  decision and reason are asked together), by the true answer; `occlusion_balanced_accuracy` is their mean.
- `position_accuracy`: every decided axis (left/right, front/behind, on/under) stated and right; where a number is asked
  too, that as well.
- `pair_f1`, `pair_precision`, `pair_recall`: of the ordered pairs said to hide against those that do, over the pairs
  asked (InstaOrder, arXiv 2111.14562, section 5).
- `explanation_plausible`: share of explanations with the right decision and a plausible reason (see `plausibility`).
- `contradiction_rate`, `flip_rate`, `language_flip_rate`, `counterfactual_consistency`: see `consistency`.
- `box_iou`: mean IoU over every object that counts, of the questions for all boxes (0 for one that was missed);
  `named_twice`: share of their entries that are a second one for the same thing. Both only where that is asked.
- `calibration`: see `calibration`.
- `unparsed`, `cut`, `failed`: numbers of answers; the first two count as not right everywhere, the last nowhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from occlusight.bench.calibration import Certain, calibration
from occlusight.bench.consistency import DECISIONS, contradictions, counterfactuals, flips, language_flips
from occlusight.bench.scored import Row, Scored
from occlusight.bench.scorers import CUT, ERROR, NO_ANSWER
from occlusight.bench.statistics import Rate, Statistic, balanced, f1, precision, rate, ratio, recall
from occlusight.datasets.dataset import DataSet

GROUNDED = ("detect", "detect_kind", "locate")


def summarise(scored: Sequence[Scored], data: DataSet) -> dict[str, Any]:
    """Return the whole result: headline numbers, then by type of question, template, language, type of scene and
    mesh."""
    by_mesh = {label: [s for s in scored if s.heldout is flag] for label, flag in (("seen", False), ("unseen", True))}
    changed = {id: scene.counterfactual_of for id, scene in data.scenes.items() if scene.counterfactual_of}
    types = _grouped(scored, lambda s: data.scenes[s.question.scene].type or "any")
    return {
        **headline(scored),
        **counterfactuals(scored, changed).to_json("counterfactual_consistency"),
        "calibration": calibration(certain(scored)),
        "by_type": {key: accuracy(group) for key, group in _grouped(scored, lambda s: s.question.kind).items()},
        "by_template": {key: accuracy(group) for key, group in _grouped(scored, lambda s: s.question.template).items()},
        "by_lang": {key: headline(group) for key, group in _grouped(scored, lambda s: s.question.lang).items()},
        "by_occlusion": {key: headline(group) for key, group in sorted(types.items())},
        "by_mesh": {label: headline(group) for label, group in by_mesh.items() if group},
    }


def headline(scored: Sequence[Scored]) -> dict[str, Any]:
    """Return the numbers of the contract for these questions; None where none of them bears on a number."""
    decisions = [s for s in scored if s.question.kind in DECISIONS]
    lists = [s for s in scored if s.question.template == "recognition.list"]
    pairs = [s for s in decisions if "occluder" in s.question.answer]
    yes = [s for s in decisions if s.question.answer["value"] == "yes"]
    no = [s for s in decisions if s.question.answer["value"] == "no"]
    rates: dict[str, Rate] = {
        "recognition_f1": _rate(lists, _found, f1),
        "recognition_precision": _rate(lists, _found, precision),
        "recognition_recall": _rate(lists, _found, recall),
        "occlusion_balanced_accuracy": _rate(decisions, _balanced, balanced),
        "occlusion_yes_accuracy": _rate(yes),
        "occlusion_no_accuracy": _rate(no),
        "pair_f1": _rate(pairs, _pair, f1),
        "pair_precision": _rate(pairs, _pair, precision),
        "pair_recall": _rate(pairs, _pair, recall),
        "position_accuracy": _rate([s for s in scored if s.question.kind == "position"]),
        "explanation_plausible": _rate([s for s in scored if s.question.kind == "explanation"], _plausible),
        "contradiction_rate": contradictions(scored),
        "flip_rate": flips(scored),
        "language_flip_rate": language_flips(scored),
    }
    grounded = [s for s in scored if s.question.kind == "detect"]
    if grounded:
        rates |= {"box_iou": _rate(grounded, _overlap), "named_twice": _rate(grounded, _twice)}
    numbers: dict[str, Any] = {"n": len(scored), "n_scenes": len({s.question.scene for s in scored})}
    for name, found in rates.items():
        numbers |= {**found.to_json(name), f"{name}_n": found.n}
    outcomes = [s.score.outcome for s in scored]
    return numbers | {
        "unparsed": outcomes.count(NO_ANSWER),
        "cut": outcomes.count(CUT),
        "failed": outcomes.count(ERROR),
    }


def accuracy(scored: Sequence[Scored]) -> dict[str, Any]:
    """Return the share of right answers (for recognition their F1, for descriptions that too, for boxes their IoU),
    with n and the outcomes."""
    found = _rate(scored)
    result: dict[str, Any] = {"n": len(scored), "n_scenes": found.scenes}
    if all(s.question.template == "recognition.list" for s in scored):
        result |= _rate(scored, _found, f1).to_json("f1")
    else:
        result |= found.to_json("accuracy")
    if all(s.question.kind in GROUNDED for s in scored):
        result |= _rate(scored, _overlap).to_json("iou") | _rate(scored, _twice).to_json("twice")
    if all(s.question.kind == "describe" for s in scored):
        result |= _rate(scored, _value).to_json("f1")
    if all(s.question.kind == "explanation" for s in scored):
        result |= _rate(scored, _plausible).to_json("plausible")
    outcomes = [s.score.outcome for s in scored]
    return result | {"unparsed": outcomes.count(NO_ANSWER), "cut": outcomes.count(CUT), "failed": outcomes.count(ERROR)}


def certain(scored: Iterable[Scored]) -> list[Certain]:
    """Return the decisions with probabilities. (Whether all of B would be visible is another question than whether it
    is hidden.)"""
    found = []
    for s in scored:
        p = s.yes_probability
        if p is not None and s.question.kind in DECISIONS and s.score.outcome != ERROR:
            found.append(Certain(s.question.scene, p, s.question.answer["value"] == "yes", s.score.extracted))
    return found


def _right(s: Scored) -> Row:
    return (float(s.score.outcome == "right"), 1.0)


def _plausible(s: Scored) -> Row:
    return (float(bool(s.score.details.get("plausible"))), 1.0)


def _value(s: Scored) -> Row:
    return (s.score.value or 0.0, 1.0)


def _overlap(s: Scored) -> Row:
    return (sum(s.score.details.get("iou", {}).values()), float(len(s.question.answer["value"])))


def _twice(s: Scored) -> Row:
    return (float(s.score.details.get("twice", 0)), float(s.score.details.get("entries", 0)))


def _found(s: Scored) -> Row:
    return tuple(float(s.score.details[key]) for key in ("hits", "extra", "missed"))


def _pair(s: Scored) -> Row:
    """True positive, false positive, false negative; silence says no."""
    said, true = s.score.extracted == "yes", s.question.answer["value"] == "yes"
    return (float(said and true), float(said and not true), float(true and not said))


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
