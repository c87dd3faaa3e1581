"""What each object does to lines of sight: where it is first met, where it ends them, and where it turns them back.

Depths are measured along the view axis in metres, (n, H, W); inf where a ray misses.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from occlusight.scenes.description import Camera, Placed, Scene
from occlusight.scenes.meshes.catalogue import wide_catalogue
from occlusight.scenes.meshes.library import load_mesh
from occlusight.scenes.meshes.mesh import Mesh, placed_vertices
from occlusight.scenes.truth.raycast import View, depth_map, reach

ENDS = ("solid", "mirror")  # what ends a line of sight

Reach = Callable[[Placed, NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]  # see `opaque_reach`


@dataclass(frozen=True, eq=False)
class OpticalMaps:
    """`depth` of the first surface, `solid` of the first that cannot be looked through, `mirror` of the first mirror,
    (n, H, W)."""

    depth: NDArray[np.float32]
    solid: NDArray[np.float32]
    mirror: NDArray[np.float32]


@lru_cache(maxsize=256)
def surfaces_of(id: str, optics: tuple[str, ...]) -> Mesh:
    """Return the part of a mesh whose surfaces do one of these things to light.

    A mesh of a transparent kind that does not say which of its faces are glass is glass all over.
    """
    mesh = load_mesh(id)
    kinds = [m.optics for m in mesh.materials]
    catalogue = wide_catalogue()
    if catalogue.kind(catalogue.mesh(id).kind).material == "transparent" and set(kinds) == {"solid"}:
        kinds = ["glass"] * len(kinds)
    keep = np.array([k in optics for k in kinds])[mesh.face_material]
    return replace(mesh, faces=mesh.faces[keep], face_material=mesh.face_material[keep])


def has(id: str, optics: Collection[str]) -> bool:
    """Whether a mesh has surfaces that do one of these things to light."""
    return any(len(surfaces_of(id, (o,)).faces) for o in optics)


def opaque_reach(placed: Placed, starts: NDArray[np.float32], directions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how far rays (N, 3) go to what cannot be looked through of an object, (N,), in lengths of their
    directions; inf past it."""
    return reach(surfaces_of(placed.mesh, ENDS), placed_vertices(placed, load_mesh(placed.mesh)), starts, directions)


def optical_maps(scene: Scene, view: View | None = None) -> OpticalMaps:
    """Return the depths of every object alone, seen from the scene's camera or another view."""
    view = view or View(scene.camera)
    shape = (len(scene.objects), view.camera.height, view.camera.width)
    found = OpticalMaps(*(np.full(shape, np.inf, np.float32) for _ in range(3)))
    for i, p in enumerate(scene.objects):
        found.solid[i] = _depth_of(p, ENDS, view.camera)
        found.depth[i] = found.solid[i]
        if has(p.mesh, ("pane", "glass")):
            found.depth[i] = np.minimum(found.solid[i], _depth_of(p, ("pane", "glass"), view.camera))
        if has(p.mesh, ("mirror",)):
            found.mirror[i] = _depth_of(p, ("mirror",), view.camera)
    return found


@lru_cache(maxsize=24)
def _depth_of(placed: Placed, optics: tuple[str, ...], camera: Camera) -> NDArray[np.float32]:
    """Return the depth (H, W) of the surfaces of an object that do one of these things to light; not to be changed.

    The last ones are kept: from frame to frame of a clip most objects stand still, and a scene is measured again after
    it was chosen.
    """
    depth = depth_map(surfaces_of(placed.mesh, optics), placed_vertices(placed, load_mesh(placed.mesh)), View(camera))
    depth.setflags(write=False)
    return depth
