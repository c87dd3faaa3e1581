"""`track --window`: films in pieces, files that grow, and what is printed when."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from tests.cli.conftest import Result
from tests.images.test_film import every, write

from occlusight.cli.track_window import frames_of_window, pieces
from occlusight.errors import BadInput, BadVideo

pytest.importorskip("av")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seconds at 10 frames a second, written an hour ago."""
    path = write(tmp_path_factory.mktemp("film") / "film.mkv", every(Fraction(1, 10), 50))
    os.utime(path, (time.time() - 3600,) * 2)
    return path


def times(found: list[list[tuple[float, object]]]) -> list[list[float]]:
    return [[round(seconds, 2) for seconds, _ in piece] for piece in found]


def test_the_pieces_of_a_film_are_its_frames_each_once(film: Path) -> None:
    said: list[str] = []
    found = times(list(pieces(film, 2, 4, 0.0, None, said.append)))
    assert found == [[0.0, 0.5, 1.0, 1.5], [2.0, 2.5, 3.0, 3.5], [4.0, 4.5]]
    assert len(said) == 1
    assert re.fullmatch(r"\(the video ended at (4\.9\d*|5) s\)", said[0])
    assert times(list(pieces(film, 2, 4, 1.0, 4.2, said.append))) == [[1.0, 1.5, 2.0, 2.5], [3.0, 3.5, 4.0]]
    assert len(said) == 1
    assert times(list(pieces(film, 2, 5, 0.0, None, said.append)))[1] == [2.5, 3.0, 3.5, 4.0, 4.5]
    assert said[1:] == said[:1]


def test_a_long_still_is_no_end(tmp_path: Path) -> None:
    shown = [0, 0.5, 1, 1.5, 2, 9, 9.5, 10]
    path = write(tmp_path / "still.mp4", shown)
    os.utime(path, (time.time() - 3600,) * 2)
    said: list[str] = []
    assert times(list(pieces(path, 2, 4, 0.0, None, said.append))) == [[0.0, 0.5, 1.0, 1.5], [2.0], [9.0, 9.5], [10.0]]
    assert [one.split(":")[0] for one in said[:2]] == ["(from 4 to 6 s", "(from 6 to 8 s"]
    assert said[-1].startswith("(the video ended at 10.")


def test_a_film_that_grows_is_waited_for(film: Path, tmp_path: Path) -> None:
    growing, waits = tmp_path / "growing.ts", []
    whole = write(tmp_path / "whole.ts", every(Fraction(1, 25), 150), codec="mpeg4").read_bytes()
    growing.write_bytes(whole[: len(whole) // 2])

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 1:
            growing.write_bytes(whole)
        else:
            os.utime(growing, (time.time() - 3600,) * 2)

    found = times(list(pieces(growing, 2, 4, 0.0, None, lambda said: None, wait)))
    shown = [seconds for piece in found for seconds in piece]
    assert len(waits) >= 1
    assert shown == sorted(set(shown))
    assert shown[0] == 0.0
    assert 5.0 <= shown[-1] < 6.0
    assert len(shown) == 12


def test_what_cannot_be_opened_is_refused(tmp_path: Path, film: Path) -> None:
    (tmp_path / "no.mp4").write_bytes(b"nothing")
    with pytest.raises(BadVideo):
        list(pieces(tmp_path / "no.mp4", 2, 4, 0.0, None, print))
    with pytest.raises(BadVideo, match="give an earlier start"):
        list(pieces(film, 2, 4, 9.0, None, print))


def test_a_window_holds_eight_frames_at_least() -> None:
    assert frames_of_window(10, 2, 256) == 20
    for seconds in (3.9, 129.0, float("nan"), float("inf"), -1.0):
        with pytest.raises(BadInput, match="here 4 to 128 at 2 frames a second"):
            frames_of_window(seconds, 2, 256)


@pytest.mark.slow
def test_the_command_tells_events_as_lines(call: Callable[..., Result], film: Path) -> None:
    code, out, err = call("track", film, "--window", 4, "--json")
    assert code == 0, err
    assert all("occluder" in json.loads(line) for line in out.splitlines())


def test_what_a_window_cannot_do_is_said(call: Callable[..., Result], film: Path, tmp_path: Path) -> None:
    for arguments, said in (
        ((film, "--window", 4, "--timeline", tmp_path / "x.svg"), "--timeline, --annotated and --ask are of a whole"),
        ((film, "--window", 4, "--ask", "is it still there?"), "--timeline, --annotated and --ask are of a whole"),
        ((film, "--window", 1), "--window takes seconds that make 8 to 256 frames"),
        ((tmp_path, "--window", 4), "--window is for one video file"),
    ):
        code, _, err = call("track", *arguments)
        assert (code, said in err) == (2, True), err
