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
    """`pictures`: the most pictures at a time that the model was trained on; None where that is not declared."""

    pictures: int | None = None

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
        fields.close()
        return cls(pictures)

    def save(self, checkpoint: Path) -> None:
        """Write the file of a checkpoint."""
        (checkpoint / FILE).write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")
