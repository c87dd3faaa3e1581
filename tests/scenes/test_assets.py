from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from occlusight.errors import BadData
from occlusight.scenes.description import Camera, Light, Placed, Scene, Surroundings
from occlusight.scenes.meshes import assets
from occlusight.scenes.meshes.catalogue import FIXTURE, PROCEDURAL, MeshInfo, parse_catalogue, wide_catalogue
from occlusight.scenes.meshes.library import load_mesh
from occlusight.scenes.meshes.mesh import Mesh, read_mesh
from occlusight.scenes.meshes.wavefront import read_obj
from occlusight.scenes.truth.raycast import depth_maps

# A pyramid, y up: a square base as one polygon, four sides, the tip towards +y, its front edge painted.
OBJ = """
mtllib a.mtl
v -1 0 -1
v 1 0 -1
v 1 0 1
v -1 0 1
v 0 4 0
vt 0 0
vt 1 0
vt 1 1
usemtl base
f 1 2 3 4
usemtl Paint Red
f 3/1 -1/2 4/3
f 2 3 5
f 1 5 2
f 4 5 1
"""
MTL = """
newmtl base
Kd 0.5 0.5 0.5
map_Kd -s 1 1 1 wood.PNG
newmtl Paint Red
Kd 1 0 0
d 0.5
map_Kd missing.jpg
"""
ENTRY = """
[[kind]]
key = "thing"
en = "thing"
plural = "things"
zh = "东西"
measure = "个"
settings = ["desk"]
meshes = [{ id = "thing-1", library = "Lib", path = "lib/a/a.obj", size = [0.2, 0.4, 1.0], \
author = "A", licence = "CC0-1.0", paint = ["Paint Red"], turn = 90 }]
[[colour]]
key = "red"
en = "red"
zh = "红色"
hue = [0, 1]
saturation = [1, 1]
value = [1, 1]
"""


def picture() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (2000, 4), (200, 100, 0)).save(stream, "PNG")
    return stream.getvalue()


def package(path: Path) -> Path:
    """Write a Debian package like the real one, with one library that holds one model."""
    library = io.BytesIO()
    with zipfile.ZipFile(library, "w") as z:
        for name, content in (
            ("lib/a/a.obj", OBJ.encode()),
            ("lib/a/A.mtl", MTL.encode()),
            ("lib/a/Wood.png", picture()),
        ):
            z.writestr(name, content)
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w:xz") as t:
        entry = tarfile.TarInfo("./usr/share/sweethome3d/furniture/Lib.sh3f")
        entry.size = len(library.getvalue())
        t.addfile(entry, io.BytesIO(library.getvalue()))
    archive = b"!<arch>\n"
    for name, content in (("debian-binary", b"2.0"), ("data.tar.xz", tar.getvalue())):
        archive += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode() + content
        archive += b"\n" * (len(content) % 2)
    path.write_bytes(archive)
    return path


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A package of one model that the importer takes for the real one."""
    monkeypatch.setattr(assets, "wide_catalogue", lambda: parse_catalogue(ENTRY))
    deb = package(tmp_path / "small.deb")
    monkeypatch.setattr(assets, "PACKAGE_SHA256", hashlib.sha256(deb.read_bytes()).hexdigest())
    return deb


def test_a_model_is_imported_upright_scaled_and_once(small: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    folder = tmp_path / "meshes"
    assert assets.import_assets(folder, lambda *step: seen.append(step), small) == 1
    assert seen[-1] == (1, 1, "done")
    mesh = read_mesh(folder / "thing-1.npz", "thing-1")
    assert np.allclose(mesh.size, (0.2, 0.4, 1.0))
    tip = mesh.vertices[mesh.vertices[:, 2].argmax()]
    assert np.allclose(tip, (0, 0, 1), atol=1e-6)
    base, paint = mesh.materials
    assert base.texture is not None
    assert Image.open(io.BytesIO(base.texture)).size[0] == assets.TEXTURE_SIDE
    assert paint.painted
    assert not base.painted
    assert paint.texture is None
    assert paint.opacity == 0.5
    # the painted front faces +z in the file, which is -y in the world, and +x after a turn by 90 degrees
    front = mesh.vertices[mesh.faces[mesh.face_material == 1][0]].mean(axis=0)
    assert front[0] > 0.02
    assert assets.import_assets(folder, None, small) == 0


def test_a_package_with_another_digest_is_refused(small: Path, tmp_path: Path) -> None:
    small.write_bytes(small.read_bytes() + b"x")
    with pytest.raises(BadData, match="SHA-256"):
        assets.import_assets(tmp_path / "meshes", None, small)


def test_a_missing_package_is_named(small: Path, tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"none\.deb cannot be read"):
        assets.import_assets(tmp_path / "meshes", None, tmp_path / "none.deb")


def test_what_is_not_a_package_is_refused() -> None:
    with pytest.raises(BadData, match="not a Debian package"):
        assets.ar_member(b"PK\x03\x04....", "data.tar.xz")


def test_a_download_that_fails_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(assets.shutil, "which", lambda name: None)
    monkeypatch.setattr(assets, "PACKAGE_URL", (tmp_path / "absent.deb").as_uri())
    with pytest.raises(BadData, match="--package"):
        assets.fetch_package(tmp_path)


def test_polygons_negative_indices_and_shared_corners() -> None:
    files = {"d/a.obj": OBJ.encode(), "d/a.mtl": MTL.encode()}
    model = read_obj(files.__getitem__, "d/a.obj")
    assert len(model.faces) == 6
    assert [m.name for m in model.materials] == ["base", "Paint Red"]
    assert model.materials[0].texture == "d/wood.PNG"
    assert np.bincount(model.face_material).tolist() == [2, 4]
    assert np.allclose(np.linalg.norm(model.normals, axis=1), 1)
    first = model.faces[2]  # f 3/1 -1/2 4/3
    assert np.allclose(model.vertices[first], [[1, 0, 1], [0, 4, 0], [-1, 0, 1]])
    assert np.allclose(model.uvs[first], [[0, 0], [1, 0], [1, 1]])
    with pytest.raises(ValueError, match="no triangle"):
        read_obj({"e.obj": b"v 0 0 0\n"}.__getitem__, "e.obj")


@pytest.mark.usefixtures("assets")
def test_real_meshes_match_the_catalogue() -> None:
    catalogue = wide_catalogue()
    load_mesh.cache_clear()
    for info in list(catalogue.mesh_infos.values())[::17]:
        matches(info)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.usefixtures("assets")
def test_every_mesh_loads_and_can_be_seen_from_all_sides() -> None:
    thin = []
    for info in wide_catalogue().mesh_infos.values():
        if info.library not in (PROCEDURAL, FIXTURE):
            shares = silhouettes(matches(info))
            if min(shares) < 0.001 or max(shares) < 0.01:  # a lamp post is thin, trousers from their side are too
                thin.append((info.id, shares))
            load_mesh.cache_clear()
    assert thin == []


def matches(info: MeshInfo) -> Mesh:
    mesh = load_mesh(info.id)
    assert np.allclose(mesh.size, info.size, rtol=1e-3), info.id
    assert len(mesh.faces) < 200_000
    assert set(info.paint) == {m.name for m in mesh.materials if m.painted}, info.id
    return mesh


def silhouettes(mesh: Mesh) -> list[float]:
    """Shares of the picture that a mesh covers, seen by a camera that it just fits, from four sides."""
    span = float(np.linalg.norm(mesh.size))
    camera = Camera((0.0, -1.6 * span, 0.9 * span), (0.0, 0.0, mesh.size[2] / 2), 40.0, 64, 64)
    light, around = Light((0, 1, -1), (1, 1, 1), (1, 1, 1)), Surroundings("ground", (0.3, 0.3, 0.3))
    things = [Placed("o1", "thing", mesh.id, (0.0, 0.0, 0.0), yaw, 1.0) for yaw in (0, 90, 180, 270)]
    scenes = [Scene("street", 1, 0, (thing,), camera, light, around) for thing in things]
    return [float(np.isfinite(depth_maps(scene)).mean()) for scene in scenes]
