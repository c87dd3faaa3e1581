"""A run that is killed and started again ends with the bytes of a run that never was."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from occlusight.bench.asking import Settings, ask_all, groups
from occlusight.bench.record import Record

SCRIPT = Path(__file__).with_name("asked.py")


def start(*arguments: Path) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, str(SCRIPT), *map(str, arguments)])


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.is_file() else 0


@pytest.mark.parametrize("kills", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_killing_changes_nothing(make_set, tiny_checkpoint, tmp_path, kills: int) -> None:
    """SIGKILL at random points, in the middle of pictures and of lines; then answers and scores are compared byte by byte."""
    data = make_set(tmp_path / "set", scenes=2, per_kind=2)
    assert start(data.folder, tiny_checkpoint, tmp_path / "whole").wait(250) == 0
    rng, out = random.Random(7), tmp_path / "killed"
    total = len(data.questions)
    points = sorted(rng.sample(range(1, total), kills))
    for point in points:
        process = start(data.folder, tiny_checkpoint, out)
        end = time.monotonic() + 250
        while lines(out / "answers.jsonl") < point and process.poll() is None:
            assert time.monotonic() < end
            time.sleep(0.002)
        process.kill()
        process.wait(30)
    assert 0 < lines(out / "answers.jsonl") < total, "the kills came too late to show anything"
    assert start(data.folder, tiny_checkpoint, out).wait(250) == 0
    for name in ("answers.jsonl", "scores.json", "scored.jsonl"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


class Listening:
    """A backend that notes what is asked of it, and when it is told to forget."""

    def __init__(self, inner) -> None:
        self.inner, self.info, self.heard = inner, inner.info, []

    def forget(self) -> None:
        self.heard.append("forget")

    def generate(self, request):
        self.heard.append(request.prompt)
        return self.inner.generate(request)

    def score(self, request, choices):
        return self.inner.score(request, choices)


def test_a_group_that_was_cut_is_asked_from_its_beginning(data, names, tmp_path) -> None:
    """What was answered before is asked again, unrecorded, so that the caches are as they were; whole groups are not."""
    from occlusight.bench.truth import oracle_of

    oracle = oracle_of(data, names)
    first, second, *_ = groups(data.questions)
    known = {q.id: {"id": q.id} for q in [*first, *second[:3]]}
    record = Record(tmp_path)
    record.write(record.answers, known.values())
    listening = Listening(oracle)
    ask_all(listening, data, tuple(first + second), dict(known), record, Settings())
    assert listening.heard == ["forget", *(q.text for q in second)]
    written = [line["id"] for line in record.read(record.answers)]
    assert written == [q.id for q in first + second]
