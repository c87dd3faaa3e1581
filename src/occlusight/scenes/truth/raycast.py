"""Depth by casting rays at meshes (Embree): what each object alone would show, hidden or not.

Depth is measured along the view axis in metres; inf where a ray misses. Holes that a texture's alpha cuts are holes.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlusight.scenes.description import Camera, Scene, Vector
from occlusight.scenes.meshes.library import load_mesh
from occlusight.scenes.meshes.mesh import Mesh, placed_vertices
from occlusight.scenes.render.surfaces import texture_pixels

LAYERS = 12  # surfaces that a ray may pass through holes of before it counts as a miss


class View:
    """A camera's projection at its resolution: x to the right, y down, pixel centres at half-integers."""

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.origin = np.asarray(camera.position, np.float64)
        forward = np.asarray(camera.target, np.float64) - self.origin
        self.forward = forward / np.linalg.norm(forward)
        right = np.cross(self.forward, [0.0, 0.0, 1.0])
        self.right = right / np.linalg.norm(right)
        self.down = np.cross(self.forward, self.right)
        self.focal = camera.width / 2 / math.tan(math.radians(camera.fov) / 2)  # pixels

    def project_all(self, points: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the pixels (N, 2) and the depths along the view axis (N,) of points (N, 3)."""
        p = np.asarray(points, np.float64) - self.origin
        depth = p @ self.forward
        safe = np.maximum(depth, 1e-6)
        x = self.camera.width / 2 + self.focal * (p @ self.right) / safe
        y = self.camera.height / 2 + self.focal * (p @ self.down) / safe
        return np.stack([x, y], axis=1), depth

    def project(self, point: Vector) -> tuple[tuple[float, float], float]:
        """Return the pixel (x, y) and the depth of one point."""
        pixels, depth = self.project_all(np.asarray([point]))
        return (float(pixels[0, 0]), float(pixels[0, 1])), float(depth[0])

    def point(self, pixel: tuple[float, float], depth: float) -> NDArray[np.float64]:
        """Return the point in the world at a pixel and a depth along the view axis, (3,)."""
        a = (pixel[0] - self.camera.width / 2) / self.focal
        b = (pixel[1] - self.camera.height / 2) / self.focal
        return np.asarray(self.origin + depth * (self.forward + a * self.right + b * self.down))

    def rays(self, box: tuple[int, int, int, int]) -> NDArray[np.float32]:
        """Return a direction per pixel of the box x0, y0, x1, y1, (N, 3), of length 1 along the view axis."""
        x0, y0, x1, y1 = box
        a = (np.arange(x0, x1) + 0.5 - self.camera.width / 2) / self.focal
        b = (np.arange(y0, y1) + 0.5 - self.camera.height / 2) / self.focal
        d = self.forward + a[None, :, None] * self.right + b[:, None, None] * self.down
        return np.asarray(d.reshape(-1, 3), np.float32)


def depth_maps(scene: Scene, width: int | None = None, height: int | None = None) -> NDArray[np.float32]:
    """Return each object's own depth, (n, H, W) metres, at the camera's resolution or another one of the same shape."""
    c = scene.camera
    view = View(Camera(c.position, c.target, c.fov, width or c.width, height or c.height))
    maps = [depth_map(mesh, placed_vertices(p, mesh), view) for p in scene.objects for mesh in [load_mesh(p.mesh)]]
    if not maps:
        return np.empty((0, view.camera.height, view.camera.width), np.float32)
    return np.stack(maps)


def depth_map(mesh: Mesh, vertices: NDArray[np.float32], view: View) -> NDArray[np.float32]:
    """Return the depth (H, W) of the mesh's surface with `vertices` (V, 3) for its own; inf where it is not."""
    width, height = view.camera.width, view.camera.height
    out = np.full((height, width), np.inf, np.float32)
    box = pixel_box(view, vertices)
    if box is None:
        return out
    directions = view.rays(box)  # (N, 3)
    # corners in the camera's frame: Embree's single precision is best near the origin
    depth = reach(mesh, vertices - view.origin.astype(np.float32), np.zeros(3, np.float32), directions)
    x0, y0, x1, y1 = box
    out[y0:y1, x0:x1] = depth.reshape(y1 - y0, x1 - x0)
    return out


def reach(
    mesh: Mesh, vertices: NDArray[np.float32], starts: NDArray[np.float32], directions: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return how far rays go to the mesh, (N,), in lengths of their directions (N, 3); inf where they miss.

    `starts` is (N, 3), or (3,) for rays from one point; `vertices` (V, 3) stand for the mesh's own.
    """
    if not len(mesh.faces) or not len(directions):
        return np.full(len(directions), np.inf, np.float32)
    return march(tree_of(mesh, vertices), mesh, starts, directions)


def tree_of(mesh: Mesh, vertices: NDArray[np.float32]) -> Any:
    """Return Embree's tree of the mesh's faces with these vertices (V, 3)."""
    from embreex.mesh_construction import TriangleMesh
    from embreex.rtcore_scene import EmbreeScene

    embree = EmbreeScene()
    TriangleMesh(embree, np.ascontiguousarray(vertices[mesh.faces], np.float32))
    return embree


def march(embree: Any, mesh: Mesh, starts: NDArray[np.float32], directions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what `reach` does, with a tree that is there already."""
    depth = np.full(len(directions), np.inf, np.float32)
    holed = holed_faces(mesh)
    near = np.zeros(len(directions), np.float32)  # how far each ray has come
    live = np.arange(len(directions))
    for _ in range(LAYERS if holed.any() else 1):
        d = directions[live]
        start = (starts if starts.ndim == 1 else starts[live]) + d * near[live, None]
        hit = embree.run(start, d, output=1)
        face, far = hit["primID"], near[live] + hit["tfar"]
        struck = face >= 0
        solid = struck.copy()
        if holed.any():
            at = np.flatnonzero(struck & holed[np.maximum(face, 0)])
            solid[at] = opaque_at(mesh, face[at], hit["u"][at], hit["v"][at])
        depth[live[solid]] = far[solid]
        through = struck & ~solid
        near[live[through]] = far[through] * np.float32(1 + 1e-5) + np.float32(1e-5)
        live = live[through]
        if not live.size:
            break
    return depth


def pixel_box(view: View, vertices: NDArray[np.float32]) -> tuple[int, int, int, int] | None:
    """Return the pixels x0, y0, x1, y1 that can show the vertices; the whole picture when some are behind the
    camera."""
    w, h = view.camera.width, view.camera.height
    pixels, depth = view.project_all(vertices)
    if depth.max() <= 0:
        return None
    if depth.min() <= 0.01:
        return 0, 0, w, h
    low, high = np.floor(pixels.min(axis=0)).astype(int), np.ceil(pixels.max(axis=0)).astype(int)
    x0, y0, x1, y1 = max(0, int(low[0])), max(0, int(low[1])), min(w, int(high[0])), min(h, int(high[1]))
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def holed_faces(mesh: Mesh) -> NDArray[np.bool_]:
    holed = np.array([m.cutout for m in mesh.materials], bool)
    return np.asarray(holed[mesh.face_material])


def opaque_at(mesh: Mesh, face: NDArray[Any], u: NDArray[np.float32], v: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return whether the texture is opaque at barycentric (u, v) of each face, (N,)."""
    corners = mesh.uvs[mesh.faces[face]]  # (N, 3, 2)
    uv = corners[:, 0] * (1 - u - v)[:, None] + corners[:, 1] * u[:, None] + corners[:, 2] * v[:, None]
    opaque = np.ones(len(face), bool)
    for i, m in enumerate(mesh.materials):
        here = mesh.face_material[face] == i
        if m.cutout and m.texture is not None and here.any():
            alpha = _alpha(m.texture)
            rows, columns = alpha.shape
            x = (np.mod(uv[here, 0], 1) * columns).astype(int) % columns
            y = (np.mod(1 - uv[here, 1], 1) * rows).astype(int) % rows
            opaque[here] = alpha[y, x]
    return opaque


@lru_cache(maxsize=64)
def _alpha(texture: bytes) -> NDArray[np.bool_]:
    return np.asarray(texture_pixels(texture)[..., 3] >= 128)
