"""Relation graphs are judged against the truth: what is right scores 1, what contradicts itself is counted, and rules
are compared on the same word of the model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
from tests.reasoning.observed_scene import Sees

from occlusight.bench.graph import Judged, calibrated, contradicts, extracted, measure
from occlusight.bench.statistics import difference, f1
from occlusight.datasets.dataset import DataSet, SceneLine, open_set
from occlusight.errors import BadInput
from occlusight.occlusion.graph import Graph, Object, Relation
from occlusight.reasoning.calibration import Calibration
from occlusight.reasoning.extract import Extractor


@cache
def shipped() -> DataSet:
    return open_set("occlusion-50")


def scenes() -> list[SceneLine]:
    """Scenes of which all things that count have boxes of their own."""
    return [s for s in shipped().scenes.values() if s.type in ("", "partial", "chain")][:6]


def judged(**how: Any) -> tuple[list[Judged], Extractor]:
    shown = scenes()
    extractor = Extractor(Sees({s.picture: s.facts for s in shown}, **how))
    return list(extracted(extractor, shown, "en")), extractor


def test_a_model_that_sees_the_truth_is_right() -> None:
    found = measure(*judged(sure=9.0), None)
    assert found["named_pair_f1"] == 1
    assert found["pair_precision"] == 1
    assert found["whdr"] == 0
    assert found["object_f1"] == 1
    assert found["box_iou"] == 1
    assert found["contradiction_rate"] == 0
    assert found["ece"] < 0.01
    assert found["right_when_said"] == 1
    assert found["n_scenes"] == 6
    assert found["pair_f1_ci95"] is not None
    assert found["gain"]["pair_f1"] == 0
    assert found["gain"]["pair_f1_ci95"] == [0, 0]


def test_a_model_that_is_always_wrong_is_wrong() -> None:
    found = measure(*judged(sure=-9.0), None, rules=False)
    assert found["named_pair_f1"] == 0
    assert found["pair_precision"] == 0
    assert found["whdr"] > 0.5
    assert found["ece"] > 0.9
    assert "gain" not in found


def test_rules_leave_no_contradiction_where_a_noisy_model_has_some() -> None:
    rng = np.random.default_rng(5)
    found = measure(*judged(sure=1.0, noise=lambda: float(rng.normal(0, 4))), None)
    assert found["without_rules"]["contradiction_rate"] > 0.3
    assert found["contradiction_rate"] == 0
    assert found["gain"]["pair_f1_ci95"][0] <= found["gain"]["pair_f1"] <= found["gain"]["pair_f1_ci95"][1]


def test_a_lean_to_yes_is_fitted_away() -> None:
    rng = np.random.default_rng(5)
    noisy: dict[str, Any] = {"sure": 2.0, "bias": 4.0}
    made, extractor = judged(**noisy, noise=lambda: float(rng.normal(0, 1)))
    fitted = calibrated(made, "abc123")
    assert "hides.en" in fitted.fits
    assert fitted.objects == {"en": 1.0}
    raw, meant = (measure(made, extractor, one, rules=False) for one in (None, fitted))
    assert raw["pair_f1"] < 0.6 < 0.9 < meant["pair_f1"]
    assert raw["ece"] > 0.3 > 0.05 > meant["ece"]
    assert Calibration.from_json(json.dumps(fitted.to_json()), "f") == fitted


def test_nothing_asked_fits_nothing() -> None:
    with pytest.raises(BadInput, match="nothing was asked"):
        calibrated([], "abc123")


def graph(pairs: Sequence[tuple[str, str]], order: tuple[tuple[str, ...], ...] = (), glass: str = "") -> Graph:
    box = (0, 0, 9, 9)
    objects = tuple(
        Object(id, "car", id, id, box, box, 1.0, material="transparent" if id == glass else "opaque") for id in "abc"
    )
    return Graph(9, 9, objects, tuple(Relation(a, b, "partial", 0.2, "left") for a, b in pairs), order)


def test_what_contradicts_itself() -> None:
    assert not contradicts(graph([("a", "b"), ("b", "c")], (("a",), ("b",), ("c",))))
    assert contradicts(graph([("a", "b"), ("b", "a")]))
    assert contradicts(graph([("a", "b"), ("b", "c"), ("c", "a")]))
    assert contradicts(graph([("a", "b")], (("b",), ("a",), ("c",))))
    assert not contradicts(graph([("a", "b"), ("b", "a")], glass="a"))


def test_a_paired_difference_is_surer_than_two_rates() -> None:
    rng = np.random.default_rng(1)
    base = {f"s{i}": [(float(rng.integers(0, 9)), 3.0, 3.0)] for i in range(40)}
    better = {scene: [(hits + 1, extra, missed)] for scene, [(hits, extra, missed)] in base.items()}
    found = difference(better, base, f1)
    assert found.value is not None
    assert found.ci95 is not None
    assert 0 < found.ci95[0] <= found.value <= found.ci95[1] < 0.2
    assert difference(base, base, f1).ci95 == (0.0, 0.0)
