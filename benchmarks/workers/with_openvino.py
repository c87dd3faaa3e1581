"""OpenVINO GenAI on an exported checkpoint: FOLDER MODE THREADS. `answers` times single answers by VLMPipeline, `batch`
many questions at once by ContinuousBatchingPipeline with its prefix cache."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import openvino
import openvino_genai as genai
from PIL import Image
from serving import serve


class Single:
    """VLMPipeline as it comes."""

    def __init__(self, folder: str, threads: int) -> None:
        self.pipe = genai.VLMPipeline(folder, "CPU", INFERENCE_NUM_THREADS=threads)

    def answer(self, shown: Image.Image, question: str, tokens: int) -> dict[str, Any]:
        found = self.pipe.generate(question, images=[tensor(shown)], generation_config=greedy(tokens))
        metrics = found.perf_metrics
        return {
            "first_token_s": metrics.get_ttft().mean / 1e3,
            "decode_tokens_per_s": 1e3 / metrics.get_tpot().mean if tokens > 1 else None,
            "prompt_tokens": metrics.get_num_input_tokens(),
        }

    def together(self, shown: Image.Image, questions: Sequence[str], tokens: int) -> int:
        for one in questions:
            self.answer(shown, one, tokens)
        return tokens * len(questions)


class Batching:
    """Its continuous batching: all questions are given at once."""

    def __init__(self, folder: str, threads: int) -> None:
        scheduler = genai.SchedulerConfig()
        scheduler.enable_prefix_caching = True
        scheduler.cache_size = 2
        self.pipe = genai.ContinuousBatchingPipeline(folder, scheduler, "CPU", {"INFERENCE_NUM_THREADS": threads})

    def answer(self, shown: Image.Image, question: str, tokens: int) -> dict[str, Any]:
        raise NotImplementedError("single answers are timed with VLMPipeline")

    def together(self, shown: Image.Image, questions: Sequence[str], tokens: int) -> int:
        pictures = [[tensor(shown)] for _ in questions]
        self.pipe.generate(list(questions), images=pictures, generation_config=[greedy(tokens) for _ in questions])
        return tokens * len(questions)


def tensor(shown: Image.Image) -> openvino.Tensor:
    """`(1, H, W, 3)`."""
    return openvino.Tensor(np.asarray(shown)[None].copy())


def greedy(tokens: int) -> genai.GenerationConfig:
    """Exactly `tokens` tokens."""
    return genai.GenerationConfig(max_new_tokens=tokens, min_new_tokens=tokens, ignore_eos=True, do_sample=False)


if __name__ == "__main__":
    path, mode, number = sys.argv[1:]
    made = {"answers": Single, "batch": Batching}[mode]
    about = {"versions": {"openvino": openvino.__version__, "openvino_genai": genai.__version__}}
    serve(lambda: (made(path, int(number)), about))
