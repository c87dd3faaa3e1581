"""Records only grow: cuts at the end are mended, damage is named, a full disk loses nothing, and one process writes at
a time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.files.full_disk import full_disk

from occlusight.errors import BadData, BadInput
from occlusight.files.journal import Journal, read_journal
from occlusight.files.lock import only_writer
from occlusight.files.whole import write_whole

LINES = [
    {"id": "1", "answer": "one\u2028two\x85three"},
    {"id": "2", "answer": "是"},
    {"id": "3", "answer": "half \ufffd"},
]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "deeper" / "answers.jsonl"
    with Journal(path) as journal:
        for line in (*LINES[:2], {"id": "3", "answer": "half \ud83d"}):
            journal.append(line)
    return path


def test_what_is_written_is_read(written: Path) -> None:
    assert read_journal(written) == LINES
    with Journal(written) as journal:
        assert journal.lines == LINES
    assert read_journal(written.with_name("absent.jsonl")) == []


def test_a_cut_anywhere_costs_the_last_line_alone(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = written.read_bytes()
    begins = whole.rstrip(b"\n").rindex(b"\n") + 1
    for end in range(begins + 1, len(whole)):
        written.write_bytes(whole[:end])
        with Journal(written) as journal:
            assert journal.lines == (LINES if end == len(whole) - 1 else LINES[:2])
            assert written.read_bytes() == whole[:end], "nothing is taken away before something is written"
            journal.append({"id": "4"})
        assert read_journal(written) == [*journal.lines, {"id": "4"}]
        assert ("the last line was cut" in capsys.readouterr().err) == (end < len(whole) - 1)


def test_zeros_of_a_power_failure_are_a_cut_line(written: Path) -> None:
    written.write_bytes(written.read_bytes() + b"\0" * 4096)
    with Journal(written) as journal:
        journal.append({"id": "4"})
    assert read_journal(written) == [*LINES, {"id": "4"}]


@pytest.mark.parametrize(
    ("at", "byte", "said"),
    [(30, b"\xff", "line 1"), (-12, b"\xff", "line 3"), (0, b"[", "line 1"), (-2, b" ", "line 3")],
)
def test_damage_is_named_and_nothing_is_touched(written: Path, at: int, byte: bytes, said: str) -> None:
    content = bytearray(written.read_bytes())
    content[at : at + 1 or None] = byte
    written.write_bytes(content)
    for read in (read_journal, Journal):
        with pytest.raises(BadData, match=rf"answers\.jsonl, {said} is damaged"):
            read(written)
    assert written.read_bytes() == content


def test_a_line_that_was_deleted_or_put_right_by_hand(written: Path) -> None:
    lines = written.read_bytes().split(b"\n")
    written.write_bytes(b"\r\n".join([lines[0], b"", lines[2]]))
    with Journal(written) as journal:
        assert journal.lines == [LINES[0], LINES[2]]
        journal.append({"id": "4"})
    assert read_journal(written) == [LINES[0], LINES[2], {"id": "4"}]


def test_a_full_disk_loses_nothing(written: Path) -> None:
    before = written.read_bytes()
    with Journal(written) as journal:
        with (
            full_disk(len(before) + 20),
            pytest.raises(BadInput, match=r"cannot be written .* all earlier lines are kept"),
        ):
            journal.append({"id": "4", "answer": "x" * 100})
        assert written.read_bytes() == before
        journal.append({"id": "5"})
    assert read_journal(written) == [*LINES, {"id": "5"}]
    with full_disk(10), pytest.raises(BadInput, match="cannot be written"):
        write_whole(written, b"y" * 100)
    assert read_journal(written) == [*LINES, {"id": "5"}]
    assert [path.name for path in written.parent.iterdir()] == [written.name]


def test_what_is_no_file_is_refused(tmp_path: Path, written: Path) -> None:
    for place in (tmp_path, Path("/dev/full"), written / "below"):
        with pytest.raises(BadInput, match=str(place)):
            Journal(place)


HOLD = (
    "import sys; from pathlib import Path; from occlusight.files.lock import only_writer\nwith "
    "only_writer(Path(sys.argv[1])): print('held', flush=True); input()"
)


@pytest.mark.parametrize("what", ["file", "folder"])
def test_one_writes_and_a_dead_one_holds_nothing(tmp_path: Path, what: str) -> None:
    path = tmp_path / "run.jsonl" if what == "file" else tmp_path
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        said = rf"is being written by process {other.pid} on \S+ since 20.*wait for it"
        with pytest.raises(BadInput, match=said), only_writer(path):
            pytest.fail("two writers")
        other.kill()
    (lock,) = tmp_path.iterdir()
    assert json.loads(lock.read_text())["pid"] == other.pid
    with only_writer(path):
        assert json.loads(lock.read_text())["pid"] != other.pid
        with pytest.raises(BadInput, match="is being written by process"), only_writer(path):
            pytest.fail("two writers in one process")
    assert list(tmp_path.iterdir()) == []


def test_a_place_for_no_lock_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="cannot be written"), only_writer(tmp_path / "file" / "below"):
        pytest.fail("a lock below a file")
