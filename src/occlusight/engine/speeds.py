"""How fast this machine computes a model, from what it has done before: what an estimate goes by."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch

from occlusight.files.cache_directory import cache_directory

Part: TypeAlias = Literal["vision", "text"]
ENOUGH_S = 0.05
"""What took less says nothing: small work waits for other things than products."""
FILE = "speeds.json"
MOST_KEPT = 100


class Speeds:
    """Multiplications a second of the tower and of the decoder, as measured last. `known`: what earlier processes
    found.
    """

    def __init__(self, known: Mapping[str, float] | None = None) -> None:
        self.rates: dict[str, float] = dict(known or {})

    def learn(self, part: Part, work: float, seconds: float) -> None:
        """Take in what so many multiplications took."""
        if seconds >= ENOUGH_S:
            self.rates[part] = work / seconds

    def seconds(self, part: Part, work: float) -> float | None:
        """Return about what so many multiplications take; where this part is not known, by the other one's speed."""
        rate = self.rates.get(part) or max(self.rates.values(), default=0.0)
        return work / rate if rate else None


class KeptSpeeds:
    """A file in the cache directory in which processes leave each other the speeds of a model on this machine, in these
    numbers.

    It is a convenience: one that cannot be read or written is as none.
    """

    def __init__(self, revision: str, dtype: str) -> None:
        self.key = f"{platform.node()}, {torch.get_num_threads()} threads: {revision} in {dtype}"

    @property
    def path(self) -> Path:
        """Where it is."""
        return cache_directory() / FILE

    def read(self) -> dict[str, float]:
        """Return the rates that were left for this key."""
        kept = self._all().get(self.key)
        if not isinstance(kept, dict):
            return {}
        return {part: float(rate) for part, rate in kept.items() if isinstance(rate, (int, float)) and 0 < rate < 1e18}

    def write(self, rates: Mapping[str, float]) -> None:
        """Leave rates for later processes, beside those of other keys."""
        kept = self._all()
        kept.pop(self.key, None)
        kept = dict([*kept.items(), (self.key, dict(rates))][-MOST_KEPT:])
        part = self.path.with_name(f"{FILE}.{os.getpid()}.part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(kept, indent=1), encoding="utf-8")
            os.replace(part, self.path)
        except OSError:
            part.unlink(missing_ok=True)

    def _all(self) -> dict[str, Any]:
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
