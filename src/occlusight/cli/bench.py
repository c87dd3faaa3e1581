"""`occlusight bench`: how often is a model right about occlusion?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from occlusight.backends.options import EngineOptions, SamplingParams
from occlusight.bench.record import Finished
from occlusight.bench.run import run
from occlusight.bench.settings import Settings
from occlusight.bench.wordings import Reworded, paired
from occlusight.cli import bench_decisions, bench_graph, bench_runs, bench_video, studies
from occlusight.cli.bench_inputs import backend_for, languages, names_for
from occlusight.cli.bench_runs import WIDEST
from occlusight.cli.options import Data, Langs, MeasuredModel, Reason, Scenes, ShortSampling, System, WholeEngine
from occlusight.cli.outputs import output_folder
from occlusight.cli.progress import progress
from occlusight.cli.records import with_options
from occlusight.cli.results import for_people, for_programs
from occlusight.datasets.dataset import open_set
from occlusight.datasets.wordings import read_wordings

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
    understood: Annotated[
        bool,
        typer.Option(
            "--understood",
            help="Ask through what is understood of a question, as `occlusight ask` does, not the model itself.",
        ),
    ] = False,
    reason: Reason = False,
    wordings: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True,
            metavar="FILE",
            help="Ask each question a second time, in a wording of its kind from a file of wordings, or a folder of "
            "them (may be repeated). The set's own words then go to the model itself, and --understood is about the "
            "others.",
        ),
    ] = None,
    together: Annotated[
        bool,
        typer.Option(
            "--together/--one-by-one",
            help="Ask all questions about a picture at once, which our own engine can; one by one measures what a "
            "single user waits.",
        ),
    ] = True,
) -> None:
    """Ask a model every question of a data set and score the answers.

    Each answer is saved as it comes; the same command again goes on after an interruption, and ends with the same
    answers. An answer that is longer than --max-tokens counts as cut. Prints a table on a terminal, else one line of
    JSON: every rate with its 95 % interval, clustered by scene. With --wordings it has both shares of right answers and
    their ratio, and OUT/wordings holds a run of its own.
    """
    wanted = languages(langs)
    settings = Settings(system, sampling, certainty, together, understood and not wordings, reason)
    dataset = open_set(data)
    names = names_for(dataset)
    others = (
        Reworded.of(dataset, dataset.select(wanted, limit, scenes), read_wordings(wordings), names)
        if wordings
        else None
    )
    opened = backend_for(model, dataset, names, engine, understood=settings.understood, reason=reason)
    with progress("asking", "questions") as show:
        result = run(opened, dataset, out, names, wanted, limit, settings=settings, progress=show, scenes=scenes)
    if others:
        opened = backend_for(model, others, names, engine, understood=understood, reason=reason)
        settings = replace(settings, understood=understood, certainty=False)
        with progress("asking in other words", "questions") as show:
            found = run(opened, others, out / "wordings", names, settings=settings, progress=show)
        result["failed"] += found["failed"]
        result["wordings"] = paired(Finished.read(out).lines, Finished.read(out / "wordings").lines, result["n"])
    for_people(table(result, f"{opened.info.name} on {dataset.folder.name}"))
    if others:
        for_people(table_of_wordings(result["wordings"]))
    for_programs(result)
    if result["failed"]:
        raise typer.Exit(1)


def table_of_wordings(pairs: dict[str, Any]) -> Table:
    """What is right of the same questions in the set's own words and in others, and what is left of it."""
    shown = Table(title=f"in other words: {pairs['n']} pairs, {pairs['left_out']} questions without a wording")
    for column in ("", "n", "own words, %", "others, %", "left, %"):
        shown.add_column(column, overflow="fold")
    for label, group in {"all": pairs, **pairs["by_lang"], **pairs["by_kind"]}.items():
        cells = (_cell(group[name], group[f"{name}_ci95"]) for name in ("own", "reworded", "ratio"))
        shown.add_row(label.replace("_", " "), str(group["n"]), *cells)
    return shown


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
bench_app.command("decisions", no_args_is_help=True)(bench_decisions.decisions_command)
bench_app.command("graph", no_args_is_help=True)(bench_graph.graph_command)
bench_app.command("video", no_args_is_help=True)(bench_video.video_command)
studies.add_to(bench_app)
