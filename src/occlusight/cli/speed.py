"""`occlusight speed`: how fast a model answers on this machine."""

from __future__ import annotations

from dataclasses import asdict, replace
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from occlusight.backends.options import EngineOptions
from occlusight.cli.options import Model, TimedEngine
from occlusight.cli.progress import progress
from occlusight.cli.records import with_options
from occlusight.cli.results import for_people, for_programs

if TYPE_CHECKING:
    from collections.abc import Callable

    from occlusight.backends.local import LocalBackend
    from occlusight.bench.speed import Samples, Work


@with_options
def speed(
    model: Model = "default",
    image_size: Annotated[int, typer.Option(min=32, help="Side of the square pictures, in pixels.")] = 512,
    questions: Annotated[int, typer.Option(min=1, help="How many are asked at once about one picture.")] = 8,
    tokens: Annotated[int, typer.Option(min=2, help="Length of a single answer.")] = 32,
    batch_tokens: Annotated[int, typer.Option(min=1, help="Length of each answer of those asked at once.")] = 48,
    runs: Annotated[int, typer.Option(min=1, help="How often each is measured; medians are printed.")] = 5,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads. [default: as many as PyTorch takes]")] = None,
    engine: TimedEngine = EngineOptions(),
) -> None:
    """Measure how long the first word takes, for a new and for a known picture, and how many words a second follow.

    Prints a table on a terminal, else one line of JSON. Pictures are noise and questions meaningless; every prompt has
    a length that this process has not met before, and no tokens are guessed ahead: noise would be guessed too well. On
    a GPU it also prints first and later answers and memory, with fused attention and 8-bit weights on and off.
    """
    import torch

    from occlusight.bench.record import surroundings
    from occlusight.bench.speed import Work, measure, open_for_timing, peak_rss_gb, processor

    work = Work(image_size, questions, tokens, batch_tokens, runs)
    if threads is not None:
        torch.set_num_threads(threads)

    def opened(weights: str) -> LocalBackend:
        vision = engine.quantize_vision if weights == engine.quantize else None
        return open_for_timing(model, replace(engine, quantize=weights, quantize_vision=vision))

    began = perf_counter()
    backend = open_for_timing(model, engine)
    load_s = perf_counter() - began
    on_gpu = backend.engine.device.type == "cuda"
    with progress("measuring", "answers") as show_progress:
        samples = measure(backend, work, show_progress)
    result: dict[str, Any] = {
        **samples.summary(),
        "peak_rss_gb": round(peak_rss_gb(), 3),
        "load_s": round(load_s, 3),
        "threads": torch.get_num_threads(),
        "model": backend.info.name,
        "revision": backend.info.revision,
        "quantize": engine.quantize,
        "quantize_vision": engine.quantize_vision or engine.quantize,
        "dtype": backend.info.dtype,
        "device": str(backend.engine.device),
        "lengths": asdict(work),
        "warm_up": "one answer and one batch",
    }
    found = surroundings()
    result |= {"versions": found["versions"], "machine": {**found["machine"], **processor()}, "commit": found["commit"]}
    show(result, samples, work)
    if on_gpu:
        del backend
        result["article"] = article(opened, work)
    for_programs(result)


def show(result: dict[str, Any], samples: Samples, work: Work) -> None:
    """Print the table: medians and their range."""
    from rich.table import Table

    precision = ", ".join(part for part in (result["quantize"], result["dtype"]) if part not in ("auto", "none"))
    table = Table(title=f"{result['model']}, {precision}, {result['threads']} threads, {work.runs} runs")
    for column in ("", "median", "lowest", "highest"):
        table.add_column(column)
    side, count = work.image_size, work.questions
    rows = {
        f"first token, new picture of {side}x{side} (s)": samples.new_image_s,
        "first token, same picture, new question (s)": samples.same_image_s,
        "decoding one answer (tokens/s)": samples.decode_per_s,
        f"{count} questions about one new picture (s)": samples.batch_s,
        f"{count} questions about one new picture (tokens/s)": samples.batch_per_s,
    }
    from statistics import median

    for name, values in rows.items():
        cells = [f"{value:.3g}" for value in (median(values), min(values), max(values))] if values else ["-"] * 3
        table.add_row(name, *cells)
    table.add_row("loading (s)", f"{result['load_s']:.3g}", "", "")
    table.add_row("most memory held (GB)", f"{result['peak_rss_gb']:.3g}", "", "")
    for_people(table)


def article(opened: Callable[[str], LocalBackend], work: Work) -> list[dict[str, Any]]:
    """Measure and print the rows of a GPU."""
    import torch
    from rich.table import Table

    from occlusight.bench.gpu_speed import rows
    from occlusight.bench.speed import GB

    def memory() -> float:
        most = torch.cuda.max_memory_allocated() / GB
        torch.cuda.reset_peak_memory_stats()
        return most

    found = list(rows(opened, work, memory))
    table = Table(title="one GPU (this code path has not been tested on one yet)")
    for column in ("fused attention", "INT8", "first answer (s)", "later answers (s)", "memory (GB)"):
        table.add_column(column)
    for row in found:
        flags = ["on" if flag else "off" for flag in (row.fused_attention, row.int8)]
        numbers = [f"{value:.2f}" for value in (row.first_answer_s, row.later_answer_s, row.memory_gb)]
        table.add_row(*flags, *numbers)
    for_people(table)
    return [{**asdict(row), "tested": False} for row in found]
