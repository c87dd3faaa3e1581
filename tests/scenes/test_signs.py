"""Signs with text: the lettering, what can be read of it, and the sets that ask about it."""

from __future__ import annotations

import copy
import io
import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from occlusight.bench.scorers import RIGHT, score
from occlusight.cli.bench_inputs import names_for
from occlusight.datasets.dataset import open_set
from occlusight.drawing.overlay import overlay
from occlusight.errors import BadData, BadInput
from occlusight.files.json_lines import all_lines
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph
from occlusight.occlusion.kinds import Lang
from occlusight.questions.inscriptions import TEMPLATES
from occlusight.reading.mentions import Vocabulary
from occlusight.scenes.check.audit_inscriptions import characters_seen, reading_failures
from occlusight.scenes.check.dataset import check_set
from occlusight.scenes.description import Camera, Light, Placed, Scene, Surroundings
from occlusight.scenes.make.dataset import make_set
from occlusight.scenes.make.families import recipes_named
from occlusight.scenes.make.plan import DatasetPlan
from occlusight.scenes.meshes.boards import SHAPES, lettering_of, sign_id
from occlusight.scenes.meshes.catalogue import full_catalogue, load_catalogue, whole_catalogue
from occlusight.scenes.meshes.lettering import (
    ATTRIBUTION,
    SILENT,
    STYLES,
    face,
    known_characters,
    lettering,
    sign_texts,
)
from occlusight.scenes.recipes.signs import RECIPES, choose_signs
from occlusight.scenes.truth.inscriptions import measure_signs
from occlusight.scenes.truth.physics import physics_failures

LIGHT = Light((0.3, 0.6, -0.8), (1.5, 1.5, 1.4), (0.8, 0.8, 0.85))
AROUND = Surroundings("room", (0.3, 0.3, 0.3), (0.6, 0.6, 0.6), 3.0)


def scene(cover: float | None = -0.72, yaw: float = 0.0, text: str = "阳光药店", size: int = 256) -> Scene:
    """A board with a text, before it a suitcase at x = `cover`, which is 0.4 m wide and stands before the first
    character."""
    board = Placed("o1", "shop_sign", sign_id("board", "red", text), (0.0, 0.0, 0.0), yaw, 1.0, "red")
    case = Placed(
        "o2", "suitcase", "procedural-suitcase", (cover or 0.0, -0.4, 0.5), 0.0, 1.6, "blue", (0.01, 0.05, 0.5)
    )
    objects = (board,) if cover is None else (board, case)
    camera = Camera((0.0, -6.0, 1.18), (0.0, 0.0, 1.18), 24.0, size, size)
    return Scene("signs-street", 1, 2, objects, camera, LIGHT, AROUND)


def test_every_text_can_be_set_in_the_shipped_face() -> None:
    missing = face().getmask("\u0000").getbbox()
    for c in known_characters() - set(SILENT):
        box = face().getmask(c).getbbox()
        assert box is not None, c
        assert box != missing or c in "口", c
    for shape, texts in sign_texts().items():
        if shape in SHAPES and shape != "plate":
            for text in texts:
                found = lettering_of(sign_id(shape, "blue", text))
                assert found is not None
                assert found.characters == text.replace(" ", "")
                assert set(np.unique(found.labels)) == {-1, *range(len(found.characters))}


def test_the_face_is_attributed_and_carries_its_licence() -> None:
    root = Path(__file__).parents[2]
    assert f"- {ATTRIBUTION}" in (root / "NOTICE").read_text("utf-8").splitlines()
    licence = (root / "src/occlusight/drawing/OFL.txt").read_text("utf-8")
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence
    assert face().getname() == ("Occlusight Signs", "Regular")


def test_ink_is_where_the_texture_shows_it() -> None:
    found = lettering("王·AB", "white", 3.0)
    pixels = np.asarray(Image.open(io.BytesIO(found.texture))).astype(int)
    board, ink = (np.array(c) for c in STYLES["white"])
    dark = np.abs(pixels - ink).sum(-1) < np.abs(pixels - board).sum(-1)
    assert dark[found.labels >= 0].mean() > 0.97
    assert len(found.cells) == 3
    h, w = found.labels.shape
    for k, (x0, y0, x1, y1) in enumerate(found.cells):
        rows, columns = np.nonzero(found.labels == k)
        assert x0 * w - 2 <= columns.min() < columns.max() <= x1 * w + 2
        assert y0 * h - 2 <= rows.min() < rows.max() <= y1 * h + 2


def test_what_cannot_be_set_is_refused() -> None:
    with pytest.raises(BadData, match="has no 龘"):
        sign_id("board", "red", "龘店")
    with pytest.raises(BadData, match="shows nothing of it"):
        sign_id("board", "red", " ")
    with pytest.raises(BadData, match="no style 'pink'; the styles are red"):
        sign_id("board", "pink", "药店")
    with pytest.raises(BadData, match="not a mesh of the catalogue"):
        sign_id("banner", "red", "药店")
    with pytest.raises(BadData, match="a shape, a style and a text"):
        lettering_of("sign-board:red")
    with pytest.raises(BadData, match="carries no text"):
        lettering_of("fixture-panel:red:药店")


def test_a_suitcase_before_the_first_character_hides_that_alone() -> None:
    facts = Facts(measure_signs(scene(), full_catalogue()).graph)
    assert facts.readable("o1") == (False, True, True, True)
    by = [c.hidden_by for c in facts.inscriptions["o1"].characters]
    assert (by[0], by[2:]) == ("o2", [None, None])
    assert facts.covering("o1") == ["o2"]
    free = Facts(measure_signs(scene(cover=None), full_catalogue()).graph)
    assert free.readable("o1") == (True,) * 4
    boxes = [c.box for c in free.inscriptions["o1"].characters]
    assert all(a[2] <= b[0] + 1 for a, b in pairwise(boxes))


def test_between_clearly_seen_and_clearly_hidden_is_doubt() -> None:
    found = {
        Facts(measure_signs(scene(x), full_catalogue()).graph).readable("o1")[0] for x in (-0.9, -0.8, -0.72, -0.5, 0.6)
    }
    assert found == {None, False, True}
    small = Facts(measure_signs(scene(cover=None, size=48), full_catalogue()).graph)
    assert set(small.readable("o1")) == {None}


def test_a_sign_seen_from_behind_says_nothing() -> None:
    assert measure_signs(scene(cover=None, yaw=180), full_catalogue()).graph.inscriptions == ()


def test_the_second_method_agrees_and_would_notice() -> None:
    for yaw in (0.0, 18.0):
        s = scene(yaw=yaw)
        graph = measure_signs(s, full_catalogue()).graph
        assert list(reading_failures(s, graph)) == []
        ink, seen = characters_seen(s)["o1"]
        assert (ink > 40).all()
        assert seen[0] < ink[0]
    wrong = measure_signs(scene(cover=-0.2), full_catalogue()).graph
    assert any("the second method finds" in f for f in reading_failures(scene(), wrong))


def test_pictures_show_ink_where_the_truth_says() -> None:
    """Two renders that differ in nothing but the text differ where either text's ink is seen, and nowhere else."""
    from occlusight.scenes.render.path_tracer import render

    one, other = scene(text="阳光药店", size=160), scene(text="红梅花店", size=160)
    a, b = (render(s, 16).astype(int) for s in (one, other))
    truths = [measure_signs(s, full_catalogue()) for s in (one, other)]
    seen = [t.ink["o1"] & t.targeted.truth.visible[0] for t in truths]
    first, second = (s.any(axis=0) for s in seen)
    differ = np.abs(a - b).sum(-1) > 90
    assert differ[first ^ second].mean() > 0.7
    near = first | second
    for _ in range(2):
        p = np.pad(near, 1)
        near = near | p[:-2, 1:-1] | p[2:, 1:-1] | p[1:-1, :-2] | p[1:-1, 2:]
    assert not differ[~near].any()


def test_graphs_with_texts_survive_json_and_others_are_as_they_were() -> None:
    graph = measure_signs(scene(), full_catalogue()).graph
    assert Graph.from_json(json.loads(json.dumps(graph.to_json()))) == graph
    assert "inscriptions" not in replace(graph, inscriptions=()).to_json()


def test_signs_are_no_part_of_the_other_recipes() -> None:
    assert recipes_named("signs") == RECIPES
    assert not set(RECIPES) & set(recipes_named("staged"))
    assert "shop_sign" not in whole_catalogue().kinds
    assert "shop_sign" not in load_catalogue().kinds
    with pytest.raises(BadInput, match="make one of each"):
        DatasetPlan(("signs-desk", "chain-desk"), 1, 1)


@pytest.fixture(scope="module")
def made(assets: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of one scene, which no test changes."""
    folder = tmp_path_factory.mktemp("signs") / "a"
    make_set(plan(), folder)
    return folder


def plan(**changes: Any) -> DatasetPlan:
    return DatasetPlan(**{"recipes": ("signs-line",), "seed": 5, "count": 1, "size": 256, "samples": 1, **changes})


def varied() -> DatasetPlan:
    """A scene and its variants."""
    return plan(recipes=("signs-room",), seed=2, count=4, variants=True)


def test_a_set_of_signs_is_proven(made: Path) -> None:
    report = check_set(made, remeasure=1)
    assert report.failures == []
    assert (report.scenes, report.remeasured) == (1, 1)
    questions = all_lines(made / "questions.jsonl")
    assert {q["template"] for q in questions} >= {t.name for t in TEMPLATES}
    tally = Counter((q["template"], q["answer"]["value"]) for q in questions if q["template"] == "reading.character")
    assert tally["reading.character", "yes"] == tally["reading.character", "no"] > 0


def test_a_set_of_signs_has_a_card(made: Path) -> None:
    card = (made / "README.md").read_text("utf-8")
    assert "| signs | 1 |" in card
    assert "characters can be read" in card
    assert "SIL Open Font License" in card
    assert ATTRIBUTION in json.loads((made / "manifest.json").read_text("utf-8"))["attribution"]
    assert "--recipe signs-line --seed 5 --count 1" in card


def test_every_reply_is_scored_right_by_the_bench(made: Path) -> None:
    data = open_set(made)
    names = names_for(data)
    for q in data.questions:
        assert score(q, q.reply, "stop", Vocabulary(names, data.scenes[q.scene].facts)).outcome == RIGHT, q


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_what_can_be_read_is_shown_beside_the_picture(made: Path, lang: Lang) -> None:
    line = all_lines(made / "scenes.jsonl")[0]
    hidden = copy.deepcopy(line)
    for inscription in hidden["graph"]["inscriptions"]:
        for c in inscription["characters"]:
            c["visible_fraction"] = 0.0
    pixels, other = (np.asarray(overlay(made, one, lang)) for one in (line, hidden))
    rows = np.flatnonzero((pixels != other).any(axis=(1, 2)))
    assert 25 < np.ptp(rows) < 40  # a line for each of the two signs, and nothing else


@pytest.mark.slow
def test_variants_are_proven_and_after_a_kill_the_bytes_are_the_same(
    assets: None, small_sets: ModuleType, tmp_path: Path
) -> None:
    class Killed(Exception):
        pass

    def kill(done: int, total: int) -> None:
        if done == 2:
            raise Killed

    make_set(varied(), tmp_path / "a")
    assert check_set(tmp_path / "a", remeasure=4).failures == []
    lines = all_lines(tmp_path / "a" / "scenes.jsonl")
    assert lines[1]["edit"] == "removed"
    assert all(Facts(Graph.from_json(lines[1]["graph"])).readable(lines[0]["focus"][1]))
    with pytest.raises(Killed):
        make_set(varied(), tmp_path / "b", progress=kill)
    assert make_set(varied(), tmp_path / "b").made == 2
    assert small_sets.contents(tmp_path / "b") == small_sets.contents(tmp_path / "a")


def test_check_finds_what_is_wrong_with_texts(made: Path, small_sets: ModuleType, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "c"
    shutil.copytree(made, folder)

    def forge(lines: list[dict[str, Any]]) -> None:
        character = lines[0]["graph"]["inscriptions"][0]["characters"]
        at = next(i for i, c in enumerate(character) if c["visible_fraction"] < 0.12)
        character[at]["visible_fraction"] = 1.0

    small_sets.rewrite(folder, "scenes.jsonl", forge)
    failures = check_set(folder, remeasure=1).failures
    assert any("but the masks say" in f for f in failures)
    assert any("the second method finds" in f for f in failures)
    assert any("but its program gives" in f for f in failures)


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("turn", [0, 1])
def test_every_recipe_of_signs_is_proven(name: str, turn: int, assets: None) -> None:
    found, truth, _, _ = choose_signs(name, 4, RECIPES.index(name), full_catalogue(), rotation_index=turn, width=512)
    assert physics_failures(found) == []
    assert list(reading_failures(found, truth.graph)) == []
