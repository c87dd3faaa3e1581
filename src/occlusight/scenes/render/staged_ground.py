"""What is around staged composites, drawn by casting rays: floor, walls and sky, and the shadows that objects throw on
the floor. Mirrors show it as the camera does, along rays that they turned back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from occlusight.scenes.description import RGB, Scene
from occlusight.scenes.render.backdrop import facade, grain, tiles, wood
from occlusight.scenes.render.targeted import BRIGHT, MIDDLE
from occlusight.scenes.truth.raycast import View
from occlusight.scenes.truth.shadows import in_walls_shadow

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

CELLS = 288  # of the grid of shadows, a side
VARIANTS = 12  # of each texture
PATTERNS = {"tiles": tiles, "wood": wood, "grain": lambda rng, rgb: grain(rng, rgb, 0.13), "facade": facade}
GREY: RGB = (0.5, 0.5, 0.5)
STRIPES = (4.0, 7.2)  # metres from the camera between which a crossing has its stripes
SKY, FLOOR, PAINT, BELT, RAIL, WALLS = range(6)  # what a ray meets; walls are numbered on
RUBBER: RGB = (0.2, 0.21, 0.22)
BELT_STARTS, BELT_ENDS = 0.35, 0.55  # metres: from the camera, and before the wall


@lru_cache(maxsize=VARIANTS * len(PATTERNS))
def texture(pattern: str, variant: int) -> tuple[Floats, float]:
    """Return how light a seamless texture is, (T, T), about 1, and its mean."""
    light = PATTERNS[pattern](np.random.default_rng(variant), GREY).mean(axis=-1) / np.float32(0.5)
    for axis in (0, 1):  # edges without steps
        light = (np.roll(light, 1, axis) + light + np.roll(light, -1, axis)) / np.float32(3)
    return light, float(light.mean())


class GroundShadows:
    """Where each of `count` objects shades the floor (z = 0), on a grid of CELLS x CELLS before the camera."""

    def __init__(self, scene: Scene, count: int) -> None:
        reach = scene.camera.target[1]
        self.scene, self.side = scene, 3.2 * reach
        self.left, self.near = -self.side / 2, -0.2 * reach
        self.masks = np.zeros((count, CELLS, CELLS), bool)
        sun = np.asarray(scene.light.sun_direction, np.float64)
        self.fall = (sun[:2] / sun[2]).astype(np.float32)
        self.to_sun = (-sun / np.linalg.norm(sun)).astype(np.float32)

    def _cells(self, floor: Floats) -> Floats:
        """Columns and rows (N, 2) of the grid at points (N, 2) of the floor."""
        out: Floats = (floor - np.array([self.left, self.near], np.float32)) * np.float32(CELLS / self.side)
        return out

    def _thrown(self, points: Floats) -> Floats:
        """Columns and rows (N, 2) of the grid on which points (N, 3) throw their shadows."""
        return self._cells(points[:, :2] - points[:, 2:] * self.fall)

    def throw_points(self, which: int, points: Floats) -> None:
        """Add the shadow of a surface, given by points (N, 3) closer together than two cells."""
        cells = self._thrown(points).astype(np.intp)
        cells = cells[((cells >= 0) & (cells < CELLS)).all(axis=1)]
        if not len(cells):
            return
        x, y = cells.min(axis=0)
        width, height = cells.max(axis=0) - (x, y) + 1
        spots = np.zeros((height + 4, width + 4), bool)  # with room for what grows
        spots[cells[:, 1] - y + 2, cells[:, 0] - x + 2] = True
        closed = ~_grown(~_grown(spots))[2:-2, 2:-2]
        self.masks[which, y : y + height, x : x + width] |= closed

    def throw_faces(self, which: int, corners: Floats) -> None:
        """Add the shadow of triangles (F, 3, 3)."""
        picture = Image.new("L", (CELLS, CELLS))
        draw = ImageDraw.Draw(picture)
        for face in self._thrown(corners.reshape(-1, 3)).reshape(-1, 6):
            draw.polygon(face.tolist(), fill=255, outline=255)
        self.masks[which] |= np.asarray(picture) > 0

    def _at(self, floor: Floats) -> npt.NDArray[np.intp]:
        """Indices of points (N, 2) on the floor into the flat grid; -1, the last cell, for those beyond it."""
        cells = self._cells(floor)
        there = ((cells >= 0) & (cells < CELLS)).all(axis=1)
        whole = cells.astype(np.int32)
        flat: npt.NDArray[np.intp] = np.where(there, whole[:, 1] * CELLS + whole[:, 0], -1)
        return flat

    def soft(self) -> Floats:
        """How much of the sun is kept off each cell by some object, 0 to 1, (CELLS, CELLS)."""
        union: Mask = np.asarray(self.masks.any(axis=0))
        radius = math.tan(math.radians(self.scene.light.softness)) * 0.06 * CELLS
        if radius < 0.5:
            return union.astype(np.float32)
        blurred = Image.fromarray(union.astype(np.uint8) * 255).filter(ImageFilter.GaussianBlur(min(radius, 4.0)))
        out: Floats = np.asarray(blurred, np.float32) / np.float32(255)
        return out

    def kept_off(self, soft: Floats, floor: Floats) -> Floats:
        """How much of the sun is kept off points (N, 2) on the floor, by objects (`soft`) or by walls."""
        shade: Floats = soft.ravel()[self._at(floor)]
        shade[in_walls_shadow(self.scene, floor, self.to_sun)] = 1
        return shade

    def of_each(self, floor: Floats) -> Mask:
        """Which objects shade which points (N, 2) on the floor, (n, N); none where walls do."""
        lit = ~in_walls_shadow(self.scene, floor, self.to_sun)
        return self.masks.reshape(len(self.masks), -1)[:, self._at(floor)] & lit


class Surround:
    """The colours that rays meet where no object is: linear light, 1 for a white floor in the sun."""

    def __init__(self, scene: Scene, rng: np.random.Generator) -> None:
        self.scene, around = scene, scene.surroundings
        self.outdoors = around.kind in ("plaza", "crossing")
        floors = {"plaza": ("tiles", "grain"), "studio": ("wood", "tiles"), "desk": ("wood",)}.get(
            around.kind, ("grain",)
        )
        self.floor = texture(floors[int(rng.integers(len(floors)))], int(rng.integers(VARIANTS)))
        self.plaster = texture("grain", int(rng.integers(VARIANTS)))
        self.wall = texture("facade", int(rng.integers(VARIANTS))) if self.outdoors else self.plaster
        self.tile = {"plaza": 2.4, "crossing": 3.0, "studio": 2.4, "desk": 1.2}.get(around.kind, 1.0)
        self.contrast = 1.0 if self.outdoors else 0.25  # of the walls
        light = scene.light
        self.to_sun = -np.asarray(light.sun_direction) / np.linalg.norm(light.sun_direction)
        self.sky = np.asarray(light.sky, np.float32)
        self.sun = np.asarray(light.sun, np.float32) / np.float32(math.pi)
        self.full = self.sky + self.sun * np.float32(self.to_sun[2])  # what a floor in the sun gets

    def lit(self, normals: npt.NDArray[np.floating]) -> Floats:
        """Light on surfaces with these unit normals (N, 3), of what a floor in the sun gets, (N, 3)."""
        sun = np.maximum(normals @ self.to_sun, 0)[:, None].astype(np.float32)
        ambient = (0.75 + 0.25 * normals[:, 2:]).astype(np.float32)
        out: Floats = (self.sky * ambient + self.sun * sun) / self.full
        return out

    def colours(self, starts: Floats, rays: Floats, shadows: GroundShadows, soft: Floats, focal: float) -> Floats:
        """Linear colours (N, 3) that rays (N, 3) from `starts`, (3,) or (N, 3), meet; `focal` in pixels tells how fine
        textures are seen."""
        around = self.scene.surroundings
        x, y, z = (np.ascontiguousarray(rays[:, i]) for i in range(3))
        start = starts if starts.ndim == 1 else np.ascontiguousarray(starts.T)
        with np.errstate(divide="ignore"):
            way = np.where(z < -1e-5, -start[2] / z, np.float32(np.inf))
        met = np.where(z < -1e-5, np.int8(FLOOR), np.int8(SKY))
        walls = self.walls()
        for k, (axis, at, sign) in enumerate(walls, WALLS):
            along = (x, y)[axis]
            if not (along * sign > 1e-6).any():
                continue
            with np.errstate(divide="ignore", invalid="ignore"):
                far = (np.float32(at) - start[axis]) / along
                nearer = (far > 0) & (far < way) & (start[2] + far * z < around.wall_height)
            np.copyto(way, far, where=nearer)
            met[nearer] = k
        light = np.ones(len(rays), np.float32)
        table = np.zeros((WALLS + len(walls), 3), np.float32)

        def points(axis: int) -> Floats:
            begin = start[axis] if starts.ndim == 1 else start[axis][here]
            found: Floats = begin + (x, y, z)[axis][here] * way[here]
            return found

        for k, (axis, _, sign) in enumerate(walls, WALLS):
            here = np.flatnonzero(met == k)
            if not len(here):
                continue
            normal = np.zeros((1, 3))
            normal[0, axis] = -sign
            table[k] = np.asarray(around.wall or around.floor) * self.lit(normal)[0]
            bright = _sampled(self.wall, points(1 - axis), -points(2), 6.0 if self.outdoors else 2.0)
            light[here] = 1 + (bright - 1) * np.float32(self.contrast)
        here = np.flatnonzero(met == FLOOR)
        floor = np.stack([points(0), points(1)], axis=1)
        table[FLOOR], table[PAINT], table[BELT], table[RAIL] = around.floor, (0.6,) * 3, RUBBER, (0.42,) * 3
        light[here] = self._floor_light(floor, way[here], -z[here], focal)
        met[here] = self._floor_paint(floor)
        out: Floats = table.take(met, axis=0)
        out *= light[:, None]
        dark = 1 - self.sky * np.float32(0.8) / self.full  # of what light a shadow takes
        kept = shadows.kept_off(soft, floor)
        shaded = np.flatnonzero(kept)
        out[here[shaded]] *= 1 - kept[shaded, None] * dark
        here = np.flatnonzero(met == SKY)
        out[here] = self._sky(rays[here])
        return out

    def walls(self) -> list[tuple[int, float, int]]:
        """The walls around: the axis that they are across, where they are on it, and on which side of the scene."""
        around = self.scene.surroundings
        side = around.side
        every = ((1, around.back, 1), (1, around.front, -1), (0, side, 1), (0, None if side is None else -side, -1))
        return [(axis, at, sign) for axis, at, sign in every if at is not None]

    def exposure(self, floor: float) -> float:
        """The factor by which a picture is exposed as rendered ones are; `floor` is the floor's share of it."""
        around, upright = self.scene.surroundings, np.array([[0.0, -1.0, 0.0]])
        wall = float((np.asarray(around.wall or around.floor) * self.lit(upright)).mean())
        ground = sum(RUBBER if around.kind == "belt" else around.floor) / 3
        brightest = max(wall, ground, float(self.sky.mean() / self.full.mean()) if self.outdoors else 0.0)
        return min(MIDDLE / (floor * ground + (1 - floor) * wall), BRIGHT / brightest)

    def _sky(self, rays: Floats) -> Floats:
        if not self.outdoors:
            return np.tile((self.sky / self.full * np.float32(0.9)).astype(np.float32), (len(rays), 1))
        height = np.clip(rays[:, 2] / np.sqrt((rays * rays).sum(axis=1)), 0, 1)[:, None]
        pale, deep = self.sky * (1.25, 1.15, 1.05), self.sky * (0.62, 0.8, 1.08)
        out: Floats = ((pale + (deep - pale) * np.sqrt(height)) / self.full).astype(np.float32)
        return out

    def _floor_light(self, floor: Floats, way: Floats, steep: Floats, focal: float) -> Floats:
        """How light the floor's texture is at points (N, 2), blurred where it is seen from far off."""
        light, mean = self.floor
        texel = np.float32(self.tile / light.shape[0])
        blurred = np.minimum(way / (np.float32(12 * focal * texel) * np.maximum(steep, np.float32(0.03))), 1)
        fine = _sampled(self.floor, floor[:, 0], floor[:, 1], self.tile)
        fine += (np.float32(mean) - fine) * blurred
        return fine

    def _floor_paint(self, floor: Floats) -> npt.NDArray[np.int8]:
        """What the floor is at points (N, 2)."""
        around, (x, y) = self.scene.surroundings, floor.T
        kind = np.full(len(floor), FLOOR, np.int8)
        if around.kind == "crossing":
            across = (y > STRIPES[0]) & (y < STRIPES[1]) & (np.abs(x) < 7.6)
            kind[across & (np.abs((x + np.float32(7.65)) % np.float32(0.9) - np.float32(0.45)) < 0.24)] = PAINT
        if around.kind == "belt":
            end = np.float32((around.back or 3.0) - BELT_ENDS)
            kind[(y > BELT_STARTS) & (y < end)] = BELT
            kind[(np.abs(y - BELT_STARTS) < 0.03) | (np.abs(y - end) < 0.03)] = RAIL
        return kind


def _grown(mask: Mask) -> Mask:
    """A mask with a rim of one cell more on each side."""
    out = mask.copy()
    out[1:] |= mask[:-1]
    out[:-1] |= mask[1:]
    wide = out.copy()
    wide[:, 1:] |= out[:, :-1]
    wide[:, :-1] |= out[:, 1:]
    return wide


def _sampled(texture: tuple[Floats, float], u: Floats, v: Floats, tile: float) -> Floats:
    """How light a texture that covers `tile` metres is at places u, v in metres, (N,)."""
    light = texture[0]
    side = light.shape[0]
    column, row = ((w * np.float32(side / tile)).astype(np.intp) % side for w in (u, v))
    out: Floats = light[row, column]
    return out


def to_srgb(linear: Floats, gain: float) -> Floats:
    """sRGB 0-255 of linear light, as floats."""
    out: Floats = 255 * np.sqrt(np.clip(linear * np.float32(gain), 0, 1))  # close enough to 1 / 2.2, and quicker
    return out


@dataclass(frozen=True, eq=False)
class Look:
    """The camera, its rays (H * W, 3), what is around, and how long the picture is exposed."""

    view: View
    rays: Floats
    surround: Surround
    gain: float

    @property
    def shape(self) -> tuple[int, int]:
        return self.view.camera.height, self.view.camera.width


def rays_of(view: View) -> Floats:
    """What `View.rays` gives for the whole picture, but for rounding."""
    c, focal = view.camera, np.float32(view.focal)
    a = (np.arange(c.width, dtype=np.float32) + np.float32(0.5 - c.width / 2)) / focal
    b = (np.arange(c.height, dtype=np.float32) + np.float32(0.5 - c.height / 2)) / focal
    forward, right, down = (v.astype(np.float32) for v in (view.forward, view.right, view.down))
    return ((forward + b[:, None] * down)[:, None] + (a[:, None] * right)[None]).reshape(-1, 3)
