"""Numbers that are none end an answer with an error, never with a text."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from occlusight.backends.local import LocalBackend
from occlusight.backends.protocol import Request
from occlusight.errors import BadNumbers


@pytest.fixture
def spoilt(tiny_checkpoint: Path) -> LocalBackend:
    """A model whose weights went bad after they were loaded."""
    backend = LocalBackend(tiny_checkpoint)
    with torch.no_grad():
        backend.engine.model.text.norm.weight[5] = float("nan")
    return backend


@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_an_answer_from_numbers_that_are_none_is_an_error(
    spoilt: LocalBackend, pictures: list[Path], temperature: float
) -> None:
    request = Request("What is nearer?", (pictures[0],), max_tokens=8, temperature=temperature, seed=1)
    with pytest.raises(BadNumbers, match="not finite"):
        list(spoilt.generate(request))


def test_scores_from_numbers_that_are_none_are_an_error(spoilt: LocalBackend) -> None:
    with pytest.raises(BadNumbers, match="not finite"):
        spoilt.score(Request("Is it?"), ["yes", "no"])


def test_infinite_numbers_are_found_too(spoilt: LocalBackend) -> None:
    with torch.no_grad():
        spoilt.engine.model.text.norm.weight[5] = float("inf")
    with pytest.raises(BadNumbers):
        list(spoilt.generate(Request("Is it?", max_tokens=2)))
