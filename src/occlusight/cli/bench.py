"""`occlusight bench`: how often is a model right about occlusion?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from occlusight.backends.options import EngineOptions, SamplingParams
from occlusight.bench.run import run
from occlusight.bench.settings import Settings
from occlusight.cli import bench_runs, studies
from occlusight.cli.bench_inputs import backend_for, languages, names_for
from occlusight.cli.bench_runs import WIDEST
from occlusight.cli.options import Data, Langs, MeasuredModel, Scenes, ShortSampling, System, WholeEngine
from occlusight.cli.outputs import output_folder
from occlusight.cli.progress import progress
from occlusight.cli.records import with_options
from occlusight.cli.results import for_people, for_programs
from occlusight.datasets.dataset import open_set

bench_app = typer.Typer(no_args_is_help=True, help="Measure how often a model is right about occlusion.")


@bench_app.callback()
def bench() -> None:
    """Measure how often a model is right about occlusion."""


@bench_app.command("run")
@with_options
def run_command(
    data: Data,
    out: Annotated[
        Path,
        typer.Option(callback=output_folder, help="Where answers, timings and scores go; a stopped run there goes on."),
    ],
    model: MeasuredModel = "default",
    engine: WholeEngine = EngineOptions(),
    langs: Langs = "zh,en",
    limit: Annotated[int | None, typer.Option(min=1, help="Ask only the first questions of the set.")] = None,
    scenes: Scenes = None,
    sampling: ShortSampling = SamplingParams(max_tokens=256),
    system: System = None,
    certainty: Annotated[
        bool, typer.Option(help="Ask for the log-probabilities of yes and no beside every decision.")
    ] = True,
    together: Annotated[
        bool,
        typer.Option(
            "--together/--one-by-one",
            help="Ask all questions about a picture at once, which our own engine can; one by one measures what a single user waits.",
        ),
    ] = True,
) -> None:
    """Ask a model every question of a data set and score the answers.

    Each answer is saved as it comes; the same command again goes on after an interruption, and ends with the same answers.
    An answer that is longer than --max-tokens counts as cut.
    Prints a table on a terminal, else one line of JSON: every rate with its 95 % interval, clustered by scene.
    """
    wanted = languages(langs)
    settings = Settings(system, sampling, certainty, together)
    dataset = open_set(data)
    names = names_for(dataset)
    opened = backend_for(model, dataset, names, engine)
    with progress("asking", "questions") as show:
        result = run(opened, dataset, out, names, wanted, limit, settings=settings, progress=show, scenes=scenes)
    for_people(table(result, f"{opened.info.name} on {dataset.folder.name}"))
    for_programs(result)
    if result["failed"]:
        raise typer.Exit(1)


def table(result: dict[str, Any], title: str) -> Table:
    """The headline numbers with their intervals, all questions and by language."""
    meshes = {f"{mesh} meshes": r for mesh, r in result["by_mesh"].items()}
    groups = {"all": result}
    for parts in (result["by_lang"], meshes):
        groups |= parts if len(parts) > 1 else {}
    shown = Table(title=f"{title}: {result['n']} questions, {result['n_scenes']} scenes")
    shown.add_column("", overflow="fold")
    for label in groups:
        shown.add_column(label, min_width=WIDEST, overflow="fold")
    for name in [key.removesuffix("_ci95") for key in result if key.endswith("_ci95")]:
        shown.add_row(
            name.replace("_", " ").replace(" f1", " F1"),
            *(_cell(group.get(name), group.get(f"{name}_ci95")) for group in groups.values()),
        )
    for name in ("n", "unparsed", "cut", "failed"):
        shown.add_row(name, *(str(group[name]) for group in groups.values()))
    return shown


def _cell(value: float | None, interval: list[float] | None) -> str:
    if value is None or interval is None:
        return "-"
    return f"{100 * value:.1f} ({100 * interval[0]:.1f}-{100 * interval[1]:.1f})"


bench_runs.add_to(bench_app)
studies.add_to(bench_app)
