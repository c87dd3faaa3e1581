"""What a checkpoint says about its training beyond what a Qwen3-VL's own files can say: `occlusight.json` beside
them.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from occlusight.model.fields import Fields, read_json

FILE = "occlusight.json"


@dataclass(frozen=True)
class Traits:
    """What was declared.

    Args:
        pictures: the most pictures at a time that the model was trained on; None where that is not declared.
        learnt: the steps of programs (`questions/template.py`) that it was asked in training, sorted, where it knows
            questions in these wordings alone; empty for a model that takes any words.
    """

    pictures: int | None = None
    learnt: tuple[str, ...] = ()

    @classmethod
    def load(cls, checkpoint: Path) -> Traits:
        """Read the file of a checkpoint; without one nothing is declared. Raises BadModel for one that cannot be
        read.
        """
        if not (checkpoint / FILE).exists():
            return cls()
        fields = Fields(read_json(checkpoint, FILE), f"{checkpoint / FILE}")
        pictures = None if fields.get("pictures") is None else fields.integer("pictures")
        if pictures is not None and pictures < 1:
            fields.refuse(f"needs a number of pictures above 0, got {pictures}")
        learnt = fields.get("learnt") or []
        if not isinstance(learnt, list) or not all(isinstance(step, str) for step in learnt):
            fields.refuse(f"needs a list of names as learnt, got {str(learnt)[:80]}")
        fields.close()
        return cls(pictures, tuple(sorted(learnt)))

    def save(self, checkpoint: Path) -> None:
        """Write the file of a checkpoint."""
        (checkpoint / FILE).write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")
