"""`occlusight bench`: how often is a model right about occlusion?"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from occlusight.backends.protocol import Backend
from occlusight.bench.run import Settings, run
from occlusight.bench.samples import DataSet, open_set
from occlusight.bench.truth import oracle_of
from occlusight.errors import BadInput
from occlusight.occlusion.kinds import LANGS, Names

bench_app = typer.Typer(no_args_is_help=True, help="Measure how often a model is right about occlusion.")


@bench_app.callback()
def bench() -> None:
    """Measure how often a model is right about occlusion."""


@bench_app.command("run")
def run_command(
    data: Annotated[str, typer.Option(help="A data set: a folder, or the name of a shipped one.")],
    model: Annotated[str, typer.Option(help="default, blind, oracle, a checkpoint folder or a hub id.")],
    out: Annotated[Path, typer.Option(help="Where answers, timings and scores go; a stopped run there goes on.")],
    langs: Annotated[str, typer.Option(help="Languages, separated by commas.")] = "zh,en",
    limit: Annotated[int | None, typer.Option(min=1, help="Ask only the first questions of the set.")] = None,
    max_tokens: Annotated[
        int, typer.Option(min=1, help="Longest answer, in tokens; a longer one counts as cut.")
    ] = 256,
) -> None:
    """Ask a model every question of a data set and score the answers.

    Prints a table, then one line of JSON: every rate with its 95 % interval, clustered by scene.
    """
    wanted = languages(langs)
    dataset, names = open_set(data), shipped_names()
    backend = backend_for(model, dataset, names)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("asking")

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        result = run(
            backend, dataset, out, names, wanted, limit, settings=Settings(max_tokens=max_tokens), progress=show
        )
    Console().print(table(result, f"{backend.info.name} on {dataset.folder.name}"))
    print(json.dumps(result, ensure_ascii=False))
    if result["failed"]:
        raise typer.Exit(1)


def languages(text: str) -> tuple[str, ...]:
    """Read "zh,en". Raises BadInput."""
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    unknown = [lang for lang in found if lang not in LANGS]
    if unknown or not found:
        raise BadInput(f"--langs takes {', '.join(LANGS)}, separated by commas, but {text!r} was given")
    return found


def shipped_names() -> Names:
    """The names of the kinds in the shipped catalogue."""
    from occlusight.scenes.catalogue import load_catalogue
    from occlusight.scenes.names import names_of

    return names_of(load_catalogue())


def backend_for(model: str, data: DataSet, names: Names) -> Backend:
    """Open a model; the oracle answers from this data set. Raises BadModel."""
    if model == "oracle":
        return oracle_of(data, names)
    from occlusight.backends import open_backend

    return open_backend(model)


def table(result: dict[str, Any], title: str) -> Table:
    """The headline numbers with their intervals, all questions and by language."""
    groups = {"all": result, **result["by_lang"], **{f"{mesh} meshes": r for mesh, r in result["by_mesh"].items()}}
    shown = Table(title=f"{title}: {result['n']} questions, {result['n_scenes']} scenes")
    shown.add_column("", no_wrap=True)
    for label in groups:
        shown.add_column(label)
    for name in [key.removesuffix("_ci95") for key in result if key.endswith("_ci95")]:
        shown.add_row(name.replace("_", " "), *(_cell(group[name], group[f"{name}_ci95"]) for group in groups.values()))
    for name in ("n", "unparsed", "cut", "failed"):
        shown.add_row(name, *(str(group[name]) for group in groups.values()))
    return shown


def _cell(value: float | None, interval: list[float] | None) -> str:
    if value is None or interval is None:
        return "-"
    return f"{100 * value:.1f} ({100 * interval[0]:.1f}-{100 * interval[1]:.1f})"
