"""What every model is compared with: the truth, and a model that gives one answer to everything."""

from __future__ import annotations

from occlusight.backends.protocol import Backend, Request
from occlusight.backends.scripted import Scripted
from occlusight.bench.oracle import oracle_of
from occlusight.datasets.dataset import DataSet
from occlusight.occlusion.kinds import Names
from occlusight.occlusion.parse import is_chinese

CONSTANT_EN = "Yes. It stands in front and hides a small part of it, at the bottom; the top can still be seen."
CONSTANT_ZH = "是的。它在前面，遮挡了下部的一小部分；上部仍然可见。"
BASELINES = ("oracle", "paraphrases", "constant")


def constant() -> Scripted:
    """The same explanation for everything: the commonest true one (a thing before another hides a little of it, at the
    bottom)."""

    def script(request: Request) -> str:
        return CONSTANT_ZH if is_chinese(request.prompt) else CONSTANT_EN

    return Scripted(script, name="constant")


def baseline(name: str, data: DataSet, names: Names) -> Backend | None:
    """Return the baseline of that name, None for a model."""
    if name in ("oracle", "paraphrases"):
        found = oracle_of(data, names, paraphrased=name == "paraphrases")
        found.name = name
        return found
    return constant() if name == "constant" else None
