"""A model that was opened, in the numbers that the user wants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from occlusight.model.quant.plan import QuantPlan
from occlusight.model.qwen3vl import Qwen3VL

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Opened:
    """A model, what its numbers are called, the bytes of its weights, and the plan if it is quantized."""

    model: Qwen3VL
    dtype: str
    memory_bytes: int
    plan: QuantPlan | None = None
