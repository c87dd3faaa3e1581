"""An answer's tokens as text: whole characters, thoughts apart from what is said, nothing of a stop string."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from occlusight.model.tokenizer import Detokenizer, Tokenizer


@dataclass(frozen=True)
class Picked:
    """A token of an answer, its log-probability, and those of the likeliest tokens in its place, if they were asked
    for.
    """

    token: int
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True)
class Piece:
    """A piece of text and the tokens that completed it; `thinking` says that it is no part of the answer proper."""

    text: str
    thinking: bool = False
    tokens: tuple[Picked, ...] = ()


class OutputText:
    """Turns tokens into `pieces`, which whoever reads takes away.

    Text that may be the beginning of a stop string is held back until it is known not to be; `stopped` is set when one
    has come, and nothing of it or after it is given out. Line breaks between the thoughts and the answer belong to
    neither.
    """

    def __init__(self, tokenizer: Tokenizer, stops: tuple[str, ...] = (), thinking: bool = False) -> None:
        self.pieces: deque[Piece] = deque()
        self.stopped = False
        self.thinking = thinking
        self._tokenizer = tokenizer
        self._detokenizer = Detokenizer(tokenizer)
        self._stops = stops
        self._text = ""  # held back
        self._tokens: list[Picked] = []
        self._at_start = False  # of an answer after thoughts

    def push(self, picked: Picked) -> None:
        """Go on with a token."""
        self._tokens.append(picked)
        self._add(self._detokenizer.push(picked.token))

    def end_thoughts(self) -> None:
        """The thoughts have ended; the mark that ends them is no text."""
        self._flush()
        self.thinking = False
        self._at_start = True

    def finish(self) -> None:
        """Give out what is held back: the answer has ended."""
        if not self.stopped:
            self._add(self._detokenizer.finish())
            self._flush()

    def _add(self, text: str) -> None:
        if self._at_start:
            text = text.lstrip("\n")
            self._at_start = not text
        self._text += text
        if self.thinking or not self._stops:
            self._flush()
            return
        found = [place for place in map(self._text.find, self._stops) if place >= 0]
        if found:
            self._text = self._text[: min(found)]
            self._flush()
            self.stopped = True
            return
        self._flush(max(overlap(self._text, stop) for stop in self._stops))

    def _flush(self, keep: int = 0) -> None:
        """Give out the text but for its last `keep` characters."""
        text = self._text[: len(self._text) - keep]
        if text:
            self.pieces.append(Piece(text, self.thinking, tuple(self._tokens)))
            self._tokens.clear()
            self._text = self._text[len(text) :]


def overlap(text: str, stop: str) -> int:
    """Return the length of the longest end of `text` that is a beginning of `stop`: 2 for 'a##' and '###'."""
    for length in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:length]):
            return length
    return 0
