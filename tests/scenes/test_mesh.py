from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from occlusight.errors import BadData
from occlusight.scenes.description import Placed
from occlusight.scenes.meshes.catalogue import PROCEDURAL, Catalogue
from occlusight.scenes.meshes.library import load_mesh
from occlusight.scenes.meshes.mesh import placed_vertices, read_mesh, save_mesh


def test_procedural_meshes_have_the_size_of_the_catalogue(catalogue: Catalogue) -> None:
    for info in catalogue.mesh_infos.values():
        if info.library == PROCEDURAL:
            mesh = load_mesh(info.id)
            assert np.allclose(mesh.size, info.size, rtol=1e-4), info.id
            assert np.allclose(mesh.vertices.min(0)[2], 0, atol=1e-6)
            assert np.allclose(mesh.vertices.min(0)[:2], -mesh.vertices.max(0)[:2], atol=1e-5)
            assert np.allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-5)
            assert {m.name for m in mesh.materials if m.painted} == set(info.paint)


def test_a_saved_mesh_comes_back(tmp_path: Path) -> None:
    mesh = load_mesh("procedural-billboard-wide")
    save_mesh(mesh, tmp_path / "b.npz")
    again = read_mesh(tmp_path / "b.npz", mesh.id)
    assert again.materials == mesh.materials
    assert (again.vertices == mesh.vertices).all()
    assert (again.faces == mesh.faces).all()
    assert np.abs(again.normals - mesh.normals).max() < 0.01
    assert not again.vertices.flags.writeable
    assert list(tmp_path.iterdir()) == [tmp_path / "b.npz"]


def test_a_missing_mesh_says_how_to_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCCLUSIGHT_ASSETS", str(tmp_path))
    load_mesh.cache_clear()
    with pytest.raises(BadData, match="occlusight scenes assets"):
        load_mesh("scopia-seat-leon")


def test_a_damaged_mesh_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(BadData, match=r"x\.npz is damaged"):
        read_mesh(tmp_path / "x.npz", "x")


def test_yaw_turns_counter_clockwise_seen_from_above() -> None:
    mesh = load_mesh("procedural-street-lamp-arm")  # its arm points to +x
    along = mesh.vertices[mesh.vertices[:, 0].argmax()]
    placed = Placed("o1", "street_lamp", mesh.id, (1.0, 2.0, 0.5), yaw=90.0, scale=2.0)
    moved = placed_vertices(placed, mesh)[mesh.vertices[:, 0].argmax()]
    assert np.allclose(moved, [1 - 2 * along[1], 2 + 2 * along[0], 0.5 + 2 * along[2]], atol=1e-5)
