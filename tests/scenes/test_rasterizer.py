"""The rasterizer draws what the path tracer draws and the truth of a description says, whatever it drew before."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from occlusight.errors import BadData, BadInput
from occlusight.scenes.description import Camera, Light, Placed, Scene, Surroundings, VariedSurroundings
from occlusight.scenes.meshes.catalogue import whole_catalogue
from occlusight.scenes.meshes.library import load_mesh
from occlusight.scenes.render import gpu_meshes, path_tracer, targeted
from occlusight.scenes.render.gpu_meshes import clustered
from occlusight.scenes.render.rasterizer import Rasterizer
from occlusight.scenes.surroundings import VARIED, vary
from occlusight.scenes.truth.measure import measure
from occlusight.scenes.truth.targeted import measure_targeted

Mask = NDArray[np.bool_]
RED, GREEN = (0.5, 0.01, 0.01), (0.01, 0.4, 0.02)
FROM_BEHIND_LEFT = (0.7, 0.1, -0.7)  # the direction of sunlight


def placed(
    id: str, mesh: str, x: float, y: float, z: float = 0.0, yaw: float = 0.0, scale: float = 1.0, paint: bool = True
) -> Placed:
    kind = whole_catalogue().mesh(mesh).kind
    return Placed(id, kind, mesh, (x, y, z), yaw, scale, "red" if paint else None, RED if paint else None)


def plaza(*objects: Placed, size: int = 128, sun: Sequence[float] = FROM_BEHIND_LEFT) -> Scene:
    return Scene(
        "test", 1, 1, objects,
        Camera((0.0, 0.0, 1.2), (0.0, 5.0, 0.9), 50.0, size, size),
        Light((sun[0], sun[1], sun[2]), (2.5, 2.5, 2.5), (0.5, 0.5, 0.5), 1.0),
        Surroundings("plaza", (0.3, 0.3, 0.3)),
    )  # fmt: skip


def in_the_sky(*objects: Placed, width: int = 256, height: int = 192) -> Scene:
    """Objects that float round (0, 0, 20), with nothing but the sky behind them."""
    return Scene(
        "test", 1, 1, objects,
        Camera((0.3, -3.0, 19.4), (0.1, 0.0, 20.5), 40.0, width, height),
        Light((0.3, 0.6, -0.8), (1.5, 1.5, 1.4), (0.8, 0.8, 0.85)),
        Surroundings("ground", (0.3, 0.3, 0.3)),
    )  # fmt: skip


def repainted(scene: Scene, id: str) -> Scene:
    """The same with one object in another colour."""
    return replace(scene, objects=tuple(replace(o, rgb=GREEN) if o.id == id else o for o in scene.objects))


def without(scene: Scene, id: str) -> Scene:
    return replace(scene, objects=tuple(o for o in scene.objects if o.id != id))


def changed(one: NDArray[np.uint8], other: NDArray[np.uint8], least: int = 20) -> Mask:
    return np.abs(one.astype(int) - other.astype(int)).max(-1) > least


def unlike(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """The mean absolute difference of two pictures, of 255."""
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


def iou(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / (one | other).sum())


def light(picture: NDArray[np.uint8], mask: Mask) -> float:
    return float(picture[mask].mean())


@pytest.mark.parametrize("kind", ["ground", "room"])
def test_it_agrees_with_the_path_tracer(rasterizer: Rasterizer, suitcases: Callable[..., Scene], kind: str) -> None:
    scene, moved = (
        replace(suitcases(shift, 96), surroundings=Surroundings(kind, (0.3, 0.3, 0.3))) for shift in (0.2, -0.4)
    )
    drawn, same, other = rasterizer.render(scene), path_tracer.render(scene, 8), path_tracer.render(moved, 8)
    assert drawn.shape == (96, 96, 3)
    assert drawn.dtype == np.uint8
    things = [measure(one, whole_catalogue()).amodal.any(0) for one in (scene, moved)]
    shown = things[0] | things[1]
    assert unlike(drawn, same) < 5
    assert unlike(drawn[shown], same[shown]) < 15
    assert unlike(drawn[shown], same[shown]) < 0.4 * unlike(drawn[shown], other[shown])


def test_it_agrees_with_the_path_tracer_of_targeted_scenes(rasterizer: Rasterizer) -> None:
    window = placed("o2", "fixture-window-wide", 0.4, 4.5, paint=False)

    def scene(x: float) -> Scene:
        far = placed("o3", "procedural-suitcase", x + 1.1, 3.0)
        return plaza(placed("o1", "procedural-suitcase", x, 2.0, yaw=20), window, far, size=96)

    drawn = rasterizer.render(scene(-0.4))
    same, other = (targeted.render_targeted(scene(x), 8) for x in (-0.4, 0.6))
    assert unlike(drawn, same) < 10
    assert unlike(drawn, same) < 0.6 * unlike(drawn, other)


@pytest.mark.parametrize("place", ["street", "desk"])
def test_it_agrees_with_the_path_tracer_in_varied_surroundings(
    rasterizer: Rasterizer, small_map: Callable[[str], None], place: str
) -> None:
    """Finishes have other textures there; what is far away, what stands behind and things are where they are."""

    def scene(x: float) -> Scene:
        thing, far = (placed(f"o{i}", "procedural-suitcase", x + i, 2.0 + i) for i in (0, 1))
        plain = plaza(thing, far, size=96)
        return vary(replace(plain, light=replace(plain.light, softness=4.0)), place, 1, VARIED)  # for a map of 64 rows

    around = scene(0.0).surroundings
    assert isinstance(around, VariedSurroundings)
    with pytest.raises(BadData, match="assets --maps"):
        Rasterizer().render(scene(-0.4))
    small_map(around.light_map)
    drawn = Rasterizer().render(scene(-0.4))
    same, other = (targeted.render_targeted(scene(x), 8) for x in (-0.4, 0.6))
    assert unlike(drawn, same) < 35
    assert unlike(drawn, same) < 0.8 * unlike(drawn, other)
    assert (Rasterizer().render(scene(-0.4)) == drawn).all()
    painted = changed(drawn, Rasterizer().render(repainted(scene(-0.4), "o0")), 8)
    truth = measure(scene(-0.4), whole_catalogue()).visible[0]
    assert (painted & truth).sum() > 0.9 * painted.sum()
    assert iou(painted, truth) > 0.55  # its wheels and handle are not painted


def test_a_map_turns_to_the_right(rasterizer: Rasterizer, small_map: Callable[[str], None]) -> None:
    small_map("lab")  # its light comes from 225 to 231 degrees to the right, and from above

    def brightest(turn: float) -> int:
        """The column of a picture, 64 wide, of what is before and above us."""
        around = VariedSurroundings("desk", (0.2, 0.2, 0.2), back=3.0, light_map="lab", turn=turn, behind="open")
        scene = plaza(placed("o1", "procedural-suitcase", 0.0, -9.0), size=64)
        looking_up = Camera((0.0, 0.0, 1.2), (0.0, 1.0, 1.7), 70.0, 64, 64)
        around = replace(around, ground="slate", cover="paint")
        picture = Rasterizer().render(replace(scene, camera=looking_up, surroundings=around))
        return int(picture[:24].max(0).mean(-1).argmax())

    left, ahead, right = (brightest(135.0 + by) for by in (-20.0, -3.0, 14.0))
    assert left < 24 < ahead < 40 < right


def test_silhouettes_are_those_of_the_truth(rasterizer: Rasterizer) -> None:
    hidden = placed("o0", "procedural-suitcase", 0.0, -9.0, 0.0)
    for shown in (
        placed("o1", "procedural-suitcase", -0.3, 0.0, 20.1, yaw=35, scale=1.3),
        placed("o1", "procedural-parasol", 0.2, 1.5, 19.4, yaw=200, scale=0.7),
        placed("o1", "procedural-suitcase", 0.9, 2.0, 21.0, yaw=110, scale=1.9),
    ):
        scene = in_the_sky(hidden, shown)
        (truth,) = measure(scene, whole_catalogue()).amodal
        outline = changed(rasterizer.render(scene), rasterizer.render(without(scene, "o1")), 40)
        assert iou(outline, truth) > 0.97


def test_what_is_nearer_hides_as_the_truth_says(rasterizer: Rasterizer) -> None:
    near = placed("o1", "procedural-suitcase", 0.0, 0.0, 20.1, yaw=15)
    far = placed("o2", "procedural-suitcase", 0.3, 0.6, 20.3, yaw=70)
    for scene in (in_the_sky(near, far), in_the_sky(far, near)):  # in whatever order they are drawn
        truth = measure(scene, whole_catalogue())
        masks = dict(zip((o.id for o in truth.graph.objects), truth.visible, strict=True))
        covered = dict(zip((o.id for o in truth.graph.objects), truth.amodal, strict=True))["o2"] & masks["o1"]
        assert covered.sum() > 500
        paint = changed(rasterizer.render(scene), rasterizer.render(repainted(scene, "o2")))
        assert (paint & masks["o2"]).sum() > 0.6 * masks["o2"].sum()  # the rest is its trim
        assert (paint & ~masks["o2"]).sum() < 0.08 * masks["o2"].sum()


@pytest.mark.usefixtures("assets")
def test_holes_of_textures_are_holes(rasterizer: Rasterizer) -> None:
    scene = in_the_sky(
        placed("o0", "procedural-suitcase", 0.0, -9.0),
        placed("o1", "scopia-bush", 0.0, 0.0, 20.0, scale=0.9, paint=False),
    )
    (truth,) = measure(scene, whole_catalogue()).amodal
    outline = changed(rasterizer.render(scene), rasterizer.render(without(scene, "o1")))
    box = np.ix_(np.flatnonzero(truth.any(1)), np.flatnonzero(truth.any(0)))
    assert truth[box].mean() < 0.8
    assert iou(outline, truth) > 0.8


def test_a_mirror_shows_what_is_before_it_where_the_truth_says(rasterizer: Rasterizer) -> None:
    mirror = placed("o1", "fixture-mirror-wide", 0.0, 4.0, yaw=30, paint=False)
    scene = plaza(mirror, placed("o2", "procedural-suitcase", 2.8, 2.35), placed("o3", "procedural-suitcase", 0.1, 6.0))
    truth = measure_targeted(scene)
    shown = truth.mirrored["o2", "o1"]
    paint = changed(rasterizer.render(scene), rasterizer.render(repainted(scene, "o2")), 40)
    in_mirror = paint & np.roll(shown, 2, 1) | paint & shown | paint & np.roll(shown, -2, 1)
    assert in_mirror.sum() > 0.7 * shown.sum()  # the rest is its trim
    assert (paint & shown).sum() > 0.95 * in_mirror.sum()
    behind = changed(rasterizer.render(scene), rasterizer.render(repainted(scene, "o3")), 40)
    assert not (behind & shown).any()  # a mirror does not show what is behind it


def test_a_mirror_turns_left_and_right(rasterizer: Rasterizer) -> None:
    mirror = placed("o1", "fixture-mirror-wide", 0.0, 5.0, paint=False)
    lamp = placed("o2", "procedural-street-lamp-arm", 0.9, -0.5, scale=0.4, paint=False)
    picture = rasterizer.render(plaza(mirror, lamp))
    bare = rasterizer.render(plaza(mirror))
    columns = np.nonzero(changed(picture, bare))[1]
    assert columns.mean() > 64  # the lamp stands behind the camera, to the right


def test_glass_tints_and_does_not_hide(rasterizer: Rasterizer) -> None:
    for pane, least, most in (("fixture-window-wide", 0.9, 1.1), ("fixture-window-tinted", 0.65, 0.9)):
        scene = plaza(placed("o1", pane, 0.0, 4.0, paint=False), placed("o2", "procedural-suitcase", 0.2, 6.0))
        truth = measure_targeted(scene)
        seen = dict(zip((o.id for o in truth.graph.objects), truth.truth.visible, strict=True))["o2"]
        through, bare = rasterizer.render(scene), rasterizer.render(without(scene, "o1"))
        assert changed(through, rasterizer.render(repainted(scene, "o2")))[seen].mean() > 0.6
        red = through[seen][:, 0].mean() / bare[seen][:, 0].mean()
        assert least < red < most


def test_shadows_fall_away_from_the_sun(rasterizer: Rasterizer) -> None:
    case = placed("o1", "procedural-suitcase", 0.0, 4.0, scale=1.5)
    away = placed("o0", "procedural-suitcase", 0.0, -9.0)
    for side, sun in (("right", (1.0, 0.1, -0.6)), ("left", (-1.0, 0.1, -0.6))):
        scene = plaza(case, sun=sun)
        truth = measure_targeted(scene)
        (shadow,) = truth.graph.shadows
        assert shadow.direction == side
        lit, bare = rasterizer.render(scene), rasterizer.render(replace(scene, objects=(away,)))
        mask = truth.shaded["o1"]
        other = mask[:, ::-1] & ~mask & ~truth.truth.amodal[0]
        assert light(lit, mask) < 0.75 * light(bare, mask)
        assert light(lit, other) > 0.9 * light(bare, other)


def test_the_sky_is_dimmed_below_things(rasterizer: Rasterizer) -> None:
    scene = plaza(placed("o1", "procedural-parasol", 0.0, 5.0), sun=(0.0, 0.0, -1.0))
    dark = replace(scene, light=replace(scene.light, sun=(0.0, 0.0, 0.0)))
    picture = rasterizer.render(dark).mean(-1)
    bare = rasterizer.render(replace(dark, objects=(placed("o1", "procedural-suitcase", 0.0, -9.0),))).mean(-1)
    under = picture[88:92, 56:62] / bare[88:92, 56:62]
    assert under.mean() < 0.85


def test_a_picture_does_not_depend_on_what_was_drawn_before(
    rasterizer: Rasterizer, suitcases: Callable[..., Scene]
) -> None:
    mirror, pane = placed("o1", "fixture-mirror-tall", -0.5, 5.0), placed("o2", "fixture-window-tall", 0.6, 4.0)
    scenes = [suitcases(size=64), plaza(mirror, pane, placed("o3", "procedural-suitcase", 0.4, 3.0), size=64)]
    first = [Rasterizer().render(scene) for scene in scenes]
    for order in (scenes, scenes[::-1]):
        for scene in order:
            rasterizer.context.enable_only(0)
            assert (rasterizer.render(scene) == first[scenes.index(scene)]).all()


def test_what_is_not_needed_any_more_is_released(
    rasterizer: Rasterizer, suitcases: Callable[..., Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_meshes, "MAX_MESHES", 1)
    mirror = plaza(placed("o1", "fixture-mirror-tall", 0.0, 4.0), placed("o2", "procedural-suitcase", 1, 3), size=32)
    scenes = (mirror, suitcases(size=32))

    def memory() -> float:
        """What this process holds, in MB."""
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6

    before = [rasterizer.render(scene) for scene in scenes * 3][:2]
    held = memory()
    for _ in range(15):
        after = [rasterizer.render(scene) for scene in scenes]
    assert memory() - held < 12  # their textures alone are 37
    assert all((a == b).all() for a, b in zip(before, after, strict=True))


def test_coarse_meshes_keep_their_outline() -> None:
    mesh = load_mesh("procedural-parasol")
    fine, rough = (clustered(mesh.vertices, None, mesh.faces, cells) for cells in (100_000, 12))
    assert len(fine) == len(mesh.faces)
    assert 0 < len(rough) < 0.8 * len(fine)
    span = [np.ptp(mesh.vertices[faces.ravel()], 0) for faces in (fine, rough)]
    assert np.abs(span[0] - span[1]).max() < max(mesh.vertices.max(0)) / 6
    assert len(clustered(mesh.vertices, None, mesh.faces, 1)) < 10
    apart = np.arange(2 * len(mesh.vertices), dtype=np.float32).reshape(-1, 2)  # coordinates of a texture
    assert len(clustered(mesh.vertices, apart, mesh.faces, 1)) == len(fine)


def test_where_there_is_no_opengl_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    moderngl = pytest.importorskip("moderngl")

    def broken(**settings: object) -> None:
        raise Exception("libEGL.so not loaded")

    monkeypatch.setattr(moderngl, "create_context", broken)
    monkeypatch.setattr(os, "getpid", lambda: -1)  # as in a process that has no context yet
    with pytest.raises(BadInput, match=r"libEGL\.so not loaded.*apt-get install libegl1 libgl1-mesa-dri"):
        Rasterizer()
    monkeypatch.setitem(sys.modules, "moderngl", None)
    with pytest.raises(BadInput, match=r"needs moderngl; .*pip install .*\[train\]"):
        Rasterizer()
