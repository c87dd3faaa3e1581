"""`occlusight track` as a user calls it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.conftest import Result

from occlusight.cli.track import frames_of

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_a_folder_of_pictures_is_tracked_by_the_command(call: Callable[..., Result], tmp_path: Path) -> None:
    example = EXAMPLES / "bicycle.webp"
    (tmp_path / "clip").mkdir()
    for number in range(2):
        (tmp_path / "clip" / f"{number}.webp").write_bytes(example.read_bytes())
    drawing = tmp_path / "clip.svg"
    asked = ("--ask", "Who hid it?", "--ask", "它还在吗？")
    code, out, err = call("track", tmp_path / "clip", "--json", "--timeline", drawing, *asked)
    assert code == 0, err
    document = json.loads(out.splitlines()[-1])
    assert document["duration_s"] == 1.0
    assert len(document["frames"]) == 2
    assert [one["answer"] for one in document["answers"]] == [
        "Nothing is ever wholly hidden.",
        "从来没有东西被完全挡住。",
    ]
    assert len(document["objects"][0]["where"]) == 2
    assert "<svg" in drawing.read_text("utf-8")


def test_the_frames_of_a_folder_come_by_their_numbers(tmp_path: Path) -> None:
    shown = ["1.png", "frame2.png", "frame10.PNG", "frame010b.png", "frame11.png"]
    for name in (*reversed(shown), "._frame2.png", "frame3.txt"):
        (tmp_path / name).touch()
    (tmp_path / "masks.png").mkdir()
    frames, duration = frames_of(tmp_path, 4)
    assert [path.name for _, path in frames if isinstance(path, Path)] == shown
    assert [seconds for seconds, _ in frames] == [0, 0.25, 0.5, 0.75, 1]
    assert duration == 1.25


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing.mp4",), "does not exist"),
        ((".", "--fps", 0), "--fps takes"),
        ((".", "--start", 3, "--end", 2), "--end must come after"),
        ((".",), "has no pictures (.bmp, .gif, "),
        ((".", "--ask", " "), "--ask takes a question"),
    ],
)
def test_what_cannot_be_tracked_is_said(
    call: Callable[..., Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[object, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = call("track", *arguments)
    assert code == 2
    assert said in err
