"""Progress and results: a bar and a table for people on a terminal, lines and one JSON document elsewhere."""

from __future__ import annotations

import io
import json
import sys
import time

import pytest

from occlusight.cli import progress as module
from occlusight.cli.progress import Lines, SignOfLife, progress
from occlusight.cli.results import for_people, for_programs


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines_at(lines: Lines, *calls: tuple[float, int, int | None]) -> list[str]:
    return [line for now, done, total in calls if (line := lines.line(done, total, None, now))]


def test_a_line_now_and_then_with_an_estimate() -> None:
    """From 20 of 100 on, which an earlier run made, 10 scenes take 5 s: 35 s are left at 30, and the earlier ones do
    not count."""
    lines = Lines("making", "scenes")
    told = lines_at(lines, (1, 20, 100), (6, 30, 100), (11, 40, 100), (16, 50, 100), (41, 98, 100), (42, 100, 100))
    assert told == [
        "making: 40 of 100 scenes, about 30 s left",
        "making: 98 of 100 scenes, about 1 s left",
        "making: 100 of 100 scenes in 41 s",
    ]


def test_short_work_says_nothing_and_unknown_ends_have_no_estimate() -> None:
    assert lines_at(Lines("making"), (1, 0, 10), (5, 9, 10), (9, 10, 10)) == []
    assert lines_at(Lines("importing", "pictures"), (1, 0, None), (11.5, 500, None)) == [
        "importing: 500 pictures in 10 s"
    ]


def test_where_nothing_is_finished_for_long_a_line_says_that_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_LINE_S", 0.01)
    monkeypatch.setattr(sys, "stderr", told := io.StringIO())
    with progress("making", "scenes"):
        deadline = time.monotonic() + 20
        while not told.getvalue() and time.monotonic() < deadline:
            time.sleep(0.005)
    assert told.getvalue() == "making: at work for 1 s\n"
    lines = Lines("making", "scenes")
    lines.line(3, 5, None, 1.0)
    assert lines.waiting() == "making: at work for 1 s, 3 of 5 scenes done"
    lines.line(4, 5, None, 2.0)
    assert lines.waiting() is None


def test_another_stage_is_estimated_by_itself() -> None:
    lines = Lines("starting")
    lines_at(lines, (1, 0, 10), (21, 5, 10))
    assert lines.line(0, 1000, "training", 30) is None
    assert lines.line(100, 1000, "training", 61) == "training: 100 of 1000, about 5 min left"


def test_off_a_terminal_the_lines_go_to_stderr(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([1.0, 12.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with progress("asking", "questions") as show:
        show(0, 4)
        show(1, 4)
    assert capsys.readouterr() == ("", "asking: 1 of 4 questions, about 33 s left\n")


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with progress("asking") as show:
        assert terminal.getvalue() == ""
        show(1, 4, "asking more")
    assert "asking more" in terminal.getvalue()
    assert "1/4" in terminal.getvalue()


def test_a_sign_of_life_goes_away(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    elsewhere = SignOfLife()
    elsewhere.say("opening")
    elsewhere.clear()
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    sign = SignOfLife()
    sign.say("opening the model")
    sign.clear()
    sign.clear()
    assert terminal.getvalue() == "\r\x1b[Kopening the model\r\x1b[K"


def test_a_pipe_gets_the_document_alone_and_people_read_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    for_people("a table [of] numbers")
    for_programs({"n": 1, "model": "模型"})
    out, err = capsys.readouterr()
    assert json.loads(out) == {"n": 1, "model": "模型"}
    assert err == "a table [of] numbers\n"


def test_a_terminal_gets_the_table_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    for_people("a table " + 200 * "x")
    for_programs({"n": 1})
    assert terminal.getvalue() == "a table " + 200 * "x" + "\n"
