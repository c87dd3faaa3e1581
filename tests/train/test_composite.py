"""The fast renderer: its pixels prove its truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from occlusight.scenes.description import Camera, Light, Placed, Scene, Surroundings
from occlusight.scenes.meshes.catalogue import load_catalogue, wide_catalogue
from occlusight.scenes.recipes.free import MAX_OBJECTS, MIN_OBJECTS, RECIPES, SETTINGS, WIDE_SETTINGS, make_scene
from occlusight.scenes.render import sprite_maker
from occlusight.scenes.render.composite import compose
from occlusight.scenes.render.path_tracer import Sprite
from occlusight.scenes.render.sprite_maker import build_bank
from occlusight.scenes.render.sprites import SpriteBank
from occlusight.scenes.truth.measure import graph_from_depths

CATALOGUE, WIDE = load_catalogue(), wide_catalogue()


def two_objects(bank: SpriteBank) -> Scene:
    """A dog 4 m away in front of a tree 6 m away, on one line of sight."""
    dog, tree = (CATALOGUE.meshes(kind)[0].id for kind in ("dog", "tree"))
    return Scene(
        "street",
        0,
        0,
        (Placed("o1", "tree", tree, (0.0, 6.0, 0.0)), Placed("o2", "dog", dog, (0.0, 4.0, 0.0))),
        Camera((0.0, 0.0, 1.5), (0.0, 1.0, 1.3), 60.0, 128, 128),
        Light((0.3, 0.4, -0.8), (1.0, 1.0, 1.0), (0.6, 0.6, 0.6)),
        Surroundings("ground", (0.3, 0.3, 0.3)),
    )


def test_the_nearer_object_is_drawn_over_the_farther_one_and_the_truth_says_so(bank: Path) -> None:
    sprites = SpriteBank.load(bank)
    scene = two_objects(sprites)
    picture = compose(scene, sprites, np.random.default_rng(0))
    truth = graph_from_depths(picture.depths, picture.objects, CATALOGUE)
    index = {o.id: i for i, o in enumerate(truth.graph.objects)}
    both = truth.amodal[index["o1"]] & truth.amodal[index["o2"]]
    assert both.sum() > 50
    colours = {o.id: sprites.image(sprites.by_mesh[o.mesh][0])[0][0, 0, :3].astype(float) for o in scene.objects}
    inside = picture.rgb[both].astype(float)
    nearer = np.abs(inside - colours["o2"]).sum(1)
    farther = np.abs(inside - colours["o1"]).sum(1)
    assert (nearer < farther).mean() > 0.9
    assert truth.graph.covered("o2", "o1") > 0.02
    assert truth.graph.covered("o1", "o2") == 0


def test_swapping_the_depths_swaps_the_relation(bank: Path) -> None:
    sprites = SpriteBank.load(bank)
    scene = two_objects(sprites)
    tree, dog = scene.objects
    swapped = replace(scene, objects=(replace(tree, position=dog.position), replace(dog, position=tree.position)))
    picture = compose(swapped, sprites, np.random.default_rng(0))
    graph = graph_from_depths(picture.depths, picture.objects, CATALOGUE).graph
    assert graph.covered("o1", "o2") > 0.02
    assert graph.covered("o2", "o1") == 0


def test_the_same_seed_composes_the_same_picture(bank: Path) -> None:
    sprites = SpriteBank.load(bank)
    scene = make_scene("desk", 3, 5, CATALOGUE, width=96)
    one, two = (compose(scene, sprites, np.random.default_rng(4)) for _ in range(2))
    assert (one.rgb == two.rgb).all()
    assert (one.depths == two.depths).all()


def test_recipes_depend_on_seed_and_index_alone_and_keep_their_cast() -> None:
    for name, setting in RECIPES.items():
        cast = {kind.key for kind in setting.kinds(WIDE)}
        assert setting.cast is None or cast == set(setting.cast)
        for index in range(12):
            scene = make_scene(name, 9, index, WIDE)
            assert scene == make_scene(name, 9, index, WIDE)
            assert scene.recipe == name
            assert MIN_OBJECTS <= len(scene.objects) <= MAX_OBJECTS
            assert {o.kind for o in scene.objects} <= cast
            looks = [(o.kind, o.colour) for o in scene.objects if o.colour]
            assert len(looks) == len(set(looks))
        assert make_scene(name, 9, 0, WIDE) != make_scene(name, 10, 0, WIDE)


def test_wide_recipes_show_what_others_do_not_but_nothing_that_needs_a_stage() -> None:
    narrow = {key for setting in SETTINGS.values() for key in setting.cast or ()}
    wide = [kind for setting in WIDE_SETTINGS.values() for kind in setting.kinds(WIDE)]
    assert narrow < {kind.key for kind in wide}
    assert {"boy", "sink", "hammer", "fence"} <= {kind.key for kind in wide}
    assert not {"window", "mirror", "glass", "shop_sign", "panel"} & {kind.key for kind in wide}
    shown = {o.kind for name in WIDE_SETTINGS for i in range(40) for o in make_scene(name, 2, i, WIDE).objects}
    assert len(shown - narrow) > 80


def test_held_out_meshes_never_reach_training() -> None:
    held = {m.id for m in WIDE.mesh_infos.values() if m.heldout}
    assert held
    seen = {o.mesh for name in RECIPES for i in range(60) for o in make_scene(name, 1, i, WIDE).objects}
    assert not seen & held
    for name in RECIPES:
        unseen = {o.mesh for i in range(20) for o in make_scene(name, 1, i, WIDE, heldout=True).objects}
        assert unseen & held


def test_a_bank_for_wide_recipes_has_all_that_they_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rgba, depth = np.full((16, 16, 4), 255, np.uint8), np.zeros((16, 16), np.float32)
    monkeypatch.setattr(sprite_maker, "render_sprite", lambda *_: Sprite(rgba, depth, 16.0, (8.0, 15.0)))
    build_bank(tmp_path, WIDE, WIDE_SETTINGS, per_mesh=1)
    sprites = SpriteBank.load(tmp_path)
    kinds = {kind.key for setting in WIDE_SETTINGS.values() for kind in setting.kinds(WIDE)}
    assert set(sprites.by_mesh) == {mesh.id for kind in kinds for mesh in WIDE.meshes(kind)}
    for name in RECIPES:
        for index in range(5):
            scene = make_scene(name, 4, index, WIDE, width=96)
            picture = compose(scene, sprites, np.random.default_rng(index))
            assert len(picture.objects) >= len(scene.objects) - 3  # without those out of the picture
            assert graph_from_depths(picture.depths, picture.objects, WIDE).graph.objects
