"""The truth of a scene found a second way, to be compared with the first.

`truth` measures every object alone and compares depths. Here all objects are one body of triangles: rays go through it
from surface to surface and note in which order they meet the objects. Mirrors are done the other way round too: not the
rays are turned back, the objects are mirrored behind the glass, and looked at straight through it. Rays are cast at
every STEP-th pixel.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlusight.occlusion.graph import Graph
from occlusight.scenes.description import Scene
from occlusight.scenes.meshes.library import load_mesh
from occlusight.scenes.meshes.mesh import Material, Mesh, placed_vertices
from occlusight.scenes.truth.optics import ENDS, surfaces_of
from occlusight.scenes.truth.raycast import View, holed_faces, opaque_at, reach
from occlusight.scenes.truth.reflections import plane

STEP = 4  # pixels between rays
LAYERS = 160  # surfaces after which a ray gives up
WRONG = 0.004  # share of an object's rays that may differ: edges, and the crowns of trees
FEW = 4  # rays that may differ in any case

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Audit:
    """For each object, at every STEP-th pixel: where it is, where it is seen; for each pair, where the first is before
    the second."""

    amodal: Mask  # (n, h, w)
    visible: Mask  # (n, h, w)
    before: Mask  # (n, n, h, w)


def audit(scene: Scene) -> Audit:
    """Walk rays through the whole scene."""
    from embreex.mesh_construction import TriangleMesh
    from embreex.rtcore_scene import EmbreeScene

    view = View(scene.camera)
    height, width = view.camera.height, view.camera.width
    rays = view.rays((0, 0, width, height)).reshape(height, width, 3)[STEP // 2 :: STEP, STEP // 2 :: STEP]
    shape = rays.shape[:2]
    d = np.ascontiguousarray(rays.reshape(-1, 3))
    whole, vertices, owner, ends = whole_body(scene)
    n, r = len(scene.objects), len(d)
    amodal, visible = np.zeros((n, r), bool), np.zeros((n, r), bool)
    before = np.zeros((n, n, r), bool)
    blocked = np.zeros(r, bool)
    if len(whole.faces):
        embree = EmbreeScene()
        TriangleMesh(embree, np.ascontiguousarray((vertices - view.origin.astype(np.float32))[whole.faces], np.float32))
        holed = holed_faces(whole)
        near, live = np.zeros(r, np.float32), np.arange(r)
        for _ in range(LAYERS):
            hit = embree.run(d[live] * near[live, None], d[live], output=1)
            face, far = hit["primID"], near[live] + hit["tfar"]
            struck = face >= 0
            live, face, far = live[struck], face[struck], far[struck]
            if not live.size:
                break
            real = np.ones(len(live), bool)
            at = np.flatnonzero(holed[face])
            real[at] = opaque_at(whole, face[at], hit["u"][struck][at], hit["v"][struck][at])
            who, ray = owner[face[real]], live[real]
            fresh = ~amodal[who, ray]
            visible[who[fresh], ray[fresh]] = ~blocked[ray[fresh]]
            before[:, who[fresh], ray[fresh]] = amodal[:, ray[fresh]]
            amodal[who, ray] = True
            blocked[ray[ends[face[real]]]] = True
            near[live] = far * np.float32(1 + 2e-6) + np.float32(2e-5)
    return Audit(amodal.reshape(n, *shape), visible.reshape(n, *shape), before.reshape(n, n, *shape))


def whole_body(scene: Scene) -> tuple[Mesh, NDArray[np.float32], NDArray[np.intp], Mask]:
    """Return all objects as one mesh, its vertices in the world, and of each face whose it is and whether it ends lines
    of sight."""
    vertices, normals, uvs, faces, owner, ends, face_material = [], [], [], [], [], [], []
    materials: list[Material] = []
    corner = 0
    for i, p in enumerate(scene.objects):
        mesh = load_mesh(p.mesh)
        solid = surfaces_of(p.mesh, ENDS)
        parts = ((solid, True), (surfaces_of(p.mesh, ("pane", "glass")), False))
        for part, stops in parts:
            faces.append(part.faces + corner)
            face_material.append(part.face_material + len(materials))
            owner.append(np.full(len(part.faces), i))
            ends.append(np.full(len(part.faces), stops))
        vertices.append(placed_vertices(p, mesh))
        normals.append(mesh.normals)
        uvs.append(mesh.uvs)
        materials += mesh.materials
        corner += len(mesh.vertices)
    joined = np.concatenate(vertices)
    whole = Mesh(
        "scene", joined, np.concatenate(normals), np.concatenate(uvs), np.concatenate(faces).astype(np.int32),
        np.concatenate(face_material).astype(np.int16), tuple(materials),
    )  # fmt: skip
    return whole, joined, np.concatenate(owner), np.concatenate(ends)


def mirrored_audit(scene: Scene, mirror: str) -> dict[str, Mask]:
    """Return where the plane of a mirror shows each object alone, (h, w): the object is mirrored and looked at
    straight."""
    glass = next(p for p in scene.objects if p.id == mirror)
    point, normal = plane(glass)
    view = View(scene.camera)
    height, width = view.camera.height, view.camera.width
    rays = view.rays((0, 0, width, height)).reshape(height, width, 3)[STEP // 2 :: STEP, STEP // 2 :: STEP]
    d = np.ascontiguousarray(rays.reshape(-1, 3))
    side = np.sign((view.origin - point) @ normal)
    found = {}
    for p in scene.objects:
        if p.id == mirror:
            continue
        v = placed_vertices(p, load_mesh(p.mesh)).astype(np.float64)
        away = (v - point) @ normal
        turned = (v - 2 * away[:, None] * normal - view.origin).astype(np.float32)
        mesh = surfaces_of(p.mesh, ENDS)
        front = (away[mesh.faces] * side > 0).all(axis=1)  # what is behind the glass has no image in it
        kept = Mesh(
            mesh.id, mesh.vertices, mesh.normals, mesh.uvs, mesh.faces[front], mesh.face_material[front], mesh.materials
        )
        found[p.id] = np.isfinite(reach(kept, turned, np.zeros(3, np.float32), d)).reshape(rays.shape[:2])
    return found


def audit_failures(
    scene: Scene, graph: Graph, masks: Mapping[str, Mapping[str, Mask]], mirrored: Mapping[tuple[str, str], Mask]
) -> Iterator[str]:
    """Yield a sentence for whatever the second way finds otherwise than `masks` (amodal, visible), the graph's
    relations and the masks of reflections (object, mirror) say."""
    found = audit(scene)
    rows = {p.id: i for i, p in enumerate(scene.objects)}
    cut = (slice(STEP // 2, None, STEP), slice(STEP // 2, None, STEP))
    for o in graph.objects:
        for name, mine in (("amodal", found.amodal), ("visible", found.visible)):
            stored = masks[o.id][name][cut]
            different = int(np.count_nonzero(stored != mine[rows[o.id]]))
            if different > FEW + WRONG * stored.sum():
                yield f"has a mask ({name}) of {o.id} that the second method does not find: {different} rays differ"
    for a in graph.objects:
        for b in graph.objects:
            whole = int(found.amodal[rows[b.id]].sum())
            if a.id == b.id or whole < 50:
                continue
            share = found.before[rows[a.id], rows[b.id]].sum() / whole
            if abs(share - graph.covered(a.id, b.id)) > 0.01 + 1.5 / np.sqrt(whole):
                yield (
                    f"says that {a.id} covers {graph.covered(a.id, b.id)} of {b.id}, but the second method finds "
                    f"{share:.3f}"
                )
    for mirror in {m for _, m in mirrored}:
        images = mirrored_audit(scene, mirror)
        for (object, m), mask in mirrored.items():
            if m == mirror and np.count_nonzero(mask[cut] & ~images[object]) > FEW + WRONG * mask[cut].sum():
                yield f"shows {object} in {mirror} where its mirror image is not"
