"""A whole answer from its events."""

from __future__ import annotations

from occlusight.backends.completion import Completion
from occlusight.backends.events import Done, Progress, Saved, TextDelta, ThoughtDelta, Timings, TokenLogprob, Usage


def test_an_answer_is_what_its_events_amount_to() -> None:
    tokens = [TokenLogprob("Yes", -0.5), TokenLogprob(".", -0.1)]
    thought = ThoughtDelta("hm", (TokenLogprob("hm", -1.0),))
    done = Done("length", Usage(5, 2, 1), Timings(decode_s=2.0), Saved(reused=3))
    found = Completion.of(
        iter([Progress("encoding", 1, 2), thought, TextDelta("Yes", (tokens[0],)), TextDelta(".", (tokens[1],)), done])
    )
    assert found == Completion("Yes.", "hm", tuple(tokens), "length", done.usage, done.timings, done.saved)


def test_an_answer_whose_events_break_off_was_cancelled() -> None:
    assert Completion.of([TextDelta("Y"), TextDelta("es")]) == Completion("Yes", finish_reason="cancelled")
