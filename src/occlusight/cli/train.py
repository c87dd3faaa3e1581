"""The command `occlusight train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from occlusight.cli.outputs import output_folder
from occlusight.cli.progress import progress
from occlusight.train.pipeline import Plan
from occlusight.train.pipeline import train as run_plan
from occlusight.train.recipe import TrainRecipe
from occlusight.train.stream import Sources

DEFAULT = TrainRecipe()


def train(
    out: Annotated[
        Path, typer.Option(callback=output_folder, help="Folder of the run: state, learning curve, checkpoint.")
    ],
    bank: Annotated[
        Path | None,
        typer.Option(callback=output_folder, help="Folder of the sprite bank, shared by runs; default: OUT/../bank."),
    ] = None,
    renders: Annotated[
        list[Path] | None, typer.Option(help="A data set of `occlusight scenes make` to mix in (may be repeated).")
    ] = None,
    images: Annotated[int, typer.Option(min=1, help="Length of the run in pictures.")] = DEFAULT.images,
    batch: Annotated[int, typer.Option(min=1, help="Pictures in a step.")] = DEFAULT.batch,
    learning_rate: Annotated[float, typer.Option(help="Peak learning rate.")] = DEFAULT.learning_rate,
    decay: Annotated[
        float, typer.Option(min=0.01, max=1.0, help="Last share of the run, in which the rate falls.")
    ] = DEFAULT.decay,
    seed: Annotated[int, typer.Option(min=0, max=999_999_999, help="Seed of weights and scenes.")] = DEFAULT.seed,
    workers: Annotated[int, typer.Option(min=0, help="Processes that make pictures.")] = 1,
    blind: Annotated[
        bool, typer.Option("--blind", help="Train the baseline that sees no pictures: what the questions give away.")
    ] = False,
    compile: Annotated[bool, typer.Option(help="Compile the blocks (needs a C++ compiler).")] = True,
) -> None:
    """Train the small Qwen3-VL on our scenes: one command from nothing to a checkpoint.

    Stages: meshes, sprites, tokenizer, training, export to OUT/checkpoint. Stop it at any time (Ctrl-C); the same command
    goes on. A longer --images extends a run.

    Example: occlusight train --out runs/small --images 200000
    """
    recipe = TrainRecipe(images=images, batch=batch, learning_rate=learning_rate, decay=decay, seed=seed, blind=blind)
    plan = Plan(out, Sources(bank or out.parent / "bank", tuple(renders or ())), recipe, workers, compile)
    with progress("starting") as show:
        run_plan(plan, lambda what, done, total: show(done, total, what))
    typer.echo(
        f"the checkpoint is in {out / 'checkpoint'}; try: occlusight ask PICTURE QUESTION --model {out / 'checkpoint'}"
    )
