"""The answer of our own engine to one request, event by event."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

from occlusight.backends.events import (
    Done,
    Event,
    PictureUse,
    Progress,
    Saved,
    TextDelta,
    ThoughtDelta,
    Timings,
    TokenLogprob,
    Usage,
)
from occlusight.engine.engine import Engine
from occlusight.engine.generation import Generation
from occlusight.engine.outlook import Outlook
from occlusight.engine.output_text import Picked, Piece
from occlusight.engine.sequence import Sequence as Decoding
from occlusight.engine.sequence import SequenceStatus
from occlusight.engine.speeds import KeptSpeeds
from occlusight.model.tokenizer import Tokenizer

LONG_S = 2.0
"""Who waits longer for a first token is told how far it is,"""
NEWS_EVERY_S = 0.2
"""not more often than this."""


class Answer(Iterator[Event]):
    """The events of one answer. `close`, from any thread, stops it: what it held is freed after the step under way at
    the latest."""

    def __init__(
        self,
        engine: Engine,
        tokenizer: Tokenizer,
        kept_speeds: KeptSpeeds,
        sequence: Decoding,
        generation: Generation,
        uses: tuple[PictureUse, ...],
        began: float,
    ) -> None:
        self._engine = engine
        self._tokenizer = tokenizer
        self._sequence = sequence
        self._generation = generation
        self._uses = uses
        self._began = began
        self._kept_speeds = kept_speeds
        self._shown: tuple[float, Outlook] | None = None
        self._over = False

    def __next__(self) -> Event:
        sequence, pieces = self._sequence, self._generation.output_text.pieces
        while not self._over:
            ended = sequence.ended  # looked at first: whatever it said was said before
            if sequence.status is SequenceStatus.CANCELLED:
                break
            if pieces:
                return self._delta(pieces.popleft())
            if ended:
                self._over = True
                if sequence.error is not None:
                    raise sequence.error
                return self._done()
            self._engine.follow(sequence)
            progress = self._progress()
            if progress is not None:
                return progress
        raise StopIteration

    def _progress(self) -> Progress | None:
        """Return how far the work before the first token is, if it takes long and there is news."""
        found = self._engine.outlook(self._sequence)
        if found is None:
            return None
        now = perf_counter()
        left = now - self._began if found.seconds_left is None else found.seconds_left
        if found.done >= found.total or (self._shown is None and left < LONG_S):
            return None
        if self._shown is not None and (now - self._shown[0] < NEWS_EVERY_S or found == self._shown[1]):
            return None
        self._shown = (now, found)
        return Progress(found.stage, found.done, found.total, found.seconds_left)

    def close(self) -> None:
        """Stop; what the answer held in memory is given back. Iterating further gives nothing."""
        self._over = True
        if not self._sequence.ended:
            self._engine.cancel(self._sequence)

    def __del__(self) -> None:
        if not self._sequence.ended:
            self._engine.cancel(self._sequence, wait=False)

    def _delta(self, piece: Piece) -> Event:
        tokens = tuple(self._logprob(picked) for picked in piece.tokens if picked.logprob is not None)
        return ThoughtDelta(piece.text, tokens) if piece.thinking else TextDelta(piece.text, tokens)

    def _logprob(self, picked: Picked) -> TokenLogprob:
        def text(token: int) -> str:
            return self._tokenizer.bytes_of(token, skip_special=False).decode("utf-8", "replace")

        top = tuple((text(token), value) for token, value in picked.top)
        return TokenLogprob(text(picked.token), picked.logprob or 0.0, top)

    def _done(self) -> Done:
        sequence, generation = self._sequence, self._generation
        usage = Usage(
            prompt_tokens=len(sequence.prompt.ids),
            completion_tokens=generation.completion_tokens,
            image_tokens=sequence.prompt.image_tokens,
            pictures=self._uses,
        )
        timings = Timings(
            encode_s=sequence.encode_s,
            prefill_s=max(0.0, sequence.first - sequence.admitted - sequence.encode_s),
            first_token_s=sequence.first - self._began,
            decode_s=sequence.finished - sequence.first,
            image_cached=sequence.image_cached,
            wait_s=sequence.admitted - sequence.submitted,
        )
        if self._shown is not None:
            self._kept_speeds.write(self._engine.speeds.rates)
        saved = Saved(reused=sequence.reused, forced=generation.forced, guessed=generation.accepted)
        return Done(generation.finish_reason or "length", usage, timings, saved)
