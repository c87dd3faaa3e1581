"""Which characters of a sign can be seen: every pixel's line of sight is carried on to the plane of the sign's face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from occlusight.occlusion.graph import Character, Graph, Inscription
from occlusight.scenes.description import Camera, Placed, Scene
from occlusight.scenes.meshes.boards import FACE, lettering_of
from occlusight.scenes.meshes.catalogue import Catalogue
from occlusight.scenes.meshes.library import load_mesh
from occlusight.scenes.meshes.mesh import rotation_z
from occlusight.scenes.truth.raycast import View
from occlusight.scenes.truth.targeted import SecondCamera, TargetedTruth, measure_targeted

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class SignTruth:
    """The truth of a scene with signs. `ink` has, for each sign, where each character's ink is, hidden or not, (n, H,
    W)."""

    targeted: TargetedTruth
    ink: Mapping[str, Mask]

    @property
    def graph(self) -> Graph:
        """The graph of the truth."""
        return self.targeted.graph


def measure_signs(
    scene: Scene,
    catalogue: Catalogue | None = None,
    second: SecondCamera | None = None,
    *,
    shadows: bool = True,
) -> SignTruth:
    """Return the truth of a scene at its camera's resolution, with that of every character. Arguments as for
    `measure_targeted`."""
    targeted = measure_targeted(scene, catalogue, second, shadows=shadows)
    truth = targeted.truth
    rows = {o.id: i for i, o in enumerate(truth.graph.objects)}
    ink: dict[str, Mask] = {}
    inscriptions: list[Inscription] = []
    for p in scene.objects:
        text = lettering_of(p.mesh)
        if text is None or p.id not in rows:
            continue
        i = rows[p.id]
        labels = label_map(p, scene.camera)
        found = np.stack([(labels == k) & truth.amodal[i] for k in range(len(text.characters))])
        boxes = cell_boxes(p, scene.camera)
        characters = []
        for k, (c, mask) in enumerate(zip(text.characters, found, strict=True)):
            area = int(mask.sum())
            seen = round(float((mask & truth.visible[i]).sum()) / area, 4) if area else 0.0
            hidden = mask & ~truth.visible[i]
            before = {
                o.id: int((hidden & (truth.depth[j] < truth.depth[i])).sum())
                for j, o in enumerate(truth.graph.objects)
                if j != i
            }
            most = max(before, key=lambda id: before[id], default=None)
            by = most if most is not None and before[most] else None
            characters.append(Character(c, boxes[k], seen, by))
        if all(m.any() for m in found):  # else it is seen from behind, or cut off by the picture's edge
            ink[p.id] = found
            inscriptions.append(Inscription(p.id, text.text, tuple(characters)))
    graph = replace(truth.graph, inscriptions=tuple(inscriptions))
    return SignTruth(replace(targeted, truth=replace(truth, graph=graph)), ink)


def face_corners(id: str) -> NDArray[np.float64]:
    """Return the face of a sign as its corner at the lower left, the one at the lower right and the one at the upper
    left, (3, 3)."""
    mesh = load_mesh(id)
    owner = next(i for i, m in enumerate(mesh.materials) if m.name == FACE)
    p = mesh.vertices[mesh.faces[mesh.face_material == owner]].reshape(-1, 3).astype(np.float64)
    low, high = p.min(axis=0), p.max(axis=0)
    return np.array([low, [high[0], low[1], low[2]], [low[0], low[1], high[2]]])


def placed_face(p: Placed) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the lower left corner of a sign's face in the world and its edges to the right and upwards, metres."""
    turn = rotation_z(p.yaw) * p.scale
    corner, right, top = (turn @ c + np.asarray(p.position) for c in face_corners(p.mesh))
    return corner, right - corner, top - corner


def label_map(p: Placed, camera: Camera) -> NDArray[np.int8]:
    """Return, for each pixel, the index of the character whose ink it meets in the plane of the sign's face, (H, W); -1
    elsewhere."""
    text = lettering_of(p.mesh)
    assert text is not None
    view = View(camera)
    corner, right, up = placed_face(p)
    normal = np.cross(right, up)  # towards the reader
    rays = view.rays((0, 0, camera.width, camera.height)).astype(np.float64)
    facing = rays @ normal
    out = np.full(len(rays), -1, np.int8)
    if (view.origin - corner) @ normal <= 0:
        return out.reshape(camera.height, camera.width)
    t = ((corner - view.origin) @ normal) / np.where(np.abs(facing) < 1e-12, 1e-12, facing)
    at = view.origin + t[:, None] * rays - corner
    u, v = (at @ right) / (right @ right), (at @ up) / (up @ up)
    inside = (t > 0) & (u >= 0) & (u < 1) & (v >= 0) & (v < 1)
    rows, columns = text.labels.shape
    y, x = ((1 - v[inside]) * rows).astype(int), (u[inside] * columns).astype(int)
    out[inside] = text.labels[np.minimum(y, rows - 1), x]
    return out.reshape(camera.height, camera.width)


def cell_boxes(p: Placed, camera: Camera) -> list[tuple[int, int, int, int]]:
    """Return the box around the cell of each character in the picture, 0-1000; parts outside the picture are cut
    off."""
    text = lettering_of(p.mesh)
    assert text is not None
    view = View(camera)
    corner, right, up = placed_face(p)
    found = []
    for x0, y0, x1, y1 in text.cells:
        points = [corner + u * right + (1 - v) * up for u in (x0, x1) for v in (y0, y1)]
        pixels, _ = view.project_all(np.asarray(points))
        share = np.clip(1000 * pixels / [camera.width, camera.height], 0, 1000)
        low, high = np.floor(share.min(axis=0)), np.ceil(share.max(axis=0))
        found.append((int(low[0]), int(low[1]), int(high[0]), int(high[1])))
    return found
