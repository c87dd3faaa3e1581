"""What is shown until the first word."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.conftest import heed_interrupts

from occlusight.backends.events import Done, Event, Progress, TextDelta
from occlusight.cli.waiting import CLEAR, in_words, watched
from occlusight.durations import about

EVENTS: list[Event] = [
    Progress("encoding", 6, 24, 8.2),
    Progress("encoding", 12, 24, 5.0),
    Progress("reading", 300, 1010),
    TextDelta("Yes"),
    Done("stop"),
]


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        """It is."""
        return True


def test_on_a_terminal_a_line_changes_and_goes_away_before_the_first_word() -> None:
    out = Terminal()
    events = watched(iter(EVENTS), out)
    assert next(events) == TextDelta("Yes")
    first, second, third = "6 of 24 blocks, about 8 s left", "12 of 24 blocks, about 5 s left", "300 of 1010 tokens"
    assert out.getvalue() == (
        f"{CLEAR}reading the picture: {first}{CLEAR}reading the picture: {second}{CLEAR}reading the question: "
        f"{third}{CLEAR}"
    )
    assert list(events) == [Done("stop")]
    assert out.getvalue().endswith(third + CLEAR)


def test_nothing_wipes_out_text_that_came_before_the_picture_was_read() -> None:
    out = Terminal()
    events = [TextDelta('{"count": '), *EVENTS]
    assert list(watched(iter(events), out)) == [events[0], *EVENTS[3:]]
    assert out.getvalue() == ""


def test_elsewhere_it_is_said_once() -> None:
    out = io.StringIO()
    assert list(watched(iter(EVENTS), out)) == EVENTS[3:]
    assert out.getvalue() == "reading the picture: 6 of 24 blocks, about 8 s left\n"


def test_closing_reaches_the_answer_and_cleans_the_line() -> None:
    closed = []

    def endless() -> Iterator[Event]:
        try:
            yield TextDelta("a")
            while True:
                yield Progress("reading", 1, 2, 3.0)
        finally:
            closed.append(True)

    out = Terminal()
    events = watched(endless(), out)
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert closed == [True]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "about 1 s"), (8.4, "about 8 s"), (89, "about 89 s"), (100, "about 2 min"), (7300, "about 2 h")],
)
def test_times_are_said_roughly(seconds: float, words: str) -> None:
    assert about(seconds) == words
    assert in_words(Progress("reading", 1, 2, seconds)) == f"reading the question: 1 of 2 tokens, {words} left"


SLOW = """
import sys, time
from occlusight.backends import local_answer
from occlusight.model.vision import VisionBlock
local_answer.LONG_S = 0.0
plain = VisionBlock.steps
def slow(self, x, tables):
    steps = plain(self, x, tables)
    while True:
        time.sleep(0.5)
        try:
            next(steps)
        except StopIteration as end:
            return end.value
        yield
VisionBlock.steps = slow
from occlusight.cli.app import main
main(sys.argv[1:])
"""


def test_ctrl_c_while_a_picture_is_read_ends_within_a_step(tiny_checkpoint: Path, pictures: list[Path]) -> None:
    """A block's pieces take half a second here, the whole picture six."""
    command = [sys.executable, "-c", SLOW, "ask", str(pictures[0]), "What?", "--model", str(tiny_checkpoint)]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=heed_interrupts
    ) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith("reading the picture: ")
        began = time.monotonic()
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(60) == 130
        assert time.monotonic() - began < 4
