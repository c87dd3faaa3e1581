"""Whether a picture is of the world that a model was trained on, read from what its vision tower makes of it.

Beside a checkpoint lies `domain.json`, which `occlusight train-domain` fits: a logistic regression over the mean and
the spread of the merged tokens and of each of DeepStack's taps. It costs two passes over features that are computed
anyway.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from occlusight.model.fields import Fields, read_json
from occlusight.model.vision import VisionFeatures

FILE = "domain.json"


def summary(features: VisionFeatures) -> Tensor:
    """Return the mean and the standard deviation over a picture's tokens of `embeds` and of each tap, one after the
    other: fp32, `(2 * D * (1 + taps),)`.
    """
    parts = [part.float() for part in (features.embeds, *features.taps)]
    return torch.cat([moment for part in parts for moment in (part.mean(0), part.std(0, correction=0))])


@dataclass(frozen=True)
class Domain:
    """What tells the model's world from others. `weights`: as long as a `summary`; `revision`: of the model whose
    features it was fitted to."""

    weights: Tensor
    bias: float
    revision: str = ""

    @classmethod
    def load(cls, checkpoint: Path, size: int) -> Domain | None:
        """Read a checkpoint's file for summaries of `size` numbers; None without one. Raises BadModel for one that does
        not fit, or cannot be read.
        """
        if not (checkpoint / FILE).exists():
            return None
        fields = Fields(read_json(checkpoint, FILE), f"{checkpoint / FILE}")
        coded, bias = fields.text("weights") or "", fields.number("bias")
        revision = fields.text("revision") or ""
        try:
            data = b64decode(coded, validate=True)
        except ValueError:
            data = b""
        if len(data) != 2 * size:
            fields.refuse(f"needs {size} weights as base64 of fp16; fit it again with: occlusight train-domain")
        weights = torch.frombuffer(bytearray(data), dtype=torch.float16).float()
        fields.close()
        return cls(weights, bias, revision)

    def save(self, checkpoint: Path) -> None:
        """Write the file of a checkpoint."""
        coded = b64encode(self.weights.half().numpy().tobytes()).decode()
        document = {"revision": self.revision, "weights": coded, "bias": self.bias}
        (checkpoint / FILE).write_text(json.dumps(document) + "\n", encoding="utf-8")

    def probability(self, features: VisionFeatures) -> float:
        """Return how probably the picture is of the model's world."""
        return float(torch.sigmoid(summary(features).cpu() @ self.weights + self.bias))
