"""A checkpoint in few bits: from its stored form, which is made first if need be."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from time import perf_counter

from occlusight.backends.fitting import check_fits
from occlusight.backends.opened import Opened, Tell
from occlusight.durations import about
from occlusight.kernels.capabilities import int4_pays, report_on
from occlusight.model.device import SHARE, Placement, weights_bytes
from occlusight.model.memory import memory_bytes
from occlusight.model.quant.calibration import calibration_samples, pictures_digest
from occlusight.model.quant.linear import weight_bytes
from occlusight.model.quant.plan import QuantSettings
from occlusight.model.quant.quantizer import Progress
from occlusight.model.quant.store import load_form, load_quantized
from occlusight.model.quant.store_file import Origin

TOLD_EVERY_S = 20.0
"""How often quantizing says on no terminal how far it is."""

log = logging.getLogger(__name__)


def open_quantized(
    checkpoint: Path, revision: str, placement: Placement, quantized: QuantSettings | Path, kv_bytes: int, tell: Tell
) -> Opened:
    """Load a checkpoint in few bits; see `open_model`."""
    # Two forms of the weights take about what the checkpoint does.
    int4_only = weights_bytes(checkpoint) + kv_bytes > SHARE * memory_bytes()
    if isinstance(quantized, Path):
        model, plan = load_form(checkpoint, revision, quantized, int4_only, placement.device)
    else:
        pictures = calibration_pictures()
        origin = Origin(revision, pictures_digest(pictures), quantized)
        check_fits(checkpoint, placement, quantized, origin.folder.is_dir(), int4_only)
        with quantizing_bar(tell) as progress:
            model, plan = load_quantized(
                checkpoint,
                origin,
                lambda: calibration_samples(checkpoint, pictures),
                progress,
                int4_only,
                placement.device,
            )
    if not plan.within:
        log.warning("quantizing cost more accuracy than its budget allows: see `occlusight models quantize`")
    size = weight_bytes(model) + sum(p.numel() * p.element_size() for p in model.parameters())
    kind = placement.device.type
    both = ", prompts in int8" if int4_pays(kind) else ", run in int8"
    prompts = "" if plan.settings.text != "int4" else ", prompts too" if int4_only else both
    return Opened(model, f"{plan.settings.label}{prompts}; {report_on(kind)}", size, plan)


def calibration_pictures() -> list[Path]:
    """The example pictures that ship with the page."""
    return sorted(Path(str(files("occlusight"))).joinpath("examples").glob("*.webp"))


@contextmanager
def quantizing_bar(tell: Tell = log.info) -> Iterator[Progress]:
    """What is shown while something is quantized: a bar on a terminal, elsewhere a line now and then, both with the
    time left."""
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

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
