"""Fitting what tells a checkpoint's world from others, measured on what it was not fitted to."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image
from tests.conftest import draw

from occlusight.backends.local import LocalBackend
from occlusight.errors import BadInput
from occlusight.files.text import read_json
from occlusight.train.auroc import auroc
from occlusight.train.domain import NOISES, DomainPlan, train_domain

OUTSIDE = "dark photographs", "grey drawings"


@pytest.fixture(scope="module")
def plan(tiny_checkpoint: Path, graphs: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> DomainPlan:
    folder = tmp_path_factory.mktemp("domain")
    shutil.copytree(tiny_checkpoint, folder / "checkpoint")
    (folder / "set" / "images").mkdir(parents=True)
    lines = []
    for i in range(8):
        draw(i).save(folder / "set" / "images" / f"{i}.png")
        graph = graphs.random_graph(np.random.default_rng(i)).to_json()
        lines.append({"id": f"s{i}", "recipe": "boxes", "image": f"images/{i}.png", "graph": graph})
    (folder / "set" / "manifest.json").write_text(json.dumps({"version": 1, "count": 8}))
    (folder / "set" / "scenes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "set" / "questions.jsonl").write_text(json.dumps(QUESTION) + "\n")
    for number, name in enumerate(OUTSIDE):
        (folder / name).mkdir()
        for i in range(8):
            shade = np.random.default_rng([number, i]).integers(0, 60, (64, 96, 3)) + 90 * number
            Image.fromarray(shade.astype(np.uint8)).save(folder / name / f"{i}.jpg")
    return DomainPlan(folder / "checkpoint", (folder / "set",), tuple(folder / name for name in OUTSIDE), drawn=0)


QUESTION = {
    "id": "s0.en.0",
    "scene": "s0",
    "image": "images/0.png",
    "lang": "en",
    "kind": "recognition",
    "template": "recognition.list",
    "text": "What is there?",
    "program": [],
    "answer": {"value": []},
}


def test_a_fit_tells_sources_that_it_did_not_see(plan: DomainPlan) -> None:
    told: list[tuple[str, int]] = []
    found = train_domain(plan, lambda what, done: told.append((what, done)))
    assert found["renders"] == 32  # in four forms each
    assert found["others"] == 16 + 12 * len(NOISES)
    assert found["auroc"] > 0.6  # noise is judged by a random tower that saw two kinds of grey
    assert set(found["called_other_by_source"]) == {"set", *OUTSIDE, "noise"}
    wrong, of = found["called_other_by_source"]["set"]
    assert wrong <= 1, of
    assert told[-1][1] == 32 + found["others"]
    backend = LocalBackend(plan.checkpoint, quantize="none")
    inside, outside = backend.domain([draw(2)]), backend.domain([Image.new("RGB", (96, 64), (20, 20, 20))])
    assert inside is not None
    assert outside is not None
    assert inside > 0.5 > outside
    assert read_json(plan.checkpoint / "domain.json")["revision"] == backend.info.revision


def test_one_source_of_other_pictures_is_not_enough(plan: DomainPlan) -> None:
    with pytest.raises(BadInput, match="two folders of other pictures"):
        train_domain(DomainPlan(plan.checkpoint, plan.renders, plan.others[:1]), lambda what, done: None)


def test_auroc_counts_pairs() -> None:
    assert auroc([2.0, 3.0], [1.0, 2.0]) == pytest.approx(3.5 / 4)
