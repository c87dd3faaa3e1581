"""The depths of `raycast` and `optical_maps` for truth without pictures, ten times as fast.

There a tree is built for every object of every scene. Here each mesh has one tree, kept, and rays are carried into the
mesh's own frame instead: a point v of the mesh is at s R v + p in the world, so a ray o + t d meets it where R' (o - p)
/ s + t R' d / s does, at the same t. Single precision rounds otherwise there, so data sets, whose bytes are promised,
keep the other.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlusight.scenes.description import Placed, Scene
from occlusight.scenes.meshes.library import load_mesh
from occlusight.scenes.meshes.mesh import Mesh, rotation_z
from occlusight.scenes.truth.optics import ENDS, OpticalMaps, has, surfaces_of
from occlusight.scenes.truth.raycast import View, march, pixel_box, tree_of

Optics = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Kept:
    """A mesh, its tree, and the corners of its box (8, 3), all in its own frame."""

    mesh: Mesh
    tree: Any
    corners: NDArray[np.float32]


@lru_cache(maxsize=1024)
def _kept(id: str, optics: Optics | None) -> _Kept | None:
    mesh = load_mesh(id) if optics is None else surfaces_of(id, optics)
    if not len(mesh.faces):
        return None
    used = np.zeros(len(mesh.vertices), bool)
    used[mesh.faces] = True
    ends = np.stack([mesh.vertices[used].min(axis=0), mesh.vertices[used].max(axis=0)])
    corners = np.array([[ends[i, 0], ends[j, 1], ends[k, 2]] for i, j, k in itertools.product((0, 1), repeat=3)])
    return _Kept(mesh, tree_of(mesh, mesh.vertices), corners.astype(np.float32))


def quick_depth_maps(scene: Scene) -> NDArray[np.float32]:
    """Return what `depth_maps` does, but for rounding: each object's own depth, (n, H, W) metres."""
    view = View(scene.camera)
    maps = [_depth_map(p, None, view) for p in scene.objects]
    return np.stack(maps) if maps else np.empty((0, view.camera.height, view.camera.width), np.float32)


def quick_optical_maps(scene: Scene, view: View | None = None) -> OpticalMaps:
    """Return what `optical_maps` does, but for rounding."""
    view = view or View(scene.camera)
    nothing = np.full((len(scene.objects), view.camera.height, view.camera.width), np.inf, np.float32)
    found = OpticalMaps(nothing, nothing.copy(), nothing.copy())
    for i, p in enumerate(scene.objects):
        found.solid[i] = _depth_map(p, ENDS, view)
        found.depth[i] = found.solid[i]
        if has(p.mesh, ("pane", "glass")):
            found.depth[i] = np.minimum(found.solid[i], _depth_map(p, ("pane", "glass"), view))
        if has(p.mesh, ("mirror",)):
            found.mirror[i] = _depth_map(p, ("mirror",), view)
    return found


def quick_reach(placed: Placed, starts: NDArray[np.float32], directions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what `opaque_reach` does, but for rounding."""
    kept = _kept(placed.mesh, ENDS)
    if kept is None or not len(directions):
        return np.full(len(directions), np.inf, np.float32)
    turn = rotation_z(placed.yaw)
    begin = ((starts - np.asarray(placed.position)) @ turn / placed.scale).astype(np.float32)
    along = np.ascontiguousarray(directions @ (turn / placed.scale), np.float32)
    return march(kept.tree, kept.mesh, begin, along)


def _depth_map(p: Placed, optics: Optics | None, view: View) -> NDArray[np.float32]:
    out = np.full((view.camera.height, view.camera.width), np.inf, np.float32)
    kept = _kept(p.mesh, optics)
    if kept is None:
        return out
    turn = rotation_z(p.yaw)
    box = pixel_box(view, kept.corners @ (turn.T * p.scale) + np.asarray(p.position))
    if box is None:
        return out
    start = ((view.origin - np.asarray(p.position)) @ turn / p.scale).astype(np.float32)
    directions = np.ascontiguousarray(view.rays(box) @ (turn / p.scale), np.float32)
    x0, y0, x1, y1 = box
    out[y0:y1, x0:x1] = march(kept.tree, kept.mesh, start, directions).reshape(y1 - y0, x1 - x0)
    return out
