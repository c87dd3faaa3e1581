"""A worker process, and talking to it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.engines import Bench, Engine
from benchmarks.no_amx import deny_amx
from occlusight.errors import OcclusightError


class WorkerFailed(OcclusightError):
    """A worker could not load its engine or do its task."""


class Worker:
    """One engine, loaded. Within `with`, it ends at the end; what it prints goes to `log`."""

    def __init__(self, name: str, engine: Engine, bench: Bench, log: Path, amx: bool = True) -> None:
        self.name, self.log = name, log
        self._log = log.open("w", encoding="utf-8")
        self._process = subprocess.Popen(
            engine.command(bench),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=engine.surroundings(bench),
            preexec_fn=None if amx else deny_amx,
        )
        self.loaded = self._read()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, **task: Any) -> dict[str, Any]:
        """Have a task done. Raises WorkerFailed."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        return self._read()

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log.close()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        reply: dict[str, Any] = json.loads(line) if line else {"error": f"ended with {self._process.wait()}"}
        if "error" in reply:
            self.close()
            raise WorkerFailed(f"{self.name}: {reply['error']} (its output: {self.log})")
        return reply
