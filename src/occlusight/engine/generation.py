"""Decides what an answer says: draws its tokens, keeps to a grammar, ends its thoughts in time, and knows when it is
over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol

import torch
from torch import Tensor

from occlusight.engine.output_text import OutputText, Picked
from occlusight.engine.prompt_lookup import PromptLookup
from occlusight.engine.sampling import Sampler
from occlusight.engine.sampling_params import SamplingParams
from occlusight.model.chat import Chat

if TYPE_CHECKING:
    from occlusight.engine.grammar import Grammar

THINK, END_THINK = "<think>", "</think>"
Reason = Literal["stop", "length"]


class LogitsConsumer(Protocol):
    """Whoever a sequence's logits are for.

    `output_ids` grows by what is to be read next; `finish_reason` ends the sequence.
    """

    output_ids: list[int]
    finish_reason: Reason | None

    def propose(self, max_drafts: int) -> list[int]:
        """Return tokens that may come next and are read in the same pass."""
        ...

    def consume(self, logits: Tensor, draft_ids: Sequence[int]) -> int:
        """Take the logits `(1 + G, V)` after the last token and after each draft; return how many drafts are
        accepted.
        """
        ...


class Generation:
    """One answer in the making; a `LogitsConsumer`.

    A checkpoint thinks where its prompt ends with `<think>`, or its answer begins so. A grammar holds for the answer
    after the thoughts.
    """

    def __init__(
        self, chat: Chat, prompt: Sequence[int], params: SamplingParams, grammar: Grammar | None = None
    ) -> None:
        self.output_ids: list[int] = []
        self.finish_reason: Reason | None = None
        self.forced = 0
        self.drafted = 0
        self.accepted = 0
        self._ended_by_itself = 0
        self._params = params
        self._ends = frozenset(chat.eos_ids)
        control = chat.tokenizer.control
        self._open, self._close = control.get(THINK, -1), control.get(END_THINK, -1)
        self._closing = [*chat.encode("\n"), self._close, *chat.encode("\n\n")]
        self._gap = chat.encode("\n\n")
        thinking = self._close >= 0 and self._open in prompt[-3:]
        pads = (chat.config.image_token_id, chat.config.video_token_id)  # no answer holds a picture
        self._sampler = Sampler(params, prompt, pads)
        self._lookup = PromptLookup(prompt, never=(*pads, *self._ends))
        self.output_text = OutputText(chat.tokenizer, params.stop, thinking)
        self._grammar = grammar
        self._thoughts = 0
        if grammar is not None and not thinking:
            self._force(grammar.forced())

    @property
    def completion_tokens(self) -> int:
        """Tokens of the answer, an end that the model chose included."""
        return len(self.output_ids) + self._ended_by_itself

    def propose(self, max_drafts: int) -> list[int]:
        """See `LogitsConsumer`."""
        left = self._params.max_tokens - len(self.output_ids) - 1
        return self._lookup.propose(min(max_drafts, left)) if left > 0 else []

    def consume(self, logits: Tensor, draft_ids: Sequence[int]) -> int:
        """See `LogitsConsumer`."""
        accepted = 0
        for row in logits:
            if self.finish_reason:  # what was forced before the first choice fills the answer
                break
            before = len(self.output_ids)
            token = self._choose(row)
            if self.finish_reason or accepted == len(draft_ids) or token != draft_ids[accepted]:
                break
            accepted += 1
            if len(self.output_ids) > before + 1:  # something is forced after it, which has not been read
                break
        if draft_ids:
            self._lookup.judge(len(draft_ids), accepted)
            self.drafted += len(draft_ids)
            self.accepted += accepted
        if self.finish_reason:
            self.output_text.finish()
        return accepted

    def _choose(self, logits: Tensor) -> int:
        """Draw a token and say it, with what is forced after it."""
        thinking = self.output_text.thinking
        allowed = self._grammar.allowed() if self._grammar is not None and not thinking else None
        token = self._sampler.pick(logits, allowed)
        if token in self._ends:
            self.finish_reason = "stop"
            self._ended_by_itself = 1
            return token
        self._say(token, logits)
        if thinking:
            if not self.finish_reason:
                self._think(token)
        elif self._grammar is not None and not self.output_text.stopped:
            self._grammar.take(token)
            if self._force(self._grammar.forced()) and self._grammar.complete:
                self.finish_reason = "stop"  # also with the last token that was allowed
        return token

    def _think(self, token: int) -> None:
        """Count a thought; end them all where the model does, or where the budget is spent."""
        self._thoughts += 1
        if token == self._close:
            if self._grammar is not None:
                self._force(self._gap)
                self._force(self._grammar.forced())
        elif self._thoughts >= self._params.most_thoughts:
            self._force(self._closing)
            if self._grammar is not None:
                self._force(self._grammar.forced())

    def _force(self, tokens: Sequence[int]) -> bool:
        """Say tokens to which there is no alternative; they are certain. Return whether there was room for all."""
        for token in tokens:
            if self.finish_reason:
                return False
            self.forced += 1
            self._say(token)
        return not self.output_text.stopped

    def _say(self, token: int, logits: Tensor | None = None) -> None:
        self.output_ids.append(token)
        self._sampler.note(token)
        self._lookup.push(token)
        if token == self._close and self.output_text.thinking:
            self.output_text.end_thoughts()
        elif token == self._open and len(self.output_ids) == 1 and self._close >= 0:
            self.output_text.thinking = True
        else:
            self.output_text.push(self._picked(token, logits))
        if self.output_text.stopped:
            self.finish_reason = "stop"
        elif len(self.output_ids) >= self._params.max_tokens:
            self.finish_reason = "length"

    def _picked(self, token: int, logits: Tensor | None) -> Picked:
        """Return a token with the model's own probabilities, before penalties, temperature and grammar."""
        if self._params.logprobs is None:
            return Picked(token)
        if logits is None:
            return Picked(token, 0.0)
        logs = torch.log_softmax(logits.float(), -1)
        values, ids = logs.topk(min(self._params.logprobs, len(logs)))
        return Picked(token, float(logs[token]), tuple(zip(ids.tolist(), values.tolist(), strict=True)))
