"""Nothing that hangs on the weights of the shipped model is of a model before it; `python -m benchmarks ship` makes all
of it anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.ship import BASELINE, CALIBRATIONS, CHECKPOINT, DOMAIN, EYES, FIGURES, RUNS, TABLES, with_tables

from occlusight.files.text import read_json
from occlusight.model.revision import revision_of

REVISION = revision_of(CHECKPOINT)


def test_figures_are_of_the_model_that_ships() -> None:
    shipped = read_json(FIGURES)
    assert shipped["revision"] == REVISION
    assert shipped["baseline"] == revision_of(BASELINE)
    assert set(shipped["runs"]) == {run.name for run in (*RUNS, *EYES)}


def test_its_probabilities_and_what_knows_its_world_are_its_own() -> None:
    assert [path.stem for path in CALIBRATIONS.glob("*.json")] == [REVISION]
    assert read_json(CHECKPOINT / DOMAIN)["revision"] == REVISION


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.name)
def test_tables_are_made_of_the_figures(path: Path) -> None:
    document = path.read_text("utf-8")
    assert with_tables(document, TABLES[path], read_json(FIGURES)["runs"]) == document
