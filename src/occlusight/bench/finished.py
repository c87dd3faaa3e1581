"""Reading back what `bench run` left in its folder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from occlusight.bench.record import Record
from occlusight.errors import BadInput
from occlusight.files.text import read_json

Line = dict[str, Any]


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
