"""A fast renderer for training: the sprites of a scene's objects, set into ground-plane perspective and z-buffered.

It draws the same descriptions as the path tracer, a hundred times faster, with the same truth from depth. What it
lacks: light that objects throw on each other, and exact shadows (a soft blob and a sheared silhouette stand in for
them).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from occlusight.scenes.description import Placed, Scene
from occlusight.scenes.render.sprite_layers import Layer, paint, set_sprite
from occlusight.scenes.render.sprites import SpriteBank

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Composite:
    """A composed picture: `rgb` uint8 (H, W, 3); `objects` as drawn (colours are the sprites'); `depths` float32
    (n, H, W), metres along the view axis, inf where an object is not, amodal."""

    rgb: npt.NDArray[np.uint8]
    objects: tuple[Placed, ...]
    depths: Floats


def compose(scene: Scene, bank: SpriteBank, rng: np.random.Generator) -> Composite:
    """Draw `scene` with sprites from `bank`; objects without a sprite are left out."""
    view = _View.of(scene)
    height, width = view.height, view.width
    canvas = _background(scene, view, rng)
    drawn: list[Placed] = []
    layers: list[Layer] = []
    taken: set[tuple[str, str | None]] = set()
    shade = np.ones((height, width), np.float32)
    shear, squash = rng.uniform(-1.2, 1.2), rng.uniform(0.12, 0.45)
    strength = rng.uniform(0.25, 0.6)
    depths = []
    for placed in scene.objects:
        found = _layer(placed, view, bank, rng, taken)
        if found is None:
            continue
        drawn_as, layer = found
        drawn.append(drawn_as)
        taken.add((drawn_as.kind, drawn_as.colour))
        layers.append(layer)
        full = np.full((height, width), np.inf, np.float32)
        full[layer.rows, layer.columns] = np.where(layer.hard, layer.depth, np.inf)
        depths.append(full)
        _shadow(shade, layer, float(shear), float(squash), float(strength))
    canvas *= _blur(shade, 2.0)[..., None]
    zbuffer = np.full((height, width), np.inf, np.float32)
    order = sorted(range(len(layers)), key=lambda i: -float(np.min(depths[i], initial=np.inf)))
    for i in order:
        paint(canvas, zbuffer, layers[i])
    canvas *= rng.uniform(0.85, 1.15)
    canvas += rng.normal(0, rng.uniform(0.5, 5.0), (height, width, 1)).astype(np.float32)
    rgb = np.clip(canvas, 0, 255).astype(np.uint8)
    stacked = np.stack(depths) if depths else np.zeros((0, height, width), np.float32)
    return Composite(rgb, tuple(drawn), stacked)


@dataclass(frozen=True)
class _View:
    """The camera in pixels: `focal` in pixels, pitch downwards in radians, camera height in metres."""

    width: int
    height: int
    focal: float
    pitch: float
    camera_height: float

    @classmethod
    def of(cls, scene: Scene) -> _View:
        camera = scene.camera
        dy = camera.target[1] - camera.position[1]
        dz = camera.target[2] - camera.position[2]
        focal = camera.width / (2 * math.tan(math.radians(camera.fov) / 2))
        return cls(camera.width, camera.height, focal, math.atan2(-dz, dy), camera.position[2])

    def project(self, x: float, y: float, z: float) -> tuple[float, float, float]:
        """Column, row (pixels) and depth along the view axis (metres) of a point in the world."""
        down = self.camera_height - z
        along = y * math.cos(self.pitch) + down * math.sin(self.pitch)
        below = down * math.cos(self.pitch) - y * math.sin(self.pitch)
        return self.width / 2 + self.focal * x / along, self.height / 2 + self.focal * below / along, along


def _layer(
    placed: Placed, view: _View, bank: SpriteBank, rng: np.random.Generator, taken: set[tuple[str, str | None]]
) -> tuple[Placed, Layer] | None:
    """One object as drawn, and its layer; None where it cannot be."""
    ids = [i for i in bank.by_mesh.get(placed.mesh, ()) if (placed.kind, bank.infos[i].colour) not in taken]
    if bank.by_mesh.get(placed.mesh) and bank.infos[bank.by_mesh[placed.mesh][0]].colour is None:
        ids = list(bank.by_mesh[placed.mesh])
    if not ids:
        return None
    x, y, z = placed.position
    column, row, along = view.project(x, y, z)
    elevation = math.degrees(math.atan2(view.camera_height - z, math.hypot(x, y)))
    candidates = [ids[int(rng.integers(len(ids)))] for _ in range(5)]
    chosen = min(candidates, key=lambda i: abs(bank.infos[i].elevation - elevation))
    info = bank.infos[chosen]
    pixels, flip = view.focal / along, rng.random() < 0.5
    layer = set_sprite(bank, chosen, flip, (column, row), pixels, placed.scale, along, (view.width, view.height))
    if layer is None:
        return None
    drawn = Placed(placed.id, placed.kind, placed.mesh, placed.position, info.yaw, placed.scale, info.colour, None)
    return drawn, layer


def _shadow(shade: Floats, layer: Layer, shear: float, squash: float, strength: float) -> None:
    """Darken the ground where the object's squashed and sheared silhouette falls."""
    alpha, rows, columns = layer.rgba[..., 3], layer.rows, layer.columns
    h, w = alpha.shape
    flat = max(2, round(h * squash))
    small = np.asarray(Image.fromarray((alpha * 255).astype(np.uint8)).resize((w, flat)), np.float32) / 255
    foot = min(shade.shape[0], rows.stop)
    for k in range(flat):  # k rows above the foot
        r = foot - 1 - k + flat // 5
        if not 0 <= r < shade.shape[0]:
            continue
        shift = round(shear * k)
        c0 = max(0, columns.start + shift)
        c1 = min(shade.shape[1], columns.start + shift + w)
        if c1 > c0:
            line = small[flat - 1 - k, c0 - columns.start - shift : c1 - columns.start - shift]
            shade[r, c0:c1] = np.minimum(shade[r, c0:c1], 1 - strength * line)


def _blur(values: Floats, radius: float) -> Floats:
    """Gaussian blur of values in 0-1."""
    blurred = Image.fromarray((values * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(radius))
    out: Floats = np.asarray(blurred, np.float32) / np.float32(255)
    return out


def _srgb(linear: tuple[float, float, float], light: float) -> Floats:
    """sRGB bytes as floats of a linear reflectance under `light`."""
    out: Floats = 255 * np.clip(np.asarray(linear, np.float32) * light, 0, 1) ** np.float32(1 / 2.2)
    return out


def _background(scene: Scene, view: _View, rng: np.random.Generator) -> Floats:
    """Sky or wall above, ground below, each with a gentle gradient and blotches."""
    height, width = view.height, view.width
    around = scene.surroundings
    light = float(rng.uniform(0.9, 1.5))
    rows = np.arange(height, dtype=np.float32)[:, None]
    if around.back is not None:
        edge = view.project(0.0, around.back, 0.0)[1]
        wall = _srgb(around.wall or around.floor, light * float(rng.uniform(0.7, 1.1)))
    else:
        edge = view.height / 2 - view.focal * math.tan(view.pitch)
        wall = _srgb((0.45, 0.62, 0.9), light * float(rng.uniform(0.7, 1.2)))
    floor = _srgb(around.floor, light)
    above = np.clip((edge - rows) * 0.7 + 0.5, 0, 1)[..., None]
    fade = (1 + rng.uniform(-0.15, 0.25) * (rows - edge) / height)[..., None]
    canvas = wall * above * (1 - 0.2 * (rows / height)[..., None]) + floor * (1 - above) * fade
    canvas = np.broadcast_to(canvas, (height, width, 3)).astype(np.float32)
    coarse = rng.normal(0, 1, (int(rng.integers(3, 20)), int(rng.integers(3, 20)))).astype(np.float32)
    blotches = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    sideways = np.linspace(-1, 1, width, dtype=np.float32)[None] * rng.uniform(-0.1, 0.1)
    return np.ascontiguousarray(canvas * (1 + sideways + rng.uniform(0.0, 0.07) * blotches)[..., None])
