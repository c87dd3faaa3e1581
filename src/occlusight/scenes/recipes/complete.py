"""Complete occlusion: a thing is wholly behind a board. Only a shadow or a mirror can tell; behind another board
nothing does.

So one picture shows both: that something is there, and that it cannot be told.
"""

from __future__ import annotations

import math

from occlusight.occlusion.facts import Facts
from occlusight.scenes.description import Camera, Scene
from occlusight.scenes.recipes.preview import Rectangle, clear, cover
from occlusight.scenes.recipes.stage import Stage
from occlusight.scenes.truth.targeted import TargetedTruth

HIDDEN = {
    "street": ("man", "woman"),
    "crossing": ("man", "woman"),
    "room": ("woman", "man"),
    "desk": ("bottle", "candle", "teddy_bear"),
    "line": ("bottle", "milk", "kettle"),
}
SHADOW = 0.0034  # of the picture: the least that a telling shadow covers
MIRRORED = 0.006  # and a telling reflection


def draw(stage: Stage, index: int) -> list[str]:
    """Place two boards and a thing behind one; return the ids of that board, the other board and the thing."""
    s = stage.setting
    small = s.name in ("desk", "line")
    board = stage.catalogue.mesh("fixture-panel-desk" if small else "fixture-panel")
    side = 1.0 if stage.rng.random() < 0.5 else -1.0
    wide = board.size[0]
    y = s.focus * stage.uniform(0.92, 1.05)
    gap = wide * stage.uniform(0.75, 1.0)
    telling = stage.place(board, side * gap, y, stage.uniform(-6, 6))
    silent = stage.place(
        board, -side * gap * stage.uniform(0.95, 1.2), y * stage.uniform(0.98, 1.1), stage.uniform(-6, 6)
    )
    behind = y + wide * stage.uniform(0.5, 0.75)
    thing = stage.place(stage.one_of(HIDDEN[s.name]), side * gap * behind / y, behind, stage.uniform(-30, 30))
    if s.name == "room":
        mirror = stage.catalogue.mesh("fixture-mirror-tall")
        stage.place(mirror, side * (gap + 1.55), behind + 0.9, -side * stage.uniform(42, 52))
    else:
        tall = stage.size(thing)[2]
        length = wide * stage.uniform(1.9, 2.3) + 0.5 * stage.size(thing)[0]
        stage.sun = (side, stage.uniform(0.0, 0.22), -tall / length)
        stage.softness, stage.power, stage.dim = 0.9, 1.9, 0.6
        height = s.camera_height * (2.5 if s.outdoors else 1.6)
        stage.camera = Camera((0.0, 0.0, height), (0.0, s.focus, s.look_height), s.fov, 512, 512)
    front = {
        "street": ("dog", "hydrant", "cone"),
        "crossing": ("cone", "hydrant", "dog"),
        "room": ("basketball", "cat"),
    }
    stage.company(2, front.get(s.name, ("cup", "cube", "camera", "basketball")))
    _stray(stage)
    return [telling.id, silent.id, thing.id]


def _stray(stage: Stage) -> None:
    """Nothing else may throw a shadow out from behind the boards: what stands about stays before them."""
    boards = [p for p in stage.objects if p.kind in ("panel", "mirror")]
    limit = min(p.position[1] for p in boards if p.kind == "panel")
    for i, p in enumerate(stage.objects):
        if p.kind in ("panel", "mirror") or i == 2:
            continue
        if p.position[1] > limit - 0.5 * math.hypot(*stage.size(p)[:2]):
            x, _, z = p.position
            stage.objects[i] = type(p)(
                p.id,
                p.kind,
                p.mesh,
                (x, limit * stage.uniform(0.68, 0.82), z),
                p.yaw,
                p.scale,
                p.colour,
                p.rgb,
                p.supported_by,
            )


def plausible(scene: Scene, boxes: dict[str, Rectangle], focus: list[str], index: int) -> bool:
    """Whether the board's box covers the thing's, and nothing is in the way of the boards."""
    return clear(scene, boxes, focus, 0.25) and cover(boxes[focus[0]], boxes[focus[2]]) > 0.93


def shows(truth: TargetedTruth, focus: list[str], index: int) -> bool:
    """Whether the thing cannot be seen, its shadow or reflection can, both boards can be told, and nothing tells of the
    other."""
    facts = Facts(truth.graph)
    telling, silent, thing = focus
    hidden = facts.objects.get(thing)
    if hidden is None or hidden.visible_fraction > 0 or not {telling, silent} <= set(facts.nameable):
        return False
    if facts.graph.covered(telling, thing) < 0.98:
        return False
    shadow = any(s.object == thing and s.area >= SHADOW for s in facts.graph.shadows)
    mirrored = any(
        r.object == thing and r.area >= MIRRORED and r.visible_fraction > 0.5 for r in facts.graph.reflections
    )
    return shadow or mirrored
