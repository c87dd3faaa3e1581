"""Composites of targeted scenes: boards hide, glass shows, mirrors turn round; the truth is that of the rays."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from occlusight.errors import OcclusightError
from occlusight.occlusion.facts import Facts
from occlusight.scenes.description import Camera, Light, Placed, Scene, Surroundings
from occlusight.scenes.meshes.catalogue import FIXTURE, whole_catalogue
from occlusight.scenes.render.sprite_layers import Sight, fitting
from occlusight.scenes.render.sprites import INDEX, SpriteBank, SpriteInfo
from occlusight.scenes.render.staged import StagedComposite, compose_staged
from occlusight.scenes.truth.optics import opaque_reach, optical_maps
from occlusight.scenes.truth.raycast import View
from occlusight.scenes.truth.reflections import reflections
from occlusight.scenes.truth.shadows import shadow_masks
from occlusight.scenes.truth.targeted import TargetedTruth
from occlusight.train.staged import staged_example
from occlusight.train.stream import SHARES, STAGED, composite_example

CATALOGUE = whole_catalogue()
DOG = CATALOGUE.meshes("dog")[0].id
SIDE = 128
RED, BLUE, DARK_RED, DARK_BLUE = (255, 0, 0), (0, 0, 255), (120, 0, 0), (0, 0, 120)
EYE = Camera((0.0, 0.0, 0.9), (0.0, 5.0, 0.9), 60.0, SIDE, SIDE)
SUN = Light((0.6, 0.5, -0.8), (3.0, 3.0, 3.0), (0.5, 0.5, 0.5), 0.5)
PLAZA = Surroundings("plaza", (0.3, 0.3, 0.3), (0.5, 0.5, 0.5), 14.0, -14.0)

Picture = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def two_sided(tmp_path_factory: pytest.TempPathFactory) -> SpriteBank:
    """A thing 0.6 m wide and 1.2 m tall. From the front it is red at the left and blue at the right, from behind dark
    blue at the left and dark red at the right, as a thing painted through would be."""
    folder = tmp_path_factory.mktemp("two sided")
    with (folder / INDEX).open("w") as lines, (folder / "pixels.bin").open("wb") as pixels:
        offset = 0
        for yaw, halves in ((0.0, (RED, BLUE)), (180.0, (DARK_BLUE, DARK_RED))):
            rgba = np.full((48, 24, 4), 255, np.uint8)
            rgba[:, :12, :3], rgba[:, 12:, :3] = halves
            info = SpriteInfo(DOG, None, 0.0, yaw, 40.0, (12.0, 48.0), 24, 48, offset, 0)
            lines.write(json.dumps(asdict(info)) + "\n")
            offset += pixels.write(rgba.tobytes()) + pixels.write(np.zeros((48, 24), np.float16).tobytes())
    return SpriteBank.load(folder)


def dog(x: float, y: float, yaw: float = 0.0) -> Placed:
    return Placed("dog", "dog", DOG, (x, y, 0.0), yaw)


def fixture(mesh: str, x: float, y: float, yaw: float = 0.0, id: str = "it") -> Placed:
    info = CATALOGUE.mesh(mesh)
    assert info.library == FIXTURE
    return Placed(id, info.kind, mesh, (x, y, 0.0), yaw, colour="green", rgb=(0.02, 0.3, 0.05))


def shown(bank: SpriteBank, *objects: Placed, light: Light = SUN) -> tuple[StagedComposite, TargetedTruth]:
    """The scene of these objects; it is about all of them."""
    scene = Scene("complete-street", 0, 0, objects, EYE, light, PLAZA)
    found = compose_staged(scene, bank, CATALOGUE, np.random.default_rng(0), [p.id for p in objects])
    assert found is not None
    return found, found.truth(CATALOGUE)


def like(rgb: Picture, colour: tuple[int, int, int], off: int = 60) -> npt.NDArray[np.bool_]:
    """Where a picture has about that colour."""
    near: npt.NDArray[np.bool_] = (np.abs(rgb.astype(int) - colour) < off).all(axis=-1)
    return near


def columns(mask: npt.NDArray[np.bool_]) -> float:
    """The middle of a mask's columns."""
    assert mask.any()
    return float(np.nonzero(mask)[1].mean())


def test_what_is_behind_a_board_is_in_the_truth_and_not_in_the_picture(two_sided: SpriteBank) -> None:
    picture, truth = shown(two_sided, fixture("fixture-panel", 0.0, 4.0), dog(0.0, 6.0))
    hidden = Facts(truth.graph).objects["dog"]
    assert (hidden.visible_fraction, hidden.seen) == (0.0, "nowhere")
    relation = Facts(truth.graph).relations["it", "dog"]
    assert (relation.type, relation.covered_fraction, relation.hidden_part) == ("complete", 1.0, "all")
    assert not (like(picture.rgb, RED) | like(picture.rgb, BLUE)).any()
    picture, truth = shown(two_sided, fixture("fixture-panel", 0.0, 4.0), dog(2.0, 6.0))
    assert Facts(truth.graph).objects["dog"].visible_fraction == 1.0
    assert like(picture.rgb, RED).sum() > 50
    assert like(picture.rgb, BLUE).sum() > 50


def test_a_board_hides_as_much_as_lies_behind_its_edge(two_sided: SpriteBank) -> None:
    edge = 6.0 * 0.75 / 3.97  # where the line of sight past the near edge of a board 1.5 m wide is, 6 m away
    picture, truth = shown(two_sided, fixture("fixture-panel", 0.0, 4.0), dog(edge, 6.0))
    relation = Facts(truth.graph).relations["it", "dog"]
    assert relation.type == "partial"
    assert relation.covered_fraction == pytest.approx(0.5, abs=0.06)
    assert relation.hidden_part == "left"
    assert like(picture.rgb, BLUE).sum() > 10 * like(picture.rgb, RED).sum()
    # the nearer one hides: the other way round nothing is hidden of the dog
    _, truth = shown(two_sided, fixture("fixture-panel", 0.0, 4.0), dog(edge, 3.0))
    assert ("it", "dog") not in Facts(truth.graph).relations


def test_before_a_slanting_board_a_thing_is_whole_though_the_near_edge_is_nearer(two_sided: SpriteBank) -> None:
    picture, truth = shown(two_sided, fixture("fixture-panel", 0.0, 5.0, 60.0), dog(0.3, 4.9))
    facts = Facts(truth.graph)
    assert (facts.objects["it"].distance or 9) < 4.6 < (facts.objects["dog"].distance or 0)
    assert facts.objects["dog"].visible_fraction == 1.0
    assert facts.graph.covered("dog", "it") > 0.2
    assert like(picture.rgb, RED).sum() == pytest.approx(like(picture.rgb, BLUE).sum(), rel=0.2)


def test_glass_covers_and_lets_through_what_its_tint_leaves(two_sided: SpriteBank) -> None:
    pane = fixture("fixture-window-tinted", 0.0, 3.0)
    picture, truth = shown(two_sided, pane, dog(0.0, 5.0))
    facts = Facts(truth.graph)
    assert facts.relations["it", "dog"].type == "transparent"
    assert facts.relations["it", "dog"].covered_fraction == 1.0
    assert facts.objects["dog"].visible_fraction == 1.0
    assert facts.objects["it"].material == "transparent"
    assert facts.through("it", "dog")
    before, _ = shown(two_sided, fixture("fixture-window-tinted", 0.0, 7.0), dog(0.0, 5.0))
    row = truth.truth.graph.objects.index(facts.objects["dog"])
    where = truth.truth.visible[row]
    red = where & like(before.rgb, RED)
    assert red.sum() > 100
    # red passes by 0.55 of its light, less what the two surfaces throw back: 0.7 of its sRGB value, and some glare
    assert 0.6 < np.median(picture.rgb[red][:, 0] / before.rgb[red][:, 0]) < 0.95
    assert np.median(picture.rgb[red][:, 1]) > np.median(before.rgb[red][:, 1])


def test_a_frame_hides_what_its_glass_shows(two_sided: SpriteBank) -> None:
    pane = fixture("fixture-window-tinted", 0.0, 3.0)
    edge = 5.0 * 1.2 / 3.0
    _, truth = shown(two_sided, pane, dog(edge, 5.0))
    relation = Facts(truth.graph).relations["it", "dog"]
    assert 0 < (relation.hidden_fraction or 0) < relation.covered_fraction < 1
    assert Facts(truth.graph).objects["dog"].visible_fraction == pytest.approx(
        1 - (relation.hidden_fraction or 0), abs=0.01
    )


def test_a_mirror_shows_the_other_side_at_the_reflected_place(two_sided: SpriteBank) -> None:
    mirror = fixture("fixture-mirror-wide", 0.0, 6.0)
    picture, truth = shown(two_sided, mirror, dog(-0.5, 3.5))
    (seen,) = truth.graph.reflections
    assert (seen.object, seen.mirror) == ("dog", "it")
    face = 6.0 - 0.005
    (x, y), far = View(EYE).project((-0.5, 2 * face - 3.5, 0.0))  # the foot of the mirror image
    pixels = View(EYE).focal / far  # of a metre there
    where = truth.mirrored["dog", "it"]
    rows, cols = np.nonzero(where)
    direct = truth.truth.visible[[o.id for o in truth.graph.objects].index("dog")]
    assert not (where & direct).any()
    assert cols.max() + 1 == pytest.approx(x + 0.3 * pixels, abs=1.5)
    assert rows.min() == pytest.approx(y - 1.2 * pixels, abs=1.5)
    # its back is in the mirror, and a mirror straight before us leaves left at the left
    assert like(picture.rgb, RED).sum() > 50
    back = where & (like(picture.rgb, DARK_RED, 50) | like(picture.rgb, DARK_BLUE, 50))
    assert back.sum() > 0.7 * where.sum()
    right = where & like(picture.rgb, DARK_BLUE, 50)
    assert right.sum() > 20
    assert not (where & like(picture.rgb, DARK_RED, 50) & (np.arange(SIDE) > columns(right))).any()


def test_a_thing_behind_the_camera_is_seen_in_the_mirror_alone(two_sided: SpriteBank) -> None:
    """It faces the mirror, so its front is seen there, its left and right exchanged."""
    picture, truth = shown(two_sided, fixture("fixture-mirror-wide", 0.0, 3.0), dog(0.5, -2.0, 180.0))
    facts = Facts(truth.graph)
    thing = facts.objects["dog"]
    assert (thing.seen, thing.visible_fraction, thing.distance) == ("reflection", 0.0, None)
    assert truth.graph.reflections[0].visible_fraction == 1.0
    where = truth.mirrored["dog", "it"]
    x, _ = View(EYE).project((0.5, 2 * 2.995 + 2.0, 0.0))[0]
    assert columns(where) == pytest.approx(x, abs=1.0)
    # who faces away from us has its left where our left is; looking back at us from the mirror it is as it stands
    assert columns(where & like(picture.rgb, BLUE, 90)) < columns(where & like(picture.rgb, RED, 90))


def test_a_turned_mirror_shows_things_where_the_rays_meet_them(two_sided: SpriteBank) -> None:
    mirror = fixture("fixture-mirror-wide", 0.3, 5.0, -25.0)
    turn = math.radians(-25.0)
    normal = np.array([math.sin(turn), -math.cos(turn), 0.0])
    _, truth = shown(two_sided, mirror, dog(-1.9, 2.2))
    on = np.array([0.3, 5.0, 0.0]) + 0.005 * normal
    base = np.array([-1.9, 2.2, 0.0])
    image = base - 2 * ((base - on) @ normal) * normal
    x, _ = View(EYE).project((float(image[0]), float(image[1]), 0.0))[0]
    assert columns(truth.mirrored["dog", "it"]) == pytest.approx(x, abs=1.5)


def test_of_two_things_in_a_mirror_the_nearer_to_it_hides_the_other(two_sided: SpriteBank) -> None:
    board = fixture("fixture-panel", 0.0, -1.0, id="board")
    _, truth = shown(two_sided, fixture("fixture-mirror-wide", 0.0, 4.0), board, dog(0.0, -4.0))
    seen = {r.object: r.visible_fraction for r in truth.graph.reflections}
    assert seen == {"board": 1.0}
    assert Facts(truth.graph).objects["board"].seen == "reflection"


def test_what_a_mirror_shows_of_a_board_is_what_rays_find(two_sided: SpriteBank) -> None:
    mirror, board = fixture("fixture-mirror-wide", 0.3, 5.0, -25.0), fixture("fixture-panel", -1.6, 2.6, 10.0, "board")
    picture, truth = shown(two_sided, mirror, board)
    (cast,) = reflections(picture.scene, optical_maps(picture.scene))
    mine = truth.mirrored["board", "it"]
    assert cast.seen.sum() > 100
    assert (mine & cast.seen).sum() > 0.97 * (mine | cast.seen).sum()


@pytest.mark.parametrize(
    "mesh", ["fixture-panel", "fixture-window-wide", "fixture-shelter", "fixture-traffic-mirror", "fixture-jar"]
)
def test_fixtures_are_where_rays_meet_them(two_sided: SpriteBank, mesh: str) -> None:
    placed = replace(fixture(mesh, 0.2, 3.5, 20.0), scale=4.0 if mesh == "fixture-jar" else 1.0)
    picture, _ = shown(two_sided, placed)
    maps = optical_maps(picture.scene)
    for mine, cast in ((picture.maps.depth, maps.depth), (picture.maps.solid, maps.solid)):
        both = np.isfinite(mine) & np.isfinite(cast)
        assert both.sum() >= 0.99 * np.isfinite(cast).sum()
        assert both.sum() >= 0.99 * np.isfinite(mine).sum()
        assert np.allclose(mine[both], cast[both], atol=0.02)
    shows = np.isfinite(maps.mirror) & (maps.mirror <= maps.solid)
    assert (np.isfinite(picture.maps.mirror) == shows).mean() > 0.99


def of_fixtures(
    placed: Placed, starts: npt.NDArray[np.float32], directions: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """What rays meet of fixtures; they pass by sprites."""
    if placed.id == "dog":
        return np.full(len(directions), np.inf, np.float32)
    return opaque_reach(placed, starts, directions)


def test_shadows_fall_where_rays_to_the_sun_say(two_sided: SpriteBank) -> None:
    picture, truth = shown(two_sided, fixture("fixture-panel", -1.0, 5.0, 60.0), dog(1.0, 5.0))
    board = shadow_masks(picture.scene, picture.maps, reach=of_fixtures)[0]
    mine = truth.shaded["it"]
    assert board.sum() > 50
    assert (mine & board).sum() > 0.85 * (mine | board).sum()
    foot = View(EYE).project((1.0, 5.0, 0.0))[0][0]
    assert columns(truth.shaded["dog"]) > foot  # the sun's light goes to the right
    assert {s.direction for s in truth.graph.shadows} == {"right"}
    row = picture.rgb.astype(float).mean(axis=-1)
    lit = ~truth.shaded["it"] & ~truth.shaded["dog"]
    lit[: SIDE // 2 + 12] = False  # the floor near the shadow
    assert row[truth.shaded["dog"]].mean() < 0.85 * row[lit & ~truth.truth.amodal.any(axis=0)].mean()
    soft = replace(SUN, softness=10.0)
    assert not shown(two_sided, fixture("fixture-panel", -1.0, 5.0), light=soft)[1].graph.shadows


def test_the_sprite_is_chosen_by_how_the_thing_is_turned_to_its_viewer(two_sided: SpriteBank) -> None:
    assert fitting(two_sided, [0, 1], 10.0, 0.0, (False,)) == (10.0, 0, False)
    assert fitting(two_sided, [0, 1], -170.0, 0.0, (True,)) == (10.0, 1, True)
    assert fitting(two_sided, [], 0.0, 0.0) is None
    ahead = Sight.of(np.array([0.0, 0.0, 1.0]), np.array([0.0, 2.0, 0.0]))
    assert (ahead.bearing, ahead.elevation) == (0.0, pytest.approx(26.565, abs=0.01))
    assert Sight.of(np.zeros(3), np.array([-1.0, 1.0, 0.0])).bearing == pytest.approx(45.0)


def test_a_scene_whose_matter_has_no_sprite_is_not_drawn_and_others_are_left_out(two_sided: SpriteBank) -> None:
    cat = Placed("cat", "cat", CATALOGUE.meshes("cat")[0].id, (1.0, 4.0, 0.0))
    scene = Scene("complete-street", 0, 0, (fixture("fixture-panel", 0.0, 4.0), cat, dog(0.0, 6.0)), EYE, SUN, PLAZA)
    assert compose_staged(scene, two_sided, CATALOGUE, np.random.default_rng(0), ["cat"]) is None
    away = replace(scene, objects=(scene.objects[0], dog(30.0, 6.0)))
    assert compose_staged(away, two_sided, CATALOGUE, np.random.default_rng(0), ["it", "dog"]) is None
    found = compose_staged(scene, two_sided, CATALOGUE, np.random.default_rng(0), ["it"])
    assert found is not None
    assert [p.id for p in found.scene.objects] == ["it"]  # nobody sees the dog, and the scene is not about it


def test_a_third_of_the_composites_are_of_targeted_scenes(bank: Path) -> None:
    sprites = SpriteBank.load(bank)
    assert SHARES[STAGED] == pytest.approx(1 / 3, abs=0.01)
    fixtures = {info.kind for info in CATALOGUE.mesh_infos.values() if info.library == FIXTURE}
    with_fixtures = 0
    for index in range(24):
        rgb, truth = composite_example(index, 4, CATALOGUE, sprites, np.random.default_rng(index))
        assert rgb.dtype == np.uint8
        assert truth.amodal.shape == (len(truth.graph.objects), rgb.shape[0] // 2, rgb.shape[1] // 2)
        with_fixtures += any(o.kind in fixtures for o in truth.graph.objects)
    assert 3 <= with_fixtures <= 12


def test_the_same_numbers_compose_the_same_targeted_scene(bank: Path) -> None:
    sprites = SpriteBank.load(bank)
    one, two = (staged_example(3, 4, CATALOGUE, sprites, np.random.default_rng(1), 96, 2) for _ in range(2))
    assert (one[0] == two[0]).all()
    assert one[1].graph == two[1].graph


def test_a_bank_without_sprites_of_the_recipes_says_so(two_sided: SpriteBank) -> None:
    none = SpriteBank((), two_sided.pixels, {})
    with pytest.raises(OcclusightError, match="sprites of 0 meshes"):
        staged_example(0, 4, CATALOGUE, none, np.random.default_rng(0), 96, 2)
