"""A fake engine for the comparison: a worker that answers at once with what its arguments say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from benchmarks.engines import WORKERS, Bench, Engine

FAKE = """
import sys, time
sys.path.insert(0, {workers!r})
from serving import serve

class Fake:
    def answer(self, shown, question, tokens):
        print("noise on stdout")
        with open({asked!r}, "a") as log:
            log.write(f"{{sys.argv[1]}} {{shown.size}} {{question.count('again')}} {{tokens}}\\n")
        if sys.argv[1] == "broken":
            raise RuntimeError("no such instruction")
        return {{"first_token_s": float(sys.argv[2]), "decode_tokens_per_s": 10.0, "prompt_tokens": 7}}

    def together(self, shown, questions, tokens):
        with open({asked!r}, "a") as log:
            log.write(f"{{sys.argv[1]}} together {{[one.count('again') for one in questions]}} {{tokens}}\\n")
        return len(questions) * tokens

serve(lambda: (Fake(), {{"versions": {{sys.argv[1]: "1"}}}}))
"""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "checkpoint", tmp_path / "folder", threads=1)


@pytest.fixture
def fake(tmp_path: Path) -> Callable[..., Engine]:
    script = tmp_path / "fake.py"
    script.write_text(FAKE.format(workers=str(WORKERS), asked=str(tmp_path / "asked.txt")), encoding="utf-8")

    def fake(name: str, first: float, **more: object) -> Engine:
        return Engine(None, (str(script), name, str(first)), gb=1.0, **more)  # type: ignore[arg-type]

    return fake
