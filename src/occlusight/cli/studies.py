"""The commands of `occlusight bench` that ask a model about something else than a data set as it is: label, sweep,
judge; and leakage, which asks none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from occlusight.backends.options import EngineOptions, SamplingParams
from occlusight.bench.photographs import estimate, label_run, read_labels, summary, write_template
from occlusight.bench.record import Finished
from occlusight.bench.sweep import LENGTHS, SIZES, sweep
from occlusight.bench.sweep_page import page, to_markdown
from occlusight.cli.options import (
    AnyBackend,
    AnyBackendAnySize,
    AnyModel,
    Data,
    Langs,
    RunData,
    Scenes,
    Server,
)
from occlusight.cli.outputs import output, output_folder
from occlusight.cli.progress import progress
from occlusight.cli.records import with_options
from occlusight.cli.results import for_people, for_programs, say
from occlusight.datasets.dataset import open_set
from occlusight.errors import BadInput
from occlusight.files.whole import write_whole


@with_options
def label_command(
    out: Annotated[
        Path,
        typer.Option(
            callback=output, help="With --pictures the template to write; with --labels the folder for the results."
        ),
    ],
    pictures: Annotated[Path | None, typer.Option(help="Write a template for the photographs in this folder.")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Ask the model what this filled-in template says.", metavar="FILE.csv")
    ] = None,
    scenes: Annotated[
        Path | None, typer.Option(help="A run of the same model on scenes, to see whether its figures carry over.")
    ] = None,
    model: AnyModel = "default",
    engine: AnyBackendAnySize = EngineOptions(),
) -> None:
    """Estimate the error on your own photographs: write a template, fill it in, run again with --labels.

    Fifty labelled lines give an interval of about 14 points either way. Label both directions of a pair, and as many
    no's as yes's.
    """
    if (pictures is None) == (labels is None):
        raise BadInput("give --pictures DIR to write a template, or --labels FILE.csv to use one that is filled in")
    if pictures is not None:
        n = write_template(pictures, out)
        print(f"{out}: two lines for each of {n} pictures; fill in hides, hidden and truth (yes or no)")
        return
    from occlusight.backends import open_backend

    assert labels is not None
    wanted = read_labels(labels)
    opened = open_backend(model, engine, tell=say)
    with progress("asking", "questions") as show:
        lines = label_run(opened, wanted, out, progress=show)
    result = estimate(lines, None if scenes is None else Finished.read(scenes).scores)
    write_whole(out / "estimate.json", json.dumps(result, indent=1) + "\n")
    for_people(summary(result))
    for_programs(result)
    if result["failed"]:
        raise typer.Exit(1)


@with_options
def sweep_command(
    data: Data,
    out: Annotated[
        Path,
        typer.Option(callback=output_folder, help="Where the runs and the curves go; a stopped sweep there goes on."),
    ],
    model: AnyModel = "default",
    engine: AnyBackend = EngineOptions(),
    scenes: Scenes = None,
    langs: Langs = "zh,en",
    sizes: Annotated[str, typer.Option(help="Longer sides of the pictures, in pixels.")] = ",".join(map(str, SIZES)),
    lengths: Annotated[str, typer.Option(help="Longest answers, in tokens.")] = ",".join(map(str, LENGTHS)),
) -> None:
    """Measure accuracy, tokens and seconds over picture sizes and answer lengths, and show the knee of each curve.

    Our engine reads pictures at the size under test, whatever the checkpoint's own pixel limits; on other backends
    those still apply. Writes sweep.html, sweep.md and sweep.json; prints the tables on a terminal, else one line of
    JSON.
    """
    from occlusight.cli.bench_inputs import backend_for, languages, names_for

    wanted, sides, most = languages(langs), numbers("--sizes", sizes), numbers("--lengths", lengths)
    SamplingParams(max_tokens=max(most))
    dataset = open_set(data)
    names = names_for(dataset)
    found = sweep(
        backend_for(model, dataset, names, engine),
        dataset,
        out,
        names,
        sizes=sides,
        lengths=most,
        langs=wanted,
        scenes=scenes,
        report=say,
    )
    write_whole(out / "sweep.json", json.dumps(found, indent=1) + "\n")
    write_whole(out / "sweep.html", page(found))
    write_whole(out / "sweep.md", to_markdown(found))
    for_people(to_markdown(found))
    for_programs(found)


def numbers(option: str, text: str) -> tuple[int, ...]:
    """Read "256,512". Raises BadInput."""
    try:
        found = tuple(int(part) for part in text.split(","))
    except ValueError:
        found = ()
    if not found or min(found) < 1:
        raise BadInput(f"{option} takes whole numbers above 0, separated by commas, but {text!r} was given")
    return tuple(sorted(set(found)))


@with_options
def judge_command(
    run: Annotated[Path, typer.Argument(callback=output_folder, help="The folder of a run.", metavar="DIR")],
    judge: Annotated[str, typer.Option(help="The judge's name on its server.")],
    server: Server = EngineOptions(backend="openai"),
    data: RunData = None,
    out: Annotated[
        Path | None,
        typer.Option(
            callback=output_folder, help="Where the verdicts go; a stopped judging there goes on. Without it DIR/judge."
        ),
    ] = None,
) -> None:
    """Let a model judge a run's explanations beside the rule, and report how far the two agree. The scores stay the
    rule's."""
    from occlusight.backends import open_backend
    from occlusight.bench.judge import judged

    finished = Finished.read(run)
    dataset = open_set(data or str(finished.about["folder"]))
    opened = open_backend(judge, server)
    with progress("judging", "explanations") as show:
        _, summary = judged(opened, finished, dataset, out or run / "judge", show)
    for_people(*(f"{name}: {value}" for name, value in summary.items()))
    for_programs(summary)
    if summary["failed"]:
        raise typer.Exit(1)


def leakage_command(
    out: Annotated[
        Path, typer.Option(callback=output_folder, help="Where graphs and the table go; a stopped run there goes on.")
    ],
    free: Annotated[int, typer.Option(min=0, help="How many free scenes: street, desk and room in turn.")] = 4000,
    staged: Annotated[int, typer.Option(min=0, help="How many staged scenes: the 25 recipes in turn.")] = 1000,
    variants: Annotated[
        bool, typer.Option("--variants", help="Of the staged scenes, three in four are variants of the one before.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="The scenes' seed.")] = 31,
    balanced: Annotated[
        bool, typer.Option("--balanced/--as-drawn", help="Ask as `scenes make --balanced` does, or as it does without.")
    ] = True,
    boxes: Annotated[bool, typer.Option("--boxes/--no-boxes", help="Try the probe that is given 2D boxes too.")] = True,
) -> None:
    """Measure how well questions are answered by who never sees a picture: from their texts alone, and from 2D boxes.

    Graphs are drawn and measured without rendering, and asked about as a data set asks. Each fifth of the scenes is
    tried by probes that learnt from the questions about the others; where the text probe beats the commonest answer of
    a template by more than 2 points, that template's texts give answers away, and the exit code is 1. Prints the table
    on a terminal, else one line of JSON.
    """
    from occlusight.bench.leakage.run import measure
    from occlusight.bench.leakage.table import markdown, to_json
    from occlusight.cli.bench_inputs import shipped_names
    from occlusight.scenes.make.families import recipes_named
    from occlusight.scenes.make.graph_pool import SIZE, graph_pool
    from occlusight.scenes.make.plan import DatasetPlan

    if not free + staged:
        raise BadInput("give --free or --staged a number above 0")
    pools = []
    for name, recipes, count in (("free", "all", free), ("staged", "staged", staged)):
        if count:
            plan = DatasetPlan(recipes_named(recipes), seed, count, SIZE, 1, variants=variants and name == "staged")
            with progress(f"drawing {name} scenes", "scenes") as show:
                pools.append((plan, graph_pool(plan, out / name, show)))
    found = measure(pools, shipped_names(), balanced=balanced, boxes=boxes, report=say)
    document = {**found.to_json(), "seed": seed, "balanced": balanced, "variants": variants}
    stem = "balanced" if balanced else "as-drawn"
    write_whole(out / f"{stem}.md", markdown(found.rows))
    whole = json.dumps({**document, "rows": to_json(found.rows)}, indent=1) + "\n"
    write_whole(out / f"{stem}.json", whole)
    for_people(markdown(found.rows))
    for_programs(document)
    if found.leaking:
        raise typer.Exit(1)


def add_to(app: typer.Typer) -> None:
    """Add the commands to `occlusight bench`."""
    app.command("sweep", no_args_is_help=True)(sweep_command)
    app.command("label", no_args_is_help=True)(label_command)
    app.command("judge", no_args_is_help=True)(judge_command)
    app.command("leakage", no_args_is_help=True)(leakage_command)
