"""A set's questions in other wordings: each means the same, and the figures are paired."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from occlusight.bench.oracle import oracle_of
from occlusight.bench.record import Finished
from occlusight.bench.run import run
from occlusight.bench.wordings import Reworded, paired
from occlusight.cli import bench_inputs
from occlusight.cli.bench import bench_app
from occlusight.datasets.dataset import DataSet
from occlusight.datasets.wordings import Wording, read_wordings
from occlusight.errors import BadData
from occlusight.occlusion.kinds import Names

HELD_OUT = Path(__file__).parents[1] / "reasoning" / "wordings"
FILES = (HELD_OUT / "en.jsonl", HELD_OUT / "zh.jsonl")


def other(data: DataSet, names: Names, kind: str, text: str, lang: str = "en") -> dict[str, str]:
    """Own texts of the questions that a wording is put on, and what is asked instead."""
    own = {q.id: q.text for q in data.questions}
    found = Reworded.of(data, data.questions, [Wording("x", lang, kind, text)], names)
    return {own[q.id]: q.text for q in found.questions}


def test_the_oracle_is_right_in_other_words_too(data: DataSet, names: Names, tmp_path: Path) -> None:
    others = Reworded.of(data, data.questions, read_wordings(FILES), names)
    run(oracle_of(data, names), data, tmp_path / "own", names)
    run(oracle_of(others, names), others, tmp_path / "others", names)
    own, reworded = (Finished.read(tmp_path / name).lines for name in ("own", "others"))
    found = paired(own, reworded, len(data.questions))
    assert found["n"] == len(others.questions) > len(data.questions) / 2
    assert (found["own"], found["reworded"], found["ratio"]) == (1.0, 1.0, 1.0)
    assert found["left_out"] == len(data.questions) - found["n"]
    assert {"occlusion", "explanation", "position", "count", "who_hides"} <= set(found["by_kind"])
    assert set(found["by_lang"]) == {"en", "zh"}
    assert others.digest != data.digest


def test_who_hides_whom_stays(data: DataSet, names: Names) -> None:
    active = other(data, names, "occl", "A: {A} B: {B}")
    passive = other(data, names, "occl_passive", "B: {A} A: {B}")
    assert active.keys() == passive.keys()
    for own, text in active.items():
        hider, hidden = text.removeprefix("A: ").split(" B: ")
        again, once_more = passive[own].removeprefix("B: ").split(" A: ")
        assert (hider[-3:], hidden[-3:]) == (once_more[-3:], again[-3:])  # the last letters, whatever stands before


def test_reasons_are_asked_for_where_the_set_does(data: DataSet, names: Names) -> None:
    kinds = {q.text: q.kind for q in data.questions}
    assert {kinds[own] for own in other(data, names, "occl_why", "why does {A} hide {B}")} == {"explanation"}
    assert {kinds[own] for own in other(data, names, "occl", "does {A} hide {B}")} == {"occlusion"}


def test_nearer_and_farther_are_told_apart_by_their_words(data: DataSet, names: Names) -> None:
    templates = {q.text: q.template for q in data.questions}
    nearer = other(data, names, "depth_pair", "who is closer, {A} or {B}")
    farther = other(data, names, "depth_pair", "who is more distant, {A} or {B}")
    assert {templates[own] for own in nearer} == {"depth_pair.nearer"}
    assert {templates[own] for own in farther} == {"depth_pair.farther"}


def test_articles_and_measure_words_are_put_right(data: DataSet, names: Names) -> None:
    assert all(" the the " not in text for text in other(data, names, "who_hides", "what hides the {A}").values())
    counted = other(data, names, "count", "图里有几个{C}", "zh")
    assert any("个" not in text for text in counted.values())


def test_a_file_that_words_none_of_the_questions_is_refused(data: DataSet, names: Names) -> None:
    with pytest.raises(BadData, match="none of the set's questions"):
        Reworded.of(data, data.questions, [Wording("x", "en", "out_of_scope", "who are you")], names)


def line(scene: str, value: float, outcome: str = "right") -> dict[str, Any]:
    return {"scene": scene, "kind": "count", "lang": "en", "value": value, "outcome": outcome}


def test_figures_are_of_the_pairs_alone() -> None:
    own = {"a": line("1", 1.0), "b": line("1", 1.0), "c": line("2", 0.0), "d": line("2", 1.0), "e": line("2", 1.0)}
    reworded = {
        "a": line("1", 1.0),
        "b": line("1", 0.0),
        "c": line("2", 1.0),
        "d": {**line("2", 0), "outcome": "error"},
    }
    found = paired(own, reworded, 5)
    assert (found["n"], found["n_scenes"], found["left_out"]) == (3, 2, 2)
    assert found["own"] == pytest.approx(2 / 3, abs=1e-4)
    assert found["reworded"] == pytest.approx(2 / 3, abs=1e-4)
    assert found["ratio"] == 1.0
    assert found["by_kind"]["count"]["n"] == 3


def test_a_ratio_may_be_above_one() -> None:
    found = paired({"a": line("1", 0.5)}, {"a": line("1", 1.0)}, 1)
    assert found["ratio"] == 2.0
    assert found["ratio_ci95"] is None  # one scene tells of no spread


def test_the_command_runs_both_and_pairs_them(
    data: DataSet, names: Names, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_inputs, "shipped_names", lambda: names)
    arguments = [
        "run",
        "--data",
        str(data.folder),
        "--out",
        str(tmp_path / "out"),
        "--model",
        "oracle",
        "--langs",
        "en",
    ]
    done = CliRunner().invoke(bench_app, [*arguments, "--wordings", str(FILES[0]), "--limit", "40"])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout.splitlines()[-1])
    pairs = document["wordings"]
    assert (pairs["own"], pairs["reworded"], pairs["ratio"]) == (1.0, 1.0, 1.0)
    assert pairs["n"] + pairs["left_out"] == document["n"] == 40
    asked = Finished.read(tmp_path / "out" / "wordings").lines.values()
    own = Finished.read(tmp_path / "out").lines
    assert all(line["question"] != own[line["id"]]["question"] for line in asked)
