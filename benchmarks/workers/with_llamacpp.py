"""llama.cpp through xllamacpp: GGUF MMPROJ SLOTS THREADS. With several slots, questions are asked at once, else one by
one."""

from __future__ import annotations

import base64
import io
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any

import xllamacpp
from PIL import Image
from serving import serve

CONTEXT = {True: 2048, False: 1024}
"""Tokens for each slot, of one and of several: no more than the work needs, since it takes memory for all of them."""


class Engine:
    """A server inside this process, with its prompt cache on."""

    def __init__(self, gguf: str, mmproj: str, slots: int, threads: int) -> None:
        settings = xllamacpp.CommonParams()
        settings.model.path, settings.mmproj.path = gguf, mmproj
        settings.n_ctx, settings.n_parallel = CONTEXT[slots == 1] * slots, slots
        settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = threads
        self.slots = slots
        self.server = xllamacpp.Server(settings)

    def answer(self, shown: Image.Image, question: str, tokens: int) -> dict[str, Any]:
        timings = self.ask(data_url(shown), question, tokens)["timings"]
        return {
            "first_token_s": timings["prompt_ms"] / 1e3,
            "decode_tokens_per_s": timings["predicted_per_second"] if tokens > 1 else None,
            "prompt_tokens": timings["prompt_n"] + timings.get("cache_n", 0),
        }

    def together(self, shown: Image.Image, questions: Sequence[str], tokens: int) -> int:
        url = data_url(shown)
        with ThreadPoolExecutor(self.slots) as threads:
            replies = list(threads.map(lambda one: self.ask(url, one, tokens), questions))
        return sum(reply["timings"]["predicted_n"] for reply in replies)

    def ask(self, url: str, question: str, tokens: int) -> dict[str, Any]:
        content = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": question}]
        request = {
            "messages": [{"role": "user", "content": content}],
            "max_tokens": tokens,
            "ignore_eos": True,
            "temperature": 0,
            "cache_prompt": True,
        }
        found: dict[str, Any] = self.server.handle_chat_completions(request)
        if "timings" not in found:
            raise RuntimeError(f"llama.cpp refused: {found}")
        return found


def data_url(shown: Image.Image) -> str:
    """The picture as a PNG in a data URL."""
    png = io.BytesIO()
    shown.save(png, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(png.getvalue()).decode()


if __name__ == "__main__":
    weights, projector, count, number = sys.argv[1:]
    about = {"versions": {"xllamacpp": version("xllamacpp")}}
    serve(lambda: (Engine(weights, projector, int(count), int(number)), about))
