from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from occlusight.scenes.description import Camera, Scene
from occlusight.scenes.meshes.mesh import Material, Mesh
from occlusight.scenes.truth import optics
from occlusight.scenes.truth.raycast import View, depth_map, depth_maps

CAMERA = Camera((0.0, -5.0, 0.0), (0.0, 0.0, 0.0), 60.0, 40, 30)


def square(y: float, texture: bytes | None = None) -> Mesh:
    """A square of 2 m that faces the camera at depth 5 + y."""
    v = np.array([[-1, y, -1], [1, y, -1], [1, y, 1], [-1, y, 1]], np.float32)
    return Mesh(
        id="square",
        vertices=v,
        normals=np.tile(np.float32([0, -1, 0]), (4, 1)),
        uvs=np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32),
        faces=np.array([[0, 1, 2], [0, 2, 3]], np.int32),
        face_material=np.zeros(2, np.int16),
        materials=(Material("m", (0.5, 0.5, 0.5), texture, cutout=texture is not None),),
    )


def test_depth_is_measured_along_the_view_axis() -> None:
    mesh = square(0.0)
    depth = depth_map(mesh, mesh.vertices, View(CAMERA))
    hit = np.isfinite(depth)
    assert np.allclose(depth[hit], 5.0, atol=1e-4)
    focal = 20 / np.tan(np.radians(30))
    side = 2 / 5 * focal  # pixels
    assert abs(hit.sum() - side * side) < 2 * side
    assert hit[15, 20]
    assert not hit[0, 0]


def test_projection_and_its_inverse_agree() -> None:
    view = View(Camera((1.0, -4.0, 2.0), (0.0, 1.0, 0.5), 50.0, 64, 48))
    point = (0.4, 0.7, 0.3)
    pixel, depth = view.project(point)
    assert np.allclose(view.point(pixel, depth), point)
    directions = view.rays((0, 0, 64, 48)).reshape(48, 64, 3)
    assert np.allclose(directions @ view.forward, 1, atol=1e-6)
    right, _ = view.project((1.5, 0.7, 0.3))
    high, _ = view.project((0.4, 0.7, 0.9))
    assert right[0] > pixel[0]
    assert high[1] < pixel[1]


def test_holes_of_a_texture_are_holes() -> None:
    alpha = np.zeros((8, 8, 4), np.uint8)
    alpha[:4] = 255  # the upper half of the picture is opaque
    stream = io.BytesIO()
    Image.fromarray(alpha).save(stream, "PNG")
    front, back = square(0.0, stream.getvalue()), square(1.0)
    both = Mesh(
        "both",
        np.concatenate([front.vertices, back.vertices]),
        np.concatenate([front.normals, back.normals]),
        np.concatenate([front.uvs, back.uvs]),
        np.concatenate([front.faces, back.faces + 4]),
        np.array([0, 0, 1, 1], np.int16),
        (front.materials[0], back.materials[0]),
    )
    depth = depth_map(both, both.vertices, View(CAMERA))
    assert np.isclose(depth[12, 20], 5.0, atol=1e-3)
    assert np.isclose(depth[18, 20], 6.0, atol=1e-3)


def test_what_is_behind_the_camera_is_not_seen() -> None:
    mesh = square(-9.0)
    assert not np.isfinite(depth_map(mesh, mesh.vertices, View(CAMERA))).any()


def test_a_scene_has_a_map_per_object_at_any_resolution(suitcases: Callable[..., Scene]) -> None:
    scene = suitcases()
    full, half = depth_maps(scene), depth_maps(scene, 32, 32)
    assert full.shape == (2, 64, 64)
    assert half.shape == (2, 32, 32)
    for one, two in zip(full, half, strict=True):
        assert np.isfinite(one).mean() == pytest.approx(np.isfinite(two).mean(), abs=0.02)
    assert np.nanmin(np.where(np.isfinite(full[0]), full[0], np.nan)) == pytest.approx(2.87, abs=0.05)


def test_of_two_frames_only_what_moved_is_met_again(
    suitcases: Callable[..., Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    cast: list[str] = []
    monkeypatch.setattr(optics, "depth_map", lambda *given: cast.append(given[0].id) or depth_map(*given))
    first = suitcases(0.21)
    red, blue = first.objects
    moved = replace(blue, position=(0.4, 1.0, 0.0))
    maps = [optics.optical_maps(replace(first, objects=(red, other))) for other in (blue, moved, blue)]
    assert len(cast) == 3
    for found, place in zip(maps, (first.objects, (red, moved), first.objects), strict=True):
        assert np.array_equal(found.solid, depth_maps(replace(first, objects=place)))
    assert not np.array_equal(maps[0].depth[1], maps[1].depth[1])
    maps[0].solid[:] = 0  # what was given is the caller's
    assert np.array_equal(optics.optical_maps(first).solid, maps[2].solid)
