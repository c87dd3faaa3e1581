"""Meshes ready to be drawn and measured: metres, z up, base centred at the origin, front facing -y."""

from __future__ import annotations

import io
import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlusight.errors import BadData
from occlusight.scenes.description import RGB, Placed

ASSETS_VERSION = "1"  # raise when the stored form or the conversion changes


@dataclass(frozen=True)
class Material:
    """How a surface looks: linear diffuse colour or an encoded sRGB picture, opacity (0-1), and whether it takes paint.

    `optics` is what it does to a line of sight: "solid" ends it, "pane" (a thin sheet of glass) and "glass" (a body
    that refracts) let it through, tinted by `rgb`, and "mirror" turns it back.
    """

    name: str
    rgb: RGB
    texture: bytes | None = None
    cutout: bool = False  # the texture's alpha cuts holes (leaves, spokes)
    opacity: float = 1.0
    painted: bool = False
    optics: str = "solid"


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles with materials. Arrays are read-only and shared: copy before changing."""

    id: str
    vertices: NDArray[np.float32]  # (V, 3) metres
    normals: NDArray[np.float32]  # (V, 3) unit
    uvs: NDArray[np.float32]  # (V, 2), v upwards
    faces: NDArray[np.int32]  # (F, 3)
    face_material: NDArray[np.int16]  # (F,) index into materials
    materials: tuple[Material, ...]

    @property
    def size(self) -> tuple[float, float, float]:
        """Width, depth and height in metres."""
        w, d, h = (float(x) for x in np.ptp(self.vertices, axis=0))
        return w, d, h

    @property
    def foot(self) -> tuple[float, float, float]:
        """The centre of what touches the ground, metres: a lamp's pole, wherever its arm reaches."""
        low = self.vertices[self.vertices[:, 2] <= 0.02 * self.vertices[:, 2].max()]
        x, y = (float(c) for c in (low.min(axis=0) + low.max(axis=0))[:2] / 2)
        return x, y, 0.0


def assets_dir() -> Path:
    """Return where imported meshes live: `$OCCLUSIGHT_ASSETS`, or a folder of this version in the user's cache."""
    chosen = os.environ.get("OCCLUSIGHT_ASSETS")
    return Path(chosen) if chosen else Path.home() / ".cache" / "occlusight" / "assets" / ASSETS_VERSION


def save_mesh(mesh: Mesh, path: Path) -> None:
    """Write a mesh as a compressed .npz; the file appears whole or not at all."""
    described: list[dict[str, Any]] = []
    pictures: list[bytes] = []
    for m in mesh.materials:
        described.append(
            {
                "name": m.name,
                "rgb": m.rgb,
                "opacity": m.opacity,
                "painted": m.painted,
                "cutout": m.cutout,
                "texture": None,
            }
        )
        if m.texture is not None:
            if m.texture not in pictures:
                pictures.append(m.texture)
            described[-1]["texture"] = pictures.index(m.texture)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    arrays: dict[str, Any] = {f"texture{i}": np.frombuffer(p, np.uint8) for i, p in enumerate(pictures)}
    with partial.open("wb") as f:
        np.savez_compressed(
            f,
            vertices=mesh.vertices,
            normals=np.round(mesh.normals * 127).astype(np.int8),
            uvs=mesh.uvs,
            faces=mesh.faces,
            face_material=mesh.face_material,
            materials=np.frombuffer(json.dumps(described).encode(), np.uint8),
            **arrays,
        )
    os.replace(partial, path)


def read_mesh(path: Path, id: str) -> Mesh:
    """Read what `save_mesh` wrote. Raises BadData when the file is missing or damaged."""
    try:
        with np.load(io.BytesIO(path.read_bytes())) as f:
            described = json.loads(f["materials"].tobytes())
            materials = tuple(
                Material(
                    name=m["name"],
                    rgb=(m["rgb"][0], m["rgb"][1], m["rgb"][2]),
                    texture=None if m["texture"] is None else f[f"texture{m['texture']}"].tobytes(),
                    cutout=m["cutout"],
                    opacity=m["opacity"],
                    painted=m["painted"],
                )
                for m in described
            )
            normals = f["normals"].astype(np.float32)
            normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
            mesh = Mesh(id, f["vertices"], normals, f["uvs"], f["faces"], f["face_material"], materials)
    except FileNotFoundError:
        raise BadData(
            f"the mesh {id!r} is not in {path.parent}; run `occlusight scenes assets` to import the meshes"
        ) from None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as e:
        raise BadData(f"the mesh file {path} is damaged ({e}); delete it and run `occlusight scenes assets`") from e
    for array in (mesh.vertices, mesh.normals, mesh.uvs, mesh.faces, mesh.face_material):
        array.setflags(write=False)
    return mesh


def rotation_z(degrees: float) -> NDArray[np.float64]:
    """Return the matrix that turns counter-clockwise seen from above: `rotation_z(90) @ (1, 0, 0) == (0, 1, 0)`."""
    c, s = float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def placed_vertices(placed: Placed, mesh: Mesh) -> NDArray[np.float32]:
    """Return the mesh's vertices in the world, (V, 3) metres."""
    m = rotation_z(placed.yaw) * placed.scale
    return (mesh.vertices @ m.T.astype(np.float32) + np.asarray(placed.position, np.float32)).astype(np.float32)
