"""What a command writes: every option of every command is tried before any work, and no error of a disk is a traceback
or a loss."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.cli.conftest import Result
from tests.cli.walk import Parameter, parameters, paths
from tests.files.full_disk import full_disk

from occlusight.cli import outputs
from occlusight.cli.failures import as_bad_input
from occlusight.errors import BadInput
from occlusight.files.whole import Unwritable, replacing, write_whole

OUTPUTS = [one for one in paths() if one.callback.startswith("output")]
READ = {
    *("--batch", "--json-schema", "--package", "--images", "--instances", "--names", "--renders", "--picture"),
    *("--folder", "--pictures", "--labels", "--scenes", "--wordings", "--rules", "--calibration"),
    *("packaged", "file", "folder", "runs", "run", "video", "checkpoint", "--others", "--data"),
}
"""Paths that commands read. One that a command writes has a callback of `cli/outputs.py`."""


def test_every_path_is_read_or_tried_before_it_is_written() -> None:
    undeclared = [str(one) for one in paths() if one not in OUTPUTS and one.name not in READ]
    assert undeclared == [], "give the option a callback of cli/outputs.py, or add it to READ"
    assert len(OUTPUTS) >= 14
    assert {one.callback for one in parameters() if one.callback.startswith("output")} <= set(dir(outputs))


def named(one: Parameter) -> str:
    """A name of a file that the option takes."""
    return "x.webm" if one.callback == "output_film" else "x.png"


@pytest.mark.parametrize("one", OUTPUTS, ids=str)
def test_a_place_where_nothing_can_be_written_is_one_line(
    one: Parameter, call: Callable[..., Result], tmp_path: Path
) -> None:
    (tmp_path / "file.png").touch()
    name = named(one)
    for place in (tmp_path / "file.png" / "deeper" / name, Path("/proc") / name):
        code, out, err = call(*one.command, *((one.name, place) if one.is_option else (place,)))
        assert (code, out, err.count("\n")) == (2, "", 1), err
        assert f"{place} cannot be written" in err


def param(name: str) -> Any:
    return SimpleNamespace(opts=["-o", name])


@pytest.mark.parametrize(
    "kind", ["output_file", "output_folder", "output_picture", "output_drawing", "output_film", "output"]
)
def test_every_kind_of_place_where_nothing_can_be_written(kind: str, tmp_path: Path) -> None:
    file, folder, link = tmp_path / "file.png", tmp_path / "folder.png", tmp_path / "link.png"
    file.write_bytes(b"kept")
    folder.mkdir()
    link.symlink_to(file / "nowhere.png")
    places = [file / "x.png", Path("/proc/x.png"), Path("/dev/full"), Path("/proc/version"), link]
    places += [tmp_path / f"{'n' * 300}.png", Path("zero\0.png")]
    places += {"output_folder": [file], "output": []}.get(kind, [folder])
    before = sorted(tmp_path.rglob("*"))
    for place in places:
        with pytest.raises(BadInput, match=r"--out .*(cannot be written|must end in)"):
            getattr(outputs, kind)(context(), param("--out"), place)
    assert sorted(tmp_path.rglob("*")) == before
    assert file.read_bytes() == b"kept"


def context() -> Any:
    return SimpleNamespace(find_root=lambda: SimpleNamespace(obj=[]))


def test_what_can_be_written_is_taken_and_nothing_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "file.png"
    file.write_bytes(b"kept")
    for place in (file, tmp_path / "new.png", tmp_path / "deep" / "deeper" / "new.png", Path("x.png")):
        assert outputs.output_picture(context(), param("--out"), place) == place
    for place in (tmp_path, tmp_path / "new", tmp_path / "deep" / "new", Path(".")):
        assert outputs.output_folder(context(), param("--out"), place) == place
    assert list(tmp_path.iterdir()) == [file]
    assert file.read_bytes() == b"kept"
    assert outputs.output_file(context(), param("--out"), None) is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("one", OUTPUTS, ids=str)
def test_a_folder_that_is_read_only_is_one_line(one: Parameter, call: Callable[..., Result], tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    code, _, err = call(
        *one.command, *((one.name, tmp_path / named(one)) if one.is_option else (tmp_path / named(one),))
    )
    tmp_path.chmod(0o700)
    assert (code, err.count("\n")) == (2, 1)
    assert "Permission denied" in err


def test_a_full_disk_is_one_line_and_what_was_there_is_kept(call: Callable[..., Result], tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    sheet.write_bytes(b"an older sheet")
    with full_disk(1000):
        code, out, err = call("scenes", "sheet", "occlusion-50", "--out", sheet, "--side", 16)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert str(sheet) in err
    assert "File too large" in err
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("sheet.png", b"an older sheet")]


def test_answers_that_were_written_before_the_disk_was_full_are_kept(
    call: Callable[..., Result], tmp_path: Path, pictures: list[Path], tiny_checkpoint: Path
) -> None:
    out = tmp_path / "answers.jsonl"
    command = ("ask", "q", "--batch", pictures[0].parent, "--out", out, "--model", tiny_checkpoint, "--max-tokens", 3)
    with full_disk(1500):
        code, _, err = call(*command)
    assert (code, err.count("\n")) == (2, 1), err
    assert f"{out} cannot be written (File too large)" in err
    begun = out.read_text().splitlines()[0]
    assert begun.endswith("}")
    assert call(*command)[0] == 0
    lines = out.read_text().splitlines()
    assert (len(lines), lines[0]) == (4, begun)


def test_standard_output_on_a_full_disk() -> None:
    for words in (["version"], ["--help"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [sys.executable, "-m", "occlusight", *words],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        assert done.returncode == 2
        assert done.stderr == (
            "occlusight: standard output cannot be written (No space left on device); "
            "free some space and give the same command again\n"
        )


def error(code: int, *names: Any) -> OSError:
    first, second = (*names, None, None)[:2]
    return OSError(code, os.strerror(code), first, None, second)


def test_whose_error_it_is() -> None:
    """A path is the user's, unless it is a part of the program; an error without one is the user's where a disk is
    full."""
    import occlusight

    assert "/x/y: Not a directory" in str(as_bad_input(error(errno.ENOTDIR, "/x/y")))
    assert "a -> b: Read-only" in str(as_bad_input(error(errno.EROFS, "a", "b")))
    assert "--out x cannot be written (No space" in str(as_bad_input(error(errno.ENOSPC), ["--out x"]))
    for bug in (
        error(errno.ENOENT, str(Path(occlusight.__file__).with_name("lost.json"))),
        error(errno.ENOENT, os.__file__ + "x"),
        error(errno.ECONNREFUSED),
        error(errno.EBADF),
    ):
        assert as_bad_input(bug, ["--out x"]) is None


def test_a_bug_keeps_its_traceback(call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise error(errno.EBADF)

    monkeypatch.setattr("occlusight.cli.deferred.import_module", broken)
    with pytest.raises(OSError, match="Bad file descriptor"):
        call("bench")


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    real, link = tmp_path / "deep" / "real.txt", tmp_path / "link.txt"
    write_whole(real, "one")
    real.chmod(0o640)
    link.symlink_to(real)
    write_whole(link, b"two")
    assert link.is_symlink()
    assert real.read_text() == "two"
    assert real.stat().st_mode & 0o777 == 0o640
    with pytest.raises(ZeroDivisionError), replacing(real) as draft:
        draft.write_text(str(1 / 0))
    with full_disk(1), pytest.raises(Unwritable, match=r"real\.txt"):
        write_whole(real, "longer")
    assert real.read_text() == "two"
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["deep", "link.txt", "real.txt"]
