"""A video is asked about as a picture is: named, piped in, in a folder."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.cli.conftest import Result

from occlusight.backends.protocol import Request
from occlusight.backends.scripted import Scripted
from occlusight.cli.batch import Batch

pytest.importorskip("av")
Call = Callable[..., Result]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds at 25 frames a second."""
    from tests.images.test_film import every, write

    return write(tmp_path_factory.mktemp("clips") / "clip.mp4", every(Fraction(1, 25), 75))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """What the model was asked."""
    backend = Scripted("Yes.")
    monkeypatch.setattr("occlusight.backends.open_backend", lambda *_, **__: backend)
    return backend.requests


def test_a_video_is_asked_about(call: Call, clip: Path, pictures: list[Path], asked: list[Request]) -> None:
    assert call("ask", clip, "Is it hidden?") == (0, "Yes.\n", "")
    (film,) = asked[0].films
    assert [round(frame.seconds * 25) for frame in film.frames] == [0, 15, 30, 44, 59, 74]
    assert (asked[0].pictures, film.duration_s) == ((), 3.0)
    code, out, _ = call("ask", clip, pictures[0], clip, "Is it hidden?", "--json")
    assert (code, json.loads(out)["answer"]) == (0, "Yes.")
    assert (asked[1].pictures, len(asked[1].films)) == ((pictures[0],), 2)


def test_a_video_from_standard_input(
    call: Call, clip: Path, asked: list[Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    for content, code, said in ((clip.read_bytes(), 0, ""), (clip.read_bytes()[:400], 2, "standard input is broken (")):
        stdin = SimpleNamespace(buffer=io.BytesIO(content), isatty=lambda: False)
        monkeypatch.setattr(sys, "stdin", stdin)
        found, _, err = call("ask", "-", "Is it hidden?")
        assert found == code
        assert said in err
    assert len(asked) == 1
    assert len(asked[0].films) == 1


def test_what_is_named_a_video_and_is_none_is_refused_as_a_video(call: Call, tmp_path: Path) -> None:
    for content, said in (
        ("", "is empty (0 bytes); give an MP4"),
        ("Hello.\n" * 50, "is not a video that can be read"),
    ):
        (tmp_path / "text.mp4").write_text(content)
        code, _, err = call("ask", tmp_path / "text.mp4", "Is it hidden?")
        assert (code, err.count("\n")) == (2, 1)
        assert said in err


def test_videos_of_a_folder_have_lines_of_their_own(clip: Path, pictures: list[Path], tmp_path: Path) -> None:
    folder, out = tmp_path / "folder", tmp_path / "out.jsonl"
    folder.mkdir()
    shutil.copy(pictures[0], folder)
    shutil.copy(clip, folder)
    (folder / "cut.MP4").write_bytes(clip.read_bytes()[:400])
    backend = Scripted("Yes.")
    for _ in range(2):
        Batch(folder, out, "m", Request("Is it?")).run(lambda: backend)
        lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
        assert [line.get("picture") for line in lines] == ["a.png", None, None]
        assert [line.get("video") for line in lines] == [None, "clip.mp4", "cut.MP4"]
        assert [line.get("answer") for line in lines] == ["Yes.", "Yes.", None]
        assert "is broken" in lines[2]["error"]
    assert [len(request.films) for request in backend.requests] == [0, 1]
