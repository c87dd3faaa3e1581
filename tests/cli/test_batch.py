"""A question asked of a folder: complete, resumable, and one bad picture is no end."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest
from tests.files.full_disk import full_disk

from occlusight.backends.events import Done, TextDelta
from occlusight.backends.events import Event as Said
from occlusight.backends.protocol import CancelCheck, Request
from occlusight.backends.scripted import Scripted
from occlusight.cli.batch import TOGETHER, Batch, escaped
from occlusight.errors import BadInput, BadPicture
from occlusight.files.lock import only_writer


class Careful(Scripted):
    """Refuses pictures that are too small to be any."""

    def answer(self, request: Request) -> str:
        path = request.pictures[0]
        assert isinstance(path, Path)
        if path.stat().st_size < 20:
            raise BadPicture(f"{path} is broken")
        return f"seen {escaped(path.name)}"


@pytest.fixture
def folder(tmp_path: Path, pictures: list[Path]) -> Path:
    folder = tmp_path / "pictures"
    (folder / "deeper").mkdir(parents=True)
    for path in pictures:
        shutil.copy(path, folder / "deeper" if path.suffix == ".jpg" else folder)
    (folder / "broken.PNG").write_text("no")
    (folder / "notes.txt").write_text("not asked about")
    (folder / "._a.png").write_text("nor is what a Mac leaves beside a file")
    (folder / ".trash").mkdir()
    shutil.copy(pictures[0], folder / ".trash")
    return folder


def batch(folder: Path, out: Path, backend: Any = None, **settings: Any) -> list[dict[str, Any]]:
    backend = backend or Careful("")
    Batch(folder, out, "m", Request("Is it?", **settings)).run(lambda: backend)
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def test_every_picture_gets_a_line(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = batch(folder, tmp_path / "new" / "out.jsonl")
    assert [r["picture"] for r in records] == ["a.png", "broken.PNG", "c.webp", "deeper/b.jpg", "wide.png"]
    assert records[0]["answer"] == "seen a.png"
    assert records[0]["question"] == "Is it?"
    assert records[0]["settings"]["max_tokens"] == 512
    assert records[0]["finish_reason"] == "stop"
    assert "broken" in records[1]["error"]
    assert "answer" not in records[1]
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (summary["asked"], summary["already_done"], summary["failed"]) == (5, 0, 1)


def test_a_run_goes_on_where_it_stopped(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    whole = batch(folder, out)
    lines = out.read_text().splitlines(keepends=True)
    out.write_text("".join(lines[:3]) + lines[3][:25])  # killed in the fourth line
    backend = Careful("")
    assert sorted(map(str, batch(folder, out, backend))) == sorted(map(str, whole))
    asked = [r.pictures[0].name for r in backend.requests]  # type: ignore[union-attr]
    assert asked == ["broken.PNG", "b.jpg", "wide.png"]  # failures are tried again


def test_nothing_left_opens_no_model(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    (folder / "broken.PNG").unlink()
    batch(folder, out)
    before = out.read_text()
    Batch(folder, out, "m", Request("Is it?")).run(lambda: pytest.fail("opened"))
    assert out.read_text() == before


def test_other_settings_are_other_answers(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    (folder / "broken.PNG").unlink()
    batch(folder, out)
    assert len(batch(folder, out, seed=3, temperature=0.5)) == 8


def test_a_file_of_something_else_is_left_alone(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    for content in ("my notes", '{"a": 1}\n', "[1]\n"):
        out.write_text(content)
        with pytest.raises(BadInput, match="line 1 "):
            batch(folder, out)
        assert out.read_text() == content


def test_a_few_pictures_are_asked_about_at_a_time(pictures: list[Path], tmp_path: Path) -> None:
    together = Barrier(TOGETHER, timeout=30)

    class Waiting(Scripted):
        def answer(self, request: Request) -> str:
            together.wait()  # until so many ask
            return "Yes."

    asking = Batch(pictures[0].parent, tmp_path / "out.jsonl", "m", Request("Is it?"))
    asking.run(lambda: Waiting(""))
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [line["picture"] for line in lines] == [path.name for path in sorted(pictures)]
    assert {line["answer"] for line in lines} == {"Yes."}


def test_a_run_that_is_interrupted_stops_what_is_asked(pictures: list[Path], tmp_path: Path) -> None:
    asking = Batch(pictures[0].parent, tmp_path / "out.jsonl", "m", Request("Is it?"))
    release = Event()

    class Endless(Scripted):
        def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Said]:
            if request.pictures == (sorted(pictures)[0],):
                yield Done("stop")
                return
            while True:  # a model that never ends
                release.set()
                yield TextDelta("on ")

    records = asking.records(Endless(""), sorted(pictures))
    next(records)
    assert release.wait(30)
    records.close()  # what Ctrl-C does; this returns since the others are stopped


def test_a_damaged_line_is_named_and_nothing_is_dropped(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    batch(folder, out)
    lines = out.read_bytes().splitlines(keepends=True)
    damaged = b"".join([lines[0], lines[1].replace(b"i", b"\xff", 1), *lines[2:]])
    out.write_bytes(damaged)
    with pytest.raises(BadInput, match=r"out\.jsonl, line 2 is damaged"):
        batch(folder, out)
    assert out.read_bytes() == damaged


def test_a_failure_stays_until_its_picture_was_asked_again(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    batch(folder, out)
    before = out.read_bytes()

    def interrupted(request: Request) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        batch(folder, out, Scripted(interrupted))
    assert out.read_bytes() == before
    assert [r for r in batch(folder, out, Scripted("Yes.")) if "error" in r] == []
    assert out.read_bytes().count(b"\n") == 5


def test_two_batches_do_not_write_one_file(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with only_writer(out), pytest.raises(BadInput, match=r"out\.jsonl is being written by process .* since"):
        Batch(folder, out, "m", Request("Is it?")).run(lambda: pytest.fail("opened"))
    assert not out.exists()
    batch(folder, out)
    assert list(tmp_path.glob(".*")) == []


def test_a_full_disk_loses_nothing(folder: Path, tmp_path: Path) -> None:
    out, whole = tmp_path / "out.jsonl", batch(folder, tmp_path / "whole.jsonl")
    with (
        full_disk(len((tmp_path / "whole.jsonl").read_bytes()) // 2),
        pytest.raises(BadInput, match="cannot be written"),
    ):
        batch(folder, out)
    kept = out.read_bytes()
    assert 0 < kept.count(b"\n") < 5
    assert kept.endswith(b"\n")
    assert batch(folder, out) == whole
    assert out.read_bytes().startswith(kept.splitlines()[0])


def test_names_that_are_not_utf8_are_escaped(folder: Path, tmp_path: Path, pictures: list[Path]) -> None:
    for name, content in ((b"/caf\xe9.png", pictures[0].read_bytes()), (b"/caf\xe8.png", b"no")):
        with open(os.fsencode(folder) + name, "wb") as file:
            file.write(content)
    (folder / "broken.PNG").unlink()
    records = batch(folder, tmp_path / "out.jsonl")
    names = [r["picture"] for r in records]
    assert names == ["a.png", "c.webp", "caf\\xe8.png", "caf\\xe9.png", "deeper/b.jpg", "wide.png"]
    assert records[2]["error"].endswith("caf\\xe8.png is broken")
    backend = Careful("")
    batch(folder, tmp_path / "out.jsonl", backend)
    assert [os.fsencode(r.pictures[0].name) for r in backend.requests] == [b"caf\xe8.png"]  # type: ignore[union-attr]
