"""`occlusight track` as a user calls it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.conftest import Result

from occlusight.cli.frame_folder import frames_in, places_of

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


def test_a_clip_of_another_world_is_said_to_be_one(call: Callable[..., Result], tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    for number in range(2):
        Image.fromarray(noise).save(tmp_path / f"{number}.png")
    for lang, words in (("en", "do not rely on what follows"), ("zh", "下面的回答不可靠")):
        code, _, err = call("track", tmp_path, "--lang", lang)
        assert code == 0
        assert words in err
        assert "--model Qwen/" in err
    example = (EXAMPLES / "bicycle.webp").read_bytes()
    for number in range(2):
        (tmp_path / f"{number}.png").write_bytes(example)
    code, _, err = call("track", tmp_path)
    assert code == 0
    assert "rely" not in err


def test_the_frames_of_a_folder_come_by_their_numbers(tmp_path: Path) -> None:
    shown = ["1.png", "frame2.png", "frame10.PNG", "frame010b.png", "frame11.png"]
    for name in (*reversed(shown), "._frame2.png", "frame3.txt"):
        (tmp_path / name).touch()
    (tmp_path / "masks.png").mkdir()
    said: list[str] = []
    frames, duration = frames_in(tmp_path, 4, said.append)
    assert [path.name for _, path in frames] == shown
    assert said == []
    assert [seconds for seconds, _ in frames] == [0, 0.25, 0.5, 0.75, 1]
    assert duration == 1.25


def test_a_frame_that_is_missing_takes_its_time(tmp_path: Path) -> None:
    for number in (1, 2, 4, 5, 8):
        (tmp_path / f"frame_{number:04}.png").touch()
    said: list[str] = []
    frames, duration = frames_in(tmp_path, 2, said.append)
    frames_in(tmp_path, 2, said.append, "zh")
    assert ([seconds for seconds, _ in frames], duration) == ([0, 0.5, 1.5, 2, 3.5], 4)
    for line, count in zip(said, ("3 are missing", "缺 3 张"), strict=True):
        assert count in line
        assert "frame_0002.png" in line
    (tmp_path / "frame_0007.png").touch()
    (tmp_path / "frame_0006.png").touch()
    frames_in(tmp_path, 2, said.append)
    assert "one is missing" in said[-1]


@pytest.mark.parametrize(
    ("names", "places"),
    [
        ("5 10 20 25", [0, 1, 3, 4]),  # every fifth frame of a video
        ("IMG_7 IMG_8 IMG_9", [0, 1, 2]),
        ("12", [0]),
        ("3 9", [0, 1]),  # nothing tells the step
        ("2026_101500 2026_101507 2026_101530 2026_101544", [0, 1, 2, 3]),  # times of day
        ("1 2 5 b1", [0, 1, 2, 3]),
        ("a1b1 a1b2 a2b1 a2b3", [0, 1, 2, 3]),
        ("first second", [0, 1]),
        ("1 1 3", [0, 1, 2]),  # 1.jpg and 1.png
    ],
)
def test_numbers_are_times_where_they_rise_evenly(names: str, places: list[int]) -> None:
    assert places_of(names.split()) == places


def test_frames_of_several_sizes_are_refused_before_a_model_is_opened(
    call: Callable[..., Result], tmp_path: Path
) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (48, 64)).save(tmp_path / "1.jpg", exif=turned)  # 64x48, upright
    Image.new("RGB", (64, 48)).save(tmp_path / "2.png")
    Image.new("RGB", (64, 50)).save(tmp_path / "3.png")
    code, _, err = call("track", tmp_path, "--model", tmp_path / "none")
    assert (code, err.count("\n")) == (2, 1)
    assert "1.jpg' has 64x48 pixels and '3.png' 64x50; leave out" in err
    (tmp_path / "3.png").write_text("no")
    code, _, err = call("track", tmp_path, "--model", tmp_path / "none")
    assert code == 2
    assert "3.png is not a picture" in err


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
