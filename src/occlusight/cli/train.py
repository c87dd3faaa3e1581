"""The command `occlusight train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from occlusight.backends.hub import checkpoint_folder
from occlusight.cli.outputs import output_folder
from occlusight.cli.progress import progress
from occlusight.train.pipeline import TrainPlan
from occlusight.train.pipeline import train as run_plan
from occlusight.train.recipe import load_recipe


def train(
    out: Annotated[
        Path, typer.Option(callback=output_folder, help="Folder of the run: state, learning curve, checkpoint.")
    ],
    recipe: Annotated[
        str, typer.Option(help="The stages of the run: a recipe of the package, or a TOML file of one's own.")
    ] = "eyes",
    start: Annotated[
        str | None,
        typer.Option(
            metavar="default|FOLDER",
            help="Begin from the weights of the shipped model, or of another that this command made, instead of from "
            "nothing: to go on with it, or to teach it scenes of your own.",
        ),
    ] = None,
    renders: Annotated[
        list[Path] | None, typer.Option(help="A data set of `occlusight scenes make` to mix in (may be repeated).")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=0, help="Processes that make pictures; on a GPU as many as there are cores left.")
    ] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:N. (Training on a GPU is untested.)")] = "cpu",
    compile: Annotated[bool, typer.Option(help="Compile the blocks (needs a C++ compiler).")] = True,
) -> None:
    """Train the small Qwen3-VL on our scenes: one command from nothing to a checkpoint.

    Meshes, tokenizer, the stages of the recipe, export to OUT/checkpoint. Stop it at any time (Ctrl-C); the same
    command goes on. A stage appended to the recipe extends a run. The pictures that it makes stay in OUT/pool, 5 GB for
    each of the workers at most, since they are shown several times.

    Example: occlusight train --out runs/eyes --recipe eyes

    Example: occlusight train --out runs/ours --recipe ours.toml --start default --renders our-scenes
    """
    plan = TrainPlan(
        run=out,
        recipe=load_recipe(recipe),
        start=None if start is None else checkpoint_folder("start", start),
        renders=tuple(renders or ()),
        workers=workers,
        compile=compile,
        device=device,
    )
    with progress("starting") as show:
        run_plan(plan, lambda what, done, total: show(done, total, what))
    typer.echo(
        f"the checkpoint is in {out / 'checkpoint'}; try: occlusight ask PICTURE QUESTION --model {out / 'checkpoint'}"
    )
