"""What a person sees on stderr while the first word is being computed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from occlusight.durations import about

if TYPE_CHECKING:
    from occlusight.backends.events import Event, Progress

CLEAR = "\r\x1b[2K"
"""Back to the beginning of the line, and nothing on it."""


def watched(events: Iterator[Event], out: TextIO | None = None) -> Iterator[Event]:
    """Yield the events of an answer but for Progress, which is shown: on a terminal as a line that changes, elsewhere
    once.

    Once there is text, nothing is shown any more: a line on the terminal would wipe it out. A schema's first characters
    are certain before the picture is read.
    """
    from occlusight.backends.events import Progress

    out = sys.stderr if out is None else out
    terminal = out.isatty()
    shown = begun = False
    try:
        for event in events:
            if isinstance(event, Progress):
                if begun:
                    continue
                if terminal:
                    print(CLEAR + in_words(event), end="", file=out, flush=True)
                elif not shown:
                    print(in_words(event), file=out, flush=True)
                shown = True
                continue
            if shown and terminal:
                print(CLEAR, end="", file=out, flush=True)
                shown = False
            begun = True
            yield event
    finally:
        if shown and terminal:
            print(CLEAR, end="", file=out, flush=True)
        close = getattr(events, "close", None)
        if close is not None:
            close()


def in_words(progress: Progress) -> str:
    """Return a line such as `reading the picture: 6 of 24 blocks, about 8 s left`."""
    what, unit = ("the picture", "blocks") if progress.stage == "encoding" else ("the question", "tokens")
    left = "" if progress.seconds_left is None else f", {about(progress.seconds_left)} left"
    return f"reading {what}: {progress.done} of {progress.total} {unit}{left}"
