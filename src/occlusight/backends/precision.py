"""A checkpoint as a model in the numbers that the user wants: as it is, or quantized."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from occlusight.engine.placement import SHARE, Placement, memory_bytes, weights_bytes
from occlusight.model.allocator import reuse_freed_memory
from occlusight.model.quant.cached import load_form, load_quantized
from occlusight.model.quant.calibration import calibration_samples, pictures_digest
from occlusight.model.quant.linear import weight_bytes
from occlusight.model.quant.native import int4_pays, report_on
from occlusight.model.quant.plan import Plan, QuantSettings
from occlusight.model.quant.quantizer import Progress
from occlusight.model.quant.stored import Origin
from occlusight.model.qwen3vl import Qwen3VL
from occlusight.model.weights import dtype_name, load_model

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Opened:
    """A model, what its numbers are called, the bytes of its weights, and the plan if it is quantized."""

    model: Qwen3VL
    dtype: str
    memory_bytes: int
    plan: Plan | None = None


def open_model(
    checkpoint: Path, revision: str, placement: Placement, quantized: QuantSettings | Path | None, kv_bytes: int = 0
) -> Opened:
    """Load a checkpoint; a quantized one from its stored form, which is named or in the cache directory, where it is put first if need be.

    Weights have no second form where that would not fit beside `kv_bytes` of keys and values.

    Raises:
        BadModel: the folder holds no checkpoint that can be loaded, or the named one no stored form of it.
    """
    if placement.device.type == "cpu":
        reuse_freed_memory()
    if quantized is None:
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
        with quantizing_bar() as progress:
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


def calibration_pictures() -> list[Path]:
    """The example pictures that ship with the page."""
    return sorted(Path(str(files("occlusight"))).joinpath("web", "examples").glob("*.webp"))


@contextmanager
def quantizing_bar() -> Iterator[Progress]:
    """A bar on stderr that appears only when something has to be quantized; on no terminal, two lines."""
    columns = (TextColumn("quantizing, once"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    terminal = sys.stderr.isatty()
    bar = Bar(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task("quantizing", total=None)
    began = False

    def show(done: int, total: int, what: str) -> None:
        nonlocal began
        if not began:
            began = True
            log.info("quantizing the model, once; later starts load the stored form")
            if terminal:
                bar.start()
        bar.update(task, completed=done, total=total)

    try:
        yield show
    finally:
        bar.stop()
