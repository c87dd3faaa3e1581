"""Sets with the questions of "eyes": what is seen, matched over the set, and several pictures in one question."""

from __future__ import annotations

import shutil
from collections import Counter, defaultdict
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from tests.occlusion import graphs
from tests.questions.test_stills import clip

from occlusight.bench.oracle import oracle_of
from occlusight.bench.run import run
from occlusight.cli.bench_inputs import names_for
from occlusight.datasets.dataset import read_set
from occlusight.errors import BadData, BadInput
from occlusight.occlusion.facts import Facts
from occlusight.questions.balance import TWO
from occlusight.scenes.check.dataset import check_set
from occlusight.scenes.make.plan import DatasetPlan
from occlusight.scenes.make.sight_quiz import PER_SCENE, sight_quiz

ALBUM = {"which_pictures", "count_pictures", "still_there", "hidden_now", "moved"}


@pytest.fixture(scope="module")
def eyes_set(small_sets: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small set that no test changes."""
    folder = tmp_path_factory.mktemp("eyes") / "set"
    small_sets.make(folder, count=4, questions="eyes")
    return folder


def test_a_set_of_eyes_is_proven_and_grows_no_other(small_sets: ModuleType, eyes_set: Path) -> None:
    report = check_set(eyes_set, remeasure=0)
    assert not report.failures
    assert read_set(eyes_set).manifest["question_plan"] == "eyes"
    with pytest.raises(BadInput, match="question_plan eyes, not None"):
        small_sets.make(eyes_set, count=4)


def test_its_pictures_are_those_of_any_set_of_the_seed(small_sets: ModuleType, eyes_set: Path, tmp_path: Path) -> None:
    small_sets.make(tmp_path / "plain", count=1)
    plain, eyes = small_sets.contents(tmp_path / "plain"), small_sets.contents(eyes_set)
    assert eyes["scenes.jsonl"].splitlines()[:1] == plain["scenes.jsonl"].splitlines()
    assert all(eyes[name] == body for name, body in plain.items() if name.startswith("images/"))


def test_the_oracle_is_right_about_all_of_it(eyes_set: Path, tmp_path: Path) -> None:
    """Read, shown and scored as a model's answers are, those about several pictures too."""
    data = read_set(eyes_set)
    names = names_for(data)
    result = run(oracle_of(data, names), data, tmp_path, names)
    assert {kind: found.get("accuracy") for kind, found in result["by_type"].items()} == dict.fromkeys(
        result["by_type"], 1.0
    )
    assert (result["box_iou"], result["named_twice"]) == (1.0, 0.0)
    several = [q for q in data.questions if q.scenes]
    assert {len(q.scenes) for q in several} == {2}
    assert {q.kind for q in several} <= ALBUM
    assert all(len(data.pictures(q)) == 2 for q in several)
    assert set(result["by_type"]) <= {*PER_SCENE, *ALBUM}


def test_a_question_about_a_picture_that_is_not_there_is_refused(
    small_sets: ModuleType, eyes_set: Path, tmp_path: Path
) -> None:
    shutil.copytree(eyes_set, tmp_path / "set")

    def lose(lines: list[dict]) -> None:
        next(line for line in lines if line.get("scenes"))["scenes"][0] = "nowhere"

    small_sets.rewrite(tmp_path / "set", "questions.jsonl", lose)
    with pytest.raises(BadData, match="nowhere"):
        read_set(tmp_path / "set")
    assert any("nowhere" in failure for failure in check_set(tmp_path / "set", remeasure=0).failures)


def test_yes_and_no_are_equally_many_and_every_picture_is_asked_each_kind() -> None:
    facts = [Facts(graphs.random_graph(np.random.default_rng(i), 5 + i % 3)) for i in range(30)]
    plan = DatasetPlan(("street",), 7, len(facts), questions="eyes")
    found = sight_quiz(plan, [{}] * len(facts), facts, graphs.NAMES)
    said: dict[str, Counter[str]] = defaultdict(Counter)
    for questions in found:
        kinds = Counter(q.kind for q in questions if q.lang == "en" and not q.scenes)
        assert all(times <= PER_SCENE[kind] for kind, times in kinds.items())
        assert {"detect", "describe", "locate"} <= kinds.keys()
        for q in questions:
            said[q.template][str(q.answer["value"])] += 1
    for template in ("exists.kind", "hides_anything.thing", "anything_hidden.picture"):
        assert said[template]["yes"] == said[template]["no"], template
    assert said["exists.kind"].keys() == {*TWO[0]}
    shown = [q.scenes for questions in found for q in questions if q.scenes]
    assert {len(ids) for ids in shown} == {2, 3, 4}
    assert all(
        ids[-1] == plan.scene_id(i)
        for i, questions in enumerate(found)
        for ids in [q.scenes for q in questions if q.scenes]
    )


def test_a_mover_is_asked_about_gone_and_back() -> None:
    first, gone, back = clip(graphs)
    plan = DatasetPlan(("clip-street",), 7, 8, frames=8, questions="eyes")
    facts = [first, first, first, gone, gone, gone, back, back]
    found = sight_quiz(plan, [{"focus": ["o4", "o3"]}] * 8, facts, graphs.NAMES)
    asked = [(i, q) for i, questions in enumerate(found) for q in questions if q.lang == "en"]
    assert {i for i, _ in asked} <= {3, 4, 5, 6, 7}
    values = {(q.template, len(q.scenes), str(q.answer["objects"][0])): q.answer["value"] for _, q in asked}
    assert values == {
        ("still_there.clip", 2, "o3"): "no",
        ("still_there.clip", 3, "o3"): "yes",
        ("hidden_now.clip", 2, "o3"): ["o4"],
        ("hidden_now.clip", 3, "o3"): [],
        ("moved.clip", 3, "o3"): "left",
        ("moved.clip", 3, "o2"): "nowhere",
    }


def test_plans_say_what_can_be_asked() -> None:
    with pytest.raises(BadInput, match="standard or eyes, but 'ears'"):
        DatasetPlan(("street",), 7, 1, questions="ears")
    with pytest.raises(BadInput, match="leave out --balanced"):
        DatasetPlan(("street",), 7, 1, balanced=True, questions="eyes")
