"""What is given as a picture: files, standard input, and what is none, each with what to do."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from tests.cli.conftest import Result

from occlusight.backends.protocol import ModelInfo, Request
from occlusight.backends.scripted import Scripted
from occlusight.errors import BadInput, BadModel
from occlusight.model import picture
from occlusight.model.traits import Traits
from occlusight.questions.registry import templates


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes | None], None]:
    """Put bytes into standard input; None makes it a terminal."""

    def put(content: bytes | None) -> None:
        stdin = SimpleNamespace(buffer=io.BytesIO(content or b""), isatty=lambda: content is None)
        monkeypatch.setattr(sys, "stdin", stdin)

    return put


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Answer with a model that keeps the bytes of the pictures that it is shown."""
    kept: list[bytes] = []

    class Looking(Scripted):
        def answer(self, request: Request) -> str:
            kept.extend(p.read_bytes() for p in request.pictures if isinstance(p, Path))
            return "Yes."

    monkeypatch.setattr("occlusight.backends.open_backend", lambda *_, **__: Looking(""))
    return kept


def test_standard_input_is_a_picture(
    call: Callable[..., Result], piped: Callable[..., None], seen: list[bytes], pictures: list[Path]
) -> None:
    piped(pictures[1].read_bytes())
    assert call("ask", pictures[0], "-", "Is it?") == (0, "Yes.\n", "")
    assert seen == [pictures[0].read_bytes(), pictures[1].read_bytes()]


def test_standard_input_that_is_broken_is_not_called_by_our_file(
    call: Callable[..., Result], piped: Callable[..., None], tiny_checkpoint: Path, pictures: list[Path]
) -> None:
    piped(pictures[0].read_bytes()[:-40])
    code, out, err = call("ask", "-", "Is it?", "--model", tiny_checkpoint)
    assert (code, out) == (2, "")
    assert "occlusight: standard input is broken (" in err


def test_standard_input_that_is_no_picture(
    call: Callable[..., Result], piped: Callable[..., None], monkeypatch: pytest.MonkeyPatch, seen: list[bytes]
) -> None:
    monkeypatch.setattr(picture, "MAX_BYTES", 1000)
    for content, said in ((b"", "is empty"), (bytes(1001), "more than the 1000 bytes"), (None, "cat picture.jpg |")):
        piped(content)
        code, out, err = call("ask", "-", "Is it?")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert said in err
    assert "was given 2 times" in call("ask", "-", "-", "Is it?")[2]
    assert seen == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("https://a.b/c.jpg", "curl -L https://a.b/c.jpg | occlusight ask - 'QUESTION'"),
        ("file:///c.jpg", "give the path alone: /c.jpg"),
        ("{folder}", "occlusight ask --batch {folder} --out answers.jsonl 'QUESTION'"),
        ("nope.png", "there is no picture 'nope.png'"),
        ("n" * 300, "there is no picture"),
        ("/dev/null", "not a file; pipe the picture in"),
        ("{folder}/clip.mp4", "clip.mp4 is broken (its index is missing)"),
        ("{folder}/clip.webm", "clip.webm is not a video that can be read"),
        ("{folder}/clip.avi", "clip.avi is not a video that can be read"),
    ],
)
def test_what_is_no_picture_file_says_what_to_do(
    call: Callable[..., Result], tmp_path: Path, seen: list[bytes], given: str, said: str
) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"\0\0\0\x20ftypisom\0\0\2\0")
    (tmp_path / "clip.webm").write_bytes(b"\x1a\x45\xdf\xa3" + bytes(20))
    (tmp_path / "clip.avi").write_bytes(b"RIFF\0\0\0\0AVI LIST")
    code, out, err = call("ask", given.format(folder=tmp_path), "Is it?")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said.format(folder=tmp_path) in err
    assert seen == []


def test_a_long_question_is_no_path(call: Callable[..., Result], seen: list[bytes], pictures: list[Path]) -> None:
    assert call("ask", pictures[0], "is it hidden? " * 400)[0] == 0
    assert len(seen) == 1


def test_more_pictures_than_a_model_knows_are_said(
    call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, pictures: list[Path]
) -> None:
    class Single(Scripted):
        @property
        def info(self) -> ModelInfo:
            return ModelInfo("small", pictures=1)

    monkeypatch.setattr("occlusight.backends.open_backend", lambda *_, **__: Single("Yes."))
    code, out, err = call("ask", *pictures[:2], "Is it?")
    assert (code, out) == (0, "Yes.\n")
    assert err == "(small was trained on one picture at a time, and 2 were given: do not trust this answer)\n"
    assert "one picture at a time" in json.loads(call("ask", *pictures[:2], "Is it?", "--json")[1])["warnings"][0]
    assert "warnings" not in json.loads(call("ask", pictures[0], "Is it?", "--json")[1])
    assert call("ask", pictures[0], "Is it?")[2] == ""


def test_the_shipped_models_declare_what_they_were_trained_on(tmp_path: Path) -> None:
    import occlusight

    shipped = Path(occlusight.__file__).parent / "checkpoints"
    steps = {template.program.__name__ for template in templates().values()}
    default, blind = (Traits.load(shipped / name) for name in ("default", "blind"))
    assert blind == Traits(1)
    assert default.pictures == 4
    assert {"hides", "list_all"} <= set(default.learnt) < steps
    assert Traits.load(tmp_path) == Traits(None)
    Traits(3, ("count", "hides")).save(tmp_path)
    assert Traits.load(tmp_path) == Traits(3, ("count", "hides"))
    for wrong in (
        "[",
        "[1]",
        '{"pictures": 0}',
        '{"pictures": "1"}',
        '{"pictures": true}',
        '{"learnt": "hides"}',
        '{"learnt": [1]}',
        "3",
    ):
        (tmp_path / "occlusight.json").write_text(wrong)
        with pytest.raises(BadModel, match=r"occlusight\.json"):
            Traits.load(tmp_path)
    assert issubclass(BadModel, BadInput)


def test_the_version_is_an_option_too(call: Callable[..., Result]) -> None:
    import occlusight

    assert call("--version") == call("version") == (0, f"occlusight {occlusight.__version__}\n", "")


def test_names_that_are_not_utf8_can_be_asked_about(
    call: Callable[..., Result], tmp_path: Path, seen: list[bytes], pictures: list[Path]
) -> None:
    with open(os.fsencode(tmp_path) + b"/caf\xe9.png", "wb") as file:
        file.write(pictures[0].read_bytes())
    assert call("ask", os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"), "Is it?")[0] == 0
    assert seen == [pictures[0].read_bytes()]


def test_a_run_of_an_earlier_version_goes_on() -> None:
    """What is recorded of a model has grown; a field that a run of an earlier version lacks makes it no other
    model's."""
    from occlusight.bench.record import unlike

    assert not unlike({"name": "a"}, {"name": "a", "pictures": 1})
    assert unlike({"name": "a"}, {"name": "b", "pictures": 1})
    assert unlike("one", "other")
    assert not unlike(None, None)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_of_what_moves_is_said_that_one_frame_is_looked_at(
    call: Callable[..., Result], tmp_path: Path, seen: list[bytes], format: str
) -> None:
    noise = np.random.default_rng(5).integers(0, 255, (3, 64, 96, 3), np.uint8)
    first, *others = map(Image.fromarray, noise)
    still, moving = tmp_path / "still", tmp_path / "moving"
    first.save(still, format)
    first.save(moving, format, save_all=True, append_images=others)
    for question, said in (("Is it hidden?", "only its first frame is looked at"), ("它被挡住了吗？", "只看其第一帧")):
        assert said not in call("ask", still, question)[2]
        code, _, err = call("ask", moving, question)
        assert code == 0
        assert said in err
    assert len(seen) == 4
