"""Our engine says whether pictures are of the world that its checkpoint was fitted to, from features that it keeps."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from occlusight.backends.events import Done
from occlusight.backends.local import LocalBackend
from occlusight.backends.protocol import Request
from occlusight.model.domain import Domain


@pytest.fixture(scope="module")
def fitted(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fitted") / "checkpoint"
    shutil.copytree(tiny_checkpoint, folder)
    vision = LocalBackend(folder).chat.config.vision
    weights = torch.randn(2 * vision.out_size * (1 + len(vision.taps)), generator=torch.Generator().manual_seed(0))
    Domain(weights, 0.0).save(folder)
    return folder


def test_it_is_not_known_of_a_checkpoint_that_was_not_fitted(tiny_checkpoint: Path, pictures: list[Path]) -> None:
    assert LocalBackend(tiny_checkpoint).domain(pictures) is None


def test_the_least_likely_picture_counts(fitted: Path, pictures: list[Path]) -> None:
    backend = LocalBackend(fitted)
    each = [backend.domain([picture]) for picture in pictures]
    assert len({*each}) > 1
    assert all(one is not None and 0 <= one <= 1 for one in each)
    assert backend.domain(pictures) == min(each)
    assert backend.domain([]) is None


def test_a_picture_is_encoded_once_for_it_and_for_the_answer(fitted: Path, pictures: list[Path]) -> None:
    backend = LocalBackend(fitted)
    before = backend.domain(pictures[:1])
    done = [*backend.generate(Request("What is it?", pictures[0], max_tokens=2))][-1]
    assert isinstance(done, Done)
    assert done.timings.image_cached
    assert backend.domain(pictures[:1]) == before


def test_a_model_that_drops_pictures_knows_none(fitted: Path, pictures: list[Path]) -> None:
    assert LocalBackend(fitted, blind=True).domain(pictures) is None
