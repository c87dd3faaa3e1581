"""What mirrors show: lines of sight that meet a mirror are turned back and go on to the objects.

A mirror is flat: the reflecting faces of one object lie in one plane. Through panes a line of sight goes on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlusight.scenes.description import Placed, Scene
from occlusight.scenes.meshes.mesh import placed_vertices
from occlusight.scenes.truth.optics import OpticalMaps, Reach, opaque_reach, surfaces_of
from occlusight.scenes.truth.raycast import View

CLEARANCE = np.float32(1e-4)  # metres by which a turned ray starts off the mirror

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Mirrored:
    """One object in one mirror: `whole` is where the mirror would show it if nothing else were there, `seen` where it
    does."""

    object: str
    mirror: str
    whole: Mask  # (H, W)
    seen: Mask  # (H, W)


def plane(mirror: Placed) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a point of the mirror's plane and its unit normal."""
    mesh = surfaces_of(mirror.mesh, ("mirror",))
    corners = placed_vertices(mirror, mesh)[mesh.faces[0]].astype(np.float64)
    normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
    return corners[0], normal / np.linalg.norm(normal)


def reflections(
    scene: Scene, maps: OpticalMaps, view: View | None = None, *, reach: Reach = opaque_reach
) -> list[Mirrored]:
    """Return what every mirror of the scene shows; an object that it does not show at all is left out.

    `reach` casts the turned rays; a mirror's own frame is not looked for.
    """
    view = view or View(scene.camera)
    height, width = view.camera.height, view.camera.width
    if not np.isfinite(maps.mirror).any():
        return []
    rays = view.rays((0, 0, width, height))  # (H*W, 3)
    front = maps.solid.min(axis=0)
    found: list[Mirrored] = []
    for i, mirror in enumerate(scene.objects):
        shows = (np.isfinite(maps.mirror[i]) & (maps.mirror[i] <= front)).ravel()
        if not shows.any():
            continue
        _, normal = plane(mirror)
        n = normal.astype(np.float32)
        d = rays[shows]
        turned = d - 2 * (d @ n)[:, None] * n
        starts = view.origin.astype(np.float32) + d * maps.mirror[i].ravel()[shows, None] + CLEARANCE * turned
        nothing = np.full(len(turned), np.inf, np.float32)
        far = np.stack(
            [nothing if i == k else reach(p, starts, turned) for k, p in enumerate(scene.objects)]
        )  # (n, rays)
        nearest = far.min(axis=0)
        for k, p in enumerate(scene.objects):
            whole, seen = np.zeros(height * width, bool), np.zeros(height * width, bool)
            whole[shows] = np.isfinite(far[k])
            seen[shows] = np.isfinite(far[k]) & (far[k] <= nearest)
            if whole.any():
                found.append(Mirrored(p.id, mirror.id, whole.reshape(height, width), seen.reshape(height, width)))
    return found
