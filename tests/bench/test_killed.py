"""A run that is killed and started again ends with the bytes of a run that never was."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import tests.bench.asked

from occlusight.backends.events import Done
from occlusight.backends.local import LocalBackend
from occlusight.backends.options import SamplingParams
from occlusight.backends.protocol import Backend, Capabilities
from occlusight.bench.asking import RunRequest, ask_all, groups
from occlusight.bench.record import Record
from occlusight.bench.run import requests, run
from occlusight.bench.settings import Settings
from occlusight.engine.config import LONGEST_STEP_S, EngineSettings
from occlusight.errors import BadInput

asked = tests.bench.asked.asked


def grouped(data) -> list[list[RunRequest]]:
    """The requests about each picture of a set."""
    return groups(requests(data, data.questions, Settings()))


def start(*arguments: Path) -> subprocess.Popen:
    """The same in a process of its own."""
    return subprocess.Popen([sys.executable, tests.bench.asked.__file__, *map(str, arguments)])


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.is_file() else 0


@pytest.mark.parametrize("kills", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_killing_changes_nothing(make_set, tiny_checkpoint, tmp_path, kills: int) -> None:
    """SIGKILL at random points, in the middle of pictures and of lines; then answers and scores are compared byte by
    byte."""
    data = make_set(tmp_path / "set", scenes=3, per_kind=2)
    asked(data.folder, tiny_checkpoint, tmp_path / "whole")
    rng, out = random.Random(7), tmp_path / "killed"
    total = len(data.questions)
    points = sorted(rng.sample(range(1, total - len(grouped(data)[-1])), kills))  # the last ones come all at once
    for point in points:
        process = start(data.folder, tiny_checkpoint, out)
        end = time.monotonic() + 250
        while lines(out / "answers.jsonl") < point and process.poll() is None:
            assert time.monotonic() < end
            time.sleep(0.002)
        process.kill()
        process.wait(30)
    assert 0 < lines(out / "answers.jsonl") < total, "the kills came too late to show anything"
    asked(data.folder, tiny_checkpoint, out)
    for name in ("answers.jsonl", "scores.json", "scored.jsonl"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


class Killed(Backend):
    """A backend that is interrupted after so many answers."""

    def __init__(self, inner, after: int) -> None:
        self.inner, self.left = inner, after

    @property
    def info(self):
        return self.inner.info

    @property
    def capabilities(self):
        return self.inner.capabilities

    def clear_cache(self) -> None:
        self.inner.clear_cache()

    def generate(self, request, cancelled=None):
        return self.inner.generate(request, cancelled)

    def score(self, request, choices, *, whole=True):
        return self.inner.score(request, choices, whole=whole)

    def generate_many(self, requests):
        with closing(self.inner.generate_many(requests)) as events:
            for at, event in events:
                yield at, event
                self.left -= isinstance(event, Done)
                if self.left == 0:
                    raise KeyboardInterrupt

    def score_many(self, asked, *, whole=True):
        return self.inner.score_many(asked, whole=whole)


@pytest.fixture(scope="module")
def backend(tiny_checkpoint) -> LocalBackend:
    return LocalBackend(tiny_checkpoint, name="tiny", settings=EngineSettings(step_s=LONGEST_STEP_S))


@pytest.fixture(scope="module")
def small(make_set, tmp_path_factory):
    return make_set(tmp_path_factory.mktemp("small") / "set", scenes=2, per_kind=1)


def test_a_group_is_answered_at_once_as_one_by_one(backend, small, names, tmp_path) -> None:
    settings = Settings(sampling=SamplingParams(max_tokens=8))
    run(backend, small, tmp_path / "at_once", names, settings=settings)
    run(backend, small, tmp_path / "in_turn", names, settings=replace(settings, together=False))
    at_once, in_turn = (Record.read(tmp_path / name / "answers.jsonl") for name in ("at_once", "in_turn"))
    assert [line["answer"] for line in at_once] == [line["answer"] for line in in_turn]
    assert [list(line) for line in at_once] == [list(line) for line in in_turn]
    for one, other in zip(at_once, in_turn, strict=True):
        assert one.get("log_probabilities") == pytest.approx(other.get("log_probabilities"), abs=1e-3)
    timings = Record.read(tmp_path / "at_once" / "timings.jsonl")
    assert [line["id"] for line in timings] == [q.id for q in small.questions]
    assert [line["together"] for line in timings] == [len(g) for g in grouped(small) for _ in g]
    first, later, *_ = timings
    assert first["seconds"] == pytest.approx(later["seconds"] + first["timings"]["encode_s"], abs=1e-5)
    costs = [json.loads((tmp_path / name / "costs.json").read_text()) for name in ("at_once", "in_turn")]
    assert costs[0]["together"] > 1 == costs[1]["together"]
    assert costs[0]["n"] == costs[1]["n"] == len(small.questions)


def test_a_group_that_was_cut_is_asked_as_a_whole_again(backend, small, names, tmp_path) -> None:
    """Interrupted between two answers of a group: those that were saved stay, and all ends byte for byte as if nothing
    had been."""
    settings = Settings(sampling=SamplingParams(max_tokens=8))
    run(backend, small, tmp_path / "whole", names, settings=settings)
    first = grouped(small)[0]
    for after in (3, len(first) + 2):
        with pytest.raises(KeyboardInterrupt):
            run(Killed(backend, after), small, tmp_path / "cut", names, settings=settings)
        assert 0 < lines(tmp_path / "cut" / "answers.jsonl") < after + 1
    run(backend, small, tmp_path / "cut", names, settings=settings)
    for name in ("answers.jsonl", "scores.json", "scored.jsonl"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_a_group_that_fails_together_is_asked_one_by_one(backend, small, names, tmp_path, capsys) -> None:
    class Fails(Killed):
        def score_many(self, asked, *, whole=True):
            raise RuntimeError("no memory for so many")

    settings = Settings(sampling=SamplingParams(max_tokens=8))
    told: list[tuple[int, int]] = []
    result = run(Fails(backend, -1), small, tmp_path, names, settings=settings, progress=lambda *n: told.append(n))
    assert (result["failed"], result["n"]) == (0, len(small.questions))
    assert "asked one by one (RuntimeError: no memory for so many)" in capsys.readouterr().err
    assert told[-1] == (len(small.questions), len(small.questions))


class Listening(Backend):
    """A backend with a cache that notes what is asked of it, and when it is told to clear its cache."""

    capabilities = Capabilities(scores="answer", caches=True)

    def __init__(self, inner) -> None:
        self.inner, self.heard = inner, []

    @property
    def info(self):
        return self.inner.info

    def clear_cache(self) -> None:
        self.heard.append("cleared")

    def generate(self, request, cancelled=None):
        self.heard.append(request.prompt)
        return self.inner.generate(request)

    def score(self, request, choices, *, whole=True):
        return self.inner.score(request, choices, whole=whole)


def test_a_group_that_was_cut_is_asked_from_its_beginning(data, names, tmp_path) -> None:
    """What was answered before is asked again, unrecorded, so that the caches are as they were; whole groups are
    not."""
    from occlusight.bench.oracle import oracle_of

    oracle = oracle_of(data, names)
    first, second, *_ = grouped(data)
    known = {one.id: {"id": one.id} for one in [*first, *second[:3]]}
    record = Record(tmp_path)
    record.write(record.answers, known.values())
    listening = Listening(oracle)
    ask_all(listening, first + second, dict(known), record)
    assert listening.heard == ["cleared", *(one.request.prompt for one in second)]
    written = [line["id"] for line in record.read(record.answers)]
    assert written == [one.id for one in first + second]


def test_a_run_within_other_limits_of_pixels_does_not_mix_into_one(tiny_checkpoint, small, names, tmp_path) -> None:
    settings = Settings(sampling=SamplingParams(max_tokens=2), certainty=False)
    steady = EngineSettings(step_s=LONGEST_STEP_S)

    def asked(max_pixels: int | None):
        backend = LocalBackend(tiny_checkpoint, name="tiny", settings=steady, max_pixels=max_pixels)
        return run(backend, small, tmp_path / "out", names, settings=settings, limit=1)

    asked(4096)
    assert json.loads((tmp_path / "out" / "run.json").read_text())["backend"]["preprocess"]["limits"] == {
        "min_pixels": 1024,
        "max_pixels": 4096,
    }
    asked(4096)
    with pytest.raises(BadInput, match="another limits of pixels"):
        asked(None)
