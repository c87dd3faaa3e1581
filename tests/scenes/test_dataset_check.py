"""`scenes check` finds what is wrong with a set; `scenes` as a user calls it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from occlusight.cli.app import run
from occlusight.drawing.canvas import COLOURS, Sheet
from occlusight.drawing.diagram import draw_diagram, height, rows
from occlusight.drawing.font import names_face
from occlusight.drawing.overlay import PANEL, centre, outline, overlay
from occlusight.errors import BadData
from occlusight.files.json_lines import all_lines
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph
from occlusight.scenes.check.dataset import check_set
from occlusight.scenes.truth.distractors import SORTS

Lines = list[dict[str, Any]]
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run the command in this process; returns exit code, stdout, stderr."""

    def call(*arguments: Any) -> tuple[int, str, str]:
        code = run(["scenes", *(str(a) for a in arguments)])
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def copy(small_set: Path, tmp_path: Path) -> Path:
    """A set that a test may change."""
    return Path(shutil.copytree(small_set, tmp_path / "copy"))


def test_a_fresh_set_passes(small_set: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = check_set(small_set, progress=lambda done, total: seen.append((done, total)))
    assert report.failures == []
    assert (report.scenes, report.remeasured) == (3, 3)
    manifest = json.loads((small_set / "manifest.json").read_text("utf-8"))
    assert report.pairs == manifest["pairs"]
    assert report.questions == sum(manifest["questions"].values())
    assert seen[-1][0] == seen[-1][1]


@pytest.mark.parametrize("name", ["questions.jsonl", "scenes.jsonl", "images/street-7-00001.webp"])
def test_a_changed_file_is_noticed(copy: Path, name: str) -> None:
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    assert any(name in failure and "SHA-256" in failure for failure in check_set(copy).failures)


def test_absent_and_foreign_files_are_noticed(copy: Path) -> None:
    (copy / "images" / "street-7-00001.webp").unlink()
    (copy / "images" / "holiday.png").write_bytes(b"")
    failures = check_set(copy).failures
    assert any("street-7-00001.webp is in the manifest, but not in the folder" in f for f in failures)
    assert any("holiday.png is in the folder, but not in the manifest" in f for f in failures)
    assert any("cannot be opened" in f for f in failures)


def first(lines: Lines, **wanted: Any) -> dict[str, Any]:
    return next(q for q in lines if all(v in (q.get(k), q["answer"].get(k)) for k, v in wanted.items()))


def assert_told(failures: list[str], message: str) -> None:
    assert any(re.search(message, f) for f in failures), failures


def another_answer(lines: Lines) -> None:
    first(lines, kind="occlusion", value="yes")["answer"]["value"] = "no"


def another_count(lines: Lines) -> None:
    first(lines, kind="count")["answer"]["value"] += 1


def one_question_less(lines: Lines) -> None:
    lines.remove(first(lines, template="occlusion.passive", value="no", lang="en"))


def unknown_scene(lines: Lines) -> None:
    lines[0]["scene"] = "street-7-00099"


def unknown_step(lines: Lines) -> None:
    lines[3]["program"] = [["guess", []]]


def no_program(lines: Lines) -> None:
    del lines[3]["program"]


def strange_program(lines: Lines) -> None:
    lines[3]["program"] = 7


def same_id(lines: Lines) -> None:
    lines[3]["id"] = lines[2]["id"]


def other_picture(lines: Lines) -> None:
    lines[0]["image"] = "images/street-7-00002.webp"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (another_answer, "stores the answer"),
        (another_count, "stores the answer"),
        (one_question_less, r"occlusion.passive in en has \d yes and \d no"),
        (unknown_scene, "street-7-00099"),
        (unknown_step, "cannot be executed .*guess"),
        (no_program, "lacks the field 'program'"),
        (strange_program, "cannot be executed|not of the format's shape"),
        (same_id, "has an id that another question has"),
        (other_picture, "its scene's is images/street-7-00000.webp"),
    ],
)
def test_changed_questions_are_noticed(
    copy: Path, small_sets: ModuleType, change: Callable[[Lines], None], message: str
) -> None:
    small_sets.rewrite(copy, "questions.jsonl", change)
    assert_told(check_set(copy, remeasure=0).failures, message)


def more_visible(lines: Lines) -> None:
    o = min(lines[0]["graph"]["objects"], key=lambda o: o["visible_fraction"])
    o["visible_fraction"] += 0.05


def smaller_box(lines: Lines) -> None:
    lines[1]["graph"]["objects"][0]["box"][2] -= 40


def reversed_relation(lines: Lines) -> None:
    r = max(lines[1]["graph"]["relations"], key=lambda r: r["covered_fraction"])
    r["occluder"], r["occluded"] = r["occluded"], r["occluder"]


def no_relations(lines: Lines) -> None:
    lines[1]["graph"]["relations"] = []


def broken_mask(lines: Lines) -> None:
    lines[0]["masks"]["o1"]["visible"]["counts"][0] += 5


def shifted_mask(lines: Lines) -> None:
    mask = lines[0]["masks"]["o1"]["amodal"]
    mask["counts"][0] -= 1
    mask["counts"][-1] += 1


def deeper(lines: Lines) -> None:
    lines[0]["graph"]["depth_order"].reverse()


def absent_object(lines: Lines) -> None:
    lines[0]["placed"].pop()


def other_seed(lines: Lines) -> None:
    lines[0]["seed"] = 9


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (more_visible, "but the masks say"),
        (smaller_box, "not around its mask"),
        (reversed_relation, "where one covers the other|of which .* is hidden"),
        (no_relations, "has no pair"),
        (broken_mask, "masks that cannot be read"),
        (shifted_mask, "where it is not|not around its mask|one covers the other"),
        (deeper, "depth order"),
        (absent_object, "not the same objects"),
        (other_seed, "another seed"),
    ],
)
def test_changed_truth_is_noticed_without_measuring(
    copy: Path, small_sets: ModuleType, change: Callable[[Lines], None], message: str
) -> None:
    small_sets.rewrite(copy, "scenes.jsonl", change)
    assert_told(check_set(copy, remeasure=0).failures, message)


def test_a_moved_object_is_noticed_by_measuring(copy: Path, small_sets: ModuleType) -> None:
    def move(lines: Lines) -> None:
        lines[1]["placed"][0]["position"][0] += 0.5

    small_sets.rewrite(copy, "scenes.jsonl", move)
    assert check_set(copy, remeasure=0).failures == []
    assert_told(check_set(copy).failures, "is measured|other objects")


def test_a_question_about_a_sliver_is_noticed(copy: Path, small_sets: ModuleType) -> None:
    asked = first(all_lines(copy / "questions.jsonl"), template="occlusion.passive", value="yes")
    pair = asked["program"][0][1]

    def shrink(lines: Lines) -> None:
        scene = next(line for line in lines if line["id"] == asked["scene"])
        relations = scene["graph"]["relations"]
        next(r for r in relations if [r["occluder"], r["occluded"]] == pair)["covered_fraction"] = 0.03

    small_sets.rewrite(copy, "scenes.jsonl", shrink)
    assert_told(check_set(copy, remeasure=0).failures, "too little for yes or no")


def test_a_black_picture_is_noticed(copy: Path, small_sets: ModuleType) -> None:
    name = "images/street-7-00001.webp"
    with Image.open(copy / name) as picture:
        size = picture.size
    Image.new("RGB", size).save(copy / name, lossless=True)
    small_sets.resign(copy, name)
    assert_told(check_set(copy, remeasure=0).failures, "shows nothing")


def test_the_command_prints_what_was_checked(small_set: Path, copy: Path, small_sets: ModuleType, call: Call) -> None:
    code, out, _ = call("check", small_set)
    assert code == 0
    last = json.loads(out.splitlines()[-1])
    assert last["scenes"] == last["remeasured"] == 3
    assert last["failures"] == 0
    for sort, found in last["distractors"].items():
        assert f"{found['pairs']} pairs in {found['scenes']} scenes: {SORTS[sort]}" in out
    assert f"checked 3 scenes (3 measured again), {last['pairs']} pairs and {last['questions']} questions" in out
    small_sets.rewrite(copy, "questions.jsonl", another_answer, sign=False)
    code, out, _ = call("check", copy)
    assert code == 1
    assert len([line for line in out.splitlines() if line.startswith("FAILED: ")]) == 2


def test_what_is_no_set_is_bad_input(small_set: Path, tmp_path: Path, call: Call) -> None:
    assert call("check", tmp_path / "nowhere")[0] == 2
    code, _, err = call("check", tmp_path)
    assert code == 2
    assert "no manifest.json" in err
    (tmp_path / ".making").mkdir()
    with pytest.raises(BadData, match="not finished"):
        check_set(tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "manifest.json").write_text('{"version": 99}')
    with pytest.raises(BadData, match="version 1"):
        check_set(tmp_path / "other")
    code, _, err = call("show", small_set, "--index", 3, "--out", tmp_path / "x.png")
    assert code == 2
    assert "has no scene 3; it has 0 to 2" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--recipe", "sea", "--count", 1), "no recipe 'sea'"),
        (("--recipe", "street", "--count", 0), "--count"),
        (("--recipe", "street", "--count", 1, "--langs", "fr"), "'fr' was given"),
        (("--recipe", "street", "--count", 1, "--size", 5), "32 to 4096"),
    ],
)
def test_impossible_arguments_are_one_line(tmp_path: Path, call: Call, arguments: Any, message: str) -> None:
    code, out, err = call("make", *arguments, "--seed", 1, "--out", tmp_path / "set")
    assert code == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert not out
    assert not (tmp_path / "set").exists()


@pytest.mark.usefixtures("assets")
def test_make_ends_with_one_line_of_json(tmp_path: Path, call: Call) -> None:
    arguments = ("--recipe", "desk", "--seed", 7, "--count", 1, "--size", 64, "--samples", 2, "--out", tmp_path / "set")
    code, out, _ = call("make", *arguments)
    assert code == 0
    result = json.loads(out.splitlines()[-1])
    assert {k: result[k] for k in ("made", "skipped")} == {"made": 1, "skipped": 0}
    assert result["seconds"] >= 0
    code, out, _ = call("make", *arguments)
    assert json.loads(out.splitlines()[-1])["skipped"] == 1
    assert call("check", tmp_path / "set")[0] == 0


def test_the_help_teaches_with_an_example(call: Call) -> None:
    code, out, _ = call("--help")
    assert code == 0
    assert "occlusight scenes make --recipe street --seed 7 --count 20 --out street20" in " ".join(out.split())
    for command in ("make", "assets", "show", "check"):
        assert f"Example: occlusight scenes {command}" in " ".join(call(command, "--help")[1].split())


def test_truth_is_drawn_on_the_picture(small_set: Path, tmp_path: Path, call: Call) -> None:
    code, out, _ = call("show", small_set, "--index", 1, "--out", tmp_path / "truth.png")
    assert code == 0
    assert "street-7-00001" in out
    line = all_lines(small_set / "scenes.jsonl")[1]
    with Image.open(tmp_path / "truth.png") as drawn, Image.open(small_set / line["image"]) as picture:
        scale = round(900 / picture.width)
        assert drawn.width == picture.width * scale + PANEL
        assert drawn.height >= picture.height * scale
        plain = np.asarray(picture.convert("RGB").resize((picture.width * scale, picture.height * scale)), int)
        marked = np.asarray(drawn.convert("RGB"), int)[: plain.shape[0], : plain.shape[1]]
    assert np.mean(np.abs(marked - plain).max(axis=2) > 60) > 0.01
    with pytest.raises(BadData, match="cannot be shown"):
        overlay(small_set, {**line, "image": "images/none.webp"})


def test_the_graph_is_drawn_beside_the_picture(small_set: Path) -> None:
    """The nearer row is lower, a node has its object's colour, and an arrow leaves what hides for what is hidden."""
    line = all_lines(small_set / "scenes.jsonl")[1]
    facts = Facts(Graph.from_json(line["graph"]))
    sheet = Image.new("RGB", (600, 900), "white")
    paints = {o.id: COLOURS[i] for i, o in enumerate(facts.graph.objects)}
    on = Sheet(ImageDraw.Draw(sheet), 1, names_face(14), names_face(17), "en", paints)
    at = draw_diagram(on, facts, (20, 20, 580, 20 + height(facts)))
    assert set(at) == set(facts.objects)
    order = [at[id][1] for group in rows(facts) for id in group[:1]]
    assert order == sorted(order, reverse=True)
    for id, (x, y) in at.items():
        assert sheet.getpixel((round(x), round(y - 10))) == paints[id]
        assert 20 < x < 580
    pair = next(p for p in facts.relations if facts.hides(*p))
    alone = Image.new("RGB", sheet.size, "white")
    graph = replace(facts.graph, relations=())
    draw_diagram(replace(on, draw=ImageDraw.Draw(alone)), Facts(graph), (20, 20, 580, 20 + height(facts)))
    rows_, columns = np.nonzero((np.asarray(sheet, int) != np.asarray(alone, int)).any(axis=2))
    ends = sorted([at[pair[0]][1], at[pair[1]][1]])
    assert ((rows_ > ends[0]) & (rows_ < ends[1])).any()
    assert columns.size


def test_outlines_and_centres_lie_inside_the_mask() -> None:
    mask = np.zeros((9, 9), bool)
    mask[1:8, 1:8] = True
    edge = outline(mask, 1)
    assert edge.sum() == 24
    assert not edge[2:7, 2:7].any()
    mask[2:7, 2:7] = False  # a ring: its middle is not in it
    x, y = centre(mask)
    assert mask[int(y), int(x)]
