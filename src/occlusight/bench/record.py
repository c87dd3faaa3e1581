"""What a run leaves behind, how it is written while a model is asked, how it resumes after an interruption, and how it
is read back.

`answers.jsonl` has a line a question in the set's order and is free of timings, so that two runs can be compared byte
by byte; each line is written as its answer comes. `timings.jsonl` has the seconds, `run.json` everything else about the
run. Neither of the two is ever shortened, but for a last line that was cut (see `files.journal`).
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from occlusight.errors import BadData, BadInput, OcclusightError
from occlusight.files.journal import Journal, Line, read_journal
from occlusight.files.lock import only_writer
from occlusight.files.text import read_json, shown
from occlusight.files.whole import line_bytes, unwritable, write_json, write_lines

PACKAGES = ("occlusight", "torch", "transformers", "openai", "numpy", "pillow", "tokenizers", "safetensors")
FIXED = ("data", "model", "settings")  # what may not change between the parts of one run
FAILURES_IN_A_ROW = 10
Answers = dict[str, Line]  # by question id
Progress = Callable[[int, int], None]  # done, of how many


@dataclass(frozen=True)
class Record:
    """The folder of a run."""

    out: Path

    @property
    def answers(self) -> Path:
        """A line a question."""
        return self.out / "answers.jsonl"

    @property
    def timings(self) -> Path:
        """A line a question that was asked."""
        return self.out / "timings.jsonl"

    @contextmanager
    def held(self) -> Iterator[Record]:
        """Make the folder and be the only one who writes into it. Raises BadInput where it cannot be made, or another
        run is on."""
        try:
            self.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(self.out, error) from None
        with only_writer(self.out):
            yield self

    def begin(self, about: Mapping[str, Any]) -> dict[str, Line]:
        """Begin in a new folder, or resume with what is there; return the answers by question id, failures left out.

        Raises BadInput where the folder holds a run of another model, data set or settings, BadData where a line of it
        is damaged.
        """
        before = self.read_run()
        about = json.loads(json.dumps(about))  # as it will be read: tuples are lists there
        differing = [key for key in FIXED if before is not None and unlike(before.get(key), about.get(key))]
        limits = [pixel_limits(before or {}), pixel_limits(about)]
        if None not in limits and limits[0] != limits[1]:
            differing.append("limits of pixels")
        if before is not None and differing:
            raise BadInput(
                f"{self.out} holds a run with another {', '.join(differing)}; give another --out, or delete that folder"
            )
        answers = read_journal(self.answers)
        read_journal(self.timings)  # what is damaged is said before anything is asked
        if before is None and answers:
            raise BadInput(f"{self.out} holds answers without a run.json; give another --out, or delete that folder")
        self.write_document("run.json", {**(before or {}), **about})
        return {id: line for id, line in self.newest(answers).items() if line.get("finish_reason") != "error"}

    def newest(self, lines: Iterable[Line]) -> dict[str, Line]:
        """Return what counts of each question: its first answer, without one its last failure. Raises BadData."""
        found: dict[str, Line] = {}
        for i, line in enumerate(lines, 1):
            if not isinstance(line.get("id"), str | int) or not isinstance(line.get("answer"), str):
                raise BadData(f"{self.answers}, line {i} is no answer ({shown(line)}); put it right or delete it")
            if found.get(line["id"], {"finish_reason": "error"}).get("finish_reason") == "error":
                found[line["id"]] = line
        return found

    def settle(self, order: Iterable[str]) -> None:
        """Put the answers into the order of these ids, each question's once. Raises BadInput where they cannot be
        written; all stay then."""
        found = self.newest(read_journal(self.answers))
        first = [found[id] for id in order if id in found]
        ids = {line["id"] for line in first}
        lines = [*first, *(line for id, line in found.items() if id not in ids)]
        if b"".join(map(line_bytes, lines)) != self.answers.read_bytes():
            write_lines(self.answers, lines)

    def read_run(self) -> dict[str, Any] | None:
        """Return run.json, None without one."""
        path = self.out / "run.json"
        if not path.is_file():
            return None
        try:
            found = read_json(path)
        except BadData:
            found = None
        if not isinstance(found, dict):
            raise BadInput(f"{path} is not a record of a run; give another --out, or delete that folder")
        return found

    @staticmethod
    def read(path: Path) -> list[Line]:
        """Return the lines of a file; a last line that was cut is left out. Raises BadData that names a damaged one."""
        return read_journal(path)

    @staticmethod
    def write(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
        """Replace a file of lines at once."""
        write_lines(path, lines)

    def write_document(self, name: str, document: Mapping[str, Any]) -> None:
        """Replace one JSON document at once."""
        write_json(self.out / name, document)


@dataclass
class AnswerLog:
    """The files of a run under way, open for appending. A question that has an answer keeps it."""

    answers: Answers
    lines: Journal
    seconds: Journal
    total: int
    progress: Progress | None = None
    done: int = 0
    failures: int = 0

    def answer(self, line: dict[str, Any]) -> None:
        """Write an answer down, unless its question has one. Raises OcclusightError when it is the last of too many
        failures in a row."""
        known = self.answers.get(line["id"])
        if known is None:
            self.lines.append(line)
            self.answers[line["id"]] = line
            self.failures = self.failures + 1 if line["finish_reason"] == "error" else 0
            if self.failures == FAILURES_IN_A_ROW:
                raise OcclusightError(f"{self.failures} answers in a row failed; the last: {line['error']}")
        elif known.get("answer") != line["answer"]:
            print(f"{line['id']}: asked again, the answer differs from the one kept", file=sys.stderr)
        self.count(1)

    def count(self, questions: int) -> None:
        """Report that this number of further questions is done."""
        self.done += questions
        if self.progress:
            self.progress(self.done, self.total)

    def time(self, timing: dict[str, Any]) -> None:
        """Write an answer's seconds down."""
        self.seconds.append(timing)


@dataclass(frozen=True)
class Finished:
    """A finished run: what was asked of whom (`about`), the scores, the costs and a line a question."""

    folder: Path
    about: dict[str, Any]
    scores: dict[str, Any]
    costs: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Finished:
        """Read a run's folder. Raises BadInput where it holds no finished run."""
        about = Record(folder).read_run()
        if about is None or not (folder / "scores.json").is_file():
            raise BadInput(
                f"{folder} holds no finished run (no {'run.json' if about is None else 'scores.json'}); "
                f"make one with: occlusight bench run --data DIR --model M --out {folder}"
            )
        scores = read_json(folder / "scores.json")
        costs_file = folder / "costs.json"
        costs = read_json(costs_file) if costs_file.is_file() else {}
        return cls(folder, about, scores, costs)

    @cached_property
    def lines(self) -> dict[str, Line]:
        """The scored answers by question."""
        return {line["id"]: line for line in Record.read(self.folder / "scored.jsonl")}

    @property
    def name(self) -> str:
        """The model's name, with what runs it where that is not our engine."""
        name = str(self.about["model"]["name"])
        return f"{name} (server)" if self.about.get("backend", {}).get("kind") == "OpenAIBackend" else name


def same_set(runs: list[Finished]) -> None:
    """Raises BadInput where the runs are not about one data set."""
    digests = {run.about.get("data") for run in runs}
    if len(digests) > 1:
        folders = ", ".join(f"{run.folder} ({str(run.about.get('data'))[:8]})" for run in runs)
        raise BadInput(f"these runs are about different data sets, so they cannot be compared: {folders}")


def titles(runs: list[Finished]) -> list[str]:
    """Names that tell runs apart: the model's, and the folder's where two models share one."""
    names = [run.name for run in runs]
    return [
        name if names.count(name) == 1 else f"{name} [{run.folder.name}]" for name, run in zip(names, runs, strict=True)
    ]


def unlike(before: Any, now: Any) -> bool:
    """Whether two values differ; fields that one of two mappings lacks, as an earlier version wrote it, are not
    compared."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        return any(before[key] != now[key] for key in before.keys() & now.keys())
    return bool(before != now)


def pixel_limits(about: Mapping[str, Any]) -> Any:
    """Return within which limits a run reads its pictures; None where the backend does not say."""
    return ((about.get("backend") or {}).get("preprocess") or {}).get("limits")


def surroundings() -> dict[str, Any]:
    """Return what else a reader needs to repeat a run: versions, machine, commit, command."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    machine = {"system": platform.platform(), "processor": platform.machine(), "cpus": os.cpu_count()}
    return {"versions": versions, "machine": machine, "commit": _commit(), "command": sys.argv}


def _commit() -> str | None:
    """The commit of the source tree, None for an installed package."""
    try:
        done = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
