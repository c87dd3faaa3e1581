"""Comparing runs: the table, the tests, the cases; and the gate."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from occlusight.backends.scripted import Scripted
from occlusight.bench.baselines import constant
from occlusight.bench.compare import compare, mcnemar, to_markdown
from occlusight.bench.gate import Bound, check
from occlusight.bench.oracle import oracle_of
from occlusight.bench.record import Finished
from occlusight.bench.run import run
from occlusight.cli.bench import bench_app
from occlusight.errors import BadInput


@pytest.fixture(scope="module")
def runs(data, names, tmp_path_factory) -> list[Finished]:
    """The oracle, a model that always says the same, and one that always says no."""
    folder = tmp_path_factory.mktemp("runs")
    backends = {"oracle": oracle_of(data, names), "constant": constant(), "no": Scripted("No.", name="no")}
    for name, backend in backends.items():
        run(backend, data, folder / name, names, ["en"])
    return [Finished.read(folder / name) for name in backends]


def test_the_table_has_every_run(runs) -> None:
    document = compare(runs)
    rows = {row["model"]: row for row in document["rows"]}
    assert set(rows) == {"oracle", "constant", "no"}
    assert rows["oracle"]["occlusion_balanced_accuracy"] == 1.0
    assert rows["constant"]["occlusion_balanced_accuracy"] == 0.5
    assert rows["constant"]["explanation_plausible"] < 0.5
    assert rows["no"]["contradiction_rate"] == 0.0
    assert {"peak_rss_gb", "video", "first_answer_s", "later_answers_s", "ece"} <= set(rows["no"])


def test_paired_tests_know_better_from_the_same(runs) -> None:
    paired = {(p["first"], p["second"], p["measure"]): p for p in compare(runs)["paired"]}
    better = paired["oracle", "constant", "occlusion"]
    assert better["difference"] == pytest.approx(0.5)
    assert better["ci95"][0] > 0
    assert better["only_second"] == 0
    assert better["p_value"] < 0.001
    even = paired["constant", "no", "occlusion"]
    assert even["difference"] == 0.0
    assert even["p_value"] == 1.0


def test_mcnemar_is_exact() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 0) == pytest.approx(2 / 32)
    assert mcnemar(9, 2) == pytest.approx(2 * (1 + 11 + 55) / 2**11)


def test_differences_and_cases(runs) -> None:
    document = compare(runs)
    spreads = [entry["spread"] for entry in document["where_they_differ"]]
    assert spreads == sorted(spreads, reverse=True)
    case = document["cases"][0]
    assert {a["outcome"] for a in case["answers"]} >= {"right"}
    assert len({a["outcome"] for a in case["answers"]}) > 1
    text = to_markdown(document)
    assert "| oracle | 100.0" in text
    assert case["question"] in text


def test_runs_on_other_data_are_refused(runs, make_set, names, tmp_path) -> None:
    other = make_set(tmp_path / "set", scenes=1)
    run(constant(), other, tmp_path / "out", names)
    with pytest.raises(BadInput, match="different data sets"):
        compare([runs[0], Finished.read(tmp_path / "out")])
    with pytest.raises(BadInput, match="holds no finished run"):
        Finished.read(tmp_path)


def test_the_gate(runs) -> None:
    oracle, steady, _ = runs
    assert check(oracle, [Bound.parse("occlusion=0.9", True), Bound.parse("contradiction=0.05", False)]) == []
    reasons = check(steady, [Bound.parse("occlusion=0.9", True), Bound.parse("contradiction=0.05", False)])
    assert reasons == [
        "occlusion is 0.5, below the 0.9 that is asked for",
        "contradiction is 1, above the 0.05 that is allowed",
    ]
    assert check(steady, [Bound.parse("by_lang.en.pair_f1=.6", True)]) == []
    assert "could not be measured" in check(oracle, [Bound.parse("counterfactual_consistency=0.1", True)])[0]
    with pytest.raises(BadInput, match="nothing to check"):
        check(oracle, [])
    with pytest.raises(BadInput, match="no number 'beauty'"):
        check(oracle, [Bound.parse("beauty=1", True)])
    with pytest.raises(BadInput, match=r"'occlusion>0\.9'"):
        Bound.parse("occlusion>0.9", True)


def test_the_commands(runs, tmp_path) -> None:
    folders = [str(r.folder) for r in runs]
    done = CliRunner().invoke(bench_app, ["compare", *folders, "--out", str(tmp_path / "c.md")])
    assert done.exit_code == 0, done.output
    assert len(json.loads(done.stdout.splitlines()[-1])["rows"]) == 3
    assert "oracle" in (tmp_path / "c.md").read_text()
    assert CliRunner().invoke(bench_app, ["check", folders[0], "--min", "occlusion=0.9"]).exit_code == 0
    failed = CliRunner().invoke(bench_app, ["check", folders[1], "--min", "occlusion=0.9", "--max", "flip=0.5"])
    assert failed.exit_code == 1
    assert "not met: occlusion is 0.5" in failed.stdout
