"""The probes that never see a picture: they find what is planted, and nothing where there is nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from occlusight.bench.leakage.asked import Asked
from occlusight.bench.leakage.probes import box_features, box_model, majority, probe, text_features, text_model
from occlusight.bench.leakage.table import LIMIT, gain_interval, markdown, rows, to_json
from occlusight.cli.app import run
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.kinds import KindNames
from occlusight.questions.question import ask
from occlusight.questions.registry import templates
from occlusight.scenes.make.graph_pool import GRAPHS, PLAN, SIZE
from occlusight.scenes.make.plan import DatasetPlan

SCENES = 150
YES_NO = ["occlusion.active", "occlusion.passive"]


@pytest.fixture(scope="module")
def asked(graphs: ModuleType, names: dict[str, KindNames]) -> list[Asked]:
    """Decisions about random pictures in which any kind may hide any other."""
    found = []
    for i in range(SCENES):
        facts = Facts(graphs.random_graph(np.random.default_rng(i)))
        for q in ask(facts, names, np.random.default_rng(i), "en", ["occlusion"], 6, scene=str(i)):
            if q.template in YES_NO:
                slots = tuple(q.program[-1][1])
                answer = templates()[q.template].answer_class(facts, q.program[-1][1], q.answer)
                found.append(Asked(str(i), q, facts, answer, slots))
    return found


def split(asked: list[Asked]) -> tuple[list[Asked], list[Asked]]:
    return [q for q in asked if int(q.scene) % 3], [q for q in asked if int(q.scene) % 3 == 0]


def right(said: list[str], asked: list[Asked]) -> float:
    return float(np.mean([a == q.answer for a, q in zip(said, asked, strict=True)]))


def test_a_text_gives_nothing_away_where_kinds_are_random(asked: list[Asked]) -> None:
    learnt, tried = split(asked)
    assert {q.answer for q in tried} == {"yes", "no"}
    assert right(majority(learnt, tried), tried) == pytest.approx(0.5, abs=0.02)
    assert right(probe(learnt, tried, text_features, text_model), tried) < 0.62


def test_the_text_probe_finds_a_kind_that_always_hides(asked: list[Asked]) -> None:
    """The answers are made to follow from the kind that is named first: whoever reads it knows."""
    kinds = sorted({q.facts.objects[q.slots[0]].kind for q in asked})[::2]
    planted = [replace(q, answer="yes" if q.facts.objects[q.slots[0]].kind in kinds else "no") for q in asked]
    learnt, tried = split(planted)
    said = {"majority": majority(learnt, tried), "text": probe(learnt, tried, text_features, text_model)}
    assert right(said["text"], tried) > 0.97
    found = rows(tried, said, YES_NO)
    assert [row.template for row in found] == YES_NO
    assert all(row.leaks and row.text_gain_ci95[0] > LIMIT and row.boxes is None for row in found)
    assert sum(row.n for row in found) == len(tried)
    assert markdown(found).count("**") == 2 * len(found)
    assert json.loads(json.dumps(to_json(found)))[0]["leaks"] is True


def test_the_boxes_probe_sees_how_boxes_lie(asked: list[Asked]) -> None:
    """Whether the boxes overlap decides here; the text says nothing of it."""
    planted = [replace(q, answer="yes" if q.facts.boxes_overlap(*q.slots) else "no") for q in asked]
    learnt, tried = split(planted)
    assert right(probe(learnt, tried, box_features, box_model), tried) > 0.9
    commonest = right(majority(learnt, tried), tried)
    assert right(probe(learnt, tried, text_features, text_model), tried) < commonest + 0.05


def test_an_interval_is_clustered_by_scene() -> None:
    """Ten questions about one scene are one scene's worth of evidence."""
    many = gain_interval([str(i) for i in range(200)], [1, 0] * 100, [0] * 200)
    few = gain_interval([str(i // 50) for i in range(200)], [1] * 50 + [0] * 150, [0] * 200)
    assert many[0] == pytest.approx(0.43, abs=0.03)
    assert few[1] - few[0] > 2 * (many[1] - many[0])


def test_the_command_measures_a_pool_and_fails_where_texts_leak(
    graphs: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On graphs that are there already; the kinds of the tests' catalogue stand in for the shipped one."""
    monkeypatch.setattr("occlusight.cli.bench_inputs.shipped_names", lambda: graphs.NAMES)
    plan = DatasetPlan(("street", "desk", "room"), 31, 40, SIZE, 1)
    folder = tmp_path / "free"
    folder.mkdir()
    (folder / PLAN).write_text(json.dumps(plan.identity()))
    lines = [
        {"recipe": plan.recipe(i), "index": i, "graph": graphs.random_graph(np.random.default_rng(i)).to_json()}
        for i in range(40)
    ]
    (folder / GRAPHS).write_text("".join(json.dumps(line) + "\n" for line in lines))
    for option, stem in (("--balanced", "balanced"), ("--as-drawn", "as-drawn")):
        code = run(["bench", "leakage", "--out", str(tmp_path), "--free", "40", "--staged", "0", "--no-boxes", option])
        said = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert code == (1 if said["leaking"] else 0)
        assert said["questions"] > said["learnt"] > 500
        written = json.loads((tmp_path / f"{stem}.json").read_text())
        assert {row["template"] for row in written["rows"] if row["leaks"]} == set(said["leaking"])
        assert (tmp_path / f"{stem}.md").read_text().startswith("| template |")
    assert run(["bench", "leakage", "--out", str(tmp_path), "--free", "0", "--staged", "0"]) == 2
