"""A whole answer: the events of one, folded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from occlusight.backends.events import (
    Asked,
    Done,
    Event,
    FinishReason,
    Grounds,
    Saved,
    TextDelta,
    ThoughtDelta,
    Timings,
    TokenLogprob,
    Usage,
)


@dataclass(frozen=True)
class Completion:
    """What an answer was and what it took.

    Args:
        text: the answer.
        thoughts: what a checkpoint that thinks said to itself before.
        tokens: the answer's tokens with their log-probabilities, where they were asked for.
        finish_reason: `cancelled` where the events ended without saying how.
        usage, timings, saved, asked, grounds: see `Done`.
    """

    text: str = ""
    thoughts: str = ""
    tokens: tuple[TokenLogprob, ...] = ()
    finish_reason: FinishReason = "cancelled"
    usage: Usage = field(default_factory=Usage)
    timings: Timings = field(default_factory=Timings)
    saved: Saved = field(default_factory=Saved)
    asked: Asked | None = None
    grounds: Grounds | None = None

    @classmethod
    def of(cls, events: Iterable[Event]) -> Completion:
        """Return what the events of one answer amount to; all of them are taken. Who shows them passes a generator that
        does so."""
        text: list[str] = []
        thoughts: list[str] = []
        tokens: list[TokenLogprob] = []
        done = Done("cancelled")
        for event in events:
            if isinstance(event, TextDelta):
                text.append(event.text)
                tokens += event.tokens
            elif isinstance(event, ThoughtDelta):
                thoughts.append(event.text)
            elif isinstance(event, Done):
                done = event
        return cls(
            "".join(text),
            "".join(thoughts),
            tuple(tokens),
            done.finish_reason,
            done.usage,
            done.timings,
            done.saved,
            done.asked,
            done.grounds,
        )
