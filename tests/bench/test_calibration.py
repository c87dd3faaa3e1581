"""Calibration, risk and abstention on decisions whose figures are known."""

from __future__ import annotations

import numpy as np
import pytest

from occlusight.bench.calibration import Certain, abstention, calibration, risk_coverage


def honest(n: int = 4000, sharpen: float = 1.0) -> list[Certain]:
    """Decisions of a model whose probabilities are true, or exaggerated by `sharpen`."""
    rng = np.random.default_rng(3)
    found = []
    for i in range(n):
        p = rng.uniform()
        odds = (p / (1 - p)) ** sharpen
        found.append(Certain(f"s{i // 4}", odds / (1 + odds), bool(rng.random() < p)))
    return found


def test_true_probabilities_are_calibrated_and_exaggerated_ones_are_not() -> None:
    good, bad = calibration(honest()), calibration(honest(sharpen=3))
    assert good["ece"] < 0.03 < 0.1 < bad["ece"]
    assert good["accuracy"] == bad["accuracy"] == pytest.approx(0.75, abs=0.03)
    assert sum(b["n"] for b in good["bins"]) == 4000
    assert good["ece_ci95"][0] <= good["ece"] <= good["ece_ci95"][1] + 0.02


def test_risk_falls_as_coverage_does() -> None:
    points = risk_coverage(honest())
    assert points[-1]["coverage"] == 1.0
    assert points[-1]["risk"] == pytest.approx(0.25, abs=0.03)
    assert points[0]["risk"] < points[9]["risk"] < points[-1]["risk"]


def test_a_threshold_keeps_the_risk_on_other_scenes() -> None:
    found = abstention(honest(), 0.05)
    assert 0.8 < found["threshold"] < 1
    assert found["risk"] < 0.08
    assert 0 < found["coverage"] < 0.5


def test_no_threshold_where_none_helps() -> None:
    always = [Certain(f"s{i}", 0.1, True) for i in range(20)]
    assert abstention(always, 0.02)["threshold"] is None
    assert calibration([]) == {"n": 0}
