"""Any mesh by its id: read where it was imported, else built."""

from __future__ import annotations

from functools import lru_cache

from occlusight.scenes.meshes.boards import build_sign
from occlusight.scenes.meshes.catalogue import FIXTURE, LETTERED, PROCEDURAL, wide_catalogue
from occlusight.scenes.meshes.fixtures import build_fixture
from occlusight.scenes.meshes.mesh import Mesh, assets_dir, read_mesh
from occlusight.scenes.meshes.procedural import build


@lru_cache(maxsize=512)
def load_mesh(id: str) -> Mesh:
    """Return the mesh with this id, cached; procedural ones are built, the others come from `assets_dir()`. Raises
    BadData."""
    info = wide_catalogue().mesh(id)
    if LETTERED in id:
        return build_sign(info)
    if info.library == FIXTURE:
        return build_fixture(info)
    if info.library == PROCEDURAL:
        return build(info)
    return read_mesh(assets_dir() / f"{id}.npz", id)
