"""Shipping a model: its checkpoint goes into the package, and tables are made of its figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from benchmarks.ship import COLUMNS, EXAMPLE, RUNS, take, with_tables

from benchmarks import ship
from occlusight.errors import BadInput
from occlusight.model.revision import revision_of

HELD = "before\n<!-- shipped: {} -->\nan old table\n<!-- /shipped -->\nbehind\n"


def figures(value: float) -> dict[str, Any]:
    scores = {key: value for _, key in COLUMNS} | {f"{key}_ci95": [value - 0.01, value + 0.01] for _, key in COLUMNS}
    return {run.name: scores for run in RUNS}


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
