"""What mirrors of staged composites show: things at their reflected places, from the side that they turn to the mirror.

    camera   \\   mirror          what the camera sees in the mirror at Q is what would be
       o------\\ - - - - Q'       seen at Q', the mirror image of the thing at Q
               \\
            Q

A thing's mirror image is a flipped sprite of it; fixtures are cast along the rays that the mirror turned back.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from occlusight.scenes.description import Placed
from occlusight.scenes.render.fixtures import faces_met
from occlusight.scenes.render.sprite_layers import Floats, Layer, Point, Sight, fitting, paint, stand
from occlusight.scenes.render.sprites import SpriteBank
from occlusight.scenes.render.staged_cast import Actor
from occlusight.scenes.render.staged_ground import GroundShadows, Look, to_srgb
from occlusight.scenes.truth.optics import OpticalMaps, surfaces_of
from occlusight.scenes.truth.raycast import View
from occlusight.scenes.truth.reflections import Mirrored, plane

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Mirror:
    """What the mirror `id` shows: where it shows anything (H, W), the rays that it turned back (N, 3) and where they
    start, its tint, and the layers of things in it by their ids."""

    id: str
    where: Mask
    starts: Floats
    turned: Floats
    tint: Floats
    layers: Mapping[str, Layer]

    def of_these(self, ids: Collection[str]) -> Mirror:
        """The same of a scene with no other objects."""
        return replace(self, layers={id: layer for id, layer in self.layers.items() if id in ids})

    @cached_property
    def things(self) -> list[Mirrored]:
        """What is seen in the mirror, as truth has it."""
        nearest = np.full(self.where.shape, np.inf, np.float32)
        wholes = {}
        for id, layer in self.layers.items():
            at = layer.rows, layer.columns
            wholes[id] = self.where[at] & layer.hard & np.isfinite(layer.depth)
            nearest[at] = np.minimum(nearest[at], np.where(wholes[id], layer.depth, np.inf))
        found = []
        for id, there in wholes.items():
            if there.any():
                at = self.layers[id].rows, self.layers[id].columns
                whole, clear = np.zeros(self.where.shape, bool), np.zeros(self.where.shape, bool)
                whole[at], clear[at] = there, there & (self.layers[id].depth <= nearest[at])
                found.append(Mirrored(id, self.id, whole, clear))
        return found


def mirrors_of(actors: Sequence[Actor], maps: OpticalMaps, bank: SpriteBank, look: Look) -> list[Mirror]:
    front = maps.solid.min(axis=0)
    found = []
    for actor, mirror in zip(actors, maps.mirror, strict=True):
        where = np.isfinite(mirror) & (mirror <= front)
        if where.any():
            found.append(_reflect(actor.placed, where, mirror, actors, bank, look))
    return found


def _reflect(
    mirror: Placed, where: Mask, depth: Floats, actors: Sequence[Actor], bank: SpriteBank, look: Look
) -> Mirror:
    point, normal = plane(mirror)
    n = normal.astype(np.float32)
    d = look.rays[where.ravel()]
    turned = d - 2 * (d @ n)[:, None] * n
    starts = look.view.origin.astype(np.float32) + d * depth[where][:, None] + np.float32(1e-4) * turned
    eye = look.view.origin - 2 * ((look.view.origin - point) @ normal) * normal  # from where turned rays seem to come
    layers: dict[str, Layer] = {}
    for actor in actors:
        if actor.placed.id == mirror.id:
            continue
        if actor.sprite is None:
            far, colours, _ = faces_met(actor.placed, eye, starts, turned, look.surround, look.gain)
            layer = _scattered(far + depth[where], colours, where) if np.isfinite(far).any() else None
        else:
            layer = _mirror_image(actor, point, normal, bank, look.view)
        if layer is not None:
            layers[actor.placed.id] = layer
    tint = next(m.rgb for m in surfaces_of(mirror.mesh, ("mirror",)).materials if m.optics == "mirror")
    return Mirror(mirror.id, where, starts, turned, np.sqrt(np.asarray(tint, np.float32)), layers)


def _scattered(depth: Floats, colours: Floats, where: Mask) -> Layer:
    """A layer from depths (N,) and colours (N, 3) at the pixels of a mask (H, W)."""
    rows, columns = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
    box = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    inside = where[box]
    full = np.full(inside.shape, np.inf, np.float32)
    rgba = np.zeros((*inside.shape, 4), np.float32)
    full[inside] = depth
    rgba[inside, :3] = colours
    rgba[inside, 3] = np.isfinite(depth)
    return Layer(rgba, full, *box)


def _mirror_image(actor: Actor, point: Point, normal: Point, bank: SpriteBank, view: View) -> Layer | None:
    """A sprite's mirror image: at the reflected place, of the side that is turned to the mirror, left and right
    exchanged."""
    assert actor.sprite is not None
    if (actor.base - point) @ normal <= 0:  # behind the mirror
        return None
    place = actor.base - 2 * ((actor.base - point) @ normal) * normal
    yaw = math.radians(actor.placed.yaw)
    ahead = np.array([math.sin(yaw), -math.cos(yaw), 0.0])
    ahead = ahead - 2 * (ahead @ normal) * normal
    sight = Sight.of(view.origin, place)
    turned = math.degrees(math.atan2(ahead[0], -ahead[1])) - sight.bearing
    colour = bank.infos[actor.sprite].colour
    sprites = [i for i in bank.by_mesh[actor.placed.mesh] if bank.infos[i].colour == colour]
    found = fitting(bank, sprites, turned, sight.elevation, (not actor.flip,))
    assert found is not None, "the sprite that shows the object itself is one of them"
    return stand(bank, found[1], found[2], place, actor.placed.scale, view)


def colours_in(mirror: Mirror, look: Look, shadows: GroundShadows, soft: Floats) -> Floats:
    """The colours that a mirror shows at its pixels, (N, 3)."""
    canvas = np.zeros((*mirror.where.shape, 3), np.float32)
    around = look.surround.colours(mirror.starts, mirror.turned, shadows, soft, look.view.focal)
    canvas[mirror.where] = to_srgb(around, look.gain)
    zbuffer = np.full(mirror.where.shape, np.inf, np.float32)
    for layer in sorted(mirror.layers.values(), key=lambda layer: layer.nearest, reverse=True):
        paint(canvas, zbuffer, layer, mirror.where)
    shown: Floats = canvas[mirror.where] * mirror.tint
    return shown
