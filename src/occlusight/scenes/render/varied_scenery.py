"""What is around a scene in varied surroundings: the ground, and what stands behind. Mitsuba plugins as dictionaries.

All of it depends on the description alone: textures and backgrounds are drawn from the scene's seed and index.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from occlusight.randomness import stream
from occlusight.scenes.description import RGB, Scene, VariedSurroundings
from occlusight.scenes.render.backgrounds import BACKGROUNDS, GLASS
from occlusight.scenes.render.blocks import Blocks
from occlusight.scenes.render.finishes import bsdf
from occlusight.scenes.surroundings import Finish, looks

FAR = 250.0  # metres: half the side of the ground
TABLE = 4.0  # metres: half the width of a table
BELT = 2.2  # metres: where a belt ends at the latest
HALL = -0.9  # metres: how far the floor is below a belt


def varied_blocks(rng: np.random.Generator, around: VariedSurroundings) -> Blocks:
    """Return the boxes and plates around a scene."""
    blocks, back = Blocks(), around.back or 0.0
    _ground(blocks, around.kind, back)
    BACKGROUNDS[around.behind](rng, blocks, back)
    return blocks


def finish_of(around: VariedSurroundings, name: str) -> Finish:
    """Return the finish that blocks know by a name: "ground" and "cover" are the surroundings' own."""
    return looks().finishes[{"ground": around.ground, "cover": around.cover}.get(name, name)]


def varied_scenery(scene: Scene, around: VariedSurroundings) -> dict[str, Any]:
    """Return the shapes of what is around a scene."""
    rng = stream("background", scene.seed, scene.index)
    blocks = varied_blocks(rng, around)
    own: Mapping[str, RGB] = {"ground": around.floor, "cover": around.wall or around.floor}

    def finish(name: str) -> dict[str, Any]:
        if name == GLASS:
            return _window(float(rng.uniform(0.16, 0.4)))
        one = finish_of(around, name)
        return bsdf(rng, one, own[name] if name in own else _one_of(rng, one.colours))

    tiles = {name: 1.0 if name == GLASS else finish_of(around, name).tile for name in blocks.faces}
    return blocks.shapes(finish, tiles)


def _one_of(rng: np.random.Generator, colours: tuple[RGB, ...]) -> RGB:
    return colours[int(rng.integers(len(colours)))]


def _window(light: float) -> dict[str, Any]:
    """A window seen from outside: it mirrors a share of the sky, blurred."""
    tint = {"type": "rgb", "value": [light * 0.9, light, light * 1.08]}
    pane = {"type": "roughconductor", "material": "none", "alpha": 0.07, "specular_reflectance": tint}
    return {"type": "twosided", "inner": pane}


def _ground(b: Blocks, kind: str, back: float) -> None:
    """The ground at z = 0: a plane, a table that ends at `back`, or a belt over a hall's floor."""
    if kind == "desk":
        b.box((-TABLE, -2.0, -0.045), (TABLE, back, 0.0), "ground")
        return
    z = HALL if kind == "belt" else 0.0
    corners = [(-FAR, -FAR), (FAR, -FAR), (FAR, FAR), (-FAR, FAR)]
    b.plate([(x, y, z) for x, y in corners], "ground", corners)
    if kind == "crossing":
        for x in np.arange(-7.2, 7.3, 0.9):
            b.box((x - 0.24, 3.9, -0.1), (x + 0.24, 7.3, 0.002), "paint-marks")
    if kind == "belt":
        y0, y1 = 0.1, min(back - 0.3, BELT)
        b.box((-5, y0, -0.06), (5, y1, 0.0), "rubber")
        b.box((-5, y0 - 0.06, -0.2), (5, y0, 0.012), "steel")
        b.box((-5, y1, -0.2), (5, y1 + 0.06, 0.03), "steel")
        for y in (y0 + 0.04, y1 - 0.07):
            b.box((-5, y, -0.01), (5, y + 0.03, 0.0006), "accent")
        for x in np.arange(-4.7, 5.0, 0.62):  # where lengths of rubber are joined
            b.box((x, y0, -0.01), (x + 0.012, y1, 0.0004), "iron")
        for x in (-2.4, 0.0, 2.4):
            b.box((x - 0.04, y1 + 0.06, HALL), (x + 0.04, y1 + 0.12, 0.03), "steel")
