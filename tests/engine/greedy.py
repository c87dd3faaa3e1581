"""The likeliest tokens of an engine's answers, with the logits behind them, and their plain twin."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Seq
from pathlib import Path

import torch
from torch import Tensor

from occlusight.engine.config import EngineSettings
from occlusight.engine.engine import Engine
from occlusight.engine.generation import Reason
from occlusight.engine.prompt import Prompt
from occlusight.engine.sequence import Sequence
from occlusight.model.rope import positions
from occlusight.model.weights import load_model

Ask = Callable[..., Prompt]

PLAIN = EngineSettings(feature_cache_bytes=0, prefix_cache_bytes=0, drafts=0, max_running=1, chunk=4096, step_s=60.0)
"""One request after the other, nothing shared, nothing drafted, nothing cut."""


def new_engine(checkpoint: Path, settings: EngineSettings | None = None) -> Engine:
    return Engine(load_model(checkpoint), "r", settings)


def naive(engine: Engine, prompt: Prompt, answer: list[int]) -> Tensor:
    """Return the logits after prompt and answer, computed whole, with no cache of any kind."""
    model = engine.model
    ids = torch.tensor([*prompt.ids, *answer])
    position_ids, _ = positions(ids, prompt.grids, model.config)
    patches = torch.cat([v.patches for v in prompt.visuals]) if prompt.visuals else None
    with torch.inference_mode():
        features = model.encode(patches, prompt.grids) if patches is not None else None
        return model.logits(model(ids[None], position_ids[:, None], features)[0, -1])


class Greedy:
    """Says the likeliest token so many times, and keeps the logits of each place."""

    def __init__(self, count: int, draft: list[int] | None = None) -> None:
        self.output_ids: list[int] = []
        self.finish_reason: Reason | None = None
        self.logits: list[Tensor] = []
        self.count = count
        self.draft = draft or []  # what it proposes, right or wrong

    def propose(self, most: int) -> list[int]:
        begin = len(self.output_ids)
        return self.draft[begin : begin + min(most, self.count - begin - 1)]

    def consume(self, logits: Tensor, draft_ids: Seq[int]) -> int:
        accepted = 0
        for row in logits:
            self.logits.append(row)
            if len(self.output_ids) == self.count:
                self.finish_reason = "length"
                break
            self.output_ids.append(int(row.argmax()))
            if accepted == len(draft_ids) or self.output_ids[-1] != draft_ids[accepted]:
                break
            accepted += 1
        return accepted


def run(engine: Engine, *sequences: Sequence) -> None:
    for sequence in sequences:
        while not sequence.ended:
            engine.follow(sequence)
        if sequence.error is not None:
            raise sequence.error


def begin(engine: Engine, prompt: Prompt, count: int = 12, draft: list[int] | None = None) -> tuple[Greedy, Sequence]:
    consumer = Greedy(count, draft)
    return consumer, engine.submit(prompt, consumer, count + 1)


def greedy(engine: Engine, prompt: Prompt, count: int = 12) -> tuple[list[int], Tensor, Sequence]:
    """Return greedy tokens, the logits after the last, and the sequence."""
    consumer, sequence = begin(engine, prompt, count)
    run(engine, sequence)
    return consumer.output_ids, consumer.logits[-1], sequence


def close(one: Tensor, other: Tensor) -> bool:
    """Logits here deviate by some 10; the differences of summation order are far smaller."""
    return torch.allclose(one, other, atol=2e-4)
