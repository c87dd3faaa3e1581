"""The targeted recipes: each shows what it is about, stands as things do, and a second method finds the same truth."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

from occlusight.errors import BadInput
from occlusight.occlusion.facts import Facts
from occlusight.scenes.check.audit import audit_failures
from occlusight.scenes.check.dataset import check_set
from occlusight.scenes.make.dataset import make_set
from occlusight.scenes.make.families import recipes_named
from occlusight.scenes.make.plan import DatasetPlan, named_set
from occlusight.scenes.meshes.catalogue import load_catalogue, whole_catalogue
from occlusight.scenes.recipes.free import make_scene
from occlusight.scenes.recipes.targeted import RECIPES, TYPES, TargetedScene, choose_targeted, enough
from occlusight.scenes.recipes.variants import aside, removed, second_camera, swapped
from occlusight.scenes.truth.physics import physics_failures

EACH = {
    "partial-desk": 50,
    "complete-line": 50,
    "chain-desk": 50,
    "transparent-room": 50,
    "reflective-line": 50,
}  # seeds


@pytest.fixture(scope="module")
def chosen(assets: None) -> dict[str, TargetedScene]:
    """A scene of each type, at 160 pixels, of indices that are found quickly."""
    found = {}
    for name, seed in EACH.items():
        found[name] = choose_targeted(name, seed, RECIPES.index(name), whole_catalogue(), width=160)
    return found


def proven(targeted: TargetedScene) -> list[str]:
    truth = targeted.truth
    masks = {
        o.id: {"amodal": truth.truth.amodal[i], "visible": truth.truth.visible[i]}
        for i, o in enumerate(truth.graph.objects)
    }
    return [*physics_failures(targeted.scene), *audit_failures(targeted.scene, truth.graph, masks, truth.mirrored)]


def test_every_type_is_staged_in_every_setting() -> None:
    assert len(RECIPES) == 25
    assert {s.partition("-")[0] for s in RECIPES} == set(TYPES)
    assert all(sum(s.startswith(type) for s in RECIPES) == 5 for type in TYPES)
    assert recipes_named("chain") == tuple(s for s in RECIPES if s.startswith("chain"))
    assert recipes_named("staged") == RECIPES


def test_each_type_shows_what_it_is_about(chosen: dict[str, TargetedScene]) -> None:
    facts = {name: Facts(s.truth.graph) for name, s in chosen.items()}
    focus = {name: s.focus for name, s in chosen.items()}
    assert all(enough(s.truth) for s in chosen.values())
    assert facts["partial-desk"].hides(*focus["partial-desk"])
    telling, silent, _ = focus["complete-line"]
    assert facts["complete-line"].evidence(telling)
    assert not facts["complete-line"].evidence(silent)
    assert all(facts["chain-desk"].hides(a, b) for a, b in pairwise(focus["chain-desk"]))
    glass, *behind = focus["transparent-room"]
    assert all(facts["transparent-room"].through(glass, b) for b in behind)
    mirror, thing, _ = focus["reflective-line"]
    assert facts["reflective-line"].objects[thing].seen == "reflection"
    assert facts["reflective-line"].shown_in(mirror, thing)


def test_each_stands_as_things_do_and_the_second_method_agrees(chosen: dict[str, TargetedScene]) -> None:
    assert {name: proven(s) for name, s in chosen.items()} == {name: [] for name in EACH}


def test_two_people_behind_a_window_touch_the_ground_at_different_heights(chosen: dict[str, TargetedScene]) -> None:
    targeted = chosen["transparent-room"]
    _, near, far = (targeted.truth.graph.object(id) for id in targeted.focus)
    assert near.distance is not None
    assert far.distance is not None
    assert near.distance * 1.1 < far.distance
    assert near.touches_ground_at is not None
    assert far.touches_ground_at is not None
    assert near.touches_ground_at[1] > far.touches_ground_at[1]


def test_the_same_index_is_the_same_scene(chosen: dict[str, TargetedScene]) -> None:
    again = choose_targeted("partial-desk", 50, RECIPES.index("partial-desk"), whole_catalogue(), width=160)
    assert again.scene == chosen["partial-desk"].scene


def test_edits_do_what_they_say(chosen: dict[str, TargetedScene]) -> None:
    targeted = chosen["partial-desk"]
    a, b = targeted.focus
    scene = targeted.scene
    assert a not in {p.id for p in removed(scene, a).objects}
    at = {p.id: p.position for p in scene.objects}
    there = {p.id: p.position for p in swapped(scene, a, b).objects}
    assert there[a] == pytest.approx(at[b])
    assert there[b] == pytest.approx(at[a])
    moved = {p.id: p.position for p in aside(scene, a, b, 0.7).objects}
    assert abs(moved[a][0] - at[a][0]) == pytest.approx(0.7)
    assert moved[b] == at[b]
    right, left = second_camera(scene, 40), second_camera(scene, -40)
    assert right.position[0] > scene.camera.position[0] > left.position[0]
    assert right.position[2] == scene.camera.position[2]


def test_free_recipes_draw_what_they_always_did() -> None:
    """Sets that are published and training that goes on depend on it."""
    digest = hashlib.sha256()
    for recipe in ("street", "desk", "room"):
        for i in range(8):
            s = make_scene(recipe, 7, i, load_catalogue())
            told = [(p.kind, p.mesh, [round(v, 6) for v in p.position], round(p.yaw, 6), p.colour) for p in s.objects]
            digest.update(repr([*told, s.camera]).encode())
    assert digest.hexdigest() == "ff558cda8e4d69e5373af4e8f098fe720ad1b8c0f6baae320ba759a1a68159ba"


def test_a_set_with_variants_is_checked_and_made_again_with_the_same_bytes(
    assets: None, small_sets: ModuleType, tmp_path: Path
) -> None:
    plan, folder = DatasetPlan(("chain-desk",), 5, 4, 96, 1, langs=("en",), variants=True), tmp_path / "a"
    make_set(plan, folder)
    whole = small_sets.contents(folder)
    small_sets.take_back(folder, plan, 2)
    assert make_set(plan, folder).made == 2
    assert small_sets.contents(folder) == whole
    report = check_set(folder, remeasure=4)
    assert report.failures == []
    assert (report.scenes, report.remeasured) == (4, 4)


def test_plans_are_refused_with_a_reason() -> None:
    with pytest.raises(BadInput, match="do not go into one data set"):
        DatasetPlan(("street", "chain-desk"), 1, 1)
    with pytest.raises(BadInput, match="variants are made of targeted scenes"):
        DatasetPlan(("street",), 1, 1, variants=True)
    with pytest.raises(BadInput, match="no set 'occlusion-51'"):
        named_set("occlusion-51")
    assert (named_set("occlusion-50").count, named_set("occlusion-1k").count) == (50, 1000)


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("rotation_index", [0, 1])
def test_every_recipe_is_proven(name: str, rotation_index: int, assets: None) -> None:
    assert (
        proven(
            choose_targeted(name, 4, RECIPES.index(name), whole_catalogue(), rotation_index=rotation_index, width=256)
        )
        == []
    )
