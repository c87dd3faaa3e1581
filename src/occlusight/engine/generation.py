"""Decides what an answer says: draws its tokens, keeps to a grammar, ends its thoughts in time, and knows when it is over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol

import torch
from torch import Tensor

from occlusight.engine.output_text import Picked, Transcript
from occlusight.engine.prompt_lookup import Drafts
from occlusight.engine.sampling import Sampler
from occlusight.engine.sampling_params import SamplingParams
from occlusight.model.chat import Chat

if TYPE_CHECKING:
    from occlusight.engine.grammar import Grammar

THINK, END_THINK = "<think>", "</think>"
Reason = Literal["stop", "length"]


class Listener(Protocol):
    """Whoever a sequence's logits are for.

    `said` grows by what is to be read next; `reason` ends the sequence.
    """

    said: list[int]
    reason: Reason | None

    def guess(self, most: int) -> list[int]:
        """Return tokens that may come next and are read in the same pass."""
        ...

    def hear(self, logits: Tensor, guessed: Sequence[int]) -> int:
        """Take the logits `(1 + G, V)` after the last token and after each guessed one; return how many guesses hold."""
        ...


class Speaker:
    """One answer in the making; a `Listener`.

    A checkpoint thinks where its prompt ends with `<think>`, or its answer begins so. A grammar holds for the answer after the thoughts.
    """

    def __init__(
        self, chat: Chat, prompt: Sequence[int], params: SamplingParams, grammar: Grammar | None = None
    ) -> None:
        self.said: list[int] = []
        self.reason: Reason | None = None
        self.forced = 0
        self.guessed = 0
        self.held = 0
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
        self._drafts = Drafts(prompt, never=(*pads, *self._ends))
        self.transcript = Transcript(chat.tokenizer, params.stop, thinking)
        self._grammar = grammar
        self._thoughts = 0
        if grammar is not None and not thinking:
            self._force(grammar.forced())

    @property
    def completion_tokens(self) -> int:
        """Tokens of the answer, an end that the model chose included."""
        return len(self.said) + self._ended_by_itself

    def guess(self, most: int) -> list[int]:
        """See `Listener`."""
        room = self._params.max_tokens - len(self.said) - 1
        return self._drafts.guess(min(most, room)) if room > 0 else []

    def hear(self, logits: Tensor, guessed: Sequence[int]) -> int:
        """See `Listener`."""
        held = 0
        for row in logits:
            if self.reason:  # what was forced before the first choice fills the answer
                break
            before = len(self.said)
            token = self._choose(row)
            if self.reason or held == len(guessed) or token != guessed[held]:
                break
            held += 1
            if len(self.said) > before + 1:  # something is forced after it, which has not been read
                break
        if guessed:
            self._drafts.judge(len(guessed), held)
            self.guessed += len(guessed)
            self.held += held
        if self.reason:
            self.transcript.finish()
        return held

    def _choose(self, logits: Tensor) -> int:
        """Draw a token and say it, with what is forced after it."""
        thinking = self.transcript.thinking
        allowed = self._grammar.allowed() if self._grammar is not None and not thinking else None
        token = self._sampler.pick(logits, allowed)
        if token in self._ends:
            self.reason = "stop"
            self._ended_by_itself = 1
            return token
        self._say(token, logits)
        if thinking:
            if not self.reason:
                self._think(token)
        elif self._grammar is not None and not self.transcript.stopped:
            self._grammar.take(token)
            if self._force(self._grammar.forced()) and self._grammar.complete:
                self.reason = "stop"  # also with the last token that was allowed
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
            if self.reason:
                return False
            self.forced += 1
            self._say(token)
        return not self.transcript.stopped

    def _say(self, token: int, logits: Tensor | None = None) -> None:
        self.said.append(token)
        self._sampler.note(token)
        self._drafts.push(token)
        if token == self._close and self.transcript.thinking:
            self.transcript.end_thoughts()
        elif token == self._open and len(self.said) == 1 and self._close >= 0:
            self.transcript.thinking = True
        else:
            self.transcript.push(self._picked(token, logits))
        if self.transcript.stopped:
            self.reason = "stop"
        elif len(self.said) >= self._params.max_tokens:
            self.reason = "length"

    def _picked(self, token: int, logits: Tensor | None) -> Picked:
        """Return a token with the model's own probabilities, before penalties, temperature and grammar."""
        if self._params.logprobs is None:
            return Picked(token)
        if logits is None:
            return Picked(token, 0.0)
        logs = torch.log_softmax(logits.float(), -1)
        values, ids = logs.topk(min(self._params.logprobs, len(logs)))
        return Picked(token, float(logs[token]), tuple(zip(ids.tolist(), values.tolist(), strict=True)))
