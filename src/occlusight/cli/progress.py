"""How far long work is, on stderr so that stdout stays clean: a bar on a terminal, elsewhere a line now and then; and a
sign of life."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from occlusight.durations import about, duration

FIRST_LINE_S, LINE_EVERY_S = 10.0, 30.0


class Show(Protocol):
    """Says that `done` of `total` are done; `what` replaces what is being done."""

    def __call__(self, done: int, total: int | None = None, what: str | None = None) -> None: ...


@dataclass
class Lines:
    """Where a bar cannot be drawn: from time to time one line with the share that is done and an estimate of what is
    left.

    The first comes after 10 s, then one every 30 s, and a last one where there was any. `unit` is what is counted, in
    the plural.
    """

    what: str
    unit: str = ""
    begun: float = 0.0
    first: int = 0
    total: int | None = None
    last_done: int = 0
    told: float | None = None

    def waiting(self) -> str | None:
        """Return the line that is due after 10 s in which nothing was finished, None where something was."""
        if self.told is not None or self.last_done > self.first:
            return None
        of = "" if self.total is None else f", {self.first} of {self.total}{self.unit and f' {self.unit}'} done"
        return f"{self.what}: at work for {duration(FIRST_LINE_S)}{of}"

    def line(self, done: int, total: int | None, what: str | None, now: float) -> str | None:
        """Return the line that is due at `now` seconds, None where none is."""
        if self.total != total or done < self.last_done or self.begun == 0.0:  # another stage, or the very beginning
            self.begun, self.first, self.total = now, done, total
            self.told = None if self.told is None else now
        self.last_done, self.what = done, what or self.what
        due = now - self.begun >= FIRST_LINE_S if self.told is None else now - self.told >= LINE_EVERY_S
        over = done == total and self.told is not None and done > self.first
        if not (due or over) or done == self.first:
            return None
        self.told = now
        so_far = f"{self.what}: {done}{'' if total is None else f' of {total}'}{self.unit and f' {self.unit}'}"
        if over or total is None or done >= total:
            return f"{so_far} in {duration(now - self.begun)}"
        return f"{so_far}, {about((now - self.begun) / (done - self.first) * (total - done))} left"


@contextmanager
def progress(what: str, unit: str = "") -> Iterator[Show]:
    """Within, show how far the work is: `progress("asking", "questions")`. Off a terminal a line comes after 10 s even
    if nothing was shown."""
    if not sys.stderr.isatty():
        lines = Lines(what, unit)

        def tell(done: int, total: int | None = None, what: str | None = None) -> None:
            line = lines.line(done, total, what, time.monotonic())
            if line:
                print(line, file=sys.stderr, flush=True)

        def tell_that_it_works() -> None:
            if line := lines.waiting():
                print(line, file=sys.stderr, flush=True)

        timer = threading.Timer(FIRST_LINE_S, tell_that_it_works)
        timer.daemon = True
        timer.start()
        try:
            yield tell
        finally:
            timer.cancel()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, TextColumn("left"), TimeRemainingColumn(), console=Console(stderr=True))
    task = bar.add_task(what, total=None)

    def draw(done: int, total: int | None = None, what: str | None = None) -> None:
        bar.start()
        bar.update(task, completed=done, total=total, description=what)

    try:
        yield draw
    finally:
        bar.stop()


@dataclass
class SignOfLife:
    """A line on a terminal's stderr that says what is going on and goes away when there is something to read; nothing
    elsewhere."""

    shown: bool = False

    def say(self, text: str) -> None:
        """Show a text instead of the one before."""
        if sys.stderr is not None and sys.stderr.isatty():
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
            self.shown = True

    def tell(self, line: str) -> None:
        """Print a line that stays, on a terminal or not."""
        self.clear()
        print(line, file=sys.stderr, flush=True)

    def __enter__(self) -> SignOfLife:
        return self

    def __exit__(self, *error: object) -> None:
        self.clear()

    def clear(self) -> None:
        """Take the line away."""
        if self.shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self.shown = False
