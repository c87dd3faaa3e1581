"""What is true of a scene, from geometry alone: who hides whom and by how much, masks, depth order, names.

Everything follows from each object's own depth map (what it would show if nothing else were there), so the same code
serves the path tracer's scenes and composed ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlusight.occlusion.graph import Box, Graph, Object, Relation
from occlusight.scenes.description import Camera, Placed, Scene
from occlusight.scenes.meshes.catalogue import Catalogue, wide_catalogue
from occlusight.scenes.meshes.library import load_mesh
from occlusight.scenes.meshes.mesh import rotation_z
from occlusight.scenes.truth.raycast import View, depth_maps

COMPLETE = 0.98  # covered share from which an object is completely hidden
NEARLY_ALL = 0.95  # covered share from which the hidden part is "all"
OFF_CENTRE = 0.25  # of the half-size: how far the hidden part's centre must be from the object's to have a side
SAME_DEPTH = 0.05  # relative difference of distances within which two objects are equally far
NEAREST = 0.02  # quantile of an object's depths that is its distance, so that a single stray pixel does not count

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Truth:
    """A graph with its masks; row i of each array belongs to `graph.objects[i]`. Objects outside the picture are left
    out.

    `amodal` is the whole object inside the frame, `visible` what is not behind something opaque or porous (an object
    seen through glass is visible), `depth` its own depth in metres along the view axis, inf where it is not.
    """

    graph: Graph
    amodal: Mask  # (n, H, W)
    visible: Mask  # (n, H, W)
    depth: NDArray[np.float32]  # (n, H, W)


def measure(scene: Scene, catalogue: Catalogue | None = None) -> Truth:
    """Return the truth of a scene at its camera's resolution. Raises BadData when a mesh is not imported."""
    return graph_from_depths(depth_maps(scene), scene.objects, catalogue or wide_catalogue(), scene.camera)


def graph_from_depths(
    depths: NDArray[np.float32],
    objects: Sequence[Placed],
    catalogue: Catalogue,
    camera: Camera | None = None,
    *,
    solid: NDArray[np.float32] | None = None,
    mirror: NDArray[np.float32] | None = None,
) -> Truth:
    """Return the truth from each object's own depth map, `depths` (n, H, W), inf where missed.

    `camera` gives ground contacts; it may have another resolution than the maps. `solid` and `mirror` (n, H, W) are the
    depths of each object's first opaque surface and first mirror, for objects that are glass only in part; without them
    objects of a transparent kind are glass all over. Raises ValueError when the counts differ.

    Of two overlapping objects the nearer covers the other in every pixel where both are:

        depth of A   1 1 .      A covers 2 of B's 3 pixels: covered_fraction 2/3
        depth of B   2 2 2
    """
    if len(depths) != len(objects):
        raise ValueError(f"{len(depths)} depth maps for {len(objects)} objects")
    inside = [i for i in range(len(objects)) if np.isfinite(depths[i]).any()]
    depth = np.asarray(depths[inside], np.float32)  # (n, H, W)
    placed = [objects[i] for i in inside]
    height, width = depths.shape[1:]
    amodal = np.isfinite(depth)
    if solid is None:
        clear = np.array([catalogue.kind(p.kind).material == "transparent" for p in placed], bool)
        ends = np.where(clear[:, None, None], np.float32(np.inf), depth)
    else:
        ends = np.asarray(solid[inside], np.float32)
    turns = np.full_like(ends, np.inf) if mirror is None else np.asarray(mirror[inside], np.float32)
    front = ends.min(axis=0) if len(ends) else np.full((height, width), np.inf, np.float32)
    visible = amodal & (depth <= front)
    boxes = [_box(m) for m in amodal]
    area = amodal.sum(axis=(1, 2))
    seen = visible.sum(axis=(1, 2))
    distances = [_nearest(depth[i], boxes[i]) for i in range(len(placed))]
    names = object_names(placed, catalogue)
    view = View(camera) if camera is not None else None
    nodes = tuple(
        Object(
            id=p.id,
            kind=p.kind,
            name=names[i][0],
            name_zh=names[i][1],
            box=_relative(_box(visible[i]) if seen[i] else boxes[i], width, height),
            amodal_box=_relative(boxes[i], width, height),
            visible_fraction=round(float(seen[i] / area[i]), 4),
            material=catalogue.kind(p.kind).material,
            touches_ground_at=_contact(p, view),
            colour=p.colour,
            unique=names[i][2],
            area=round(float(seen[i] / (height * width)), 6),
            distance=round(distances[i], 4),
            supported_by=p.supported_by,
            shown_part=part_of(visible[i], amodal[i]) if seen[i] and seen[i] < NEARLY_ALL * area[i] else None,
            seen="direct" if seen[i] else "nowhere",
        )
        for i, p in enumerate(placed)
    )
    relations = tuple(
        relation
        for b in range(len(placed))
        for a in range(len(placed))
        if a != b and _boxes_meet(boxes[a], boxes[b])
        for relation in _relation(depth, ends, turns, a, b, boxes[b], nodes, int(area[b]))
    )
    graph = Graph(width, height, nodes, relations, _order(placed, distances))
    if camera is not None:
        graph = Graph(camera.width, camera.height, nodes, relations, graph.depth_order)
    return Truth(graph, amodal, visible, depth)


PixelBox = tuple[int, int, int, int]  # x0, y0, x1, y1, the ends exclusive


def _box(mask: Mask) -> PixelBox:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _boxes_meet(a: PixelBox, b: PixelBox) -> bool:
    return min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])


def _relative(box: PixelBox, width: int, height: int) -> Box:
    x0, y0, x1, y1 = box
    return round(1000 * x0 / width), round(1000 * y0 / height), round(1000 * x1 / width), round(1000 * y1 / height)


def _nearest(depth: NDArray[np.float32], box: PixelBox) -> float:
    """Return the 2 % quantile of an object's depths."""
    x0, y0, x1, y1 = box
    part = depth[y0:y1, x0:x1]
    values = part[np.isfinite(part)]
    k = int(NEAREST * (len(values) - 1))
    return float(np.partition(values, k)[k])


def _contact(placed: Placed, view: View | None) -> tuple[int, int] | None:
    """Return where the foot of an object on the ground is in the picture, None where it is outside."""
    if view is None or placed.supported_by is not None:
        return None
    foot = placed.scale * rotation_z(placed.yaw) @ np.asarray(load_mesh(placed.mesh).foot)
    pixels, depth = view.project_all(np.asarray(placed.position)[None] + foot)
    x, y = (float(p) for p in pixels[0])
    at = round(1000 * x / view.camera.width), round(1000 * y / view.camera.height)
    return at if depth[0] > 0 and 0 <= at[0] <= 1000 and 0 <= at[1] <= 1000 else None


def _relation(
    depth: NDArray[np.float32],
    ends: NDArray[np.float32],
    turns: NDArray[np.float32],
    a: int,
    b: int,
    box: PixelBox,
    nodes: Sequence[Object],
    area: int,
) -> list[Relation]:
    """Return the relation "a covers b", or nothing where it does not.

    It is transparent where more of what is covered can be seen through `a` than not, and reflective where a mirror
    hides it.
    """
    x0, y0, x1, y1 = box
    cut = slice(y0, y1), slice(x0, x1)
    whole = depth[b][cut]
    there = np.isfinite(whole)
    covered = (depth[a][cut] < whole) & there
    count = int(np.count_nonzero(covered))
    if count == 0:
        return []
    hidden = (ends[a][cut] < whole) & there
    hiding = int(np.count_nonzero(hidden))
    mirrored = int(np.count_nonzero(hidden & (turns[a][cut] <= ends[a][cut])))
    share = count / area
    if 2 * hiding < count:
        kind = "transparent"
    elif 2 * mirrored > hiding:
        kind = "reflective"
    elif share >= COMPLETE or (nodes[b].visible_fraction < 1 - COMPLETE and share >= 0.9):
        kind = "complete"
    else:
        kind = "partial"
    part = part_of(covered, there) if share < NEARLY_ALL else "all"
    hidden_fraction = None if hiding == count else round(hiding / area, 4)
    return [Relation(nodes[a].id, nodes[b].id, kind, round(share, 4), part, hidden_fraction=hidden_fraction)]


def part_of(hidden: Mask, whole: Mask) -> str:
    """Return which part of the mask `whole` the mask `hidden`, both (H, W), is: left, right, top, bottom or middle.

    What counts is the distance of their centres as a share of the box around `whole`, however small that is in the
    picture.
    """
    x0, y0, x1, y1 = _box(whole)
    (hx, hy), (wx, wy) = _centre(hidden), _centre(whole)
    dx, dy = 2 * (hx - wx) / (x1 - x0), 2 * (hy - wy) / (y1 - y0)
    if max(abs(dx), abs(dy)) < OFF_CENTRE:
        return "middle"
    if abs(dx) >= abs(dy):
        return "left" if dx < 0 else "right"
    return "top" if dy < 0 else "bottom"


def _centre(mask: Mask) -> tuple[float, float]:
    columns, rows = mask.sum(axis=0), mask.sum(axis=1)
    total = columns.sum()
    return float(columns @ np.arange(len(columns)) / total), float(rows @ np.arange(len(rows)) / total)


def _order(placed: Sequence[Placed], distances: Sequence[float]) -> tuple[tuple[str, ...], ...]:
    """Return the ids from front to back; those within SAME_DEPTH of the first of a group are in it."""
    groups: list[list[str]] = []
    start = 0.0
    for distance, p in sorted(zip(distances, placed, strict=True), key=lambda item: item[0]):
        if groups and distance <= start * (1 + SAME_DEPTH):
            groups[-1].append(p.id)
        else:
            groups.append([p.id])
            start = distance
    return tuple(tuple(g) for g in groups)


def object_names(placed: Sequence[Placed], catalogue: Catalogue) -> list[tuple[str, str, bool]]:
    """Return each object's name in English and Chinese, and whether it belongs to that object alone.

    A painted object is called by its colour and kind. A name is shared when another object has it, or when an object of
    the same kind has no named colour and so might have the same.
    """
    looks = Counter((p.kind, p.colour) for p in placed)
    kinds = Counter(p.kind for p in placed)
    found = []
    for p in placed:
        kind = catalogue.kind(p.kind)
        if p.colour is None:
            found.append((kind.en, kind.zh, kinds[p.kind] == 1))
        else:
            colour = catalogue.colours[p.colour]
            alone = looks[p.kind, p.colour] == 1 and looks[p.kind, None] == 0
            found.append((f"{colour.en} {kind.en}", f"{colour.zh}的{kind.zh}", alone))
    return found
