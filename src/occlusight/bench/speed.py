"""How fast a backend answers: the first token for a new and for a known picture, decoding, several questions at once.

Every question is a word longer than the one before, so that no prompt length occurs twice in a process (kernels are
built and cached by shape), and differs from the others from its second word on. Pictures are noise: what is in them
costs nothing.
"""

from __future__ import annotations

import logging
import os
import platform
import resource
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from occlusight.backends.events import Done
from occlusight.backends.options import EngineOptions
from occlusight.backends.protocol import Backend, Request
from occlusight.errors import BadInput

if TYPE_CHECKING:
    from occlusight.backends.local import LocalBackend

LOG = logging.getLogger(__name__)
GB = 1e9
CPU_FLAGS = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_int8", "amx_bf16")


@dataclass(frozen=True)
class Work:
    """What is measured: `runs` times each, after a warm-up of one answer and one batch of other pictures.

    `tokens` is the length of a single answer, `batch_tokens` that of each of the `questions` asked at once; a model
    that ends its answer earlier is timed on what it said.
    """

    image_size: int = 512
    questions: int = 8
    tokens: int = 32
    batch_tokens: int = 48
    runs: int = 5

    def __post_init__(self) -> None:
        if min(self.questions, self.batch_tokens, self.runs) < 1 or self.tokens < 2 or self.image_size < 32:
            raise BadInput(
                "speed needs at least 1 question, 1 run, 2 tokens and pictures of 32 pixels, but got "
                f"{self.questions} question(s), {self.runs} run(s), {self.tokens} and {self.batch_tokens} tokens, "
                f"{self.image_size} pixels"
            )


@dataclass(frozen=True)
class Clocked:
    """One answer: seconds to its first token and altogether, tokens a second after the first (None: there was only
    one)."""

    first_token_s: float
    total_s: float
    decode_tokens_per_s: float | None
    prompt_tokens: int
    image_tokens: int
    tokens: int
    image_cached: bool


@dataclass
class Samples:
    """What the runs of a `Work` gave, a number a run."""

    new_image_s: list[float] = field(default_factory=list)
    same_image_s: list[float] = field(default_factory=list)
    decode_per_s: list[float] = field(default_factory=list)
    batch_s: list[float] = field(default_factory=list)
    batch_per_s: list[float] = field(default_factory=list)
    prompt_tokens: list[int] = field(default_factory=list)
    image_tokens: int = 0

    def summary(self) -> dict[str, Any]:
        """Medians under the names that scripts rely on, and the runs behind them."""
        rows = {
            "first_token_s_new_image": self.new_image_s,
            "first_token_s_same_image": self.same_image_s,
            "decode_tokens_per_s": self.decode_per_s,
            "batch_tokens_per_s": self.batch_per_s,
            "batch_s": self.batch_s,
        }
        medians = {name: round(median(found), 4) if found else None for name, found in rows.items()}
        runs = {name: [round(value, 4) for value in found] for name, found in rows.items()}
        lengths = [min(self.prompt_tokens), max(self.prompt_tokens)]
        return {**medians, "image_tokens": self.image_tokens, "prompt_tokens": lengths, "samples": runs}


def open_for_timing(model: str, options: EngineOptions = EngineOptions()) -> LocalBackend:
    """Open a model on our own engine without guessing ahead, which models with random weights, that soon repeat
    themselves, flatter; pictures keep the size under test, within the checkpoint's own limits.

    Raises:
        BadModel: there is no such model.
        BadInput: there is no such device, dtype or number of bits.
    """
    from occlusight.backends.local import LocalBackend

    return LocalBackend.open(model, replace(options, prompt_lookup=False, max_pixels="model"), LOG.info)


def picture(side: int, number: int) -> Image.Image:
    """A square picture of noise; another number gives another picture."""
    noise = np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return Image.fromarray(noise)


def question(number: int) -> str:
    """A question that nothing else begins like, a word longer than that of `number - 1`."""
    return f"Question {number}: does the lamp post occlude the car, and why? Look" + " again" * number


def clock(backend: Backend, shown: Image.Image, asked: str, tokens: int) -> Clocked:
    """Ask one question greedily and read the clock."""
    began = perf_counter()
    done = last(backend.generate(Request(asked, (shown,), max_tokens=tokens)))
    total = perf_counter() - began
    usage, timings = done.usage, done.timings
    rate = (usage.completion_tokens - 1) / timings.decode_s if usage.completion_tokens > 1 else None
    return Clocked(
        first_token_s=timings.first_token_s,
        total_s=total,
        decode_tokens_per_s=rate,
        prompt_tokens=usage.prompt_tokens,
        image_tokens=usage.image_tokens,
        tokens=usage.completion_tokens,
        image_cached=timings.image_cached,
    )


def clock_together(backend: Backend, shown: Image.Image, asked: list[str], tokens: int) -> tuple[float, list[Clocked]]:
    """Ask all questions about one picture at once, a thread each; return the seconds until all are answered."""
    began = perf_counter()
    with ThreadPoolExecutor(len(asked)) as threads:
        answers = list(threads.map(lambda one: clock(backend, shown, one, tokens), asked))
    return perf_counter() - began, answers


def measure(backend: Backend, work: Work, progress: Callable[[int, int], None] = lambda done, total: None) -> Samples:
    """Do the work. `progress` hears how many of the steps are done."""
    numbers = count(1)
    total = 2 + 3 * work.runs
    steps = count(1)

    def ask(shown: Image.Image, tokens: int) -> Clocked:
        found = clock(backend, shown, question(next(numbers)), tokens)
        progress(next(steps), total)
        return found

    def ask_all(shown: Image.Image, tokens: int) -> tuple[float, list[Clocked]]:
        found = clock_together(backend, shown, [question(next(numbers)) for _ in range(work.questions)], tokens)
        progress(next(steps), total)
        return found

    ask(picture(work.image_size, 0), 4)
    ask_all(picture(work.image_size, 0), 4)
    samples = Samples()
    for run in range(1, work.runs + 1):
        shown = picture(work.image_size, run)
        first = ask(shown, work.tokens)
        later = ask(shown, 2)
        seconds, together = ask_all(picture(work.image_size, -run % 2**32), work.batch_tokens)
        samples.new_image_s.append(first.first_token_s)
        samples.same_image_s.append(later.first_token_s)
        samples.batch_s.append(seconds)
        samples.batch_per_s.append(sum(one.tokens for one in together) / seconds)
        samples.prompt_tokens += [one.prompt_tokens for one in (first, later, *together)]
        samples.image_tokens = first.image_tokens
        if first.decode_tokens_per_s is not None:
            samples.decode_per_s.append(first.decode_tokens_per_s)
    return samples


def last(events: Iterator[Any]) -> Done:
    """The last event of an answer."""
    done = Done("cancelled")
    for event in events:
        if isinstance(event, Done):
            done = event
    return done


def peak_rss_gb() -> float:
    """The most memory that this process has held, in GB (10^9 bytes).

    Linux's VmHWM is the process's own; `ru_maxrss` would also count what its parent held when it started this one.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024 / GB
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / GB


def processor() -> dict[str, Any]:
    """The CPU's name, cores, and which of the instructions that matter here it has (Linux; elsewhere its name)."""
    found: dict[str, Any] = {"name": platform.processor() or platform.machine(), "cpus": os.cpu_count(), "flags": []}
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return found
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            found["name"] = value.strip()
        if name.strip() == "flags":
            found["flags"] = [flag for flag in CPU_FLAGS if flag in value.split()]
    return found
