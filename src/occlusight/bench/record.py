"""What a run leaves behind, and how it goes on after an interruption.

`answers.jsonl` has a line a question in the set's order and is free of timings, so that two runs can be compared byte by
byte; each line is written as its answer comes. `timings.jsonl` has the seconds, `run.json` everything else about the run.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from occlusight.errors import BadInput
from occlusight.json_lines import lines_of

PACKAGES = ("occlusight", "torch", "transformers", "openai", "numpy", "pillow", "tokenizers", "safetensors")
FIXED = ("data", "model", "settings")  # what may not change between the parts of one run


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

    def begin(self, about: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Create the folder, or go on with what is there; return the answers by question id, failures left out.

        Raises BadInput where the folder holds a run of another model, data set or settings.
        """
        try:
            self.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(f"--out {self.out} cannot be made a folder ({error.strerror}); give another") from None
        before = self.read_run()
        differing = [key for key in FIXED if before is not None and before.get(key) != about.get(key)]
        limits = [pixel_limits(before or {}), pixel_limits(about)]
        if None not in limits and limits[0] != limits[1]:
            differing.append("limits of pixels")
        if before is not None and differing:
            raise BadInput(
                f"{self.out} holds a run with another {', '.join(differing)}; give another --out, or delete that folder"
            )
        kept = [line for line in self.read(self.answers) if line.get("finish_reason") != "error"]
        if before is None and kept:
            raise BadInput(f"{self.out} holds answers without a run.json; give another --out, or delete that folder")
        self.write(self.answers, kept)
        self.write(self.timings, self.read(self.timings))  # without a line that a kill cut
        self.write_document("run.json", {**(before or {}), **about})
        return {line["id"]: line for line in kept}

    def read_run(self) -> dict[str, Any] | None:
        """Return run.json, None without one."""
        path = self.out / "run.json"
        if not path.is_file():
            return None
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise BadInput(f"{path} is not a record of a run; give another --out, or delete that folder")
        return found

    @staticmethod
    def read(path: Path) -> list[dict[str, Any]]:
        """Return the lines of a file; a last line that a crash cut is left out."""
        if not path.is_file():
            return []
        lines = []
        for text in lines_of(path.read_text(encoding="utf-8", errors="replace")):
            try:
                lines.append(json.loads(text))
            except ValueError:
                break
        return lines

    @staticmethod
    def write(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
        """Replace a file of lines at once."""
        part = path.with_suffix(".part")
        part.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
        os.replace(part, path)

    def write_document(self, name: str, document: Mapping[str, Any]) -> None:
        """Replace one JSON document at once."""
        path = self.out / name
        part = path.with_suffix(".part")
        part.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        os.replace(part, path)


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
