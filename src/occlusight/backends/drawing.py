"""How our sampling, grammars and stop strings drive `generate` of transformers: it computes logits, all else is as in
our own engine."""

from __future__ import annotations

import threading
from collections.abc import Collection
from queue import SimpleQueue
from typing import Any

import torch
import transformers
from torch import Tensor

from occlusight.backends.events import FinishReason, TextDelta, TokenLogprob
from occlusight.engine.grammar import Grammar
from occlusight.engine.output_text import overlap
from occlusight.engine.sampling import Sampler
from occlusight.engine.sampling_params import SamplingParams

PLAIN = {
    "do_sample": False,
    "num_beams": 1,
    "temperature": 1.0,
    "top_p": 1.0,
    "top_k": 50,
    "repetition_penalty": 1.0,
    "encoder_repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "min_length": 0,
}
"""`generate` takes the likeliest token of the logits that it is handed, whatever the checkpoint's own settings are."""


class Draws(transformers.LogitsProcessor):
    """Draws each token as the parameters ask, and leaves `generate` that one alone. `said` counts the tokens, an end
    included."""

    def __init__(
        self, params: SamplingParams, prompt: list[int], ends: Collection[int], grammar: Grammar | None
    ) -> None:
        self.said = 0
        self.ended = False
        self.waiting: list[tuple[int, float, list[tuple[int, float]]]] = []
        self._sampler = Sampler(params, prompt)
        self._ends = ends
        self._grammar = grammar
        self._logprobs = params.logprobs

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Return logits `(1, V)` in which only the token that was drawn from `scores` `(1, V)` is possible."""
        logits = scores[0]
        token = self._sampler.pick(logits, None if self._grammar is None else fitted(self._grammar.allowed(), logits))
        self.said += 1
        if token in self._ends:
            self.ended = True
        else:
            self._sampler.note(token)
            if self._logprobs is not None:
                logs = logits.float().log_softmax(-1)
                values, ids = logs.topk(min(self._logprobs, len(logs)))
                self.waiting.append((token, float(logs[token]), list(zip(ids.tolist(), values.tolist(), strict=True))))
            if self._grammar is not None:
                self._grammar.take(token)
                self.ended = self._grammar.complete
        only = torch.full_like(scores, float("-inf"))
        only[0, token] = 0.0
        return only


def fitted(allowed: Tensor, logits: Tensor) -> Tensor:
    """Return a mask as long as the logits: what a vocabulary does not have is not allowed."""
    found = torch.zeros(len(logits), dtype=torch.bool)
    found[: len(allowed)] = allowed[: len(logits)]
    return found


class Tells(transformers.TextStreamer):
    """Hands an answer's text on in pieces, each with the tokens that completed it; None ends it.

    Text that may begin a stop string is held back, and nothing of one is given out; `stopped` is set when one has come.
    """

    def __init__(self, tokenizer: Any, draws: Draws, stops: tuple[str, ...]) -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self.pieces: SimpleQueue[TextDelta | None] = SimpleQueue()
        self.stopped = False
        self._draws = draws
        self._stops = stops
        self._held = ""

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Hand on what can be no part of a stop string."""
        self._held += text
        found = [place for place in map(self._held.find, self._stops) if place >= 0]
        if not self.stopped:
            self.stopped = bool(found)
            keep = len(self._held) - min(found) if found else 0
            if not found and not stream_end:
                keep = max((overlap(self._held, stop) for stop in self._stops), default=0)
            self._hand_on(self._held[: len(self._held) - keep])
        if stream_end:
            self.pieces.put(None)

    def _hand_on(self, text: str) -> None:
        self._held = self._held[len(text) :]
        if text:
            tokens = tuple(
                TokenLogprob(self._text(token), value, tuple((self._text(one), log) for one, log in top))
                for token, value, top in self._draws.waiting
            )
            self._draws.waiting.clear()
            self.pieces.put(TextDelta(text, tokens))

    def _text(self, token: int) -> str:
        return str(self.tokenizer.decode([token]))


class Stops(transformers.StoppingCriteria):
    """Ends a generation: from another thread, at a stop string, or where a grammar is complete."""

    def __init__(self, draws: Draws, tells: Tells) -> None:
        self._event = threading.Event()
        self._draws = draws
        self._tells = tells

    def set(self) -> None:
        """Stop after the token at hand."""
        self._event.set()

    @property
    def reason(self) -> FinishReason:
        """How the answer ended."""
        return "stop" if self._draws.ended or self._tells.stopped else "length"

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        over = self._event.is_set() or self._draws.ended or self._tells.stopped
        return torch.full((input_ids.shape[0],), over, device=input_ids.device, dtype=torch.bool)
