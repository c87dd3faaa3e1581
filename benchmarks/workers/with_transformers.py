"""Transformers on a checkpoint: CHECKPOINT DTYPE THREADS. The picture is given as patches: its processor needs
torchvision."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image
from serving import serve
from transformers import AutoTokenizer, Qwen3VLForConditionalGeneration

IMAGE_PAD = 151_655


class Engine:
    """A model that generates greedily; nothing is kept between calls, as Transformers does."""

    def __init__(self, checkpoint: str, dtype: str, threads: int) -> None:
        torch.set_num_threads(threads)
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.dtype = getattr(torch, dtype)
        self.model = Qwen3VLForConditionalGeneration.from_pretrained(checkpoint, dtype=self.dtype).eval()

    def answer(self, shown: Image.Image, question: str, tokens: int) -> dict[str, Any]:
        inputs = self.inputs(shown, [question])
        clock = Clock()
        self.generate(inputs, tokens, streamer=clock)
        first = clock.times[0]
        rate = (tokens - 1) / (clock.times[-1] - first) if tokens > 1 else None
        return {"first_token_s": first, "decode_tokens_per_s": rate, "prompt_tokens": inputs["input_ids"].shape[1]}

    def together(self, shown: Image.Image, questions: Sequence[str], tokens: int) -> int:
        self.generate(self.inputs(shown, questions), tokens)
        return tokens * len(questions)

    def generate(self, inputs: dict[str, Any], tokens: int, **more: Any) -> None:
        with torch.inference_mode():
            self.model.generate(**inputs, do_sample=False, max_new_tokens=tokens, min_new_tokens=tokens, **more)

    def inputs(self, shown: Image.Image, questions: Sequence[str]) -> dict[str, Any]:
        """Prompts padded on the left, and the picture once for each."""
        grid = shown.width // 16
        pads = "<|image_pad|>" * (grid * grid // 4)
        texts = [
            f"<|im_start|>user\n<|vision_start|>{pads}<|vision_end|>{one}<|im_end|>\n<|im_start|>assistant\n"
            for one in questions
        ]
        self.tokenizer.padding_side = "left"
        found = self.tokenizer(texts, return_tensors="pt", padding=True)
        ids = found["input_ids"]
        return {
            "input_ids": ids,
            "attention_mask": found["attention_mask"],
            "mm_token_type_ids": (ids == IMAGE_PAD).long(),
            "pixel_values": self.patches(shown).repeat(len(questions), 1),
            "image_grid_thw": torch.tensor([[1, grid, grid]] * len(questions)),
        }

    def patches(self, shown: Image.Image) -> torch.Tensor:
        """`(rows * columns, 3 * 2 * 16 * 16)`, in blocks of 2 x 2 patches."""
        grid = shown.width // 16
        scaled = torch.from_numpy(np.asarray(shown).copy()).permute(2, 0, 1).float() / 127.5 - 1  # (3, H, W)
        cut = scaled.view(3, grid // 2, 2, 16, grid // 2, 2, 16).permute(1, 4, 2, 5, 0, 3, 6)
        twice = cut.reshape(grid * grid, 3, 1, 16, 16).expand(-1, -1, 2, -1, -1)
        return twice.reshape(grid * grid, -1).to(self.dtype)


class Clock:
    """A streamer that notes when each token came; the first thing put is the prompt."""

    def __init__(self) -> None:
        self.began = perf_counter()
        self.times: list[float] = []
        self.prompt = True

    def put(self, value: Any) -> None:
        if not self.prompt:
            self.times.append(perf_counter() - self.began)
        self.prompt = False

    def end(self) -> None:
        pass


if __name__ == "__main__":
    path, kind, number = sys.argv[1:]
    versions = {"transformers": transformers.__version__, "torch": torch.__version__}
    serve(lambda: (Engine(path, kind, int(number)), {"versions": versions}))
