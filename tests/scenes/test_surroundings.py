"""Surroundings that vary: drawn from a file, beyond every object, and of no effect on recipes that have none."""

from __future__ import annotations

import base64
import hashlib
import io
import math
import tarfile
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType

import drjit
import numpy as np
import pytest

from occlusight.errors import BadData, BadInput
from occlusight.scenes.check.dataset import check_set
from occlusight.scenes.description import Camera, Light, Scene, Surroundings, VariedSurroundings
from occlusight.scenes.make.data_card import data_card
from occlusight.scenes.make.dataset import make_set
from occlusight.scenes.make.plan import DatasetPlan, differences, named_set
from occlusight.scenes.make.scene_line import scene_of
from occlusight.scenes.meshes import map_assets
from occlusight.scenes.meshes.map_assets import fetched, import_maps, taken_out
from occlusight.scenes.recipes.stage import SETTINGS
from occlusight.scenes.render.backgrounds import BACKGROUNDS, GLASS
from occlusight.scenes.render.blocks import Blocks
from occlusight.scenes.render.finishes import PATTERNS, laid
from occlusight.scenes.render.light_maps import map_sky
from occlusight.scenes.surroundings import (
    EVALUATION,
    PLAIN,
    VARIED,
    attribution_of,
    looks,
    maps_of,
    vary,
    vary_free,
)

FLAT = 0.02  # metres: what lies on the ground


def staged(place: str = "street", seed: int = 5, index: int = 0) -> Scene:
    """A scene with nothing in it, as a stage leaves it."""
    setting = SETTINGS[place]
    return Scene(
        f"partial-{place}",
        seed,
        index,
        (),
        Camera((0.1, 0.0, setting.camera_height), (0.0, setting.focus, setting.look_height), setting.fov, 64, 64),
        Light((0.4, -0.7, -0.9), (3.0, 2.9, 2.7), (0.5, 0.55, 0.6), 1.2),
        Surroundings(setting.surroundings, (0.2, 0.2, 0.2), (0.5, 0.5, 0.5), setting.focus + 9.0, -14.0, None),
    )


def test_what_is_drawn_from_is_all_there() -> None:
    known = looks()
    assert len(known.maps) == 26
    assert sum(m.evaluation for m in known.maps.values()) == 6
    assert {m.package for m in known.maps.values()} == set(known.packages)
    assert set(known.places) == set(SETTINGS)
    assert {f.pattern for f in known.finishes.values()} == set(PATTERNS)
    assert all(f.units[1] % 2 == 0 for f in known.finishes.values() if f.pattern in ("brick", "cobbles"))  # half on
    assert {name for look in known.places.values() for name in look.behind} == set(BACKGROUNDS)
    for place, look in known.places.items():
        assert {*look.grounds, *look.covers} <= set(known.finishes)
        for sort in (VARIED, EVALUATION):
            assert len(maps_of(place, sort)) >= 2
        assert not {m.key for m in maps_of(place, VARIED)} & {m.key for m in maps_of(place, EVALUATION)}


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_what_stands_behind_is_beyond_every_object(name: str) -> None:
    back = 7.25
    for seed in range(4):
        blocks = Blocks()
        BACKGROUNDS[name](np.random.default_rng(seed), blocks, back)
        assert set(blocks.faces) <= {*looks().finishes, "cover", GLASS}
        corners = [corner for faces in blocks.faces.values() for at, _ in faces for corner in at]
        assert bool(corners) == (name != "open")
        assert [z for _, y, z in corners if y < back and z > FLAT] == []


@pytest.mark.parametrize("pattern", PATTERNS)
def test_finishes_go_on_without_a_seam_in_their_colour(pattern: str) -> None:
    finish = next(f for f in looks().finishes.values() if f.pattern == pattern)
    rgb = finish.colours[0]
    texture = laid(np.random.default_rng(3), finish, rgb)
    assert np.array_equal(texture, laid(np.random.default_rng(3), finish, rgb))
    assert not np.array_equal(texture, laid(np.random.default_rng(4), finish, rgb))
    for axis in (0, 1):
        steps = np.abs(np.diff(texture, axis=axis, append=np.take(texture, [0], axis)))
        along = steps.mean(axis=(1 - axis, 2))
        assert along[-1] <= along[:-1].max() * 1.05 + 1e-4
    hue = texture.mean(axis=(0, 1))
    if finish.seam is None:
        assert hue / hue.sum() == pytest.approx(np.asarray(rgb) / sum(rgb), abs=0.03)


def test_a_scene_in_varied_surroundings_depends_on_its_place_alone() -> None:
    scene = staged()
    one = vary(scene, "street", 3, EVALUATION)
    assert one == vary(scene, "street", 3, EVALUATION)
    assert one != vary(replace(scene, index=1), "street", 3, EVALUATION)
    around = one.surroundings
    assert isinstance(around, VariedSurroundings)
    assert around.back is not None
    assert around.back >= (scene.surroundings.back or 0)
    assert one.light.sun_direction[1] >= 0  # what stands behind throws no shadow on the objects
    assert replace(one.light, sun_direction=scene.light.sun_direction) == scene.light
    shown = [
        math.hypot(c.position[0] - c.target[0], c.position[1] - c.target[1]) * math.tan(math.radians(c.fov / 2))
        for c in (scene.camera, one.camera)
    ]
    assert shown[1] == pytest.approx(shown[0])  # what it looks at stays as large
    assert one.camera.fov != scene.camera.fov
    near = replace(scene, camera=Camera((0.1, 0.9, 1.6), (0.0, 2.0, 1.5), 33.0, 64, 64))
    assert vary(near, "street", 3, EVALUATION).camera == near.camera  # a portrait stays one


def test_a_free_scene_keeps_its_camera_and_stands_before_what_is_behind() -> None:
    for kind, back in (("ground", None), ("room", 5.0), ("table", 1.5)):
        scene = replace(staged(), surroundings=Surroundings(kind, (0.2, 0.2, 0.2), (0.5, 0.5, 0.5), back))
        one = vary_free(scene, 2, 7.0, VARIED)
        assert replace(one, light=scene.light, surroundings=scene.surroundings) == scene
        around = one.surroundings
        assert isinstance(around, VariedSurroundings)
        assert (around.back or 0.0) >= (back or 7.0)
        assert not looks().maps[around.light_map].evaluation


def test_maps_finishes_and_backgrounds_take_turns() -> None:
    for place, look in looks().places.items():
        seen = [vary(staged(place, index=i), place, i, EVALUATION).surroundings for i in range(10)]
        drawn = [a for a in seen if isinstance(a, VariedSurroundings)]
        assert {a.light_map for a in drawn} == {m.key for m in maps_of(place, EVALUATION)}
        assert {a.ground for a in drawn} == set(look.grounds)
        assert {a.cover for a in drawn} == set(look.covers)
        assert {a.behind for a in drawn} == set(look.behind)
        assert len({a.floor for a in drawn}) == len(drawn)
    twice = [vary(staged(index=i), "street", i, EVALUATION).surroundings for i in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)]
    behind = [a.behind for a in twice if isinstance(a, VariedSurroundings)]
    assert behind[:5] != behind[5:]  # no type of occlusion has a background of its own


def test_a_description_in_varied_surroundings_is_read_back() -> None:
    scene = vary(staged("desk"), "desk", 1, VARIED)
    line = {**asdict(scene), "placed": [], "base_index": 0, "drawing": 0}
    assert scene_of(line) == scene
    plain = staged("desk")
    assert scene_of({**asdict(plain), "placed": [], "base_index": 0, "drawing": 0}) == plain
    assert "light_map" not in asdict(plain.surroundings)


def test_a_map_is_as_light_as_the_sky_and_has_the_scenes_sun(small_map: Callable[[str], None]) -> None:
    scene = vary(staged(), "street", 0, EVALUATION)
    around = scene.surroundings
    assert isinstance(around, VariedSurroundings)
    with pytest.raises(BadData, match="assets --maps"):
        map_sky(scene, around)
    small_map(around.light_map)
    found = np.asarray(map_sky(scene, around)["bitmap"])
    row, column = np.unravel_index(int(found.mean(axis=-1).argmax()), found.shape[:2])
    sun = -np.asarray(scene.light.sun_direction) / np.linalg.norm(scene.light.sun_direction)
    assert math.cos((row + 0.5) / 64 * math.pi) == pytest.approx(sun[2], abs=0.06)
    assert (column + 0.5) / 128 * 360 == pytest.approx(math.degrees(math.atan2(sun[0], sun[1])) % 360, abs=4)
    unlit = replace(scene, light=replace(scene.light, sun=(0.0, 0.0, 0.0)))
    sky = np.asarray(map_sky(unlit, around)["bitmap"])
    weight = np.sin((np.arange(32) + 0.5) / 64 * math.pi)[:, None, None]
    assert (sky[:32] * weight).mean() / weight.mean() == pytest.approx(sum(scene.light.sky) / 3, rel=0.01)
    turned = np.asarray(map_sky(unlit, replace(around, turn=(around.turn + 90) % 360))["bitmap"])
    assert np.abs(np.roll(sky, 32, axis=1) - turned).max() < 1e-4


def test_a_map_is_read_by_one_thread_as_by_many(small_map: Callable[[str], None]) -> None:
    scene = vary(staged(), "street", 0, EVALUATION)
    around = scene.surroundings
    assert isinstance(around, VariedSurroundings)
    small_map(around.light_map)
    whole, threads = np.asarray(map_sky(scene, around)["bitmap"]), drjit.thread_count()
    drjit.set_thread_count(1)
    try:
        assert (np.asarray(map_sky(scene, around)["bitmap"]) == whole).all()
        assert drjit.thread_count() == 1
    finally:
        drjit.set_thread_count(threads)


def test_maps_are_taken_out_of_a_package_that_is_the_right_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = looks().packages["pmndrs"]
    wanted = [m for m in looks().maps.values() if m.package == "pmndrs"]
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for m in wanted:
            held = b'export default "data:;base64,' + base64.b64encode(m.key.encode()) + b'"'
            info = tarfile.TarInfo(package.folder + m.file + package.suffix)
            info.size = len(held)
            tar.addfile(info, io.BytesIO(held))
    assert taken_out(package, content.getvalue(), wanted) == {m.key: m.key.encode() for m in wanted}
    with pytest.raises(BadData, match="holds no package/hdri/nothing"):
        taken_out(package, content.getvalue(), [replace(wanted[0], file="nothing")])

    (tmp_path / "a.tgz").write_bytes(content.getvalue())
    near = replace(package, url=(tmp_path / "a.tgz").as_uri())
    with pytest.raises(BadData, match="not 152bd218"):
        fetched(near)
    near = replace(near, sha256=hashlib.sha256(content.getvalue()).hexdigest())
    only = replace(looks(), packages={"pmndrs": near}, maps={m.key: m for m in wanted})
    monkeypatch.setattr(map_assets, "looks", lambda: only)
    assert import_maps(tmp_path) == len(wanted)
    assert import_maps(tmp_path) == 0
    assert (tmp_path / "maps" / "lobby.exr").read_bytes() == b"lobby"


def test_a_set_says_in_what_surroundings_it_is() -> None:
    plain, varied = DatasetPlan(("chain-desk",), 7, 1), DatasetPlan(("chain-desk",), 7, 1, surroundings=VARIED)
    assert "surroundings" not in plain.identity()
    assert differences(plain.identity(), varied) == ["surroundings None, not varied"]
    assert varied.slot(0).surroundings == VARIED
    with pytest.raises(BadInput, match="plain, varied, evaluation"):
        replace(plain, surroundings="pretty")
    with pytest.raises(BadInput, match="vary in targeted scenes alone"):
        DatasetPlan(("street",), 7, 1, surroundings=VARIED)
    new, old = named_set("occlusion-50-v2"), named_set("occlusion-50")
    assert new.name == "occlusion-50-v2"
    assert old.surroundings == PLAIN
    assert replace(new, seed=old.seed, surroundings=PLAIN) == old
    assert new.recipes == old.recipes
    assert attribution_of(PLAIN) == []
    notice = (Path(__file__).parents[2] / "NOTICE").read_text("utf-8")
    assert all(f"- {line}" in notice for sort in (VARIED, EVALUATION) for line in attribution_of(sort))


def test_the_card_says_what_varies() -> None:
    for name, around in (("occlusion-50-v2", "6 HDR maps that no training sees"), ("occlusion-50", "")):
        plan = named_set(name)
        assert plan.family.card is not None
        manifest = {"renderer": plan.identity()["renderer"] | {"denoiser": "pyoidn"}, "licence": ""}
        card = data_card(plan, plan.family.card, [], {}, manifest, {}, None)
        assert around in card
        assert ("--surroundings evaluation" in card) == ("**Surroundings** vary" in card) == bool(around)


@pytest.mark.slow
def test_a_varied_set_is_checked_and_made_again_with_the_same_bytes(
    assets: None, maps: None, small_sets: ModuleType, tmp_path: Path
) -> None:
    recipes = ("chain-desk", "chain-street", "chain-line")
    plan = DatasetPlan(recipes, 5, 3, 96, 1, langs=("en",), surroundings=EVALUATION)
    make_set(plan, tmp_path / "a")
    whole = small_sets.contents(tmp_path / "a")
    small_sets.take_back(tmp_path / "a", plan, 2)
    assert make_set(plan, tmp_path / "a").made == 1
    assert small_sets.contents(tmp_path / "a") == whole
    report = check_set(tmp_path / "a", remeasure=3)
    of_scenes = [f for f in report.failures if f.startswith("scene")]  # three are too few for a balance of questions
    assert of_scenes == []
    assert report.remeasured == 3
