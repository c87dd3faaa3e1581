"""The loop of a worker: a process that holds one engine and does what it reads on stdin, a line of JSON each.

    {"do": "answer", "picture": 3, "side": 512, "number": 7, "tokens": 24}
        -> {"first_token_s": .., "decode_tokens_per_s": .., "prompt_tokens": ..}
    {"do": "together", "picture": 4, "side": 512, "numbers": [8, 9], "tokens": 48}
        -> {"seconds": .., "tokens": ..}

Every reply also has `peak_rss_gb`. Workers run in their engine's own environment; what they import of occlusight needs
numpy and pillow alone. Libraries that print to stdout cannot disturb the replies: those go to what stdout was at the
start, everything else to stderr.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence
from time import perf_counter
from typing import Any, Protocol

from PIL import Image

from occlusight.bench.speed import peak_rss_gb, picture, question


class Engine(Protocol):
    """What a worker times."""

    def answer(self, shown: Image.Image, question: str, tokens: int) -> dict[str, Any]:
        """Answer with exactly `tokens` tokens; return first_token_s, decode_tokens_per_s (None for one token),
        prompt_tokens."""
        ...

    def together(self, shown: Image.Image, questions: Sequence[str], tokens: int) -> int:
        """Answer all questions about one picture the fastest way that the engine has; return how many tokens it
        said."""
        ...


def serve(load: Any) -> None:
    """Load the engine, say so, and work until stdin ends."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def reply(found: dict[str, Any]) -> None:
        replies.write(json.dumps({**found, "peak_rss_gb": round(peak_rss_gb(), 3)}) + "\n")
        replies.flush()

    try:
        began = perf_counter()
        engine, about = load()
        reply({"load_s": round(perf_counter() - began, 3), **about})
        for line in sys.stdin:
            reply(work(engine, json.loads(line)))
    except Exception as error:
        traceback.print_exc()
        reply({"error": f"{type(error).__name__}: {error}"})
        sys.exit(1)


def work(engine: Engine, task: dict[str, Any]) -> dict[str, Any]:
    """Do one task."""
    shown = picture(task["side"], task["picture"])
    if task["do"] == "answer":
        return engine.answer(shown, question(task["number"]), task["tokens"])
    began = perf_counter()
    tokens = engine.together(shown, [question(number) for number in task["numbers"]], task["tokens"])
    return {"seconds": perf_counter() - began, "tokens": tokens}
