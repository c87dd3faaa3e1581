"""A team's own photographs: labels, answers that are kept, the estimate and whether figures carry over."""

from __future__ import annotations

import csv
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from occlusight.backends.protocol import Request
from occlusight.backends.scripted import Scripted
from occlusight.bench.photographs import ASKED, Labelled, estimate, label_run, read_labels, summary, write_template
from occlusight.bench.record import Record
from occlusight.cli.bench import bench_app
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
    lines = label_run(Scripted("Yes. It does."), labels, tmp_path / "run")
    result = estimate(lines)
    assert result["error"] == pytest.approx(2 / 3, abs=1e-4)
    assert (result["missed_occlusion"], result["false_occlusion"], result["n"]) == (0.0, 1.0, 3)
    assert result["error_ci95"][0] < result["error"] < result["error_ci95"][1] + 1e-9


def test_fifty_labels_say_whether_figures_carry_over() -> None:
    lines = [{"picture": f"{i}", "said": "yes" if i % 5 else "no", "truth": "yes", "cut": False} for i in range(60)]
    scores = {"occlusion_balanced_accuracy": 0.8, "occlusion_yes_accuracy": 0.78, "occlusion_no_accuracy": 0.9}
    assert estimate(lines, scores)["missed_occlusion_carries_over"] == "yes"
    said = summary(estimate(lines, scores))
    assert "wrong where the truth is yes: 20.0 % (95 % interval " in said
    assert "on scenes 22.0 %: within the interval" in said
    assert "wrong where the truth is no: no such label" in said
    assert estimate(lines, scores | {"occlusion_yes_accuracy": 0.99})["missed_occlusion_carries_over"] == "no"
    assert estimate(lines[:20], scores)["missed_occlusion_carries_over"] == "too few"


def test_wrong_labels_are_named(photographs: Path, tmp_path: Path) -> None:
    template = tmp_path / "labels.csv"
    write_template(photographs, template)
    fill(template, [("car", "bus", "perhaps")])
    with pytest.raises(BadData, match="line 2: truth must be yes or no, but is 'perhaps'"):
        read_labels(template)
    template.write_bytes(template.read_text("utf-8-sig").replace("car", "轿车").encode("gbk"))
    with pytest.raises(BadData, match=r"line 2 is not UTF-8 .* as 'CSV UTF-8'"):
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


def labelled(photographs: Path, tmp_path: Path) -> list[Labelled]:
    template = tmp_path / "labels.csv"
    write_template(photographs, template)
    fill(
        template,
        [("the car", "bus", "yes"), ("bus", "car\u2028behind", "no"), ("cat", "dog", "no"), ("dog", "cat", "no")],
    )
    return read_labels(template)


def test_answers_about_labels_are_kept_as_they_come(photographs: Path, tmp_path: Path) -> None:
    """A stopped run goes on, and a label that was put right is compared again, not asked again."""
    labels, asked = labelled(photographs, tmp_path), []
    assert labels[1].hidden == "car\u2028behind"

    def stops(request: Request) -> str:
        asked.append(request.prompt)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return "No."

    with pytest.raises(KeyboardInterrupt):
        label_run(Scripted(stops, name="m"), labels, tmp_path / "run")
    assert [line["answer"] for line in Record.read(tmp_path / "run" / "answers.jsonl")] == ["No.", "No."]
    corrected = [replace(labels[0], truth=False), *labels[1:]]
    lines = label_run(Scripted(stops, name="m"), corrected, tmp_path / "run")
    assert asked == [x.question for x in [*labels[:3], *labels[2:]]]
    assert Record.read(tmp_path / "run" / "scored.jsonl") == lines
    assert estimate(lines)["error"] == 0.0
    assert label_run(Scripted("Yes.", name="m"), labels[:1], tmp_path / "run")[0]["truth"] == "yes"
    assert len(Record.read(tmp_path / "run" / "answers.jsonl")) == 4
    with pytest.raises(BadInput, match="a run with another model"):
        label_run(Scripted("Yes.", name="other"), labels, tmp_path / "run")
    with Record(tmp_path / "run").held(), pytest.raises(BadInput, match="is being written by process"):
        label_run(Scripted("Yes.", name="m"), labels, tmp_path / "run")


def test_answers_about_labels_that_failed_count_nowhere_and_earlier_runs_are_read(
    photographs: Path, tmp_path: Path
) -> None:
    """The first answers were written by a version that said `cut` and the comparison in their lines."""
    labels, asked = labelled(photographs, tmp_path), []
    earlier = [
        {"id": label.id, "picture": str(label.picture), "question": label.question, "answer": "Yes.", "cut": i == 1}
        for i, label in enumerate(labels[:2])
    ]
    about = {"model": asdict(Scripted("", name="m").info), "settings": {"max_tokens": 256}}
    with Record(tmp_path / "run").held() as record:
        record.begin(about)
        record.write(record.answers, [{**line, "said": "yes", "truth": "yes"} for line in earlier])

    def fails(request: Request) -> str:
        asked.append(request.prompt)
        if len(asked) == 1:
            raise RuntimeError("overloaded")
        return "No."

    lines = label_run(Scripted(fails, name="m"), labels, tmp_path / "run")
    assert asked == [label.question for label in labels[2:]]
    assert [(line["said"], line["cut"], line["failed"]) for line in lines] == [
        ("yes", False, False),
        ("yes", True, False),
        (None, False, True),
        ("no", False, False),
    ]
    result = estimate(lines)
    assert (result["n"], result["failed"], result["cut"], result["unparsed"]) == (3, 1, 1, 0)
    assert result["error"] == pytest.approx(1 / 3, abs=1e-4)
