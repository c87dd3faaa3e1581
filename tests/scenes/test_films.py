"""Clips of further recipes: in a row, through glass, behind a mirror, two alike, into a box; with cameras that move."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from occlusight.datasets.clips import read_clips
from occlusight.errors import BadInput
from occlusight.files.json_lines import all_lines
from occlusight.scenes.check.dataset import check_set
from occlusight.scenes.make.clips import CLIP_LINES
from occlusight.scenes.make.dataset import make_set
from occlusight.scenes.make.families import recipes_named
from occlusight.scenes.make.plan import DatasetPlan
from occlusight.scenes.meshes.catalogue import whole_catalogue
from occlusight.scenes.recipes.film import Film
from occlusight.scenes.recipes.film_choice import (
    choose_film,
    fits,
    free_lanes,
    in_picture,
    quickly,
    shows,
    standing_failures,
)
from occlusight.scenes.recipes.films import RECIPES, TYPES, draw_film, in_the_way


def drawn(recipe: str, rotation_index: int, attempts: int = 40) -> Film:
    """The first attempt of a recipe that has room for its things."""
    films = (draw_film(recipe, 5, 0, k, 9, rotation_index, 128, False) for k in range(attempts))
    return next(film for film in films if film is not None)


@pytest.mark.parametrize(
    ("type", "path", "shares", "fine"),
    [
        ("row", "through", [[1, 0, 0.9, 0, 1]], True),
        ("row", "through", [[1, 0, 0, 0, 1]], False),
        ("row", "through", [[1, 0, 0.9, 0, 0.5]], False),
        ("glass", "through", [[1, 0.8, 0.7, 0.8, 1]], True),
        ("glass", "through", [[1, 0.8, 0, 0.8, 1]], False),
        ("glass", "through", [[1, 1, 1, 1, 1]], False),
        ("mirror", "return", [[1, 0.4, 0, 0.4, 1]], True),
        ("mirror", "return", [[1, 0.4, 0.1, 0.4, 1]], False),
        ("exchange", "through", [[1, 0, 0, 0, 1], [1, 1, 0, 0, 1]], True),
        ("exchange", "through", [[1, 0, 1, 1, 1], [1, 1, 1, 0, 1]], False),
        ("exchange", "return", [[1, 0, 0, 1, 1], [1, 1, 1, 1, 1]], False),
        ("container", "through", [[1, 1, 0, 0, 0], [1, 1, 1, 1, 1]], True),
        ("container", "return", [[1, 1, 0, 0, 1], [1, 1, 1, 1, 1]], True),
        ("container", "through", [[1, 1, 0, 0, 1], [1, 1, 1, 1, 1]], False),
        ("container", "through", [[1, 1, 0, None, 0], [1, 1, 1, 1, 1]], False),
    ],
)
def test_a_clip_shows_what_its_type_is_about(
    type: str, path: str, shares: Sequence[Sequence[float | None]], fine: bool
) -> None:
    seen: Mapping[str, Sequence[float | None]] = {f"o{n}": one for n, one in enumerate(shares)}
    assert shows(type, path, seen) == fine


def test_no_picture_tells_whether_two_alike_changed_places(assets: None) -> None:
    for recipe in ("clip-exchange-street", "clip-exchange-line"):
        through, back = drawn(recipe, 0), drawn(recipe, 1)
        assert (through.path, back.path) == ("through", "return")
        one, two = through.moves
        looks = [{(p.kind, p.mesh, p.rgb, p.scale) for p in through.scene.objects if p.id == id} for id in (one, two)]
        assert looks[0] == looks[1]
        for k in range(9):
            here, there = ({(f.moves[id][k].x, f.moves[id][k].y) for id in (one, two)} for f in (through, back))
            apart = [min(abs(x - u) + abs(y - v) for u, v in there) for x, y in here]
            assert max(apart) < 1e-9 or 3 <= k <= 5  # behind the board, where they pass each other or turn
        assert through.moves[one][-1].x == pytest.approx(through.moves[two][0].x)
        assert back.moves[one][-1].x == pytest.approx(back.moves[one][0].x)


def test_what_is_put_into_a_box_goes_with_it(assets: None) -> None:
    for rotation_index, path in ((0, "through"), (1, "return")):
        film = drawn("clip-container-street", rotation_index)
        box, thing = film.focus
        inside = [k for k, pose in enumerate(film.moves[thing]) if pose.on == box]
        assert film.path == path
        assert inside == list(range(inside[0], inside[-1] + 1))
        assert (inside[-1] == 8) == (path == "through")
        assert film.moves[box][inside[0] - 1].x != film.moves[box][inside[-1]].x
        for k in inside:
            assert film.moves[thing][k].x == film.moves[box][k].x
            assert film.frame(k).objects[1].supported_by == box
        held = [k for k, pose in enumerate(film.moves[thing]) if pose.held]
        assert held
        assert not any(f"{thing} stands" in failure for k in held for failure in standing_failures(film, k))


@pytest.mark.parametrize("frames", [8, 9, 20])
def test_what_is_put_into_a_box_has_time_to_come_out(frames: int, assets: None) -> None:
    for rotation_index, path in ((0, "through"), (5, "return")):
        film = draw_film("clip-container-room", 5, 0, 0, frames, rotation_index, 128, False)
        assert film is not None
        box, thing = film.focus
        stands, poses = film.moves[box], film.moves[thing]
        assert (film.path, len(stands), len(poses)) == (path, frames, frames)
        assert stands[-2] == stands[-1]
        assert poses[-1].on == (box if path == "through" else None)
        assert not poses[-1].held
        shown = replace(film, scene=replace(film.scene, objects=film.scene.objects[:2]))
        assert not any(standing_failures(shown, k) for k in (0, frames // 2, frames - 1))


def test_in_every_third_clip_the_camera_moves(assets: None) -> None:
    films = [drawn("clip-glass-room", rotation_index) for rotation_index in range(6)]
    assert [film.camera_moves for film in films] == [False, False, True, False, False, True]
    positions = [camera.position[0] for camera in films[2].cameras]
    assert positions == sorted(positions) or positions == sorted(positions, reverse=True)
    assert len({camera.target for camera in films[2].cameras}) == 1
    assert films[2].frame(3).camera == films[2].cameras[3]


def fitting(name: str, rotation_index: int, attempts: int = 6) -> Film | None:
    """The first of a few attempts that shows what its type is about, by rays alone."""
    catalogue = whole_catalogue()
    for k in range(attempts):
        film = draw_film(name, 5, RECIPES.index(name), k, 8, rotation_index, 128, False)
        if film is None or not free_lanes(film, catalogue) or not in_picture(film, catalogue):
            continue
        if fits(film, quickly(film, catalogue)):
            return film
    return None


def test_nothing_stands_about_before_what_moves(assets: None) -> None:
    catalogue = whole_catalogue()
    for name in RECIPES:
        film = drawn(name, 2)
        assert film.camera_moves
        assert not in_the_way(film, catalogue)
        about = [p for p in film.scene.objects if p.id not in {*film.moves, *film.hiders}]
        assert about
        start = film.moves[film.focus[1]][0]
        before = replace(about[-1], position=(0.95 * start.x, 0.95 * start.y, 0.0))
        crowded = tuple(before if p.id == before.id else p for p in film.scene.objects)
        assert in_the_way(replace(film, scene=replace(film.scene, objects=crowded)), catalogue) == {before.id}


@pytest.mark.parametrize(
    ("name", "rotation_index"),
    [("clip-row-line", 0), ("clip-row-desk", 5), ("clip-mirror-desk", 0), ("clip-container-room", 5)],
)
def test_a_few_attempts_hold_one_that_fits(name: str, rotation_index: int, assets: None) -> None:
    assert fitting(name, rotation_index) is not None


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_a_few_attempts_of_each_recipe_hold_one_that_fits(name: str, assets: None) -> None:
    assert all(fitting(name, turn) is not None for turn in (0, 5))


def plan(**changes: Any) -> DatasetPlan:
    return DatasetPlan(
        **{"recipes": ("clip-glass-crossing",), "seed": 10, "count": 8, "size": 112, "samples": 1, "frames": 8}
        | changes
    )


@pytest.fixture(scope="module")
def made(assets: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of one clip, which no test changes."""
    folder = tmp_path_factory.mktemp("films") / "a"
    make_set(plan(), folder)
    return folder


@pytest.mark.slow
def test_a_clip_is_proven(made: Path) -> None:
    report = check_set(made, remeasure=1)
    assert report.failures == []
    assert (report.scenes, report.remeasured) == (8, 1)
    assert "go behind a board and come out" in (made / "README.md").read_text("utf-8")
    (clip,) = read_clips(made)
    (line,) = all_lines(made / CLIP_LINES)
    shown = clip.things[line["mover"]]
    assert shown.hidden == ()
    assert all(share is not None and share > 0.4 for share in shown.visible)
    lines = all_lines(made / "scenes.jsonl")
    through = [r for one in lines for r in one["graph"]["relations"] if r["occluded"] == line["mover"]]
    assert sum(r["type"] == "transparent" for r in through) > len(through) / 2  # the rest by the pane's frame


@pytest.mark.slow
def test_check_finds_what_a_clip_does_not_show(made: Path, small_sets: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "b"
    shutil.copytree(made, folder)

    def forge(lines: list[dict[str, Any]]) -> None:
        lines[0]["objects"][lines[0]["mover"]]["visible"] = [0.0] * 8

    small_sets.rewrite(folder, CLIP_LINES, forge)
    failures = check_set(folder, remeasure=0).failures
    assert any("is not seen and hidden as in clip-glass-crossing" in failure for failure in failures)


def test_recipes_have_names() -> None:
    assert recipes_named("films") == RECIPES
    assert {recipe for type in TYPES for recipe in recipes_named(f"clip-{type}")} == set(RECIPES)
    with pytest.raises(BadInput, match="no recipe of clips 'clip-row-moon'"):
        draw_film("clip-row-moon", 1, 0, 0, 8, 0, 128, False)
    with pytest.raises(BadInput, match="do not go into one data set"):
        plan(recipes=("clip-glass-crossing", "clip-street"))


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("rotation_index", [0, 5])
def test_every_recipe_finds_a_clip(name: str, rotation_index: int, assets: None) -> None:
    film = choose_film(name, 5, RECIPES.index(name), 8, rotation_index, 160, False)
    assert film.camera_moves == (rotation_index == 5)
    assert not any(standing_failures(film, k) for k in range(8))
