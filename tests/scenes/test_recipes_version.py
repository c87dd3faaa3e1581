"""A family's scenes change only together with its version.

`recipes_version.json` holds a digest of the first attempts of every recipe, and of the first scenes that the search
keeps. Where a change of scenes is meant, raise the family's version and write the file anew: `python
tests/scenes/test_recipes_version.py`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from occlusight.scenes.description import Scene
from occlusight.scenes.make.clips import CLIPS
from occlusight.scenes.make.families import FAMILIES
from occlusight.scenes.make.films import FILMS
from occlusight.scenes.make.free import FREE
from occlusight.scenes.make.plan import DatasetPlan, differences, named_set
from occlusight.scenes.make.selection import BANDS, select
from occlusight.scenes.make.signs import SIGNS
from occlusight.scenes.make.targeted import TARGETED
from occlusight.scenes.meshes.catalogue import load_catalogue, whole_catalogue, wide_catalogue
from occlusight.scenes.recipes.clips import draw_clip
from occlusight.scenes.recipes.films import draw_film
from occlusight.scenes.recipes.free import SETTINGS, WIDE_SETTINGS, make_scene
from occlusight.scenes.recipes.signs import draw_signs
from occlusight.scenes.recipes.targeted import choose_targeted, draw_targeted
from occlusight.scenes.surroundings import EVALUATION

VERSIONS = {family.name: family.version for family in FAMILIES}
GOLDEN = Path(__file__).with_name("recipes_version.json")
SEED, WIDTH = 7, 128
QUICK = ("desk", "chain-desk", "complete-desk", "chain-line")  # whose search ends within half a second
SLOWER = ("street", "room", "partial-room", "transparent-street", "reflective-desk")
VARIED = ("partial-street", "complete-crossing", "transparent-room", "chain-desk", "reflective-line")
"""Targeted recipes that are drawn in varied surroundings, too."""
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
    """The digest of a few attempts of each recipe, by family."""
    free = {r: digest(make_scene(r, SEED, i, load_catalogue(), width=WIDTH) for i in range(4)) for r in SETTINGS}
    wide = {r: digest(make_scene(r, SEED, i, wide_catalogue(), width=WIDTH) for i in range(4)) for r in WIDE_SETTINGS}
    found: dict[str, dict[str, str]] = {
        "free": free,
        "wide": wide,
        "targeted": {},
        "signs": {},
        "clips": {},
        "films": {},
        "varied": {},
    }
    for family, draw_one in ((TARGETED, draw_targeted), (SIGNS, draw_signs)):
        for r in family.recipes:
            attempts = [draw_one(r, SEED, 0, k, family.catalogue(), k, WIDTH, False) for k in range(12)]
            found[family.name][r] = digest(made[0] for made in attempts if made is not None)
    clips = {r: [draw_clip(r, SEED, 0, k, 8, k, WIDTH, False) for k in range(12)] for r in CLIPS.recipes}
    for r, attempts in clips.items():
        found["clips"][r] = digest(clip.frame(k) for clip in attempts if clip is not None for k in (0, 7))
    for r in VARIED:
        attempts = [draw_targeted(r, SEED, 0, k, whole_catalogue(), k, WIDTH, False, EVALUATION) for k in range(6)]
        found["varied"][r] = digest(made[0] for made in attempts if made is not None)
    films = {r: [draw_film(r, SEED, 0, k, 8, k, WIDTH, False) for k in range(12)] for r in FILMS.recipes}
    for r, drawings in films.items():
        found["films"][r] = digest(film.frame(k) for film in drawings if film is not None for k in (0, 7))
    return found


def kept(recipe: str) -> str:
    """The digest of the first scene of a recipe that the search keeps."""
    if recipe in SETTINGS:
        return digest([select(recipe, SEED, 0, load_catalogue(), band=BANDS[0], width=WIDTH).scene])
    return digest([choose_targeted(recipe, SEED, 0, whole_catalogue(), width=WIDTH).scene])


def golden() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(GOLDEN.read_text("utf-8"))
    return found


def test_no_recipe_draws_other_scenes_than_its_version_says(assets: None) -> None:
    assert golden()["version"] == VERSIONS
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
    assert manifest["generator"]["recipes_sha256"] == plan.family.digest_before
    assert differences(manifest, plan) == []
    changed = {**manifest, "generator": {**manifest["generator"], "recipes_sha256": "0" * 64}}
    assert "generator" in differences(changed, plan)[0]


def test_another_version_of_the_recipes_is_another_set(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = DatasetPlan(("street",), 7, 1)
    before = plan.identity()
    assert differences(before, plan) == []
    monkeypatch.setattr("occlusight.scenes.make.plan.family_of", lambda recipe: replace(FREE, version=2))
    assert "generator" in differences(before, plan)[0]


if __name__ == "__main__":
    every = {"version": VERSIONS, "drawn": drawn()}
    every["kept"] = {r: kept(r) for r in (*QUICK, *SLOWER)}
    GOLDEN.write_text(json.dumps(every, indent=1) + "\n", "utf-8")
