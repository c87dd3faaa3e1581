"""A family's scenes change only together with its version in `RECIPES_VERSION`.

`recipes_version.json` holds a digest of the first drawings of every recipe, and of the first scenes that the search keeps. Where a
change of scenes is meant, raise the family's version and write the file anew: `python tests/scenes/test_recipes_version.py`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from occlusight.randomness import stream
from occlusight.scenes.description import Scene
from occlusight.scenes.make.plan import DIGESTS_BEFORE, RECIPES_VERSION, Plan, differences, named_set
from occlusight.scenes.make.selection import BANDS, choose
from occlusight.scenes.meshes.catalogue import full_catalogue, load_catalogue, whole_catalogue
from occlusight.scenes.recipes.clips import CLIPS, PATHS, Clip, draw
from occlusight.scenes.recipes.free import SETTINGS, make_scene
from occlusight.scenes.recipes.signs import SIGNS, draw_signs
from occlusight.scenes.recipes.stage import SETTINGS as STAGE_SETTINGS
from occlusight.scenes.recipes.stage import Stage, Unplaced
from occlusight.scenes.recipes.targeted import STAGES, choose_stage, draw_stage

GOLDEN = Path(__file__).with_name("recipes_version.json")
SEED, WIDTH = 7, 128
QUICK = ("desk", "chain-desk", "complete-desk", "chain-line")  # whose search ends within half a second
SLOWER = ("street", "room", "partial-room", "transparent-street", "reflective-desk")
DECIMALS = 5


def digest(scenes: Iterable[Scene]) -> str:
    """A digest of descriptions, with lengths to a hundredth of a millimetre."""
    text = json.dumps([rounded(asdict(scene)) for scene in scenes], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: rounded(v) for key, v in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [rounded(v) for v in value]
    if isinstance(value, (float, np.floating)):
        return round(float(value), DECIMALS) + 0.0  # no negative zero
    return value.item() if isinstance(value, np.generic) else value


def drawn() -> dict[str, dict[str, str]]:
    """The digest of a few drawings of each recipe, by family."""
    free = {r: digest(make_scene(r, SEED, i, load_catalogue(), width=WIDTH) for i in range(4)) for r in SETTINGS}
    found: dict[str, dict[str, str]] = {"free": free, "staged": {}, "signs": {}}
    whole, full = whole_catalogue(), full_catalogue()
    for family, recipes, draw_one, catalogue in (
        ("staged", STAGES, draw_stage, whole),
        ("signs", SIGNS, draw_signs, full),
    ):
        for r in recipes:
            drawings = [draw_one(r, SEED, 0, k, catalogue, k, WIDTH, False) for k in range(12)]
            found[family][r] = digest(made[0] for made in drawings if made is not None)
    found["clips"] = {r: digest(frame for k in range(12) for frame in clip_drawing(r, k)) for r in CLIPS}
    return found


def clip_drawing(recipe: str, drawing: int) -> list[Scene]:
    """The first and the last frame of a drawing of a clip; none where its objects have no room."""
    rng = stream("clips", SEED, 0, CLIPS.index(recipe), drawing)
    stage = Stage(STAGE_SETTINGS[recipe.partition("-")[2]], rng, whole_catalogue(), False)
    path = PATHS[drawing % len(PATHS)]
    try:
        poses, step, focus = draw(stage, path, 8)
    except Unplaced:
        return []
    clip = Clip(stage.scene(recipe, SEED, 0, WIDTH), tuple(poses), step, path, focus, drawing)
    return [clip.frame(0), clip.frame(7)]


def kept(recipe: str) -> str:
    """The digest of the first scene of a recipe that the search keeps."""
    if recipe in SETTINGS:
        return digest([choose(recipe, SEED, 0, load_catalogue(), band=BANDS[0], width=WIDTH).scene])
    return digest([choose_stage(recipe, SEED, 0, whole_catalogue(), width=WIDTH).scene])


def golden() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(GOLDEN.read_text("utf-8"))
    return found


def test_no_recipe_draws_other_scenes_than_its_version_says(assets: None) -> None:
    assert golden()["version"] == RECIPES_VERSION
    assert golden()["drawn"] == drawn()


@pytest.mark.parametrize("recipe", QUICK)
def test_the_search_keeps_the_scenes_that_its_version_says(assets: None, recipe: str) -> None:
    assert kept(recipe) == golden()["kept"][recipe]


@pytest.mark.slow
@pytest.mark.parametrize("recipe", SLOWER)
def test_every_familys_search_keeps_the_scenes_that_its_version_says(assets: None, recipe: str) -> None:
    assert kept(recipe) == golden()["kept"][recipe]


def test_what_is_drawn_is_told_apart_in_a_hundredth_of_a_millimetre() -> None:
    scene = make_scene("street", SEED, 0, load_catalogue(), width=WIDTH)
    moved = Scene(**{**vars(scene), "index": scene.index + 1})
    assert digest([scene]) != digest([moved])


def test_a_set_made_before_there_were_versions_is_still_the_same_set() -> None:
    manifest = json.loads(Path("src/occlusight/sets/occlusion-50/manifest.json").read_text("utf-8"))
    plan = named_set("occlusion-50")
    manifest["renderer"] = plan.identity()["renderer"]
    assert manifest["generator"]["recipes_sha256"] == DIGESTS_BEFORE["staged"]
    assert differences(manifest, plan) == []
    changed = {**manifest, "generator": {**manifest["generator"], "recipes_sha256": "0" * 64}}
    assert "generator" in differences(changed, plan)[0]


def test_another_version_of_the_recipes_is_another_set(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(("street",), 7, 1)
    before = plan.identity()
    assert differences(before, plan) == []
    monkeypatch.setattr("occlusight.scenes.make.plan.RECIPES_VERSION", {**RECIPES_VERSION, "free": 2})
    assert "generator" in differences(before, plan)[0]


if __name__ == "__main__":
    every = {"version": dict(RECIPES_VERSION), "drawn": drawn()}
    every["kept"] = {r: kept(r) for r in (*QUICK, *SLOWER)}
    GOLDEN.write_text(json.dumps(every, indent=1) + "\n", "utf-8")
