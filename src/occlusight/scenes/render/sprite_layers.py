"""Sprites set into a picture: the one of a mesh that fits a viewer best, scaled to where its object is, with its
depth."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from occlusight.scenes.render.sprites import SpriteBank
from occlusight.scenes.truth.raycast import View

Floats = npt.NDArray[np.float32]
Point = npt.NDArray[np.float64]

UPRIGHT = (0.0, 0.0, 1.0)  # how depth grows with x, y and depth in a sprite that is seen along the view axis
STRIDE = 3  # pixels of a sprite between two points of its surface
PER_ELEVATION = 1.5  # a degree of wrong elevation is as bad as this many of wrong yaw


@dataclass(frozen=True, eq=False)
class Layer:
    """A part of a picture: `rgba` (h, w, 4), colour 0-255 and alpha 0-1, `depth` (h, w) in metres along the view axis,
    where the rows and columns say."""

    rgba: Floats
    depth: Floats
    rows: slice
    columns: slice

    @property
    def hard(self) -> npt.NDArray[np.bool_]:
        """Where the layer is, (h, w)."""
        return self.rgba[..., 3] > 0.5

    @property
    def nearest(self) -> float:
        """The least depth, inf where the layer is nowhere."""
        return float(np.min(self.depth, where=self.hard, initial=np.inf))


def set_sprite(
    bank: SpriteBank,
    sprite: int,
    flip: bool,
    base: tuple[float, float],
    pixels: float,
    scale: float,
    along: float,
    size: tuple[int, int],
    slopes: tuple[float, float, float] = UPRIGHT,
) -> Layer | None:
    """Return a sprite whose base is at the pixel `base` of a picture of `size` (width, height), None where it cannot
    be.

    `pixels` is how many pixels a metre has at the object, `scale` how many times the catalogue's size the object has,
    `along` the depth of its base. `slopes` says how much depth a metre to the right, downwards, and along the line of
    sight to the object adds.
    """
    info = bank.infos[sprite]
    factor = pixels * scale / info.scale
    w, h = round(info.width * factor), round(info.height * factor)
    if w < 3 or h < 3 or w > 2 * size[0] or h > 2 * size[1]:
        return None
    ax, ay = info.anchor[0] * factor, info.anchor[1] * factor
    left, top = round(base[0] - (w - ax if flip else ax)), round(base[1] - ay)
    r0, r1, c0, c1 = max(0, top), min(size[1], top + h), max(0, left), min(size[0], left + w)
    if r1 - r0 < 3 or c1 - c0 < 3:
        return None
    cut = (slice(r0 - top, r1 - top), slice(c0 - left, c1 - left))
    rgba8, depth16 = bank.image(sprite)
    resample = Image.Resampling.BOX if factor < 0.5 else Image.Resampling.BILINEAR
    big = np.asarray(Image.fromarray(np.ascontiguousarray(rgba8)).resize((w, h), resample), np.float32)
    rows_of = np.minimum((np.arange(h) + 0.5) / factor, info.height - 1).astype(np.intp)
    columns_of = np.minimum((np.arange(w) + 0.5) / factor, info.width - 1).astype(np.intp)
    depth = depth16[rows_of][:, columns_of].astype(np.float32) * np.float32(scale)
    if flip:
        big, depth = big[:, ::-1], depth[:, ::-1]
    depth = np.where(np.isfinite(depth), depth, 0.0)[cut]
    if slopes != UPRIGHT:
        x = (np.arange(c0, c1) + 0.5 - base[0]) * (slopes[0] / pixels)
        y = (np.arange(r0, r1) + 0.5 - base[1]) * (slopes[1] / pixels)
        depth = depth * slopes[2] + (y[:, None] + x[None])
    rgba = big[cut] * np.array([1, 1, 1, 1 / 255], np.float32)
    return Layer(rgba, (depth + along).astype(np.float32), slice(r0, r1), slice(c0, c1))


def paint(canvas: Floats, zbuffer: Floats, layer: Layer, within: npt.NDArray[np.bool_] | None = None) -> None:
    """Paint a layer over a picture (H, W, 3) where it is nearer than what `zbuffer` (H, W) holds, and note its depth
    there; nowhere but `within` a mask (H, W)."""
    at = layer.rows, layer.columns
    z, alpha = zbuffer[at], layer.rgba[..., 3]
    front = (layer.depth < z) & (alpha > 0.02)
    if within is not None:
        front &= within[at]
    share = np.where(front, alpha, 0.0)[..., None]
    canvas[at] = canvas[at] * (1 - share) + layer.rgba[..., :3] * share
    zbuffer[at] = np.where(front & layer.hard, layer.depth, z)


@dataclass(frozen=True)
class Sight:
    """How a viewer sees an object at a base point: `bearing` in degrees, counter-clockwise from straight along y,
    `elevation` of the viewer above the object in degrees."""

    bearing: float
    elevation: float

    @classmethod
    def of(cls, viewer: Point, base: Point) -> Sight:
        """The line of sight from a point to another, both (3,)."""
        x, y, z = (float(c) for c in base - viewer)
        return cls(math.degrees(math.atan2(-x, y)), math.degrees(math.atan2(-z, math.hypot(x, y))))

    def axes(self, elevation: float) -> tuple[Point, Point, Point]:
        """Right, down and forward, unit vectors (3,), of one who looks along the bearing, so much downwards."""
        b, e = math.radians(self.bearing), math.radians(elevation)
        right = np.array([math.cos(b), math.sin(b), 0.0])
        forward = np.array([-math.sin(b) * math.cos(e), math.cos(b) * math.cos(e), -math.sin(e)])
        return right, np.cross(forward, right), forward


def stand(bank: SpriteBank, sprite: int, flip: bool, base: Point, scale: float, view: View) -> Layer | None:
    """Return the sprite of an object whose base is at the point `base` (3,) of the world, None where the picture does
    not hold it."""
    pixel, along = view.project_all(base[None])
    if along[0] < 0.2:
        return None
    sight = Sight.of(view.origin, base)
    right, down, forward = sight.axes(bank.infos[sprite].elevation)
    slopes = float(right @ view.forward), float(down @ view.forward), float(forward @ view.forward)
    at = float(pixel[0, 0]), float(pixel[0, 1])
    size = view.camera.width, view.camera.height
    return set_sprite(bank, sprite, flip, at, view.focal / float(along[0]), scale, float(along[0]), size, slopes)


def fitting(
    bank: SpriteBank, sprites: Iterable[int], yaw: float, elevation: float, flips: Sequence[bool] = (False, True)
) -> tuple[float, int, bool] | None:
    """Return the sprite that shows an object as turned by `yaw` degrees from its viewer as any does, whether it is
    flipped for that, and by how many degrees it is wrong; None without sprites. A flipped one is turned the other
    way."""
    best: tuple[float, int, bool] | None = None
    for i in sprites:
        info = bank.infos[i]
        aslant = PER_ELEVATION * abs(info.elevation - elevation)
        for flip in flips:
            wrong = aslant + abs(((-info.yaw if flip else info.yaw) - yaw + 180) % 360 - 180)
            if best is None or wrong < best[0]:
                best = wrong, i, flip
    return best


def surface_points(bank: SpriteBank, sprite: int, flip: bool, base: Point, scale: float, viewer: Point) -> Floats:
    """Return points (N, 3) of an object's surface in the world: what its sprite shows, the same on the side that is
    turned away, and what is halfway between."""
    info = bank.infos[sprite]
    rgba, depth16 = (part[::STRIDE, ::STRIDE] for part in bank.image(sprite))
    solid = (rgba[..., 3] > 127) & np.isfinite(depth16)
    rows, columns = np.nonzero(solid)
    metre = info.scale / scale
    x = (STRIDE * columns + 0.5 - info.anchor[0]) / metre * (-1 if flip else 1)
    y = (STRIDE * rows + 0.5 - info.anchor[1]) / metre
    d = depth16[solid].astype(np.float64) * scale
    right, down, forward = Sight.of(viewer, base).axes(info.elevation)
    front = x[:, None] * right + y[:, None] * down + d[:, None] * forward  # (N, 3)
    flat = np.array([forward[0], forward[1], 0.0]) / math.hypot(forward[0], forward[1])
    inwards = (front @ flat)[:, None] * flat
    points = np.concatenate([front, front - inwards, front - 2 * inwards]) + base
    points[:, 2] = np.maximum(points[:, 2], 0.0)
    return points.astype(np.float32)
