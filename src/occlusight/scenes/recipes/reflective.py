"""Reflective occlusion: a thing is seen only in a mirror, and the mirror hides what is behind it.

The thing is placed where the line of sight through the mirror's middle goes on: outside the picture, or behind a board.
"""

from __future__ import annotations

import math

from occlusight.occlusion.facts import Facts
from occlusight.scenes.description import Scene
from occlusight.scenes.recipes.preview import Rectangle, clear, inside
from occlusight.scenes.recipes.stage import Stage
from occlusight.scenes.truth.targeted import TargetedTruth

MIRRORS = {
    "street": "fixture-glass-facade",
    "crossing": "fixture-traffic-mirror",
    "room": "fixture-mirror-wide",
    "desk": "fixture-mirror-desk",
    "line": "fixture-mirror-desk",
}
SEEN = {
    "street": ("woman", "man", "motorbike"),
    "crossing": ("car", "van"),
    "room": ("woman", "man", "armchair"),
    "desk": ("teddy_bear", "gift", "basketball", "kettle"),
    "line": ("milk", "kettle", "toaster", "gift"),
}
BESIDE = {
    "street": ("man", "woman", "bicycle", "dog"),
    "crossing": ("man", "woman", "motorbike", "bicycle"),
    "room": ("armchair", "chair", "plant", "suitcase"),
    "desk": ("cup", "vase", "bottle", "book"),
    "line": ("bottle", "cup", "radio", "drill"),
}
AREA, SHARE = 0.006, 0.6  # of the picture, and of what the mirror could show of the thing


def draw(stage: Stage, index: int) -> list[str]:
    """Place mirror, thing and company; return the ids of the mirror, of what only it shows, and of what it hides a part
    of."""
    s = stage.setting
    side = 1.0 if stage.rng.random() < 0.5 else -1.0
    info = stage.catalogue.mesh(MIRRORS[s.name])
    x, y = -side * s.focus * stage.uniform(0.06, 0.14), s.focus * stage.uniform(1.0, 1.1)
    turn = side * stage.uniform(22, 34)  # the mirror's front is turned to the side where the thing is
    mirror = stage.place(info, x, y, turn)
    normal = (math.sin(math.radians(turn)), -math.cos(math.radians(turn)))
    length = math.hypot(x, y)
    d = (x / length, y / length)
    k = 2 * (d[0] * normal[0] + d[1] * normal[1])
    out = (d[0] - k * normal[0], d[1] - k * normal[1])
    kind = stage.one_of(SEEN[s.name])
    t = s.focus * stage.uniform(0.55, 0.85)
    thing = stage.place(kind, x + t * out[0], y + t * out[1], stage.uniform(-180, 180))
    beside = stage.pick([k for k in BESIDE[s.name] if k != kind], 3)
    behind = stage.place(
        beside[0],
        x - side * (0.5 * info.size[0] * math.cos(math.radians(turn)) + 0.1 * s.unit) * 1.35,
        y + s.unit * stage.uniform(0.55, 0.9),
    )
    stage.place(beside[1], x + side * 0.22 * s.focus * stage.uniform(0.7, 1.1), y - 0.3 * s.focus)
    stage.company(3)
    return [mirror.id, thing.id, behind.id]


def plausible(scene: Scene, boxes: dict[str, Rectangle], focus: list[str], index: int) -> bool:
    """Whether the mirror is in the picture with nothing before it, and the thing is outside."""
    thing = boxes.get(focus[1])
    return clear(scene, boxes, focus[:1], 0.15) and (thing is None or inside(thing) == 0)


def shows(truth: TargetedTruth, focus: list[str], index: int) -> bool:
    """Whether the thing is seen in the mirror, well and only there."""
    facts = Facts(truth.graph)
    mirror, thing = focus[0], facts.objects.get(focus[1])
    if thing is None or thing.visible_fraction > 0 or thing.seen != "reflection" or not thing.unique:
        return False
    if mirror not in facts.nameable:
        return False
    return any(r.object == thing.id and r.area >= AREA and r.visible_fraction >= SHARE for r in facts.graph.reflections)
