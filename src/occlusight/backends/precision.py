"""A checkpoint as a model in the numbers that the user wants: as it is, or quantized."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from time import perf_counter

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from occlusight.backends.fitting import check_fits
from occlusight.durations import about
from occlusight.engine.memory import memory_bytes
from occlusight.engine.placement import SHARE, Placement, weights_bytes
from occlusight.errors import BadInput
from occlusight.model.allocator import reuse_freed_memory
from occlusight.model.config import ModelConfig
from occlusight.model.fields import read_json
from occlusight.model.quant.cached import load_form, load_quantized
from occlusight.model.quant.calibration import calibration_samples, pictures_digest
from occlusight.model.quant.linear import weight_bytes
from occlusight.model.quant.native import int4_pays, report_on
from occlusight.model.quant.plan import TEXT_CHOICES, Plan, QuantSettings
from occlusight.model.quant.quantizer import Progress
from occlusight.model.quant.stored import Origin
from occlusight.model.qwen3vl import Qwen3VL
from occlusight.model.size import parameters_of
from occlusight.model.weights import dtype_name, load_model

AUTO = "auto"
LARGE = 500_000_000
"""From so many parameters on, a CPU computes in 8 bits unless told: several times as fast, and half of the memory."""
TOLD_EVERY_S = 20.0
"""How often quantizing says on no terminal how far it is."""
Tell = Callable[[str], None]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Opened:
    """A model, what its numbers are called, the bytes of its weights, and the plan if it is quantized."""

    model: Qwen3VL
    dtype: str
    memory_bytes: int
    plan: Plan | None = None


def open_model(
    checkpoint: Path,
    revision: str,
    placement: Placement,
    quantized: QuantSettings | Path | None,
    kv_bytes: int = 0,
    tell: Tell = log.info,
) -> Opened:
    """Load a checkpoint; a quantized one from its stored form, which is named or in the cache directory, where it is put first if need be.

    Weights have no second form where that would not fit beside `kv_bytes` of keys and values.

    Raises:
        BadModel: the folder holds no checkpoint that can be loaded, or the named one no stored form of it.
        BadInput: it does not fit into the free memory.
    """
    if placement.device.type == "cpu":
        reuse_freed_memory()
    if quantized is None:
        check_fits(checkpoint, placement, None)
        model = load_model(checkpoint, placement.dtype, placement.device)
        size = sum(p.numel() * p.element_size() for p in model.parameters())
        return Opened(model, dtype_name(placement.dtype), size)
    # Two forms of the weights take about what the checkpoint does.
    lean = weights_bytes(checkpoint) + kv_bytes > SHARE * memory_bytes()
    if isinstance(quantized, Path):
        model, plan = load_form(checkpoint, revision, quantized, lean, placement.device)
    else:
        pictures = calibration_pictures()
        origin = Origin(revision, pictures_digest(pictures), quantized)
        check_fits(checkpoint, placement, quantized, origin.folder.is_dir(), lean)
        with quantizing_bar(tell) as progress:
            model, plan = load_quantized(
                checkpoint, origin, lambda: calibration_samples(checkpoint, pictures), progress, lean, placement.device
            )
    if not plan.within:
        log.warning("quantizing cost more accuracy than its budget allows: see `occlusight models quantize`")
    size = weight_bytes(model) + sum(p.numel() * p.element_size() for p in model.parameters())
    kind = placement.device.type
    both = ", prompts in int8" if int4_pays(kind) else ", run in int8"
    prompts = "" if plan.settings.text != "int4" else ", prompts too" if lean else both
    return Opened(model, f"{plan.settings.label}{prompts}; {report_on(kind)}", size, plan)


def precision_of(
    quantize: str, quantize_vision: str | None, checkpoint: Path, placement: Placement, tell: Tell = log.info
) -> QuantSettings | Path | None:
    """What a user says of bits: settings, the folder of a stored form, or None where nothing is quantized.

    "auto" is int8 for a checkpoint of `LARGE` or more parameters on a CPU, which is told, and none below, on a GPU, and where
    a type of numbers was asked for.

    Raises:
        BadInput: there is no such choice and no such folder, or both a form and the tower's bits are given.
        BadModel: the checkpoint's configuration cannot be read.
    """
    if quantize == AUTO:
        quantize = "none"
        if placement.device.type == "cpu" and placement.chosen:
            size = parameters_of(ModelConfig.from_hf(read_json(checkpoint, "config.json")))
            if size >= LARGE:
                quantize = "int8"
                tell(
                    f"{size / 1e9:.1f} billion parameters on a CPU: computed in 8 bits; --quantize none computes in "
                    f"{dtype_name(placement.dtype)}, --quantize int4 in fewer bits"
                )
    folder = Path(quantize)
    if quantize in TEXT_CHOICES or not folder.is_dir():
        return QuantSettings.of(quantize, quantize_vision)
    if quantize_vision is not None:
        raise BadInput(f"the form in {quantize} has its own bits for the vision tower; leave --quantize-vision out")
    return folder


def calibration_pictures() -> list[Path]:
    """The example pictures that ship with the page."""
    return sorted(Path(str(files("occlusight"))).joinpath("web", "examples").glob("*.webp"))


@contextmanager
def quantizing_bar(tell: Tell = log.info) -> Iterator[Progress]:
    """What is shown while something is quantized: a bar on a terminal, elsewhere a line now and then, both with the time left."""
    columns = (TextColumn("quantizing, once"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    terminal = sys.stderr.isatty()
    bar = Bar(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task("quantizing", total=None)
    began = told = 0.0

    def show(done: int, total: int, what: str) -> None:
        nonlocal began, told
        now = perf_counter()
        if not began:
            began = told = now
            tell("quantizing the model, once: later starts load the stored form (Ctrl-C stops, nothing is left behind)")
            if terminal:
                bar.start()
        bar.update(task, completed=done, total=total)
        first = told == began
        if not terminal and 0 < done < total and (first or now - told >= TOLD_EVERY_S):
            told = now
            tell(f"quantized {done / total:.0%}, {about((now - began) * (total - done) / done)} left")

    try:
        yield show
    finally:
        bar.stop()
