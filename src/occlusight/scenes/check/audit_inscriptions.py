"""What can be read on signs, found a second way: rays walk through all objects as one body, and the mesh's own texture
coordinates say which character they meet. The truth knows neither: it carries lines of sight on to a plane.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from occlusight.occlusion.graph import Graph
from occlusight.scenes.check.audit import LAYERS, whole_body
from occlusight.scenes.description import Scene
from occlusight.scenes.meshes.boards import FACE, lettering_of
from occlusight.scenes.meshes.library import load_mesh
from occlusight.scenes.truth.raycast import View, holed_faces, opaque_at

SHARE = 0.06  # by which a character's visible share may differ beside the pixels at its edges
EDGE = 4  # pixels that may differ in any case

Counts = NDArray[np.int64]


def characters_seen(scene: Scene) -> dict[str, tuple[Counts, Counts]]:
    """Return for each sign how many pixels show each character's ink, hidden or not, and how many of those are seen,
    (n,) each."""
    from embreex.mesh_construction import TriangleMesh
    from embreex.rtcore_scene import EmbreeScene

    view = View(scene.camera)
    d = np.ascontiguousarray(view.rays((0, 0, scene.camera.width, scene.camera.height)))
    whole, vertices, owner, ends = whole_body(scene)
    embree = EmbreeScene()
    TriangleMesh(embree, np.ascontiguousarray((vertices - view.origin.astype(np.float32))[whole.faces], np.float32))
    holed = holed_faces(whole)
    faces = np.array([m.name == FACE for m in whole.materials])[whole.face_material]
    texts = [lettering_of(p.mesh) for p in scene.objects]
    near, live = np.zeros(len(d), np.float32), np.arange(len(d))
    blocked = np.zeros(len(d), bool)
    met = np.zeros((len(scene.objects), len(d)), bool)  # each ray meets a sign once: at its first surface there
    counts = {
        p.id: (np.zeros(len(t.characters), np.int64), np.zeros(len(t.characters), np.int64))
        for p, t in zip(scene.objects, texts, strict=True)
        if t is not None
    }
    for _ in range(LAYERS):
        hit = embree.run(d[live] * near[live, None], d[live], output=1)
        face, far = hit["primID"], near[live] + hit["tfar"]
        struck = face >= 0
        live, face, far, u, v = live[struck], face[struck], far[struck], hit["u"][struck], hit["v"][struck]
        if not live.size:
            break
        real = np.ones(len(live), bool)
        at = np.flatnonzero(holed[face])
        real[at] = opaque_at(whole, face[at], u[at], v[at])
        for i, (p, text) in enumerate(zip(scene.objects, texts, strict=True)):
            if text is None:
                continue
            here = np.flatnonzero(real & (owner[face] == i) & ~met[i, live])
            met[i, live[here]] = True
            here = here[faces[face[here]]]
            label = _labels(p.mesh, face[here] - int(np.flatnonzero(owner == i)[0]), u[here], v[here])
            for k in range(len(text.characters)):
                rays = live[here[label == k]]
                counts[p.id][0][k] += len(rays)
                counts[p.id][1][k] += int((~blocked[rays]).sum())
        blocked[live[real & ends[face]]] = True
        near[live] = far * np.float32(1 + 2e-6) + np.float32(2e-5)
    return counts


def _labels(id: str, face: NDArray[np.intp], u: NDArray[np.float32], v: NDArray[np.float32]) -> NDArray[np.int8]:
    """Return whose ink is at barycentric (u, v) of faces of a sign's mesh, (N,)."""
    mesh, text = load_mesh(id), lettering_of(id)
    assert text is not None
    corners = mesh.uvs[mesh.faces[face]]  # (N, 3, 2)
    uv = corners[:, 0] * (1 - u - v)[:, None] + corners[:, 1] * u[:, None] + corners[:, 2] * v[:, None]
    rows, columns = text.labels.shape
    y = np.clip(((1 - uv[:, 1]) * rows).astype(int), 0, rows - 1)
    x = np.clip((uv[:, 0] * columns).astype(int), 0, columns - 1)
    return np.asarray(text.labels[y, x])


def reading_failures(scene: Scene, graph: Graph) -> Iterator[str]:
    """Yield a sentence for every character of which the second way sees another share than the graph says."""
    found: Mapping[str, tuple[Counts, Counts]] = characters_seen(scene)
    for i in graph.inscriptions:
        ink, seen = found[i.object]
        if len(ink) != len(i.characters):
            yield f"has {len(i.characters)} characters on {i.object}, but its sign carries {len(ink)}"
            continue
        for k, c in enumerate(i.characters):
            share = seen[k] / max(1, ink[k])
            if abs(share - c.visible_fraction) > SHARE + EDGE / max(1, ink[k]):
                yield (
                    f"says that {c.visible_fraction} of {c.character!r} on {i.object} can be seen, "
                    f"but the second method finds {share:.3f}"
                )
