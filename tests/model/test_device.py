"""Where a model runs, and in which numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from occlusight.errors import BadInput
from occlusight.model.device import Placement


def test_placement_says_what_it_takes(tiny_checkpoint: Path) -> None:
    assert Placement.choose(tiny_checkpoint, "cpu").dtype == torch.float32
    assert Placement.choose(tiny_checkpoint, "cpu", "bfloat16").dtype == torch.bfloat16
    with pytest.raises(BadInput, match="float33"):
        Placement.choose(tiny_checkpoint, "cpu", "float33")
    with pytest.raises(BadInput, match="abacus"):
        Placement.choose(tiny_checkpoint, "abacus")
