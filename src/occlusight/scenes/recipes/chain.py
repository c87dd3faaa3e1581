"""A chain: three to five things in a row that goes away from us, each hiding part of the next."""

from __future__ import annotations

from itertools import pairwise

from occlusight.occlusion.facts import Facts
from occlusight.scenes.description import Scene
from occlusight.scenes.recipes.preview import Rectangle, clear, cover
from occlusight.scenes.recipes.stage import Stage
from occlusight.scenes.truth.targeted import TargetedTruth

ROWS = {  # kinds of which a row is made; one kind alone is told apart by its colours
    "street": (("car",), ("barrel",), ("suitcase",)),
    "crossing": (("car",),),
    "room": (("armchair",), ("suitcase",), ("chair", "armchair", "suitcase")),
    "desk": (("book",), ("cup",), ("vase", "book", "bottle", "kettle")),
    "line": (("bottle",), ("bottle", "milk", "kettle"), ("cup", "pot", "gift", "milk")),
}
LEAST, MOST = 0.06, 0.72  # share of each that the one before it hides


def draw(stage: Stage, index: int) -> list[str]:
    """Place the row; return its ids from front to back."""
    s = stage.setting
    stage.zoom = 0.9
    rows = ROWS[s.name]
    kinds = rows[index % len(rows)]
    n = int(stage.rng.integers(3, 6))
    mesh = stage.mesh_of(kinds[0])
    side = 1.0 if stage.rng.random() < 0.5 else -1.0
    ids: list[str] = []
    y, x = s.focus * 0.7, -side * s.focus * stage.uniform(0.12, 0.2)
    slope = stage.uniform(0.22, 0.5)
    long = kinds[0] in ("car", "van", "motorbike")
    if long:
        y = max(y, 7.5)
        x *= y / s.focus
    for i in range(n):
        info = mesh if len(kinds) == 1 else stage.mesh_of(kinds[i % len(kinds)])
        if len(kinds) > 1 and not stage.catalogue.kind(info.kind).paintable and i >= len(kinds):
            break
        yaw = stage.uniform(-8, 8) + (side * 38 if long else 0.0)
        reach = 0.5 * max(info.size[0], info.size[1]) if not long else 0.34 * info.size[1]
        if i:
            y += reach * stage.uniform(0.95, 1.25)
            x += side * reach * slope * 1.6
        placed = stage.place(info, x, y, yaw, apart=False)
        y += reach * stage.uniform(0.95, 1.2)
        ids.append(placed.id)
    stage.company(int(stage.rng.integers(1, 3)))
    return ids


def plausible(scene: Scene, boxes: dict[str, Rectangle], focus: list[str], index: int) -> bool:
    """Whether the box of each overlaps that of the next, and none covers most of it."""
    if not clear(scene, boxes, focus):
        return False
    return all(LEAST <= cover(boxes[a], boxes[b]) <= 0.85 for a, b in pairwise(focus))


def shows(truth: TargetedTruth, focus: list[str], index: int) -> bool:
    """Whether each of at least three hides a clear part of the next, and can be told by name."""
    facts = Facts(truth.graph)
    if len(focus) < 3 or not set(focus) <= set(facts.nameable):
        return False
    covered = [facts.graph.covered(a, b) for a, b in pairwise(focus)]
    return all(LEAST <= c <= MOST and facts.hides(a, b) for c, (a, b) in zip(covered, pairwise(focus), strict=True))
