"""How well a number tells two sorts apart."""

from __future__ import annotations

from collections.abc import Sequence

import torch


def auroc(higher: Sequence[float], lower: Sequence[float]) -> float:
    """Return how often one of the former is above one of the latter; a tie counts half."""
    above = (torch.tensor(higher)[:, None] - torch.tensor(lower)).sign()
    return float((above + 1).mean() / 2)
