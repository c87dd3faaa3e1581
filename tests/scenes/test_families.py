"""The families of scenes: every recipe is of one, and one search finds the scenes of all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from occlusight.errors import BadInput, OcclusightError
from occlusight.scenes.make.families import FAMILIES, RECIPES, family_of, frames_named, recipes_named
from occlusight.scenes.make.plan import DatasetPlan, differences
from occlusight.scenes.meshes.catalogue import load_catalogue
from occlusight.scenes.recipes.search import first_that_fits, without_invisible
from occlusight.scenes.truth.measure import measure


def test_every_recipe_is_of_one_family() -> None:
    assert set(Counter(RECIPES).values()) == {1}
    assert all(family_of(recipe) is family for family in FAMILIES for recipe in family.recipes)
    assert len({family.name for family in FAMILIES}) == 6
    before = [family.digest_before for family in FAMILIES if family.digest_before]
    assert len(set(before)) == len(before) == 4  # the others came when there were versions
    with pytest.raises(BadInput, match="no recipe 'street-7'; the recipes are street, "):
        family_of("street-7")


def test_names_stand_for_recipes_of_one_family() -> None:
    names = [name for family in FAMILIES for name in family.named]
    assert not set(names) & set(RECIPES)
    assert set(Counter(names).values()) == {1}
    for family in FAMILIES:
        for name, recipes in family.named.items():
            assert recipes_named(name) == recipes
            assert set(recipes) <= set(family.recipes)
    assert recipes_named("desk, all,desk") == ("desk", "street", "room")


def test_only_clips_have_frames() -> None:
    assert frames_named(recipes_named("clip"), None) == 16
    assert frames_named(recipes_named("clip"), 9) == 9
    assert frames_named(recipes_named("films"), None) == 16
    assert [frames_named(recipes, None) for recipes in (("street",), (), ("clip-room", "street"), ("nothing",))] == [
        0
    ] * 4


def test_clips_of_other_lengths_are_another_set() -> None:
    short, long = (DatasetPlan(("clip-room",), 7, frames, frames=frames) for frames in (8, 16))
    assert differences(short.identity(), long) == ["frames 8, not 16"]


def test_what_a_family_offers_decides_what_a_plan_takes() -> None:
    for family in FAMILIES:
        plan = DatasetPlan(family.recipes[:1], 7, 8, frames=8 if family.frames else 0)
        assert plan.family is family
        assert ("denoiser" in plan.identity()["renderer"]) == family.denoised
        assert ("frames" in plan.identity()) == (family.frames is not None)
        for option, offered in (("variants", family.variants), ("balanced", family.balanced is not None)):
            if offered:
                DatasetPlan(plan.recipes, 7, 8, frames=plan.frames, **{option: True})
            else:
                with pytest.raises(BadInput):
                    DatasetPlan(plan.recipes, 7, 8, frames=plan.frames, **{option: True})


def test_the_first_attempt_that_fits_is_found() -> None:
    made: list[int] = []

    def attempt(k: int) -> str | None:
        made.append(k)
        return f"attempt {k}" if k >= 2 else None

    assert first_that_fits(attempt, 5, "street 0 (seed 7)") == "attempt 2"
    assert made == [0, 1, 2]
    with pytest.raises(OcclusightError, match=r"none of 2 attempts at street 0 \(seed 7\)"):
        first_that_fits(attempt, 2, "street 0 (seed 7)")


def test_what_the_scene_is_about_stays_though_nobody_sees_it(suitcases: Callable[..., Any]) -> None:
    scene = suitcases(shift=30.0)  # the blue one is outside the picture
    graph = measure(scene, load_catalogue()).graph
    assert [p.id for p in without_invisible(scene, graph).objects] == ["o1"]
    assert without_invisible(scene, graph, ("o2",)) is scene
