"""Meshes in the memory of an OpenGL driver: faces by material, textures, and coarser forms of both for things that
appear small."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from occlusight.scenes.description import RGB, Camera, Placed
from occlusight.scenes.meshes.catalogue import wide_catalogue
from occlusight.scenes.meshes.library import load_mesh
from occlusight.scenes.meshes.mesh import Material, Mesh
from occlusight.scenes.render.opengl import smooth
from occlusight.scenes.render.surfaces import LUMINANCE, groups, texture_pixels

TEXTURE_SIZE = 256  # pixels of a texture's longer side at most
MAX_MESHES = 600  # that are kept
DETAIL = (48, 112)
"""Cells along a mesh's longest side of its coarser forms: vertices of a cell are drawn as one where a cell is at most a
pixel large."""
SHADOW_CELLS = 40
CLEAR = ("pane", "glass")
"""Optics of materials that light goes through."""
LAYOUT = ("3f 3f 2f 3f 2f", "position", "normal", "uv", "base", "traits")
"""Of a vertex, as `shaders.SURFACE` reads it."""

Faces = NDArray[np.int32]  # (F, 3)


@dataclass(frozen=True, eq=False)
class Texture:
    """A texture of a mesh, and the median of its brightness."""

    pixels: Any
    median: float


@dataclass(frozen=True, eq=False)
class Part:
    """Faces that are drawn together: all of plain materials, or those of one textured, clear or mirroring material.

    levels: from the coarsest to the whole (see `DETAIL`); optics: as in `Material`.
    """

    levels: tuple[Any, ...]
    optics: str
    rgb: RGB
    texture: Texture | None
    cutout: bool


@dataclass(frozen=True, eq=False)
class Shape:
    """A mesh: its parts, and all of it that throws a shadow. `hazy`: of clear plastic without optics of its own; `box`:
    the corners around it (8, 3), and its `longest` side, in metres."""

    box: NDArray[np.float64]
    longest: float
    parts: tuple[Part, ...]
    shadow: Any | None
    hazy: bool

    def detail(self, placed: Placed, camera: Camera) -> int:
        """Which level of its parts is fine enough for how large it appears."""
        distance = float(np.linalg.norm(np.asarray(placed.position) - np.asarray(camera.position)))
        focal = camera.width / (2 * math.tan(math.radians(camera.fov) / 2))
        size = placed.scale * self.longest
        pixels = focal * size / max(distance - size / 2, 1e-3)
        return sum(pixels > cells for cells in DETAIL)


class GpuMeshes:
    """The meshes drawn last, at most `MAX_MESHES`, for the programs of surfaces and of depth."""

    def __init__(self, context: Any, surface: Any, depth: Any) -> None:
        self.context, self.surface, self.depth = context, surface, depth
        self._shapes: dict[str, Shape] = {}
        self._textures: WeakValueDictionary[bytes, Texture] = WeakValueDictionary()

    def shape(self, id: str) -> Shape:
        """Return a mesh by its id. Raises BadData when it is not imported."""
        if id not in self._shapes:
            if len(self._shapes) >= MAX_MESHES:
                del self._shapes[next(iter(self._shapes))]
            self._shapes[id] = self._load(id)
        return self._shapes[id]

    def _load(self, id: str) -> Shape:
        mesh = load_mesh(id)
        kind = wide_catalogue().kind(wide_catalogue().mesh(id).kind)
        optics = any(m.optics != "solid" for m in mesh.materials)
        hazy = kind.material == "transparent" and not optics
        looks = groups(mesh)
        plain = [one for one in looks if one[0].optics == "solid" and one[0].texture is None and not hazy]
        parts = [self._part(mesh, [one], kind.glossy, hazy) for one in looks if one not in plain]
        if plain:
            parts.insert(0, self._part(mesh, plain, kind.glossy, hazy))
        low, high = mesh.vertices.min(0).astype(np.float64), mesh.vertices.max(0).astype(np.float64)
        box = np.array(list(itertools.product(*zip(low, high, strict=True))))
        return Shape(box, float((high - low).max()), tuple(parts), self._shadow(mesh, hazy), hazy)

    def _shadow(self, mesh: Mesh, hazy: bool) -> Any | None:
        solid = [faces for material, faces in groups(mesh) if material.optics not in CLEAR and not hazy]
        if not solid:
            return None
        rough = clustered(mesh.vertices, None, np.concatenate(solid), SHADOW_CELLS)
        vertices = self.context.buffer(mesh.vertices.tobytes())
        return self.context.vertex_array(self.depth, [(vertices, "3f", "position")], index_buffer(self.context, rough))

    def _part(self, mesh: Mesh, looks: Sequence[tuple[Material, Faces]], glossy: bool, hazy: bool) -> Part:
        """One part of faces by material; a vertex that several materials share stands in it once for each."""
        rows, faces, count = [], [], 0
        for material, some in looks:
            used, local = np.unique(some, return_inverse=True)
            shiny = (glossy and material.painted) or material.opacity < 0.9
            look = np.tile([*material.rgb, float(material.painted), float(shiny)], (len(used), 1))
            rows.append(np.concatenate([mesh.vertices[used], mesh.normals[used], mesh.uvs[used], look], 1))
            faces.append(local.reshape(-1, 3) + count)
            count += len(used)
        vertices, whole = np.concatenate(rows).astype(np.float32), np.concatenate(faces).astype(np.int32)
        first = looks[0][0]
        texture = self._texture(first.texture) if first.texture is not None else None
        uvs = vertices[:, 6:8] if texture is not None else None
        buffer = self.context.buffer(vertices.tobytes())
        levels = [*(clustered(vertices[:, :3], uvs, whole, cells) for cells in DETAIL), whole]
        drawn = tuple(
            self.context.vertex_array(self.surface, [(buffer, *LAYOUT)], index_buffer(self.context, level))
            for level in levels
        )
        return Part(drawn, "pane" if hazy else first.optics, first.rgb, texture, first.cutout)

    def _texture(self, encoded: bytes) -> Texture:
        texture = self._textures.get(encoded)
        if texture is None:
            pixels = texture_pixels(encoded)
            linear = (pixels[..., :3].astype(np.float64) / 255) ** 2.2
            median = max(float(np.median(linear @ LUMINANCE)), 1e-3)
            step = -(-max(pixels.shape) // TEXTURE_SIZE)
            small = np.ascontiguousarray(pixels[::-step, ::step] if step > 1 else pixels[::-1])
            held = self.context.texture((small.shape[1], small.shape[0]), 4, small.tobytes(), alignment=1)
            smooth(held)
            texture = self._textures[encoded] = Texture(held, median)
        return texture


def index_buffer(context: Any, faces: NDArray[np.integer[Any]]) -> Any:
    """Return faces in the driver's memory; none are one without an area, since no buffer is empty."""
    return context.buffer(np.ascontiguousarray(faces, np.int32).tobytes() or bytes(12))


def clustered(corners: NDArray[np.float32], uvs: NDArray[np.float32] | None, faces: Faces, cells: int) -> Faces:
    """Return the faces (F', 3) that are left when the vertices of each cell of a grid are one: vertex clustering
    (Rossignac and Borrel, 1993).

    Vertices are joined only where their texture coordinates `uvs` (V, 2) are near, too.
    """
    used, local = np.unique(faces, return_inverse=True)
    low = corners[used].min(0)
    keys = np.floor((corners[used] - low) / max(float(np.ptp(corners[used], 0).max()), 1e-6) * cells).astype(np.int64)
    if uvs is not None:
        keys = np.concatenate([keys, np.round(uvs[used] * 8).astype(np.int64)], 1)
    _, first, which = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    joined = used[first[which]][local].reshape(-1, 3)
    a, b, c = joined.T
    joined = joined[(a != b) & (b != c) & (a != c)]
    _, kept = np.unique(np.sort(joined, 1), axis=0, return_index=True)
    return np.ascontiguousarray(joined[np.sort(kept)], np.int32)
