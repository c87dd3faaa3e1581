"""`occlusight track` as a user calls it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.conftest import Result

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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing.mp4",), "does not exist"),
        ((".", "--fps", 0), "--fps takes"),
        ((".", "--start", 3, "--end", 2), "--end must come after"),
        ((".",), "has no pictures"),
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
