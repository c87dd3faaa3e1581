"""The cast of a staged composite: which sprite stands for each object of the description."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from occlusight.scenes.description import Placed, Scene
from occlusight.scenes.meshes.catalogue import FIXTURE, Catalogue
from occlusight.scenes.render.sprite_layers import Point, Sight, fitting
from occlusight.scenes.render.sprites import SpriteBank

OTHER_COLOUR, TAKEN_COLOUR, LUCK = 45.0, 120.0, 12.0  # degrees of wrong yaw that are as bad; and at random


@dataclass(frozen=True)
class Actor:
    """An object as it will be drawn: a fixture, or a sprite, perhaps flipped."""

    placed: Placed
    sprite: int | None = None
    flip: bool = False

    @property
    def base(self) -> Point:
        return np.asarray(self.placed.position, np.float64)


def cast(scene: Scene, bank: SpriteBank, catalogue: Catalogue, rng: np.random.Generator) -> list[Actor]:
    """The objects that can be drawn, each with the sprite that fits best, of its own colour where that is near."""
    eye = np.asarray(scene.camera.position, np.float64)
    actors: list[Actor] = []
    taken: set[tuple[str, str | None]] = set()
    for p in scene.objects:
        if catalogue.mesh(p.mesh).library == FIXTURE:
            actors.append(Actor(p))
            continue
        sight = Sight.of(eye, np.asarray(p.position, np.float64))
        by_colour: dict[str | None, list[int]] = {}
        for i in bank.by_mesh.get(p.mesh, ()):
            by_colour.setdefault(bank.infos[i].colour, []).append(i)
        offers = []
        for colour, sprites in by_colour.items():
            found = fitting(bank, sprites, p.yaw - sight.bearing, sight.elevation)
            if found is not None:
                wrong = found[0] + (OTHER_COLOUR if colour != p.colour else 0.0) + float(rng.uniform(0, LUCK))
                if colour is not None and (p.kind, colour) in taken:
                    wrong += TAKEN_COLOUR
                offers.append((wrong, found[1], found[2]))
        if not offers:
            continue
        _, sprite, flip = min(offers)
        info = bank.infos[sprite]
        yaw = (-info.yaw if flip else info.yaw) + sight.bearing
        rgb = p.rgb if info.colour == p.colour else None
        taken.add((p.kind, info.colour))
        actors.append(Actor(replace(p, yaw=yaw, colour=info.colour, rgb=rgb), sprite, flip))
    standing = {a.placed.id for a in actors}
    return [a for a in actors if a.placed.supported_by is None or a.placed.supported_by in standing]
