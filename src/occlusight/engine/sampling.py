"""Picks the next token."""

from __future__ import annotations

import torch
from torch import Tensor


class Sampler:
    """Draws tokens from logits; the same seed draws the same tokens.

    Temperature 0 takes the likeliest token. `top_p` keeps the fewest likeliest tokens whose probabilities reach it
    (nucleus sampling, arXiv:1904.09751), after the temperature has been applied.
    """

    def __init__(self, temperature: float = 0.0, top_p: float = 1.0, seed: int | None = None) -> None:
        self.temperature = temperature
        self.top_p = top_p
        self._generator = torch.Generator()
        if seed is None:
            self._generator.seed()
        else:
            self._generator.manual_seed(seed)

    def pick(self, logits: Tensor) -> int:
        """Return the next token's id, given logits `(V,)`."""
        if self.temperature == 0.0:
            return int(logits.argmax())
        probabilities = self.probabilities(logits)
        return int(torch.multinomial(probabilities, 1, generator=self._generator))

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return what `pick` draws from: `(V,)`, fp32 on the CPU, summing to 1."""
        probabilities = torch.softmax(logits.float().cpu() / self.temperature, -1)
        if self.top_p >= 1.0:
            return probabilities
        falling, order = probabilities.sort(descending=True)
        before = falling.cumsum(-1) - falling  # what the likelier tokens already have
        falling[before >= self.top_p] = 0.0
        kept = torch.zeros_like(probabilities).scatter_(0, order, falling)
        return kept / kept.sum()
