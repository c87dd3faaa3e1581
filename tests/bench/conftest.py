"""Small data sets made of the graphs of tests/occlusion."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from occlusight.datasets.dataset import DataSet, read_set
from occlusight.occlusion.kinds import KindNames
from occlusight.questions.question import ask


@pytest.fixture(scope="session")
def make_set(graphs: ModuleType, names: dict[str, KindNames]) -> Callable[..., DataSet]:
    """Write a data set of random graphs into a folder and read it."""

    def make(folder: Path, scenes: int = 6, per_kind: int = 4) -> DataSet:
        (folder / "images").mkdir(parents=True)
        scene_lines, question_lines = [], []
        for i in range(scenes):
            graph, image = graphs.random_graph(np.random.default_rng(i)), f"images/{i}.png"
            Image.new("RGB", (8, 8)).save(folder / image)
            scene_lines.append(
                {"id": f"s{i}", "recipe": "boxes", "image": image, "graph": graph.to_json(), "heldout": i % 2 == 1}
            )
            for lang in ("en", "zh"):
                rng = np.random.default_rng(i)
                question_lines += [
                    q.to_json() for q in ask(graph, names, rng, lang, per_kind=per_kind, scene=f"s{i}", image=image)
                ]
        (folder / "manifest.json").write_text(json.dumps({"version": 1, "count": scenes}))
        for name, lines in (("scenes.jsonl", scene_lines), ("questions.jsonl", question_lines)):
            (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
        return read_set(folder)

    return make


@pytest.fixture(scope="session")
def data(make_set: Callable[..., DataSet], tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    """A data set that no test changes."""
    return make_set(tmp_path_factory.mktemp("set") / "boxes")
