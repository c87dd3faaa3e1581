"""Whether a picture is of the model's world: what is read of features, and the file beside a checkpoint."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from occlusight.errors import BadModel
from occlusight.model.domain import FILE, Domain, summary
from occlusight.model.vision import VisionFeatures


def features(low: float, high: float) -> VisionFeatures:
    """Two tokens of one number each, and one tap of twice these."""
    embeds = torch.tensor([[low], [high]])
    return VisionFeatures(embeds, (2 * embeds,), torch.empty(0, 4))


def test_a_summary_is_the_mean_and_spread_of_tokens_and_taps() -> None:
    assert summary(features(1.0, 3.0)).tolist() == [2.0, 1.0, 4.0, 2.0]


def test_a_probability_is_of_the_weighted_summary() -> None:
    domain = Domain(torch.tensor([1.0, 0.0, 0.0, -0.5]), -2.0)
    assert domain.probability(features(1.0, 3.0)) == pytest.approx(1 / (1 + math.exp(1.0)))


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    Domain(torch.tensor([0.25, -1.5]), 0.125, "12ab").save(tmp_path)
    read = Domain.load(tmp_path, 2)
    assert read is not None
    assert (read.weights.tolist(), read.bias, read.revision) == ([0.25, -1.5], 0.125, "12ab")
    assert (tmp_path / FILE).stat().st_size < 4096


def test_without_a_file_nothing_is_known(tmp_path: Path) -> None:
    assert Domain.load(tmp_path, 2) is None


@pytest.mark.parametrize("weights", ["AAAA", "not base64!", None])
def test_a_file_that_does_not_fit_is_refused(tmp_path: Path, weights: str | None) -> None:
    (tmp_path / FILE).write_text(json.dumps({"weights": weights, "bias": 0.0}))
    with pytest.raises(BadModel, match="occlusight train-domain"):
        Domain.load(tmp_path, 4)
