"""The commands of `occlusight bench` that work on finished runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from occlusight.backends.options import EngineOptions
from occlusight.bench.compare import COLUMNS, compare, percent, to_markdown
from occlusight.bench.gate import Bound, check
from occlusight.bench.public.benchmarks import BENCHMARKS, read
from occlusight.bench.public.benchmarks import run as run_public
from occlusight.bench.record import Finished
from occlusight.cli.options import AnyBackendAnySize, AnyModel, RunData, RunFolder
from occlusight.cli.outputs import output_file, output_folder
from occlusight.cli.progress import progress
from occlusight.cli.records import with_options
from occlusight.cli.results import for_people, for_programs, say
from occlusight.datasets.dataset import open_set
from occlusight.files.whole import write_whole

Runs = Annotated[list[Path], typer.Argument(help="Folders that `bench run` left.", metavar="DIR...")]
PLAIN = (
    ("peak memory, GB", "peak_rss_gb"),
    ("video", "video"),
    ("first answer, s", "first_answer_s"),
    ("later answers, s", "later_answers_s"),
    ("asked at once", "together"),
    ("no answer", "unparsed"),
    ("cut", "cut"),
    ("failed", "failed"),
    ("questions", "n"),
)
WIDEST = len("(91.4-100.0)")
LABEL = 22


def compare_command(
    runs: Runs,
    out: Annotated[
        Path | None,
        typer.Option(callback=output_file, help="Write the comparison here, as Markdown.", metavar="FILE.md"),
    ] = None,
) -> None:
    """Put runs on the same data set side by side: the table, paired tests, where they differ, cases.

    Prints the table on a terminal, else the whole comparison as one line of JSON.
    """
    document = compare([Finished.read(folder) for folder in runs])
    if out is not None:
        write_whole(out, to_markdown(document))
    at_once = max(1, (Console().width - LABEL) // (WIDEST + 3))  # runs that fit beside one another
    for first in range(0, len(runs), at_once):
        for_people(table(document, slice(first, first + at_once)))
    for_programs(document)


def table(document: dict[str, Any], some: slice) -> Table:
    """The comparison's table for a terminal: a column a run, for some of the runs."""
    shown = Table(title=f"runs on {document['data']}")
    shown.add_column("", overflow="fold")
    rows = document["rows"][some]
    for row in rows:
        shown.add_column(row["model"], min_width=WIDEST, overflow="fold")
    for label, key in COLUMNS:
        shown.add_row(label, *(percent(row[key], row[f"{key}_ci95"]) for row in rows))
    shown.add_row("ECE", *(percent(row["ece"]) for row in rows))
    for label, key in PLAIN:
        shown.add_row(label, *(_plain(row[key]) for row in rows))
    return shown


def _plain(value: object) -> str:
    if value is None:
        return "-"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def check_command(
    run: RunFolder,
    min: Annotated[
        list[str] | None, typer.Option(help="NAME=NUMBER that must be reached, such as occlusion=0.9.")
    ] = None,
    max: Annotated[
        list[str] | None, typer.Option(help="NAME=NUMBER that may not be passed, such as contradiction=0.05.")
    ] = None,
) -> None:
    """Check a run against limits: exit code 0 when it is good enough, 1 with the reasons when not. Needs no network.

    Names: occlusion, recognition, position, explanation, contradiction, flip, ece, or any path in scores.json.
    """
    bounds = [*(Bound.parse(text, True) for text in min or ()), *(Bound.parse(text, False) for text in max or ())]
    reasons = check(Finished.read(run), bounds)
    for reason in reasons:
        print(f"not met: {reason}")
    for_programs({"passed": not reasons, "reasons": reasons})
    if reasons:
        raise typer.Exit(1)


def report_command(
    run: RunFolder,
    data: RunData = None,
    out: Annotated[
        Path | None,
        typer.Option(callback=output_folder, help="Where the report goes; without it the run's own folder."),
    ] = None,
) -> None:
    """Write a run as one HTML file that opens without a network, and the same as JSON and CSV."""
    from occlusight.bench.report import write

    finished = Finished.read(run)
    for path in write(finished, open_set(data or str(finished.about["folder"])), out or run):
        print(path)


@with_options
def public_command(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(BENCHMARKS)}.")],
    folder: Annotated[Path, typer.Option(help="Your copy of its data.")],
    out: Annotated[
        Path, typer.Option(callback=output_folder, help="Where answers and scores go; a stopped run there goes on.")
    ],
    model: AnyModel = "default",
    engine: AnyBackendAnySize = EngineOptions(),
    limit: Annotated[int | None, typer.Option(min=1, help="Ask only the first questions.")] = None,
) -> None:
    """Run a public benchmark from your own copy of its data; the message says where to get it when it is not there.

    The shipped model knows renders, not photographs: expect chance from it here.
    """
    from occlusight.backends import open_backend

    items = read(name, folder, limit)
    opened = open_backend(model, engine, tell=say)
    with progress("asking", "questions") as show:
        result = run_public(opened, items, out, progress=show)
    for_people(rates(name, result))
    for_programs({"benchmark": name, **result})
    if result["failed"]:
        raise typer.Exit(1)


def rates(name: str, result: dict[str, Any]) -> Table:
    """A public benchmark's table: a row a rate, over all questions and by group."""
    groups = {"all": result, **result["by_group"]}
    shown = Table(title=f"{result['model']} on {name}: {result['n']} questions, {result['unparsed']} answers not read")
    for column in ("", *groups):
        shown.add_column(column, overflow="fold")
    for rate in (key.removesuffix("_ci95") for key in result if key.endswith("_ci95")):
        cells = ((group.get(rate), group.get(f"{rate}_ci95")) for group in groups.values())
        shown.add_row(
            rate.replace("_", " "), *("-" if value is None else f"{value} {interval}" for value, interval in cells)
        )
    return shown


def add_to(app: typer.Typer) -> None:
    """Add the commands to `occlusight bench`."""
    app.command("compare", no_args_is_help=True)(compare_command)
    app.command("report", no_args_is_help=True)(report_command)
    app.command("public", no_args_is_help=True)(public_command)
    app.command("check", no_args_is_help=True)(check_command)
