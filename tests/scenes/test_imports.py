"""Annotations, disparity maps and questions of other people: tiny files written by hand in each format, imported,
checked and asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.scenes.imported_files import (
    BICYCLE,
    FILES,
    LEFT,
    RIGHT,
    SIZE,
    bad,
    cocoa,
    compressed,
    counts,
    insta_order,
    kins,
    pixels,
    square,
    write,
)

from occlusight.bench.baselines import baseline
from occlusight.bench.run import run as run_bench
from occlusight.cli.bench_inputs import names_for
from occlusight.datasets.dataset import DataSet, read_set
from occlusight.drawing.overlay import overlay
from occlusight.errors import BadData
from occlusight.files.json_lines import all_lines
from occlusight.scenes.check.dataset import check_set
from occlusight.scenes.imports.annotated import depth_groups
from occlusight.scenes.imports.coco import mask_of
from occlusight.scenes.imports.orders import constraint_pairs, order_pairs
from occlusight.scenes.imports.thing import Thing

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def imported(tmp_path: Path, call: Call) -> Callable[..., tuple[DataSet, dict[str, Any]]]:
    """Import a format's small file and read the set again."""

    def make(format: str, *options: Any, file: Path | None = None) -> tuple[DataSet, dict[str, Any]]:
        source = file or FILES[format](tmp_path)
        images = () if format == "middlebury" else ("--images", tmp_path / "val2014")
        code, out, err = call(format, source, *images, "--out", tmp_path / "set", *options)
        assert code == 0, err
        return read_set(tmp_path / "set"), json.loads(out.splitlines()[-1])

    return make


@pytest.mark.parametrize("format", FILES)
def test_an_import_is_a_set_that_is_checked_shown_and_answered(format: str, tmp_path: Path, imported: Any) -> None:
    names = tmp_path / "names.toml"
    names.write_text('[meadow]\nzh = "草地"\nmeasure = "片"\n', encoding="utf-8")
    data, numbers = imported(format, "--langs", "zh,en", "--names", names)
    assert check_set(data.folder).failures == []
    assert (numbers["pictures"], numbers["skipped"]) == (len(data.scenes), 0)
    assert numbers["questions"] == len(data.questions) > 3
    for line in all_lines(data.folder / "scenes.jsonl"):
        assert overlay(data.folder, line, "zh").width > SIZE[0]
    known = names_for(data)
    for model in ("oracle", "paraphrases"):
        backend = baseline(model, data, known)
        assert backend is not None
        scores = run_bench(backend, data, tmp_path / model, known)
        assert [
            group for group in scores["by_template"].values() if group.get("accuracy", group.get("f1")) != 1.0
        ] == []
        assert (scores["n"], scores["unparsed"], scores["failed"]) == (len(data.questions), 0, 0)


@pytest.mark.parametrize("format", ["cocoa", "kins"])
def test_masks_give_who_hides_whom_and_how_much(format: str, imported: Any) -> None:
    data, _ = imported(format)
    (scene,) = data.scenes.values()
    dog, bicycle, left, right = (o.id for o in scene.graph.objects[:4])
    share = (40 - 30) * (60 - 30) / ((60 - 30) * (65 - 25))
    assert scene.graph.covered(dog, bicycle) == pytest.approx(share, abs=0.02)
    assert scene.facts.relations[dog, bicycle].hidden_part == "left"
    assert scene.facts.objects[bicycle].visible_fraction == pytest.approx(1 - share, abs=0.02)
    assert [scene.facts.hides(*pair) for pair in ((dog, bicycle), (bicycle, dog), (left, right))] == [
        True,
        False,
        False,
    ]
    assert [scene.facts.objects[id].name for id in (left, right)] == ["largest person", "smallest person"]
    texts = " ".join(q.text for q in data.questions)
    assert "dog" in texts
    assert "meadow" not in texts


def test_kins_without_an_order_is_read_from_the_masks(tmp_path: Path, imported: Any) -> None:
    data, _ = imported("kins", file=kins(tmp_path, ordered=False))
    (scene,) = data.scenes.values()
    assert {pair for pair in scene.facts.relations if scene.facts.hides(*pair)} == {("o1", "o2")}


def test_instaorder_does_not_say_how_much(imported: Any) -> None:
    data, _ = imported("instaorder")
    (scene,) = data.scenes.values()
    facts = scene.facts
    assert facts.hides("o1", "o2") is True
    assert not facts.relations["o1", "o2"].measured
    assert facts.graph.depth_order == (("o1",), ("o2", "o3", "o4"))
    assert [facts.depth(*pair) for pair in (("o1", "o3"), ("o3", "o1"), ("o2", "o3"))] == ["front", "behind", "none"]
    assert {q.kind for q in data.questions} == {"occlusion", "position", "depth_pair", "who_hides"}
    assert all(q.answer["covered_fraction"] is None for q in data.questions if "covered_fraction" in q.answer)


def test_what_was_not_judged_is_not_asked(tmp_path: Path, imported: Any) -> None:
    """A fourth instance that the annotators were not shown might hide anything, and is never named."""
    file = insta_order(tmp_path)
    document = json.loads(file.read_text())
    document["annotations"][0]["instance_ids"] = [31, 32, 33]
    document["annotations"][0]["depth"] = []
    data, _ = imported("instaorder", file=write(file, document))
    (scene,) = data.scenes.values()
    assert not scene.graph.objects[3].unique
    assert scene.graph.objects[2].name == "largest person"
    assert not {q.template for q in data.questions} & {"occlusion.anything", "who_hides.one"}


def test_a_disparity_map_orders_dots_in_depth(imported: Any) -> None:
    data, _ = imported("middlebury")
    (scene,) = data.scenes.values()
    assert scene.graph.objects
    assert {o.name for o in scene.graph.objects} <= {"red dot", "blue dot", "green dot", "yellow dot"}
    assert {o.distance for o in scene.graph.objects} <= {2.0, 4.0, 8.0}  # 1000 px * 0.1 m / 50, 25, 12.5
    picture = np.asarray(Image.open(scene.picture).convert("RGB"), int)
    for o in scene.graph.objects:
        x, y = ((o.box[i] + o.box[i + 2]) * side // 2000 for i, side in ((0, 200), (1, 160)))
        expected = {"red": 0, "green": 1, "blue": 2, "yellow": 0}[o.colour or ""]
        assert picture[y, x].argmax() == expected
        assert not (x >= 100 and y >= 80)  # where the map says nothing there is no dot
    near = {o.id: o.distance for o in scene.graph.objects}
    for q in data.questions:
        a, b = q.answer["objects"]
        assert q.answer["value"] == (min if q.template.endswith("nearer") else max)((a, b), key=lambda id: near[id])


def test_own_questions_are_scored_by_their_sort(imported: Any, tmp_path: Path) -> None:
    from occlusight.backends.scripted import Scripted

    data, _ = imported("jsonl", "--langs", "zh,en")
    names = names_for(data)

    def say(request: Any) -> str:
        if "How many" in request.prompt:
            return "There are three cups."
        if "B. the book" in request.prompt:
            return "I think it is the book."
        return "There is a cup in front of it." if "stands before" in request.prompt else "No."

    scores = run_bench(Scripted(say), data, tmp_path / "run", names)
    found = {key: group["accuracy"] for key, group in scores["by_template"].items()}
    assert found == {
        "own.yes_no": pytest.approx(1 / 3, abs=1e-3),
        "own.number": 1.0,
        "own.choice": 0.5,
        "own.text": 1.0,
    }
    assert scores["occlusion_yes_accuracy"] == 0.0
    assert scores["language_flip_rate_n"] == 1


def test_names_in_chinese_are_asked_for_and_read(tmp_path: Path, call: Call, imported: Any) -> None:
    file = bad(lambda d: d["annotations"][0]["regions"][0].update(name="gizmo"), cocoa)(tmp_path)
    options = (file, "--images", tmp_path / "val2014", "--out", tmp_path / "set")
    code, _, err = call("cocoa", *options, "--langs", "zh")
    assert code == 2
    assert "no Chinese name: 'gizmo', 'meadow'" in " ".join(err.split())
    names = tmp_path / "names.toml"
    names.write_text('[gizmo]\nzh = "小玩意"\nmeasure = "件"\n[meadow]\nzh = "草地"\n', encoding="utf-8")
    data, _ = imported("cocoa", "--langs", "zh", "--names", names, file=file)
    assert any("小玩意" in q.text for q in data.questions)
    assert {k.zh for k in data.kinds.values()} == {"小玩意", "草地", "人"}
    names.write_text("[gizmo]\ncolour = 1\n")
    code, _, err = call("cocoa", *options[:3], "--out", tmp_path / "other", "--names", names)
    assert code == 2
    assert "'gizmo' has 'colour'" in " ".join(err.split())


def test_a_folder_in_use_and_unfit_questions_are_refused(tmp_path: Path, call: Call) -> None:
    file = insta_order(tmp_path)
    code, _, err = call("instaorder", file, "--images", tmp_path / "val2014", "--out", tmp_path)
    assert (code, "is not an empty folder" in " ".join(err.split())) == (2, True)
    for wrong in ("explanation", "hidden_part"):
        code, _, err = call("instaorder", file, "--out", tmp_path / "set", "--ask", wrong)
        assert (code, f"but {wrong} was given" in " ".join(err.split())) == (2, True)
    code, _, err = call("voc", file, "--out", tmp_path / "set")
    assert (code, "one of cocoa, instaorder, kins, middlebury, jsonl" in " ".join(err.split())) == (2, True)


def test_the_same_seed_asks_the_same(tmp_path: Path, call: Call) -> None:
    file = kins(tmp_path)
    texts = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert call("kins", file, "--images", tmp_path / "val2014", "--out", tmp_path / name, "--seed", seed)[0] == 0
        texts.append((tmp_path / name / "questions.jsonl").read_bytes())
    assert texts[0] == texts[1] != texts[2]


def test_masks_in_every_notation_agree() -> None:
    whole = pixels(*BICYCLE)
    for shape in (
        square(*BICYCLE),
        [square(*BICYCLE)],
        compressed(whole),
        {"size": list(whole.shape), "counts": counts(whole)},
    ):
        assert (mask_of(shape, SIZE, "here") == whole).all()
    two = mask_of([square(*LEFT), square(*RIGHT)], SIZE, "here")
    assert (two == pixels(*LEFT) | pixels(*RIGHT)).all()
    with pytest.raises(BadData, match="here: the mask is for"):
        mask_of(compressed(whole), (80, 100), "here")


def test_notations_of_orders() -> None:
    assert order_pairs("0 < 12 & 12 < 0") == [(0, 12), (12, 0)]
    assert order_pairs("0=2") == []
    assert constraint_pairs("") == []
    with pytest.raises(ValueError):
        constraint_pairs("1>2")


def test_depth_is_cut_only_where_all_is_known() -> None:
    blank = Thing("x", pixels(0, 0, 2, 2))
    things = [blank] * 4
    assert depth_groups(things, set()) == [[0, 1, 2, 3]]
    assert depth_groups(things, {(2, 0), (2, 1), (2, 3), (0, 1), (0, 3)}) == [[2], [0], [1, 3]]
    assert depth_groups(things, {(0, 1), (1, 2), (2, 0)}) == [[0, 1, 2, 3]]
    far = [Thing("x", blank.seen, distance=d) for d in (3.0, 1.0)]
    assert depth_groups(far, set()) == [[1], [0]]


def test_outlines_that_meet_without_an_order_are_not_asked_about(imported: Any, tmp_path: Path) -> None:
    file = bad(lambda d: d["annotations"][0]["regions"][2].update(segmentation=square(50, 20, 78, 65)), cocoa)(tmp_path)
    data, _ = imported("cocoa", file=file)
    (scene,) = data.scenes.values()
    assert [scene.facts.hides(*pair) for pair in (("o2", "o3"), ("o3", "o2"))] == [None, None]
    asked = [q.program[-1][1] for q in data.questions if q.program[-1][0] == "hides"]
    assert asked
    assert all({"o2", "o3"} != set(pair) for pair in asked)


def test_a_picture_with_nothing_to_ask_is_left_out(tmp_path: Path, call: Call) -> None:
    file = bad(lambda d: d["annotations"][0].update(regions=[], depth_constraint=""), cocoa)(tmp_path)
    code, _, err = call("cocoa", file, "--images", tmp_path / "val2014", "--out", tmp_path / "set")
    assert (code, "gives no question to ask (1 pictures without one)" in " ".join(err.split())) == (2, True)
