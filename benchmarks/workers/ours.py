"""Our engine on a checkpoint: CHECKPOINT QUANTIZE DTYPE THREADS."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

os.environ.setdefault("GOMP_SPINCOUNT", "20000")  # as the command line does on an idle machine
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # and always

import torch
from PIL import Image
from serving import serve

from occlusight import __version__
from occlusight.backends.options import EngineOptions
from occlusight.bench.speed import clock, clock_together, open_for_timing


class Engine:
    """The backend that `occlusight ask` and the page use; several questions come from as many threads."""

    def __init__(self, checkpoint: str, quantize: str, dtype: str, threads: int) -> None:
        torch.set_num_threads(threads)
        self.backend = open_for_timing(checkpoint, EngineOptions(device="cpu", dtype=dtype, quantize=quantize))

    def answer(self, shown: Image.Image, question: str, tokens: int) -> dict[str, Any]:
        found = clock(self.backend, shown, question, tokens)
        return {
            "first_token_s": found.first_token_s,
            "decode_tokens_per_s": found.decode_tokens_per_s,
            "prompt_tokens": found.prompt_tokens,
            "image_cached": found.image_cached,
        }

    def together(self, shown: Image.Image, questions: Sequence[str], tokens: int) -> int:
        _, answers = clock_together(self.backend, shown, list(questions), tokens)
        return sum(one.tokens for one in answers)


if __name__ == "__main__":
    path, weights, kind, number = sys.argv[1:]
    about = {"versions": {"occlusight": __version__, "torch": torch.__version__}}
    serve(lambda: (Engine(path, weights, kind, int(number)), about))
