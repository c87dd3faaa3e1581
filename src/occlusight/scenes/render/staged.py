"""Composites of targeted scenes: boards that hide things, panes that things are seen through, mirrors that show them
from their other side, and shadows on the floor.

Things are sprites, turned as the description says (as near as the bank has them); fixtures are ray-cast; mirrors show
what `staged_mirrors` says.

The truth is read from the layers that are painted. What it lacks beside the path tracer: light between objects, shadows
on objects, and panes in mirrors.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from occlusight.scenes.description import Scene
from occlusight.scenes.meshes.catalogue import Catalogue
from occlusight.scenes.meshes.mesh import placed_vertices
from occlusight.scenes.recipes.search import INVISIBLE
from occlusight.scenes.render.fixtures import Fixture, Pane, shown
from occlusight.scenes.render.sprite_layers import Floats, Layer, paint, stand, surface_points
from occlusight.scenes.render.sprites import SpriteBank
from occlusight.scenes.render.staged_cast import Actor, cast
from occlusight.scenes.render.staged_ground import GroundShadows, Look, Surround, rays_of, to_srgb
from occlusight.scenes.render.staged_mirrors import Mirror, colours_in, mirrors_of
from occlusight.scenes.truth.optics import ENDS, OpticalMaps, surfaces_of
from occlusight.scenes.truth.raycast import View
from occlusight.scenes.truth.reflections import Mirrored
from occlusight.scenes.truth.shadows import ground_shown
from occlusight.scenes.truth.targeted import TargetedTruth, shapely, truth_of_maps

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


@dataclass(frozen=True, eq=False)
class _Seen:
    """An actor as the camera sees it, both None where it does not."""

    actor: Actor
    layer: Layer | None
    fixture: Fixture | None


def compose_staged(
    scene: Scene, bank: SpriteBank, catalogue: Catalogue, rng: np.random.Generator, focus: Sequence[str] = ()
) -> StagedComposite | None:
    """Draw a targeted scene with sprites from `bank`; objects without a sprite are left out, and those that nobody sees
    unless the scene is about them. None where something of its `focus` has no sprite, or one of the first two, without
    which there is nothing to see, no place in the picture and its mirrors, be it hidden."""
    actors = cast(scene, bank, catalogue, rng)
    if not set(focus) <= {a.placed.id for a in actors}:
        return None
    view, surround = View(scene.camera), Surround(scene, rng)
    look = Look(view, rays_of(view), surround, _gain(surround, rng))
    seen = [_see(a, bank, look, rng) for a in actors]
    maps = _maps(seen, view)
    mirrors = mirrors_of([s.actor for s in seen], maps, bank, look)
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


def _gain(surround: Surround, rng: np.random.Generator) -> float:
    return surround.exposure(float(rng.uniform(0.3, 1.0))) * float(rng.uniform(0.8, 1.15))


def _see(actor: Actor, bank: SpriteBank, look: Look, rng: np.random.Generator) -> _Seen:
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


def _there(seen: Sequence[_Seen], maps: OpticalMaps, mirrors: Sequence[Mirror]) -> set[str]:
    """The ids of what has a place in the picture, hidden or not, or in a mirror of it."""
    inside = np.asarray(np.isfinite(maps.depth[:, ::2, ::2]).any(axis=(1, 2)))
    found = {s.actor.placed.id for s, there in zip(seen, inside, strict=True) if there}
    return found | {m.object for mirror in mirrors for m in mirror.things}


def _noticed(seen: Sequence[_Seen], maps: OpticalMaps, mirrors: Sequence[Mirror], focus: Collection[str]) -> Mask:
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
    mirrors: Sequence[Mirror],
    shadows: GroundShadows,
    look: Look,
    rng: np.random.Generator,
) -> npt.NDArray[np.uint8]:
    soft = shadows.soft()
    canvas = _background(look, shadows, soft)
    layers = [s.layer for s in seen if s.layer is not None]
    fixtures = {s.actor.placed.id: s.fixture for s in seen if s.fixture is not None}
    for mirror in mirrors:
        fixture = fixtures[mirror.id]
        rgba = fixture.opaque.rgba.copy()
        rgba[mirror.where[fixture.opaque.rows, fixture.opaque.columns], :3] = colours_in(mirror, look, shadows, soft)
        fixtures[mirror.id] = replace(fixture, opaque=replace(fixture.opaque, rgba=rgba))
    layers += [f.opaque for f in fixtures.values()]
    zbuffer = np.full(look.shape, np.inf, np.float32)
    for layer in sorted(layers, key=lambda layer: layer.nearest, reverse=True):
        paint(canvas, zbuffer, layer)
    panes = [f.pane for f in fixtures.values() if f.pane is not None]
    for pane in sorted(panes, key=lambda p: float(p.depth.min(initial=np.inf)), reverse=True):
        _glaze(canvas, zbuffer, pane)
    canvas *= np.float32(rng.uniform(0.88, 1.12))
    canvas += rng.standard_normal((*look.shape, 1), np.float32) * np.float32(rng.uniform(0.3, 3.0))
    return np.clip(canvas, 0, 255, out=canvas).astype(np.uint8)


def _background(look: Look, shadows: GroundShadows, soft: Floats) -> Floats:
    """What is around as the camera sees it, 0-255 (H, W, 3), from a ray for every four pixels."""
    height, width = look.shape
    rays = look.rays.reshape(height, width, 3)
    middle = np.ascontiguousarray((rays[::2, ::2] + rays[1::2, 1::2]) * np.float32(0.5)).reshape(-1, 3)
    linear = look.surround.colours(look.view.origin.astype(np.float32), middle, shadows, soft, look.view.focal / 2)
    small = to_srgb(linear, look.gain).astype(np.uint8).reshape(height // 2, width // 2, 3)
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC), np.float32)


def _glaze(canvas: Floats, zbuffer: Floats, pane: Pane) -> None:
    """Put a pane before what is behind it."""
    at = pane.rows, pane.columns
    before = (pane.depth < zbuffer[at])[..., None]
    canvas[at] = np.where(before, canvas[at] * pane.passes + pane.glints, canvas[at])
