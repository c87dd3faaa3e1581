"""The rows that an article on this model reports for one GPU: seconds of the first answer about a picture and of each
later one, and memory, with fused attention and 8-bit weights on and off.

Its figures, on an RTX 4090D with Qwen3-VL-2B: 3.2 s, 1.8 s, 18.5 GB; fused attention saves 20 % of the time, 8-bit
weights bring the memory under 12 GB. Nobody has run this on a GPU yet: the command says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from statistics import median
from typing import TYPE_CHECKING

from occlusight.bench.speed import Work, clock, picture, question
from occlusight.model.attention import fused_attention, plain_attention

if TYPE_CHECKING:
    from occlusight.backends.local import LocalBackend

ATTENTIONS = {True: fused_attention, False: plain_attention}


@dataclass(frozen=True)
class Row:
    """Medians of one configuration."""

    fused_attention: bool
    int8: bool
    first_answer_s: float
    later_answer_s: float
    memory_gb: float


def rows(open_model: Callable[[str], LocalBackend], work: Work, memory: Callable[[], float]) -> Iterator[Row]:
    """Yield a row for each configuration as it is measured.

    `open_model` opens the model with weights `none` (as they are) or `int8`; `memory` tells the most GB held since it
    was called last. An answer has `work.tokens` tokens; the first one of a picture includes encoding it.
    """
    for quantize in ("none", "int8"):
        backend = open_model(quantize)
        for fused, attention in ATTENTIONS.items():
            backend.engine.model.use_attention(attention)
            numbers = count()
            clock(backend, picture(work.image_size, 0), question(next(numbers)), work.tokens)
            memory()
            first, later = [], []
            for run in range(1, work.runs + 1):
                shown = picture(work.image_size, run + (1000 if fused else 2000))
                first.append(clock(backend, shown, question(next(numbers)), work.tokens).total_s)
                later.append(clock(backend, shown, question(next(numbers)), work.tokens).total_s)
            yield Row(fused, quantize == "int8", median(first), median(later), memory())
