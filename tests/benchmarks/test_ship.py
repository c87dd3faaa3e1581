"""Shipping a model: its checkpoint goes into the package, and tables are made of its figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from benchmarks.ship import COLUMNS, EXAMPLE, RUNS, kept_runs, take, with_tables

from benchmarks import ship
from occlusight.errors import BadInput
from occlusight.model.revision import revision_of
from occlusight.model.traits import Traits

HELD = "before\n<!-- shipped: {} -->\nan old table\n<!-- /shipped -->\nbehind\n"


def figures(value: float) -> dict[str, Any]:
    scores = {key: value for _, key in COLUMNS} | {f"{key}_ci95": [value - 0.01, value + 0.01] for _, key in COLUMNS}
    return {run.name: scores for run in RUNS}


def by_template(**right: float) -> dict[str, dict[str, float]]:
    return {name.replace("__", "."): {"n": 30, "accuracy": value} for name, value in right.items()}


def test_a_table_takes_the_place_of_the_old_one() -> None:
    document = with_tables(HELD.format("summary"), ("summary",), figures(0.9))
    assert "an old table" not in document
    assert document.startswith("before\n<!-- shipped: summary -->\n\n| | recognition F1 |")
    assert document.endswith("|\n\n<!-- /shipped -->\nbehind\n")
    assert "| Chinese | 0.900 [0.890, 0.910] |" in document
    assert with_tables(document, ("summary",), figures(0.9)) == document


def test_figures_have_a_row_a_run() -> None:
    document = with_tables(HELD.format("figures"), ("figures",), figures(0.5))
    assert document.count("0.500 [0.490, 0.510]") == len(RUNS) * len(COLUMNS)
    assert "| English, unseen meshes, 60 scenes |" in document
    assert "| Chinese, `occlusion-50`, a model without pictures |" in document


def test_figures_of_the_baseline_are_kept_while_its_weights_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "shipped.json"
    assert kept_runs(path, "ab12") == {}
    path.write_text(json.dumps({"baseline": "ab12", "runs": figures(0.5)}))
    assert set(kept_runs(path, "ab12")) == {run.name for run in RUNS if run.model == "blind"}
    assert kept_runs(path, "cd34") == {}


def test_a_document_without_a_place_is_refused() -> None:
    with pytest.raises(BadInput, match="has lost the place"):
        with_tables("no table here", ("summary",), figures(0.9))


def test_a_checkpoint_comes_without_what_hung_on_the_old_one(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "default"
    package.mkdir()
    for name in ("README.md", "domain.json", "model.safetensors"):
        (package / name).write_text("old")
    monkeypatch.setattr(ship, "CHECKPOINT", package)
    take(tiny_checkpoint)
    assert revision_of(package) == revision_of(tiny_checkpoint)
    assert not (package / "domain.json").exists()
    assert (package / "README.md").read_text() == "old"


def test_a_run_that_is_not_done_ships_nothing(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no checkpoint"):
        take(tmp_path / "checkpoint")


def test_answers_are_found_in_their_rows() -> None:
    row = "| which is nearer | which is closer, the dog or the tree | The dog is nearer than the tree. |"
    found = EXAMPLE.fullmatch(row)
    assert found is not None
    assert (found[2], found[4]) == ("which is closer, the dog or the tree", "The dog is nearer than the tree.")
    assert EXAMPLE.search("| AUROC, of 100 renders | 0.989 | 0.98 |") is None


def test_templates_of_a_step_count_together() -> None:
    found = ship.by_step([by_template(occlusion__active=0.9, occlusion__passive=0.6), by_template(colour__kind=1.0)])
    assert found == {"hides": {"n": 60, "right": 0.75}, "colour": {"n": 30, "right": 1.0}}


def test_what_a_model_is_too_often_wrong_about_is_not_declared_as_learnt() -> None:
    declared = Traits(4, ("colour", "detect", "farthest", "hides", "in_order", "which_pictures"))
    found = {
        "colour": {"n": 30, "right": 0.9},
        "hides": {"n": 30, "right": 0.64},
        "detect": {"n": 30, "right": 0.55},  # overlap of boxes
        "in_order": {"n": 40, "right": 0.3},
        "which_pictures": {"n": 5, "right": 1.0},  # too few to tell
    }
    assert ship.learnt_from(declared, found) == Traits(1, ("colour", "detect", "farthest"))  # never asked
    told = found | {"which_pictures": {"n": 25, "right": 0.8}}
    assert ship.learnt_from(declared, told) == Traits(4, ("colour", "detect", "farthest", "which_pictures"))


def test_kinds_have_a_row_a_step_and_a_column_a_language() -> None:
    runs = {run.name: {"by_template": by_template(colour__kind=0.9, order__depth=0.4)} for run in ship.EYES}
    table = ship.table("kinds", runs)
    assert "| `colour` | 0.900 | 60 | 0.900 | 60 |" in table
    assert "| `in_order` | 0.400 | 60 | 0.400 | 60 |" in table
