"""A run in a process of its own, to be killed: python asked.py DATA CHECKPOINT OUT."""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.occlusion.graphs import NAMES

from occlusight.backends.local import LocalBackend
from occlusight.backends.options import SamplingParams
from occlusight.bench.run import run
from occlusight.bench.settings import Settings
from occlusight.datasets.dataset import read_set
from occlusight.engine.config import LONGEST_STEP_S, EngineSettings


def asked(data: Path, checkpoint: Path, out: Path) -> None:
    """Ask a tiny checkpoint everything about a set, or go on with that."""
    backend = LocalBackend(checkpoint, name="tiny", settings=EngineSettings(step_s=LONGEST_STEP_S))
    run(backend, read_set(data), out, NAMES, settings=Settings(sampling=SamplingParams(max_tokens=12)))


if __name__ == "__main__":
    torch.set_num_threads(1)
    asked(*map(Path, sys.argv[1:]))
