"""Folders of what visitors bring, after servers that ended well, badly, or not yet."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from occlusight.serve.scratch import Scratch

PREFIX = "occlusight-test-"
HOLD = """
import sys
from occlusight.serve.scratch import Scratch
scratch = Scratch("occlusight-test-")
(scratch.path / "picture").write_bytes(b"x")
print(scratch.path, flush=True)
sys.stdin.read()
"""


def age(folder: Path) -> None:
    os.utime(folder.parent, (0, 0))


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)


def test_what_a_server_leaves_that_was_killed_goes_when_the_next_one_begins(tmp_path: Path) -> None:
    holding = subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holding.stdout is not None
    held = Path(holding.stdout.readline().strip())
    age(held)
    other = Scratch(PREFIX)
    assert (held / "picture").is_file()  # it is still served
    other.close()
    holding.kill()
    holding.communicate()
    age(held)
    later = Scratch(PREFIX)
    assert list(tmp_path.iterdir()) == [later.path.parent]
    later.close()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_another_is_just_making_stays(tmp_path: Path) -> None:
    young = tmp_path / f"{PREFIX}x"
    young.mkdir()
    Scratch(PREFIX).close()
    assert young.is_dir()
    os.utime(young, (0, 0))
    Scratch(PREFIX).close()
    assert not young.exists()


def test_nobody_else_can_read_it() -> None:
    scratch = Scratch(PREFIX)
    assert scratch.path.parent.stat().st_mode & 0o077 == 0
    scratch.close()
