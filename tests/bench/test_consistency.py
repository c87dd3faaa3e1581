"""A model that changes its mind with the wording, the language or the direction is caught."""

from __future__ import annotations

from dataclasses import replace

import pytest

from occlusight.bench.consistency import contradictions, counterfactuals, flips, language_flips
from occlusight.bench.metrics import headline
from occlusight.bench.scored import Scored
from occlusight.bench.scorers import Score
from occlusight.questions.question import Question


def said(
    decision: str, *, pair: str = "ab", voice: str = "active", lang: str = "en", scene: str = "s", truth: str = "yes"
) -> Scored:
    answer = {"value": truth, "occluder": pair[0], "occluded": pair[1]}
    program = [["hides", list(pair)]]
    question = Question(
        f"{scene}{lang}{pair}{voice}", scene, "i", lang, "occlusion", f"occlusion.{voice}", "?", program, answer, ""
    )
    right = "right" if decision == truth else "wrong"
    return Scored(question, Score(float(decision == truth), right, decision, decision, ""))


def test_both_directions() -> None:
    assert contradictions([said("yes"), said("yes", pair="ba")]).value == 1.0
    assert contradictions([said("yes"), said("no", pair="ba")]).value == 0.0
    assert contradictions([said("yes"), said("yes", pair="ba", lang="zh")]).value is None


def test_two_wordings() -> None:
    rate = flips(
        [said("yes"), said("no", voice="passive"), said("no", scene="t"), said("no", scene="t", voice="passive")]
    )
    assert (rate.value, rate.n) == (0.5, 2)
    assert flips([said("yes"), said("no", pair="ba", voice="passive")]).value is None


def test_two_languages() -> None:
    assert language_flips([said("yes"), said("no", lang="zh")]).value == 1.0
    assert language_flips([said("yes"), said("yes", lang="zh")]).value == 0.0


@pytest.mark.parametrize(("second", "value"), [("no", 1.0), ("yes", 0.0)])
def test_counterfactuals_must_both_be_right(second: str, value: float) -> None:
    scored = [said("yes"), said(second, scene="changed", truth="no")]
    assert counterfactuals(scored, {"changed": "s"}).value == value
    same = [said("yes"), said("yes", scene="changed")]
    assert counterfactuals(same, {"changed": "s"}).value is None


def test_f1_over_ordered_pairs() -> None:
    """Two of three true pairs found, one false: precision 2/3, recall 2/3."""
    scored = [said("yes", scene="1"), said("yes", scene="2"), said("no", scene="3"), said("yes", scene="4", truth="no")]
    scored.append(replace(said("no", scene="5", truth="no")))
    found = headline(scored)
    assert (found["pair_precision"], found["pair_recall"], found["pair_f1"]) == (0.6667, 0.6667, 0.6667)
