"""Whether a scene stands as things do: nothing stands in another, nothing floats, what carries something is below it.

Two things whose outlines on the ground are apart cannot meet; where outlines meet, the edges of each are cast at the
other's faces.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from occlusight.scenes.description import Placed, Scene
from occlusight.scenes.meshes.library import load_mesh
from occlusight.scenes.meshes.mesh import placed_vertices, rotation_z
from occlusight.scenes.truth.raycast import reach

GAP = 0.004  # of an object's height: how far its base may be above what carries it, and below
TOUCH = 0.02  # share of the height within which edges that meet are contact, not penetration
HELD = 0.03  # metres: how far what is fixed to a thing may be from it
FIXED = ("number_plate",)  # kinds that are fixed to the front of what carries them
WORN = ("sunglasses",)
SLIVER = 6  # edges that may meet faces of another thing (folds of cloth, leaves that touch)


def physics_failures(scene: Scene) -> list[str]:
    """Return a sentence for whatever floats, sinks or stands in another thing."""
    return [*_support_failures(scene), *_penetration_failures(scene)]


def _support_failures(scene: Scene) -> Iterator[str]:
    by_id = {p.id: p for p in scene.objects}
    for p in scene.objects:
        v = placed_vertices(p, load_mesh(p.mesh))
        low, tall = float(v[:, 2].min()), float(np.ptp(v[:, 2]))
        if p.supported_by is None:
            if abs(low) > GAP * max(tall, 0.1) + 1e-4:
                yield f"{p.id} stands {low:.4f} m above the ground"
            continue
        base = by_id.get(p.supported_by)
        if base is None:
            yield f"{p.id} stands on {p.supported_by}, which is not in the scene"
        elif p.kind in FIXED:
            if not -TOUCH <= (apart := _apart(p, base)) <= HELD:
                yield f"{p.id} is {apart:.3f} m before {base.id}, to which it should be fixed"
        elif p.kind not in WORN and abs(gap := _gap(p, base)) > GAP * tall + 2e-3:
            yield f"{p.id} is {gap:.4f} m above {base.id}, which should carry it"


def _gap(p: Placed, base: Placed) -> float:
    """Return how far the lowest points of `p` are above the surface of `base`; the nearest counts."""
    v = placed_vertices(p, load_mesh(p.mesh)).astype(np.float32)
    feet = v[v[:, 2] <= v[:, 2].min() + 1e-3]
    starts = feet + np.array([0, 0, 0.5 * np.ptp(v[:, 2])], np.float32)
    mesh = load_mesh(base.mesh)
    down = np.broadcast_to(np.array([0, 0, -1], np.float32), starts.shape).astype(np.float32)
    far = reach(mesh, placed_vertices(base, mesh), starts, down)
    gaps = (starts[:, 2] - far) - feet[:, 2]
    finite = gaps[np.isfinite(gaps)]
    return -float(finite.max()) if finite.size else float("inf")


def _apart(p: Placed, base: Placed) -> float:
    """Return how far the back of `p` is before `base`, where they are nearest, metres; less than 0 where it is in
    it."""
    v = placed_vertices(p, load_mesh(p.mesh))
    forth = (rotation_z(p.yaw) @ [0.0, 1.0, 0.0]).astype(np.float32)  # from the reader to what it is fixed to
    along = v @ forth
    back = v[along >= along.max() - 1e-4]
    starts = np.concatenate([back, back.mean(axis=0, keepdims=True)]) - forth
    directions = np.broadcast_to(forth, starts.shape).astype(np.float32)
    far = reach(
        load_mesh(base.mesh), placed_vertices(base, load_mesh(base.mesh)), starts.astype(np.float32), directions
    )
    return float(far.min()) - 1.0


def _penetration_failures(scene: Scene) -> Iterator[str]:
    vertices = {p.id: placed_vertices(p, load_mesh(p.mesh)) for p in scene.objects}
    outlines = {p.id: _outline_of(p) for p in scene.objects}
    for i, a in enumerate(scene.objects):
        for b in scene.objects[:i]:
            if a.supported_by == b.id or b.supported_by == a.id or not outlines_meet(outlines[a.id], outlines[b.id]):
                continue
            meeting = crossings(a, vertices[a.id], b, vertices[b.id]) + crossings(b, vertices[b.id], a, vertices[a.id])
            if meeting > SLIVER:
                yield f"{a.id} and {b.id} stand in one another ({meeting} edges meet)"


def crossings(a: Placed, va: NDArray[np.float32], b: Placed, vb: NDArray[np.float32]) -> int:
    """Return how many edges of `a` go through faces of `b`, of those that are near it."""
    faces = load_mesh(a.mesh).faces
    edges = np.unique(np.sort(np.concatenate([faces[:, :2], faces[:, 1:], faces[:, ::2]]), axis=1), axis=0)
    start, end = va[edges[:, 0]], va[edges[:, 1]]
    low, high = vb.min(axis=0), vb.max(axis=0)
    near = (np.maximum(start, end) >= low).all(axis=1) & (np.minimum(start, end) <= high).all(axis=1)
    start, end = start[near], end[near]
    if not len(start):
        return 0
    mesh = load_mesh(b.mesh)
    far = reach(mesh, vb, np.ascontiguousarray(start), np.ascontiguousarray(end - start))
    return int(np.count_nonzero(far < 1.0))


@lru_cache(maxsize=64)
def _outline_of(placed: Placed) -> NDArray[np.float64]:
    """Return a thing's outline on the ground: in the frames of a clip, in variants of a scene, most stand where they
    stood."""
    return outline(placed_vertices(placed, load_mesh(placed.mesh))[:, :2])


def outline(ground: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the convex outline of points in the plane, counter-clockwise (Andrew's monotone chain)."""
    p = np.unique(np.asarray(ground, np.float64).round(5), axis=0)

    def half(order: list[list[float]]) -> list[list[float]]:
        chain: list[list[float]] = []
        for q in order:
            while len(chain) > 1:
                (x0, y0), (x1, y1) = chain[-2], chain[-1]
                if (x1 - x0) * (q[1] - y0) - (y1 - y0) * (q[0] - x0) > 0:
                    break
                chain.pop()
            chain.append(q)
        return chain[:-1]

    if len(p) > 4000:  # a dense mesh: its extreme points in 64 directions outline it well enough
        angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
        p = p[np.unique((p @ np.stack([np.cos(angles), np.sin(angles)])).argmax(axis=0))]
        p = p[np.lexsort((p[:, 1], p[:, 0]))]
    points = p.tolist()
    return np.array(half(points) + half(points[::-1]))


def outlines_meet(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    """Whether two convex outlines share area: no edge of either separates them."""
    for one, two in ((a, b), (b, a)):
        edges = np.roll(one, -1, axis=0) - one
        for corner, edge in zip(one, edges, strict=True):
            normal = np.array([edge[1], -edge[0]])
            if ((two - corner) @ normal >= -1e-9).all():
                return False
    return True
