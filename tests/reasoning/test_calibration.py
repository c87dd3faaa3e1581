"""Probabilities that were fitted, and that mean what they say."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import numpy as np
import pytest
from tests.reasoning.street import FITTED

from occlusight.errors import BadData
from occlusight.reasoning.calibration import Calibration, Example, expected_error, fit, is_said, least_sure


def synthetic(seed: int, n: int = 150) -> Iterator[Example]:
    """Statements of scenes by a model that leans to no, and is twice as sure as it should be."""
    rng = np.random.default_rng(seed)
    for scene in range(n):
        for _ in range(12):
            odds = rng.normal(-1, 4)
            true = rng.random() < 1 / (1 + math.exp(-odds))
            forward = 2 * odds - 1.5 + rng.normal(0, 0.2)
            yield Example(f"s{scene}", (forward, rng.normal(), forward - 1, rng.normal()), bool(true))


def test_a_fit_makes_probabilities_mean_what_they_say_on_other_scenes() -> None:
    fitted = fit([*synthetic(1)])
    fresh = [*synthetic(2)]
    raw = [(1 / (1 + math.exp(-e.features[0])), e.true) for e in fresh]
    meant = [(fitted(e.features), e.true) for e in fresh]
    assert expected_error(raw) > 0.06 > 0.03 > expected_error(meant)
    for side in (True, False):
        said = [true == side for p, true in meant if is_said(p, fitted.sure) and (p >= 0.5) == side]
        assert len(said) > 0.03 * len(meant)
        assert sum(said) / len(said) > 0.92  # what is said is right


def test_one_scene_with_many_pairs_does_not_outweigh_the_others() -> None:
    few = [Example(f"s{i}", (1.0, 0.0, 0.0, 0.0), i % 4 != 0) for i in range(40)]
    many = [Example("crowd", (1.0, 0.0, 0.0, 0.0), False)] * 400
    assert fit([*few, *many])((1.0, 0.0, 0.0, 0.0)) == pytest.approx(30 / 41, abs=0.01)


def test_nothing_to_tell_apart_is_refused() -> None:
    with pytest.raises(BadData, match="all or none"):
        fit([Example("s", (1.0, 0.0, 0.0, 0.0), True)] * 9)


def test_the_threshold_is_the_least_that_is_right_often_enough() -> None:
    assert least_sure([(0.9, True), (0.8, True), (0.7, False), (0.2, False)], 0.9) == 0.8
    assert least_sure([(0.9, False)], 0.95) == 1.0


def test_a_calibration_is_read_as_it_was_written_and_another_versions_is_refused() -> None:
    text = json.dumps(FITTED.to_json())
    assert Calibration.from_json(text, "f.json") == FITTED
    with pytest.raises(BadData, match=r"f\.json"):
        Calibration.from_json(text.replace('"version": 2', '"version": 0'), "f.json")
    with pytest.raises(BadData, match=r"f\.json"):
        Calibration.from_json("{}", "f.json")
