"""Partial occlusion: a thing stands before another and hides a part of it; beside them something that misleads.

What misleads takes turns: twins at different distances (equal sizes at different depth), a nearer thing that is higher
in the picture, and two things that touch without hiding each other.
"""

from __future__ import annotations

from occlusight.occlusion.facts import Facts
from occlusight.scenes.description import Scene
from occlusight.scenes.recipes.preview import Rectangle, clear, cover
from occlusight.scenes.recipes.stage import Stage
from occlusight.scenes.truth.targeted import TargetedTruth

BANDS = ((0.12, 0.32), (0.32, 0.55), (0.5, 0.75))  # of the hidden thing that is covered, in turn
FLAT = {"street": "box", "crossing": "barrel", "room": "table", "desk": "book", "line": "box"}


def draw(stage: Stage, index: int) -> list[str]:
    """Place the pair and the distractor; return the ids of who hides and who is hidden."""
    s = stage.setting
    stage.zoom = 0.86
    kinds = stage.pick(s.actors, 2)
    far = s.focus * stage.uniform(1.0, 1.22)
    near = far - s.focus * stage.uniform(0.16, 0.34)
    x = s.focus * stage.uniform(-0.2, 0.2)
    hidden = stage.place(kinds[0], x, far, _yaw(stage, kinds[0]))
    aside = 0.5 * (stage.size(hidden)[0] + s.unit) * stage.uniform(-0.75, 0.75)
    hiding = stage.place(kinds[1], (x + aside) * near / far, near, _yaw(stage, kinds[1]))
    (_twins, _higher, _touching)[index % 3](stage, -1.0 if x > 0 else 1.0)
    stage.company(int(stage.rng.integers(1, 3)))
    return [hiding.id, hidden.id]


def _yaw(stage: Stage, kind: str) -> float:
    """Vehicles are seen from the side, people and things from the front."""
    if kind in ("car", "bicycle", "motorbike", "scooter", "stroller", "van"):
        return stage.uniform(55, 120) * (1 if stage.rng.random() < 0.5 else -1)
    return stage.uniform(-35, 35)


def _twins(stage: Stage, side: float) -> None:
    """Two things of one kind and size, one much farther away."""
    s = stage.setting
    kind = {"street": "cone", "crossing": "cone", "room": "suitcase", "desk": "cup", "line": "bottle"}[s.name]
    if not stage.catalogue.kind(kind).paintable:
        kind = {"street": "barrel", "crossing": "hydrant"}.get(s.name, kind)
    mesh = stage.mesh_of(kind)
    x = side * s.focus * stage.uniform(0.14, 0.2)
    stage.place(mesh, x, 0.78 * s.focus, 0.0)
    stage.place(mesh, 1.9 * x, 1.4 * s.focus if s.name != "line" else 1.5, 0.0)


def _higher(stage: Stage, side: float) -> None:
    """A thing on a stand: nearer than what is lower in the picture."""
    s = stage.setting
    x, y = side * s.focus * stage.uniform(0.16, 0.22), 0.86 * s.focus
    if s.name in ("street", "crossing"):
        base = stage.place(stage.catalogue.mesh("cc0-crate"), x, y, stage.uniform(-20, 20))
        stage.put("plant", base)
    elif s.name == "room":
        base = stage.place(stage.catalogue.mesh("cc0-crate"), x, y, stage.uniform(-20, 20))
        stage.put("teddy_bear", base)
    else:
        base = stage.place(stage.catalogue.mesh("procedural-book-stack"), x, y, stage.uniform(-20, 20))
        stage.put("cup", base)


def _touching(stage: Stage, side: float) -> None:
    """Two boxes side by side that touch."""
    s = stage.setting
    mesh = stage.catalogue.mesh("blendswap-gift" if s.name in ("desk", "line") else "cc0-crate")
    other = stage.catalogue.mesh("procedural-book-thick" if s.name in ("desk", "line") else "procedural-suitcase")
    y = s.focus * 1.02
    x = side * s.focus * stage.uniform(0.2, 0.24)
    one = stage.place(mesh, x, y, 0.0)
    gap = 0.5 * (stage.size(one)[0] + other.size[0]) + 0.002
    stage.place(other, x + side * gap, y, 0.0, apart=False)


def plausible(scene: Scene, boxes: dict[str, Rectangle], focus: list[str], index: int) -> bool:
    """Whether the boxes overlap about as much as the things should."""
    low, high = BANDS[index // 3 % len(BANDS)]
    return clear(scene, boxes, focus) and low <= cover(boxes[focus[0]], boxes[focus[1]]) <= min(0.95, 1.35 * high)


def shows(truth: TargetedTruth, focus: list[str], index: int) -> bool:
    """Whether the first clearly hides a part of the second, as much of it as this index should show."""
    facts = Facts(truth.graph)
    relation = facts.relations.get((focus[0], focus[1]))
    low, high = BANDS[index // 3 % len(BANDS)]
    told = set(focus) <= set(facts.nameable)
    return told and relation is not None and relation.type == "partial" and low <= relation.covered_fraction <= high
