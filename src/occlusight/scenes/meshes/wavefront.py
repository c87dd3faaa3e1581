"""Reading Wavefront OBJ models with their MTL materials into flat arrays.

Only what the asset libraries use: polygons (fanned into triangles), texture coordinates, normals, diffuse colour,
diffuse texture and opacity. Format: the "Object Files (.obj)" and "MTL material format" pages by Paul Bourke.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ReadFile = Callable[[str], bytes]  # archive path -> content; raises KeyError when there is no such file


@dataclass(frozen=True)
class WavefrontMaterial:
    """One MTL material: sRGB diffuse colour, opacity, and the archive paths of its textures."""

    name: str
    diffuse: tuple[float, float, float] = (0.8, 0.8, 0.8)
    opacity: float = 1.0
    texture: str | None = None
    alpha_texture: str | None = None


@dataclass(frozen=True)
class Wavefront:
    """A model as it is in its file: its own axes (y up) and units."""

    vertices: NDArray[np.float32]  # (V, 3)
    normals: NDArray[np.float32]  # (V, 3), unit
    uvs: NDArray[np.float32]  # (V, 2), zero where the file has none
    faces: NDArray[np.int32]  # (F, 3)
    face_material: NDArray[np.int16]  # (F,) index into materials
    materials: tuple[WavefrontMaterial, ...]


def read_mtl(text: str, folder: str) -> dict[str, WavefrontMaterial]:
    """Return the materials of an MTL file by name; texture paths are resolved against `folder`."""
    fields: dict[str, dict[str, object]] = {}
    current: dict[str, object] = {}
    for line in text.splitlines():
        key, _, rest = line.strip().partition(" ")
        rest = rest.strip()
        try:
            if key == "newmtl":
                current = fields.setdefault(rest, {})
            elif key == "Kd":
                r, g, b = (float(x) for x in rest.split()[:3])
                current["diffuse"] = (r, g, b)
            elif key == "d":
                current["opacity"] = float(rest.split()[-1])
            elif key in ("map_Kd", "map_d"):
                name = _texture_name(rest)
                current["texture" if key == "map_Kd" else "alpha_texture"] = posixpath.normpath(
                    posixpath.join(folder, name)
                )
        except (ValueError, IndexError):
            continue  # a malformed property keeps its default, as in other readers
    return {name: WavefrontMaterial(name=name, **values) for name, values in fields.items()}  # type: ignore[arg-type]


def _texture_name(rest: str) -> str:
    """Drop the options (`-s 1 1 1 wood.jpg`) in front of a texture's file name."""
    words = rest.split()
    if words and words[0].startswith("-"):
        return words[-1]
    return rest.replace("\\", "/")


def read_obj(read: ReadFile, path: str) -> Wavefront:
    """Read the model at `path` through `read`. Raises KeyError when the file is missing, ValueError when it holds no
    triangle.

    Indices that an OBJ keeps apart (position/uv/normal) are merged into one vertex per combination; faces without
    normals are shaded flat.
    """
    folder = posixpath.dirname(path)
    positions: list[list[float]] = []
    texcoords: list[list[float]] = []
    normals: list[list[float]] = []
    corners: list[tuple[int, int, int]] = []  # three per triangle; -1 where there is no uv or normal
    triangle_material: list[int] = []
    library: dict[str, WavefrontMaterial] = {}
    names: dict[str, int] = {}
    material = names.setdefault("", 0)
    for line in read(path).decode("utf-8", "replace").replace("\\\n", " ").splitlines():
        words = line.split()
        if not words:
            continue
        key = words[0]
        if key == "v":
            positions.append([float(x) for x in words[1:4]])
        elif key == "vt":
            texcoords.append([float(x) for x in (words[1:3] if len(words) > 2 else [words[1], "0"])])
        elif key == "vn":
            normals.append([float(x) for x in words[1:4]])
        elif key == "usemtl":
            material = names.setdefault(line.strip().partition(" ")[2].strip(), len(names))
        elif key == "mtllib":
            for name in (line.strip().partition(" ")[2].strip(), *words[1:]):
                try:
                    library.update(read_mtl(read(posixpath.join(folder, name)).decode("utf-8", "replace"), folder))
                    break
                except KeyError:
                    continue
        elif key == "f" and len(words) >= 4:
            polygon = [_corner(w, len(positions), len(texcoords), len(normals)) for w in words[1:]]
            for i in range(1, len(polygon) - 1):
                corners += [polygon[0], polygon[i], polygon[i + 1]]
                triangle_material.append(material)
    if not corners:
        raise ValueError(f"{path} holds no triangle")
    return _flatten(positions, texcoords, normals, corners, triangle_material, names, library)


def _corner(word: str, n_v: int, n_t: int, n_n: int) -> tuple[int, int, int]:
    """Return the zero-based indices of `v/vt/vn`: `_corner("-1//2", 8, 0, 9) == (7, -1, 1)`."""
    parts = word.split("/")
    indices = []
    for i, n in enumerate((n_v, n_t, n_n)):
        text = parts[i] if i < len(parts) else ""
        value = int(text) if text else 0
        indices.append(value - 1 if value > 0 else n + value if value < 0 else -1)
    return indices[0], indices[1], indices[2]


def _flatten(
    positions: list[list[float]],
    texcoords: list[list[float]],
    normals: list[list[float]],
    corners: list[tuple[int, int, int]],
    triangle_material: list[int],
    names: dict[str, int],
    library: dict[str, WavefrontMaterial],
) -> Wavefront:
    p = np.asarray(positions, dtype=np.float64)  # (P, 3)
    index = np.asarray(corners, dtype=np.int64)  # (3F, 3): position, uv, normal
    triangles = p[index[:, 0].reshape(-1, 3)]  # (F, 3, 3)
    flat = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])  # (F, 3)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    keep = length[:, 0] > 1e-12 * max(float(np.ptp(p, axis=0).max()) ** 2, 1e-30)
    flat = flat / np.maximum(length, 1e-30)
    f = len(keep)
    n = np.asarray(normals, dtype=np.float64).reshape(-1, 3)  # (N, 3)
    n_all = np.concatenate([n / np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-12), flat])
    own = np.repeat(np.arange(f), 3) + len(n)
    index[:, 2] = np.where(index[:, 2] < 0, own, index[:, 2])
    t = np.concatenate([np.asarray(texcoords, dtype=np.float64).reshape(-1, 2), np.zeros((1, 2))])
    index[:, 1] = np.where(index[:, 1] < 0, len(t) - 1, index[:, 1])
    index = index.reshape(f, 3, 3)[keep].reshape(-1, 3)
    unique, inverse = np.unique(index, axis=0, return_inverse=True)
    used, face_material = np.unique(np.asarray(triangle_material)[keep], return_inverse=True)
    by_index = {i: name for name, i in names.items()}
    return Wavefront(
        vertices=p[unique[:, 0]].astype(np.float32),
        normals=n_all[unique[:, 2]].astype(np.float32),
        uvs=t[unique[:, 1]].astype(np.float32),
        faces=inverse.reshape(-1, 3).astype(np.int32),
        face_material=face_material.reshape(-1).astype(np.int16),
        materials=tuple(library.get(by_index[int(i)], WavefrontMaterial(by_index[int(i)])) for i in used),
    )
