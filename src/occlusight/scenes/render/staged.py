"""Composites of targeted scenes: boards that hide things, panes that things are seen through, mirrors that show them
from their other side, and shadows on the floor.

Things are sprites, turned as the description says (as near as the bank has them); fixtures are ray-cast. A mirror shows
the things at their reflected places, each as a flipped sprite of the side that it turns to the mirror:

    camera   \\   mirror          what the camera sees in the mirror at Q is what would be
       o------\\ - - - - Q'       seen at Q', the mirror image of the thing at Q
               \\
            Q

The truth is read from the layers that are painted. What it lacks beside the path tracer: light between objects, shadows
on objects, and panes in mirrors.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
from PIL import Image

from occlusight.scenes.description import Placed, Scene
from occlusight.scenes.meshes.catalogue import FIXTURE, Catalogue
from occlusight.scenes.meshes.mesh import placed_vertices
from occlusight.scenes.recipes.search import INVISIBLE
from occlusight.scenes.render.fixtures import Fixture, Pane, faces_met, shown
from occlusight.scenes.render.sprite_layers import Floats, Layer, Point, Sight, fitting, paint, stand, surface_points
from occlusight.scenes.render.sprites import SpriteBank
from occlusight.scenes.render.staged_ground import GroundShadows, Surround, to_srgb
from occlusight.scenes.truth.optics import ENDS, OpticalMaps, surfaces_of
from occlusight.scenes.truth.raycast import View
from occlusight.scenes.truth.reflections import Mirrored, plane
from occlusight.scenes.truth.shadows import ground_shown
from occlusight.scenes.truth.targeted import TargetedTruth, shapely, truth_of_maps

OTHER_COLOUR, TAKEN_COLOUR, LUCK = 45.0, 120.0, 12.0  # degrees of wrong yaw that are as bad; and at random

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class StagedComposite:
    """A composed picture of a targeted scene: `rgb` uint8 (H, W, 3); `scene` as drawn, with the sprites' yaws and
    colours; `maps` (n, H, W) and `mirrored` (H, W) as the truth of targeted scenes has them."""

    rgb: npt.NDArray[np.uint8]
    scene: Scene
    maps: OpticalMaps
    mirrored: tuple[Mirrored, ...]
    shadows: GroundShadows

    def truth(self, catalogue: Catalogue, step: int = 1) -> TargetedTruth:
        """Return the truth with masks at 1 / `step` of the picture's resolution."""
        cut = slice(None, None, step), slice(None, None, step)
        maps = OpticalMaps(
            *(np.ascontiguousarray(m[:, *cut]) for m in (self.maps.depth, self.maps.solid, self.maps.mirror))
        )
        seen = [replace(m, whole=m.whole[cut], seen=m.seen[cut]) for m in self.mirrored]
        shaded = self._shaded(maps, step) if shapely(self.scene) else None
        return truth_of_maps(self.scene, maps, [m for m in seen if m.whole.any()], shaded, catalogue)

    def _shaded(self, maps: OpticalMaps, step: int) -> Mask:
        c = self.scene.camera
        height, width = maps.depth.shape[1:]
        if (height * step, width * step) != (c.height, c.width):
            raise ValueError(f"a picture of {c.width}x{c.height} has no masks at 1 / {step}")
        shown, points = ground_shown(self.scene, maps, View(replace(c, width=width, height=height)))
        shaded = np.zeros(maps.depth.shape, bool)
        shaded[:, shown] = self.shadows.of_each(points[:, :2])
        return shaded


@dataclass(frozen=True)
class _Actor:
    """An object as it will be drawn: a fixture, or a sprite, perhaps flipped."""

    placed: Placed
    sprite: int | None = None
    flip: bool = False

    @property
    def base(self) -> Point:
        return np.asarray(self.placed.position, np.float64)


@dataclass(frozen=True, eq=False)
class _Seen:
    """An actor as the camera sees it, both None where it does not."""

    actor: _Actor
    layer: Layer | None
    fixture: Fixture | None


def compose_staged(
    scene: Scene, bank: SpriteBank, catalogue: Catalogue, rng: np.random.Generator, focus: Sequence[str] = ()
) -> StagedComposite | None:
    """Draw a targeted scene with sprites from `bank`; objects without a sprite are left out, and those that nobody sees
    unless the scene is about them. None where something of its `focus` has no sprite, or one of the first two, without
    which there is nothing to see, no place in the picture and its mirrors, be it hidden."""
    actors = _cast(scene, bank, catalogue, rng)
    if not set(focus) <= {a.placed.id for a in actors}:
        return None
    view, surround = View(scene.camera), Surround(scene, rng)
    look = _Look(view, _rays(view), surround, _gain(surround, rng))
    seen = [_see(a, bank, look, rng) for a in actors]
    maps = _maps(seen, view)
    mirrors = _mirrors(seen, maps, bank, look)
    if not set(focus[:2]) <= _there(seen, maps, mirrors):
        return None
    keep = _noticed(seen, maps, mirrors, focus)
    if not keep.all():
        seen = [s for s, k in zip(seen, keep, strict=True) if k]
        maps = OpticalMaps(maps.depth[keep], maps.solid[keep], maps.mirror[keep])
        ids = {s.actor.placed.id for s in seen}
        mirrors = [m.of_these(ids) for m in mirrors if m.id in ids]
    drawn = replace(scene, objects=tuple(s.actor.placed for s in seen))
    shadows = _shadows(drawn, seen, bank, view)
    rgb = _painted(seen, mirrors, shadows, look, rng)
    return StagedComposite(rgb, drawn, maps, tuple(t for m in mirrors for t in m.things), shadows)


@dataclass(frozen=True, eq=False)
class _Look:
    """The camera, its rays (H * W, 3), what is around, and how long the picture is exposed."""

    view: View
    rays: Floats
    surround: Surround
    gain: float

    @property
    def shape(self) -> tuple[int, int]:
        return self.view.camera.height, self.view.camera.width


def _rays(view: View) -> Floats:
    """What `View.rays` gives for the whole picture, but for rounding."""
    c, focal = view.camera, np.float32(view.focal)
    a = (np.arange(c.width, dtype=np.float32) + np.float32(0.5 - c.width / 2)) / focal
    b = (np.arange(c.height, dtype=np.float32) + np.float32(0.5 - c.height / 2)) / focal
    forward, right, down = (v.astype(np.float32) for v in (view.forward, view.right, view.down))
    return ((forward + b[:, None] * down)[:, None] + (a[:, None] * right)[None]).reshape(-1, 3)


def _gain(surround: Surround, rng: np.random.Generator) -> float:
    return surround.exposure(float(rng.uniform(0.3, 1.0))) * float(rng.uniform(0.8, 1.15))


def _cast(scene: Scene, bank: SpriteBank, catalogue: Catalogue, rng: np.random.Generator) -> list[_Actor]:
    """The objects that can be drawn, each with the sprite that fits best, of its own colour where that is near."""
    eye = np.asarray(scene.camera.position, np.float64)
    actors: list[_Actor] = []
    taken: set[tuple[str, str | None]] = set()
    for p in scene.objects:
        if catalogue.mesh(p.mesh).library == FIXTURE:
            actors.append(_Actor(p))
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
        actors.append(_Actor(replace(p, yaw=yaw, colour=info.colour, rgb=rgb), sprite, flip))
    standing = {a.placed.id for a in actors}
    return [a for a in actors if a.placed.supported_by is None or a.placed.supported_by in standing]


def _see(actor: _Actor, bank: SpriteBank, look: _Look, rng: np.random.Generator) -> _Seen:
    view = look.view
    if actor.sprite is None:
        rays = look.rays.reshape(*look.shape, 3)
        return _Seen(actor, None, shown(actor.placed, view, rays, look.surround, look.gain, rng))
    return _Seen(actor, stand(bank, actor.sprite, actor.flip, actor.base, actor.placed.scale, view), None)


def _maps(seen: Sequence[_Seen], view: View) -> OpticalMaps:
    shape = len(seen), view.camera.height, view.camera.width
    maps = OpticalMaps(*(np.full(shape, np.inf, np.float32) for _ in range(3)))
    for i, s in enumerate(seen):
        if s.layer is not None:
            at = i, s.layer.rows, s.layer.columns
            maps.solid[at] = maps.depth[at] = np.where(s.layer.hard, s.layer.depth, np.inf)
        if s.fixture is not None:
            opaque, pane = s.fixture.opaque, s.fixture.pane
            at = i, opaque.rows, opaque.columns
            maps.solid[at] = opaque.depth
            maps.mirror[at] = np.where(s.fixture.mirror, opaque.depth, np.inf)
            maps.depth[at] = opaque.depth if pane is None else np.minimum(opaque.depth, pane.depth)
    return maps


@dataclass(frozen=True, eq=False)
class _Mirror:
    """What the mirror `id` shows: where it shows anything (H, W), the rays that it turned back (N, 3) and where they
    start, its tint, and the layers of things in it by their ids."""

    id: str
    where: Mask
    starts: Floats
    turned: Floats
    tint: Floats
    layers: Mapping[str, Layer]

    def of_these(self, ids: Collection[str]) -> _Mirror:
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


def _mirrors(seen: Sequence[_Seen], maps: OpticalMaps, bank: SpriteBank, look: _Look) -> list[_Mirror]:
    front = maps.solid.min(axis=0)
    found = []
    for s, mirror in zip(seen, maps.mirror, strict=True):
        where = np.isfinite(mirror) & (mirror <= front)
        if where.any():
            found.append(_reflect(s.actor.placed, where, mirror, seen, bank, look))
    return found


def _reflect(
    mirror: Placed, where: Mask, depth: Floats, seen: Sequence[_Seen], bank: SpriteBank, look: _Look
) -> _Mirror:
    point, normal = plane(mirror)
    n = normal.astype(np.float32)
    d = look.rays[where.ravel()]
    turned = d - 2 * (d @ n)[:, None] * n
    starts = look.view.origin.astype(np.float32) + d * depth[where][:, None] + np.float32(1e-4) * turned
    eye = look.view.origin - 2 * ((look.view.origin - point) @ normal) * normal  # from where turned rays seem to come
    layers: dict[str, Layer] = {}
    for s in seen:
        if s.actor.placed.id == mirror.id:
            continue
        if s.actor.sprite is None:
            far, colours, _ = faces_met(s.actor.placed, eye, starts, turned, look.surround, look.gain)
            layer = _scattered(far + depth[where], colours, where) if np.isfinite(far).any() else None
        else:
            layer = _mirror_image(s.actor, point, normal, bank, look.view)
        if layer is not None:
            layers[s.actor.placed.id] = layer
    tint = next(m.rgb for m in surfaces_of(mirror.mesh, ("mirror",)).materials if m.optics == "mirror")
    return _Mirror(mirror.id, where, starts, turned, np.sqrt(np.asarray(tint, np.float32)), layers)


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


def _mirror_image(actor: _Actor, point: Point, normal: Point, bank: SpriteBank, view: View) -> Layer | None:
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


def _there(seen: Sequence[_Seen], maps: OpticalMaps, mirrors: Sequence[_Mirror]) -> set[str]:
    """The ids of what has a place in the picture, hidden or not, or in a mirror of it."""
    inside = np.asarray(np.isfinite(maps.depth[:, ::2, ::2]).any(axis=(1, 2)))
    found = {s.actor.placed.id for s, there in zip(seen, inside, strict=True) if there}
    return found | {m.object for mirror in mirrors for m in mirror.things}


def _noticed(seen: Sequence[_Seen], maps: OpticalMaps, mirrors: Sequence[_Mirror], focus: Collection[str]) -> Mask:
    """Which of the objects are seen, directly or in a mirror, or are what the scene is about."""
    depth = maps.depth[:, ::2, ::2]
    amodal = np.isfinite(depth)
    area = amodal.sum(axis=(1, 2))
    clear = (amodal & (depth <= maps.solid[:, ::2, ::2].min(axis=0))).sum(axis=(1, 2))
    reflected = {m.object for mirror in mirrors for m in mirror.things if m.seen.any()}
    ids = [s.actor.placed.id for s in seen]
    told = np.array([id in reflected or id in focus for id in ids], bool)
    return np.asarray((clear >= np.maximum(1, INVISIBLE * area)) | told)


def _shadows(scene: Scene, seen: Sequence[_Seen], bank: SpriteBank, view: View) -> GroundShadows:
    shadows = GroundShadows(scene, len(seen))
    for i, s in enumerate(seen):
        p = s.actor.placed
        if s.actor.sprite is None:
            mesh = surfaces_of(p.mesh, ENDS)
            if len(mesh.faces):
                shadows.throw_faces(i, placed_vertices(p, mesh)[mesh.faces])
        else:
            points = surface_points(bank, s.actor.sprite, s.actor.flip, s.actor.base, p.scale, view.origin)
            shadows.throw_points(i, points)
    return shadows


def _painted(
    seen: Sequence[_Seen],
    mirrors: Sequence[_Mirror],
    shadows: GroundShadows,
    look: _Look,
    rng: np.random.Generator,
) -> npt.NDArray[np.uint8]:
    soft = shadows.soft()
    canvas = _background(look, shadows, soft)
    layers = [s.layer for s in seen if s.layer is not None]
    fixtures = {s.actor.placed.id: s.fixture for s in seen if s.fixture is not None}
    for mirror in mirrors:
        fixture = fixtures[mirror.id]
        rgba = fixture.opaque.rgba.copy()
        rgba[mirror.where[fixture.opaque.rows, fixture.opaque.columns], :3] = _in_mirror(mirror, look, shadows, soft)
        fixtures[mirror.id] = replace(fixture, opaque=replace(fixture.opaque, rgba=rgba))
    layers += [f.opaque for f in fixtures.values()]
    zbuffer = np.full(look.shape, np.inf, np.float32)
    for layer in sorted(layers, key=_nearest, reverse=True):
        paint(canvas, zbuffer, layer)
    panes = [f.pane for f in fixtures.values() if f.pane is not None]
    for pane in sorted(panes, key=lambda p: float(p.depth.min(initial=np.inf)), reverse=True):
        _glaze(canvas, zbuffer, pane)
    canvas *= np.float32(rng.uniform(0.88, 1.12))
    canvas += rng.standard_normal((*look.shape, 1), np.float32) * np.float32(rng.uniform(0.3, 3.0))
    return np.clip(canvas, 0, 255, out=canvas).astype(np.uint8)


def _background(look: _Look, shadows: GroundShadows, soft: Floats) -> Floats:
    """What is around as the camera sees it, 0-255 (H, W, 3), from a ray for every four pixels."""
    height, width = look.shape
    rays = look.rays.reshape(height, width, 3)
    middle = np.ascontiguousarray((rays[::2, ::2] + rays[1::2, 1::2]) * np.float32(0.5)).reshape(-1, 3)
    linear = look.surround.colours(look.view.origin.astype(np.float32), middle, shadows, soft, look.view.focal / 2)
    small = to_srgb(linear, look.gain).astype(np.uint8).reshape(height // 2, width // 2, 3)
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC), np.float32)


def _nearest(layer: Layer) -> float:
    return float(np.min(layer.depth, where=layer.hard, initial=np.inf))


def _in_mirror(mirror: _Mirror, look: _Look, shadows: GroundShadows, soft: Floats) -> Floats:
    """The colours that a mirror shows at its pixels, (N, 3)."""
    canvas = np.zeros((*mirror.where.shape, 3), np.float32)
    around = look.surround.colours(mirror.starts, mirror.turned, shadows, soft, look.view.focal)
    canvas[mirror.where] = to_srgb(around, look.gain)
    zbuffer = np.full(mirror.where.shape, np.inf, np.float32)
    for layer in sorted(mirror.layers.values(), key=_nearest, reverse=True):
        paint(canvas, zbuffer, layer, mirror.where)
    shown: Floats = canvas[mirror.where] * mirror.tint
    return shown


def _glaze(canvas: Floats, zbuffer: Floats, pane: Pane) -> None:
    """Put a pane before what is behind it."""
    at = pane.rows, pane.columns
    before = (pane.depth < zbuffer[at])[..., None]
    canvas[at] = np.where(before, canvas[at] * pane.passes + pane.glints, canvas[at])
