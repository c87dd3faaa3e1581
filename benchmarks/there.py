"""`python -m benchmarks there SET ...`: how often the shipped model denies what is there, and notices what is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from occlusight.backends import open_backend
from occlusight.backends.options import EngineOptions
from occlusight.bench.there import figures, fit_denied, looked
from occlusight.cli.progress import progress
from occlusight.datasets.dataset import open_set
from occlusight.reasoning.calibrations import calibration_of
from occlusight.reasoning.looking import denied_from


def there(
    data: Annotated[list[Path], typer.Argument(help="Sets of `occlusight scenes make`.")],
    model: Annotated[str, typer.Option(help="A model that has learnt to count.")] = "default",
) -> None:
    """Look for things that are there and for others in scenes; print a line of JSON a set, with `fitted` what a fit to
    this set would take for the threshold."""
    backend = open_backend(model, EngineOptions())
    denied = denied_from(calibration_of(backend.info.revision))
    for folder in data:
        scenes = list(open_set(folder).scenes.values())
        with progress(f"looking at {folder.name}", "scenes") as show:
            found = list(looked(backend, scenes, progress=show))
        line = {"set": folder.name, "n_scenes": len(scenes), **figures(found, denied), "fitted": fit_denied(found)}
        print(json.dumps(line), flush=True)
