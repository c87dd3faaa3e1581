"""Making data sets: the same bytes every time, however often the run was stopped."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from occlusight.datasets.dataset import read_set
from occlusight.datasets.masks import decode
from occlusight.errors import BadInput
from occlusight.files.json_lines import all_lines
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.kinds import LANGS
from occlusight.scenes.make.dataset import make_set
from occlusight.scenes.make.families import recipes_named
from occlusight.scenes.make.plan import DatasetPlan
from occlusight.scenes.make.scene_line import scene_of
from occlusight.scenes.make.selection import BANDS, STRIDE, clear_pairs, seen_scene, select
from occlusight.scenes.meshes.catalogue import load_catalogue
from occlusight.scenes.recipes.free import SETTINGS, make_scene
from occlusight.scenes.render import path_tracer
from occlusight.scenes.truth.measure import measure


def test_a_set_is_what_the_contract_says(small_set: Path) -> None:
    manifest = json.loads((small_set / "manifest.json").read_text("utf-8"))
    assert {"version", "recipes", "seed", "renderer", "licence", "count", "files"} <= manifest.keys()
    assert (manifest["count"], manifest["recipes"], manifest["seed"]) == (3, ["street"], 7)
    listed = {"manifest.json", *manifest["files"]}
    assert {p.relative_to(small_set).as_posix() for p in small_set.rglob("*") if p.is_file()} == listed
    lines = all_lines(small_set / "scenes.jsonl")
    assert [line["index"] for line in lines] == [0, 1, 2]
    assert lines[0]["id"] == "street-7-00000"
    assert lines[0]["counterfactual_of"] is None
    data = read_set(small_set)  # the benchmark's own reader
    assert {q.lang for q in data.questions} == set(LANGS)
    assert {"recognition", "occlusion", "explanation", "position"} <= {q.kind for q in data.questions}
    assert data.scenes["street-7-00001"].heldout is False


def test_a_line_holds_masks_poses_and_the_whole_description(small_set: Path, small_sets: ModuleType) -> None:
    for line in all_lines(small_set / "scenes.jsonl"):
        truth = measure(scene_of(line))
        assert line["graph"] == json.loads(json.dumps(truth.graph.to_json()))
        for i, o in enumerate(truth.graph.objects):
            assert (decode(line["masks"][o.id]["amodal"]) == truth.amodal[i]).all()
            assert (decode(line["masks"][o.id]["visible"]) == truth.visible[i]).all()
            placed = next(p for p in line["placed"] if p["id"] == o.id)
            assert placed["depth"][0] <= o.distance <= placed["depth"][1]
            assert len(placed["size"]) == len(placed["position"]) == 3
        with Image.open(small_set / line["image"]) as picture:
            assert picture.size == (truth.graph.width, truth.graph.height)
            assert picture.format == "WEBP"
        scene = scene_of(line)
        assert scene.index == line["index"] + line["drawing"] * STRIDE
        with small_sets.procedural_street():
            drawn = make_scene("street", 7, scene.index, small_sets.procedural_catalogue(), width=64)
        assert set(scene.objects) <= set(drawn.objects)
        assert replace(scene, objects=()) == replace(drawn, objects=())


def test_the_rules_of_evaluation_pictures_are_kept(small_set: Path, small_sets: ModuleType) -> None:
    data = read_set(small_set)
    for index, scene in enumerate(data.scenes.values()):
        facts = scene.facts
        assert 4 <= len(facts.objects) <= 10
        assert clear_pairs(facts)
        assert all(o.visible_fraction >= 0.02 for o in facts.objects.values())
        low, high = BANDS[index]
        assert any(low <= facts.objects[id].visible_fraction < high for id in facts.nameable)
    tally: dict[tuple[str, str], list[str]] = {}
    for q in data.questions:
        if q.answer["value"] in ("yes", "no"):
            tally.setdefault((q.lang, q.template), []).append(q.answer["value"])
    assert tally
    assert all(values.count("yes") == values.count("no") for values in tally.values())


def test_both_languages_are_asked_the_same(small_set: Path) -> None:
    asked: dict[str, list[Any]] = {lang: [] for lang in LANGS}
    for q in read_set(small_set).questions:
        asked[q.lang].append((q.scene, q.template, q.program, q.answer["value"]))
    assert asked["zh"] == asked["en"]


def test_the_same_seed_gives_the_same_bytes(small_set: Path, small_sets: ModuleType, tmp_path: Path) -> None:
    small_sets.make(tmp_path / "again")
    assert small_sets.contents(tmp_path / "again") == small_sets.contents(small_set)
    small_sets.make(tmp_path / "other", count=1, seed=8)
    other = small_sets.contents(tmp_path / "other")
    assert other["scenes.jsonl"] != small_sets.contents(small_set)["scenes.jsonl"].splitlines(True)[0]


class Killed(BaseException):
    """Stands for a signal that ends the process."""


@pytest.mark.parametrize("after", [1, 2])
def test_a_killed_run_goes_on_to_the_same_bytes(
    small_set: Path, small_sets: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    real, rendered = path_tracer.render, 0

    def render(*arguments: Any) -> Any:
        nonlocal rendered
        rendered += 1
        if rendered > after:
            (tmp_path / "set" / ".making" / "00001.webp").write_bytes(b"half a pict")
            raise Killed
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr("occlusight.scenes.make.free.render", render)
        with pytest.raises(Killed):
            small_sets.make(tmp_path / "set")
    assert not (tmp_path / "set" / "manifest.json").exists()
    seen: list[tuple[int, int]] = []
    made = small_sets.make(tmp_path / "set", progress=lambda done, total: seen.append((done, total)))
    assert (made.made, made.skipped) == (3 - after, after)
    assert seen == [(n, 3) for n in range(after, 4)]
    assert small_sets.contents(tmp_path / "set") == small_sets.contents(small_set)


def test_a_run_killed_at_the_very_end_goes_on(small_set: Path, small_sets: ModuleType, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == total:
            raise Killed

    with pytest.raises(Killed):
        small_sets.make(tmp_path / "set", progress=stop)
    (tmp_path / "set" / "scenes.jsonl").write_text("half")  # as if it had been written, and the manifest had not
    part = tmp_path / "set" / ".making" / "00002.json"
    part.write_text(part.read_text()[:50])  # as a full disk or a power cut leaves it
    (tmp_path / "set" / "images" / "street-7-00001.webp").write_bytes(b"RIFF")
    made = small_sets.make(tmp_path / "set")
    assert (made.made, made.skipped) == (2, 1)
    assert small_sets.contents(tmp_path / "set") == small_sets.contents(small_set)


def test_a_finished_set_is_left_alone_and_can_grow(small_set: Path, small_sets: ModuleType, tmp_path: Path) -> None:
    small_sets.make(tmp_path / "set", count=1)
    before = small_sets.contents(tmp_path / "set")
    made = small_sets.make(tmp_path / "set", count=1)
    assert (made.made, made.skipped) == (0, 1)
    assert small_sets.contents(tmp_path / "set") == before
    made = small_sets.make(tmp_path / "set")
    assert (made.made, made.skipped) == (2, 1)
    assert small_sets.contents(tmp_path / "set") == small_sets.contents(small_set)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 8}, "seed 7, not 8"),
        ({"size": 96}, "size 64, not 96"),
        ({"samples": 3}, "samples 2, not 3"),
        ({"recipes": ("street", "desk")}, "recipes street, not street,desk"),
        ({"heldout": True}, "heldout False, not True"),
        ({"count": 2}, "holds 3 scenes, more than --count 2"),
    ],
)
def test_another_set_is_never_overwritten(
    small_set: Path, small_sets: ModuleType, changes: dict[str, Any], message: str
) -> None:
    before = small_sets.contents(small_set)
    with pytest.raises(BadInput, match=message):
        small_sets.make(small_set, **changes)
    assert small_sets.contents(small_set) == before


def test_nothing_is_written_into_other_folders(small_set: Path, small_sets: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("notes")
    with pytest.raises(BadInput, match="holds no data set"):
        small_sets.make(tmp_path)
    with pytest.raises(BadInput, match="is a file"):
        small_sets.make(tmp_path / "mine.txt")
    assert small_sets.contents(tmp_path) == {"mine.txt": b"notes"}
    small_sets.make(tmp_path / "set", count=1)
    small_sets.rewrite(tmp_path / "set", "questions.jsonl", lambda lines: lines.pop(), sign=False)
    with pytest.raises(BadInput, match=r"questions\.jsonl has been changed"):
        small_sets.make(tmp_path / "set", count=2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipes": ("sea",)}, "no recipe 'sea'; the recipes are street, desk, room"),
        ({"recipes": ()}, "needs a recipe"),
        ({"count": 0}, "1 to 1,000,000 scenes, but 0"),
        ({"size": 7}, "32 to 4096 pixels, but 7"),
        ({"samples": 0}, "at least 1 sample"),
        ({"seed": -1}, "0 or more, but -1"),
        ({"langs": ("fr",)}, "en, zh, but fr"),
    ],
)
def test_impossible_plans_are_refused(small_sets: ModuleType, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        small_sets.plan(**changes)


def test_recipes_take_turns(small_sets: ModuleType) -> None:
    assert recipes_named("all") == tuple(SETTINGS)
    assert recipes_named("room, desk,room") == ("room", "desk")
    plan = small_sets.plan(recipes=recipes_named("all"), heldout=True)
    assert [plan.scene_id(i) for i in (0, 1, 5)] == ["street-h7-00000", "desk-h7-00001", "room-h7-00005"]
    assert len({(plan.recipe(i), plan.slot(i).rotation_index % len(BANDS)) for i in range(12)}) == 12


def test_what_cannot_be_seen_is_taken_out(suitcases: Callable[..., Any]) -> None:
    catalogue = load_catalogue()
    scene = suitcases(shift=0.0)
    scene = replace(scene, camera=replace(scene.camera, target=(0.0, 0.0, 0.4)))
    far = replace(scene.objects[1], position=(0.0, 3.0, 0.0), scale=0.4)  # behind the red suitcase
    beside = replace(scene.objects[1], id="o3", position=(30.0, 3.0, 0.0))  # outside the picture
    kept, truth = seen_scene(replace(scene, objects=(scene.objects[0], far, beside)), catalogue)
    assert [p.id for p in kept.objects] == ["o1"]
    assert [o.id for o in truth.graph.objects] == ["o1"]
    assert (truth.amodal == measure(kept).amodal).all()


@pytest.mark.usefixtures("assets")
def test_heldout_sets_show_what_training_never_sees() -> None:
    catalogue = load_catalogue()
    selection = select("room", 7, 0, catalogue, band=(0.7, 0.95), width=64, heldout=True)
    unseen = {p.id for p in selection.scene.objects if catalogue.mesh(p.mesh).heldout}
    assert len(unseen) >= 2
    assert any(unseen & set(pair) for pair in clear_pairs(Facts(selection.truth.graph)))
    usual = select("room", 7, 0, catalogue, band=(0.7, 0.95), width=64)
    assert not any(catalogue.mesh(p.mesh).heldout for p in usual.scene.objects)


@pytest.mark.slow
@pytest.mark.usefixtures("assets")
def test_several_workers_make_the_same_bytes(small_sets: ModuleType, tmp_path: Path) -> None:
    plan = DatasetPlan(tuple(SETTINGS), 7, 3, 64, 2)
    make_set(plan, tmp_path / "one")
    made = make_set(plan, tmp_path / "two", workers=2)
    assert made.made == 3
    assert small_sets.contents(tmp_path / "one") == small_sets.contents(tmp_path / "two")
    pictures = [np.asarray(Image.open(p)) for p in sorted((tmp_path / "one" / "images").iterdir())]
    assert all(p.std() > 5 for p in pictures)


def _gone(pid: int) -> bool:
    """Whether a process has ended, or waits only to be counted."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


POOL = """
import os, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from occlusight.scenes.make.dataset import _prepare
if __name__ == "__main__":
    with ProcessPoolExecutor(1, get_context("spawn"), _prepare, (1,)) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        time.sleep(600)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
def test_workers_end_when_the_main_process_is_killed(tmp_path: Path) -> None:
    (tmp_path / "pool.py").write_text(POOL)
    with subprocess.Popen([sys.executable, tmp_path / "pool.py"], stdout=subprocess.PIPE, text=True) as main:
        assert main.stdout is not None
        worker = int(main.stdout.readline())
        assert not _gone(worker)
        main.kill()
    deadline = time.monotonic() + 60
    while not _gone(worker):
        assert time.monotonic() < deadline
        time.sleep(0.05)
