"""Clips: a thing goes behind a board and comes back, with truth in every frame."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from occlusight.bench.scorers import RIGHT, score
from occlusight.cli.bench_inputs import names_for
from occlusight.datasets.dataset import open_set
from occlusight.datasets.masks import decode
from occlusight.errors import BadInput
from occlusight.files.json_lines import all_lines
from occlusight.occlusion.graph import Graph
from occlusight.reading.mentions import Vocabulary
from occlusight.scenes.check.dataset import check_set
from occlusight.scenes.make.clips import CLIP_LINES, clip_lines
from occlusight.scenes.make.dataset import make_set
from occlusight.scenes.make.families import recipes_named
from occlusight.scenes.make.plan import DatasetPlan
from occlusight.scenes.make.scene_line import scene_of
from occlusight.scenes.recipes.clips import RECIPES, along, choose_clip, comes_back
from occlusight.scenes.render.exposure import render_frame
from occlusight.scenes.render.targeted import render_targeted
from occlusight.scenes.truth.physics import physics_failures
from occlusight.scenes.truth.targeted import measure_targeted


def plan(**changes: Any) -> DatasetPlan:
    return DatasetPlan(
        **{"recipes": ("clip-street",), "seed": 10, "count": 8, "size": 112, "samples": 1, "frames": 8, **changes}
    )


@pytest.fixture(scope="module")
def made(assets: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of one clip, which no test changes."""
    folder = tmp_path_factory.mktemp("clips") / "a"
    make_set(plan(), folder)
    return folder


def test_a_way_begins_and_ends_in_view() -> None:
    for frames in (8, 9, 64):
        there, back = along("through", frames), along("return", frames)
        assert (there[0], there[-1], len(there)) == (0.0, 1.0, frames)
        assert (back[0], back[-1], len(back)) == (0.0, 0.0, frames)
        assert max(back) <= 0.5
        assert back == pytest.approx(back[::-1])


@pytest.mark.parametrize(
    ("shares", "fine"),
    [
        ([1.0, 0.4, 0.0, 0.0, 0.6, 1.0], True),
        ([1.0, 0.4, 0.1, 0.6, 1.0], False),
        ([1.0, 0.0, 0.5, 0.0, 1.0], False),
        ([0.5, 0.0, 1.0], False),
        ([1.0, 0.0, 0.0], False),
        ([1.0, None, 0.0, 1.0], False),
        ([], False),
    ],
)
def test_coming_back_is_seen_then_hidden_once_then_seen(shares: list[float | None], fine: bool) -> None:
    assert comes_back(shares) == fine


def test_a_clip_is_proven(made: Path) -> None:
    report = check_set(made, remeasure=2)
    assert report.failures == []
    assert (report.scenes, report.remeasured) == (8, 2)
    assert "| clip | 8 |" in (made / "README.md").read_text("utf-8")
    assert "--recipe clip-street --seed 10 --count 1 --frames 8" in (made / "README.md").read_text("utf-8")
    assert len(list((made / "frames" / "clip-street-10-00000").glob("*.webp"))) == 8


def test_the_thing_is_seen_hidden_by_the_board_and_seen_again(made: Path) -> None:
    (clip,) = all_lines(made / CLIP_LINES)
    lines = all_lines(made / "scenes.jsonl")
    hiding, mover = clip["occluder"], clip["mover"]
    shares = clip["objects"][mover]["visible"]
    (gone,) = clip["objects"][mover]["hidden"]
    assert gone["by"] == [hiding]
    assert 0 < gone["from"] <= gone["to"] < 7
    assert min(shares[0], shares[-1]) >= 0.9
    for k, line in enumerate(lines):
        (now,) = (o for o in line["graph"]["objects"] if o["id"] == mover)
        assert now["visible_fraction"] == shares[k]
        assert now.get("seen", "direct") == ("nowhere" if shares[k] == 0 else "direct")
        assert line["type"] == ("complete" if shares[k] == 0 else "partial")
        assert (line["clip"]["frame"], line["image"]) == (k, clip["images"][k])
    assert clip["times"] == sorted(clip["times"])


def test_a_frame_is_measured_as_any_still(made: Path) -> None:
    line = all_lines(made / "scenes.jsonl")[2]
    assert Graph.from_json(line["graph"]) == measure_targeted(scene_of(line)).graph


def test_frames_are_exposed_alike(made: Path) -> None:
    """Where no thing is, a frame is as bright as the first, though the thing that moves leaves it."""
    lines = all_lines(made / "scenes.jsonl")
    pictures, empty = [], []
    for line in lines:
        pictures.append(np.asarray(Image.open(made / line["image"]), np.float32).mean(-1))
        empty.append(
            ~sum(decode(m["amodal"]) | decode(m.get("shadow", m["amodal"])) for m in line["masks"].values()).astype(
                bool
            )
        )
    nothing = np.logical_and.reduce(empty)
    assert nothing.mean() > 0.2
    levels = [float(np.median(p[nothing])) for p in pictures]
    assert max(levels) - min(levels) < 2.0


def test_a_first_frame_is_rendered_as_a_still(made: Path) -> None:
    scene = scene_of(all_lines(made / "scenes.jsonl")[0])
    frame, still = render_frame(scene, scene, 2).astype(float), render_targeted(scene, 2).astype(float)
    scale = np.median(still[still > 20] / np.maximum(frame[still > 20], 1))
    assert 0.93 < scale < 1.07
    assert np.abs(frame * scale - still).mean() < 4


def test_replies_about_frames_are_right(made: Path) -> None:
    data = open_set(made)
    names = names_for(data)
    assert data.questions
    for q in data.questions:
        assert score(q, q.reply, "stop", Vocabulary(names, data.scenes[q.scene].facts)).outcome == RIGHT, q


def test_after_a_kill_the_frames_are_the_same(made: Path, small_sets: ModuleType, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "b")
    small_sets.take_back(tmp_path / "b", plan(), 6)
    assert make_set(plan(), tmp_path / "b").made == 2
    assert small_sets.contents(tmp_path / "b") == small_sets.contents(made)


def test_check_finds_what_is_wrong_with_a_clip(made: Path, small_sets: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "c"
    shutil.copytree(made, folder)

    def forge(lines: list[dict[str, Any]]) -> None:
        clip = lines[0]
        clip["objects"][clip["mover"]]["hidden"] = []

    def moved(lines: list[dict[str, Any]]) -> None:
        hiding = lines[0]["focus"][0]
        next(p for p in lines[3]["placed"] if p["id"] == hiding)["yaw"] += 20

    small_sets.rewrite(folder, CLIP_LINES, forge)
    small_sets.rewrite(folder, "scenes.jsonl", moved)
    failures = check_set(folder, remeasure=0).failures
    assert any("does not say what the frames say" in f for f in failures)
    assert any("is another thing, or moves" in f for f in failures)
    assert any("is not seen, then hidden once" in f for f in failures)


def test_clips_of_frames_follow_each_thing(made: Path) -> None:
    lines = all_lines(made / "scenes.jsonl")
    assert clip_lines(list(reversed(lines))) == all_lines(made / CLIP_LINES)
    manifest = json.loads((made / "manifest.json").read_text("utf-8"))
    assert (manifest["frames"], manifest["clips"], manifest["count"]) == (8, 1, 8)


def test_plans_of_clips_say_what_they_cannot_make() -> None:
    assert recipes_named("clip") == RECIPES
    assert plan().image(3) == "frames/clip-street-10-00000/03.webp"
    for changes, message in (
        ({"frames": 7, "count": 7}, "8 to 64 frames, but 7"),
        ({"frames": 65, "count": 65}, "8 to 64 frames, but 65"),
        ({"frames": 0}, "8 to 64 frames, but 0"),
        ({"count": 12}, "not whole clips of 8"),
        ({"variants": True}, "variants are made of targeted scenes"),
        ({"balanced": True}, "neither can be --balanced"),
        ({"recipes": ("clip-street", "street")}, "do not go into one data set"),
        ({"recipes": ("street",)}, "only clips have frames"),
    ):
        with pytest.raises(BadInput, match=message):
            plan(**changes)


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("rotation_index", [0, 1])
def test_every_recipe_of_clips_comes_back(name: str, rotation_index: int, assets: None) -> None:
    clip = choose_clip(name, 5, RECIPES.index(name), 8, rotation_index, 160, False)
    assert physics_failures(clip.frame(4)) == []
    first, last = clip.frame(0), clip.frame(7)
    assert first == replace(last, objects=first.objects)
    assert clip.path == ("through", "return")[rotation_index]
