"""Picks the next token."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor

from occlusight.engine.sampling_params import SamplingParams

Sampling = SamplingParams
"""The name by which checks from outside call the record."""


class Sampler:
    """Draws the tokens of one answer; the same seed draws the same tokens, whatever else is computed.

    `prompt` are the ids that the repetition penalty counts besides the answer's; `banned` ids are never drawn.
    """

    def __init__(
        self, params: SamplingParams | None = None, prompt: Iterable[int] = (), banned: Iterable[int] = ()
    ) -> None:
        self.params = params or SamplingParams()
        self._banned = list(banned)
        self._said: set[int] = set()
        self._seen = set(prompt) if self.params.repetition_penalty != 1.0 else set()
        self._generator = torch.Generator()
        if self.params.seed is None:
            self._generator.seed()
        else:
            self._generator.manual_seed(self.params.seed)

    def pick(self, logits: Tensor, allowed: Tensor | None = None) -> int:
        """Return the next token's id, given logits `(V,)`; `allowed` `(V,)` bool leaves only some to choose from."""
        scores = self._scores(logits, allowed)
        if self.params.temperature == 0.0:
            return int(scores.argmax())
        return int(torch.multinomial(self._shape(scores), 1, generator=self._generator))

    def note(self, token: int) -> None:
        """Count a token of the answer: the penalties look at it."""
        self._said.add(token)
        if self.params.repetition_penalty != 1.0:
            self._seen.add(token)

    def probabilities(self, logits: Tensor, allowed: Tensor | None = None) -> Tensor:
        """Return what `pick` draws from: `(V,)`, fp32 on the CPU, summing to 1."""
        return self._shape(self._scores(logits, allowed))

    def _scores(self, logits: Tensor, allowed: Tensor | None) -> Tensor:
        """Logits after penalties, fp32 on the CPU; -inf for what must not come."""
        scores = logits.detach().to("cpu", torch.float32, copy=True)
        penalty = self.params.repetition_penalty
        if penalty != 1.0 and self._seen:
            seen = torch.tensor(sorted(self._seen))
            values = scores[seen]
            scores[seen] = torch.where(values > 0, values / penalty, values * penalty)
        if self.params.presence_penalty and self._said:
            scores[torch.tensor(sorted(self._said))] -= self.params.presence_penalty
        if self._banned:
            scores[self._banned] = float("-inf")
        if allowed is not None:
            scores[~allowed] = float("-inf")
        return scores

    def _shape(self, scores: Tensor) -> Tensor:
        """Apply temperature, top_k, top_p and min_p."""
        params = self.params
        scaled = scores / max(params.temperature, 1e-4)
        values, order = scaled, cast(Tensor | None, None)
        if 0 < params.top_k < len(scaled):
            values, order = scaled.topk(params.top_k)  # falling
        elif params.top_p < 1.0:
            values, order = scaled.sort(descending=True)
        probabilities = values.softmax(-1)
        if params.top_p < 1.0:
            before = probabilities.cumsum(-1) - probabilities  # what the likelier tokens already have
            probabilities[before >= params.top_p] = 0.0
        if params.min_p > 0.0:
            probabilities[probabilities < params.min_p * probabilities.max()] = 0.0
        if order is not None:
            probabilities = torch.zeros_like(scaled).scatter_(0, order, probabilities)
        return probabilities / probabilities.sum()
