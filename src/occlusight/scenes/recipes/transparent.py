"""Transparent occlusion: behind a window, in a jar, under dark glasses: covered, and yet visible.

Two people behind a window, one nearer, are told apart by size, by where they touch the ground and by their shadows.
"""

from __future__ import annotations

import numpy as np

from occlusight.occlusion.facts import Facts
from occlusight.scenes.description import Camera, Scene
from occlusight.scenes.meshes.library import load_mesh
from occlusight.scenes.recipes.preview import Rectangle, clear, cover
from occlusight.scenes.recipes.stage import Stage
from occlusight.scenes.truth.targeted import TargetedTruth

FACES = ("reallusion-male01", "reallusion-male03", "reallusion-female01", "reallusion-female02", "kator-male-01-suit")


def draw(stage: Stage, index: int) -> list[str]:
    """Place glass and what is behind it; return the ids of the glass and of what is seen through it."""
    name = stage.setting.name
    if name == "desk":
        return _jar(stage) if index % 2 else _guard(stage)
    if name == "line":
        return _guard(stage)
    if name == "street" and index % 2:
        return _sunglasses(stage)
    return _people(stage, {"street": "shop_window", "crossing": "shelter", "room": "window"}[name])


def _people(stage: Stage, glass: str) -> list[str]:
    s = stage.setting
    y = s.focus * (0.86 if s.name != "crossing" else 0.72)
    window = stage.place(glass, stage.uniform(-0.3, 0.3), y, stage.uniform(-7, 7))
    kinds = ["man", "woman"] if stage.rng.random() < 0.5 else ["woman", "man"]
    left = 1.0 if stage.rng.random() < 0.5 else -1.0
    near = y + stage.uniform(0.9, 1.3)
    far = near + stage.uniform(1.5, 2.6) * (1.0 if s.name != "room" else 0.75)
    spread = stage.size(window)[0] * stage.uniform(0.16, 0.24)
    one = stage.place(kinds[0], left * spread, near, stage.uniform(-40, 40), apart=False)
    two = stage.place(kinds[1], -left * spread * far / near, far, stage.uniform(-40, 40), apart=False)
    x = left * (0.5 * stage.size(window)[0] + s.unit * stage.uniform(0.3, 0.6))
    stage.place(stage.one_of(("dog", "suitcase", "trash_can")), x, y * stage.uniform(0.82, 1.0))
    stage.company(2)
    return [window.id, one.id, two.id]


def _guard(stage: Stage) -> list[str]:
    s = stage.setting
    guard = stage.place("guard", stage.uniform(-0.05, 0.05), 0.86 * s.focus, stage.uniform(-8, 8))
    kinds = stage.pick(s.actors, 3)
    ids = []
    for k, kind in enumerate(kinds[:2]):
        y = s.focus * (1.0 + 0.2 * k)
        ids.append(stage.place(kind, (-1) ** k * stage.uniform(0.1, 0.16) * (1 + 0.15 * k), y).id)
    stage.place(kinds[2], 0.3 * (1 if stage.rng.random() < 0.5 else -1), 0.8 * s.focus)
    stage.company(2)
    return [guard.id, *ids]


def _jar(stage: Stage) -> list[str]:
    s = stage.setting
    x = stage.uniform(-0.1, 0.1)
    jar = stage.place("jar", x, 0.84 * s.focus)
    inner = stage.place("cube", x, 0.84 * s.focus, stage.uniform(-40, 40), z=0.0062 * 1.0, on=jar.id)
    behind = stage.place(
        stage.one_of(("book", "gift", "teddy_bear", "kettle")), 1.25 * x + stage.uniform(-0.06, 0.06), 1.16 * s.focus
    )
    stage.place(stage.one_of(("cup", "bottle", "camera")), x + 0.24 * (1 if x < 0 else -1), 0.95 * s.focus)
    stage.company(2)
    return [jar.id, inner.id, behind.id]


def _sunglasses(stage: Stage) -> list[str]:
    """Head and shoulders, looking at us: the eyes are behind dark glasses."""
    mesh = stage.catalogue.mesh(stage.one_of(FACES))
    person = stage.place(mesh, 0.0, 2.0, 0.0)
    v = load_mesh(mesh.id).vertices
    head = v[v[:, 2] > 0.9 * v[:, 2].max()]
    eye = 0.935 * float(v[:, 2].max())
    level = head[np.abs(head[:, 2] - eye) < 0.012]
    middle = float((level[:, 0].min() + level[:, 0].max()) / 2)
    front = float(level[:, 1].min())
    info = stage.catalogue.mesh("fixture-sunglasses")
    scale = min(1.1, float(np.ptp(level[:, 0])) / info.size[0] * 1.05)
    y = 2.0 + front - 0.012 + info.size[1] * scale / 2
    glasses = stage.place(info, middle, y, 0.0, z=eye - 0.03 * scale, on=person.id, scale=scale)
    stage.place("street_lamp", stage.uniform(0.9, 1.4), stage.uniform(6.0, 7.5))
    stage.place("car", stage.uniform(-3.2, -2.2), stage.uniform(8.0, 9.5), stage.uniform(60, 110))
    stage.place("bush", stage.uniform(2.0, 2.8), stage.uniform(6.5, 8.0))
    turn = stage.uniform(-0.35, 0.35)
    stage.camera = Camera((turn, 0.9, eye + 0.03), (0.0, 2.0, eye - 0.09), 33.0, 512, 512)
    stage.sun = (stage.uniform(-0.7, 0.7), 1.0, -0.9)
    return [glasses.id, person.id]


def plausible(scene: Scene, boxes: dict[str, Rectangle], focus: list[str], index: int) -> bool:
    """Whether what is behind the glass is within it and does not hide one another; a portrait is as it was drawn."""
    if scene.objects[0].kind in ("man", "woman") and scene.objects[1].kind == "sunglasses":
        return True
    if not clear(scene, boxes, focus, 0.2):
        return False
    if len(focus) > 2 and cover(boxes[focus[1]], boxes[focus[2]]) > 0.5:
        return False
    return all(cover(boxes[focus[0]], boxes[b]) > 0.4 for b in focus[1:])


def shows(truth: TargetedTruth, focus: list[str], index: int) -> bool:
    """Whether what is behind the glass is clearly covered by it, well seen, and can be told by name."""
    facts = Facts(truth.graph)
    glass, behind = focus[0], focus[1:]
    if facts.objects.get(glass) is None or facts.objects[glass].kind == "sunglasses":
        relation = facts.relations.get((glass, behind[0]))
        return relation is not None and relation.covered_fraction > 0.03 and len(facts.noticeable) >= 4
    if not set(focus) <= set(facts.nameable):
        return False
    return all(facts.through(glass, b) and facts.objects[b].visible_fraction > 0.55 for b in behind)
