"""The command `occlusight train-domain`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from occlusight.cli.progress import progress
from occlusight.cli.results import for_programs, say
from occlusight.train.domain import DomainPlan
from occlusight.train.domain import train_domain as run_plan


def train_domain(
    checkpoint: Annotated[
        Path,
        typer.Argument(exists=True, file_okay=False, help="The model; `domain.json` is written beside its weights."),
    ],
    renders: Annotated[
        list[Path],
        typer.Option(exists=True, file_okay=False, help="A data set of `occlusight scenes make` (may be repeated)."),
    ],
    others: Annotated[
        list[Path],
        typer.Option(
            exists=True,
            file_okay=False,
            help="A folder of photographs or drawings of one source, subfolders included; two at least (repeat the "
            "option).",
        ),
    ],
    drawn: Annotated[
        int, typer.Option(min=0, help="Pictures drawn as training draws them, beside the renders.")
    ] = DomainPlan.drawn,
    seed: Annotated[int, typer.Option(min=0, help="Seed of drawn pictures and of noise.")] = DomainPlan.seed,
) -> None:
    """Fit what tells a model's own world from photographs, drawings and noise.

    Prints what it reaches on sources and scenes that it was not fitted to; what is written is fitted to all of them.

    Example: occlusight train-domain runs/eyes/checkpoint --renders sets/free --renders sets/staged --others photos/a
    --others photos/b
    """
    plan = DomainPlan(checkpoint, tuple(renders), tuple(others), drawn, seed=seed)
    with progress("starting") as show:
        found = run_plan(plan, lambda what, done: show(done, None, what))
    say(
        f"AUROC {found['auroc']:.3f} of {found['renders']} renders and {found['others']} other pictures; "
        f"{found['detected_at_2_percent_false_alarms']:.1%} of these noticed where 2 % of the renders are called other"
    )
    for_programs(found)
