"""A team's own pictures, sweeps over sizes and lengths, and a judge that never replaces the rule."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from occlusight.backends.scripted import Scripted
from occlusight.bench.cli import bench_app
from occlusight.bench.finished import Finished
from occlusight.bench.judge import judged
from occlusight.bench.own import ASKED, Labelled, ask, estimate, read_labels, write_template
from occlusight.bench.run import run
from occlusight.bench.sweep import Resized, knee, sweep
from occlusight.bench.truth import oracle_of
from occlusight.errors import BadData, BadInput


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder = tmp_path / "photographs"
    folder.mkdir()
    for name in ("a.jpg", "b.PNG"):
        Image.new("RGB", (40, 30)).save(folder / name)
    (folder / "notes.txt").write_text("not a picture")
    return folder


def fill(template: Path, rows: list[tuple[str, str, str]]) -> None:
    lines = list(csv.DictReader(template.read_text("utf-8-sig").splitlines()))
    for line, (hides, hidden, truth) in zip(lines, rows, strict=False):
        line |= {"hides": hides, "hidden": hidden, "truth": truth}
    with template.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)


def test_a_template_is_written_filled_in_and_asked(photographs: Path, tmp_path: Path) -> None:
    template = tmp_path / "labels.csv"
    assert write_template(photographs, template) == 2
    with pytest.raises(BadData, match="exists already"):
        write_template(photographs, template)
    with pytest.raises(BadData, match="no line with a truth yet"):
        read_labels(template)
    fill(template, [("the car", "bus", "yes"), ("bus", "car", "no"), ("cat", "dog", "No")])
    labels = read_labels(template)
    assert [x.question for x in labels] == [
        "Does the car hide the bus, and why?",
        "Does the bus hide the car, and why?",
        "Does the cat hide the dog, and why?",
    ]
    lines = ask(Scripted("Yes. It does."), labels)
    result = estimate(lines)
    assert result["error"] == pytest.approx(2 / 3, abs=1e-4)
    assert (result["missed_occlusion"], result["false_occlusion"], result["n"]) == (0.0, 1.0, 3)
    assert result["error_ci95"][0] < result["error"] < result["error_ci95"][1] + 1e-9


def test_fifty_labels_say_whether_figures_carry_over() -> None:
    lines = [{"picture": f"{i}", "said": "yes" if i % 5 else "no", "truth": "yes", "cut": False} for i in range(60)]
    scores = {"occlusion_balanced_accuracy": 0.8, "occlusion_yes_accuracy": 0.78, "occlusion_no_accuracy": 0.9}
    assert estimate(lines, scores)["missed_occlusion_carries_over"] == "yes"
    assert estimate(lines, scores | {"occlusion_yes_accuracy": 0.99})["missed_occlusion_carries_over"] == "no"
    assert estimate(lines[:20], scores)["missed_occlusion_carries_over"] == "too few"


def test_wrong_labels_are_named(photographs: Path, tmp_path: Path) -> None:
    template = tmp_path / "labels.csv"
    write_template(photographs, template)
    fill(template, [("car", "bus", "perhaps")])
    with pytest.raises(BadData, match="line 2: truth must be yes or no, but is 'perhaps'"):
        read_labels(template)
    with pytest.raises(BadData, match="holds no pictures"):
        write_template(tmp_path / "nowhere", tmp_path / "x.csv")
    assert set(ASKED) == {"en", "zh"}
    assert Labelled(Path("x"), "zh", "车", "树", True).question == "车是否遮挡树?为什么?"


def test_the_label_command(photographs: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(bench_app, ["label", "--pictures", str(photographs), "--out", str(tmp_path / "l.csv")])
    assert done.exit_code == 0
    assert "2 pictures" in done.stdout
    failed = CliRunner().invoke(bench_app, ["label", "--out", str(tmp_path / "m.csv")])
    assert isinstance(failed.exception, BadInput)


def test_a_sweep_finds_the_knee(data, names, tmp_path: Path) -> None:
    """Answers come whole from 64 pieces on, so there longer limits buy nothing."""
    oracle = oracle_of(data, names)

    def answer(request):
        return next(text for (_, prompt), text in oracle.known.items() if prompt == request.prompt)

    found = sweep(Scripted(answer), data, tmp_path, names, sizes=(32, 64), lengths=(1, 64, 128), langs=["en"], scenes=2)
    assert [p["size"] for p in found["by_size"]] == [32, 64]
    assert found["best_size"] == 32
    assert found["by_max_tokens"][0]["cut"] > 0
    assert found["by_max_tokens"][0]["accuracy"] < found["by_max_tokens"][1]["accuracy"]
    assert found["best_max_tokens"] == 64
    assert (
        knee([{"size": 1, "accuracy": 0.7}, {"size": 2, "accuracy": 0.795}, {"size": 3, "accuracy": 0.8}], "size") == 2
    )


def test_pictures_are_resized_by_their_longer_side(pictures) -> None:
    from occlusight.backends.protocol import Request

    seen = Scripted("Yes.")
    list(Resized(seen, 48).generate(Request("?", (pictures[3],))))
    assert seen.requests[0].pictures[0].size == (48, 10)


def test_a_judge_is_compared_with_the_rule(data, names, tmp_path: Path) -> None:
    run(oracle_of(data, names), data, tmp_path, names, ["en"])
    finished = Finished.read(tmp_path)
    lines, summary = judged(Scripted("Yes, it is."), finished, data)
    assert summary["plausible_by_rule"] == summary["plausible_by_judge"] == summary["agreement"] == 1.0
    assert len(lines) == summary["n"] > 0
    _, unsure = judged(Scripted("Perhaps."), finished, data)
    assert (unsure["no_verdict"], unsure["kappa"]) == (unsure["n"], None)
    assert json.loads((tmp_path / "scores.json").read_text())["explanation_plausible"] == 1.0
