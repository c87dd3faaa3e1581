"""Meshes built from boxes, rods and plates for things that the libraries lack: signs, lamps, billboards, books.

Every shape is built in metres with its front towards -y, then fitted to the catalogue's size.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from occlusight.scenes.description import RGB
from occlusight.scenes.meshes.catalogue import MeshInfo
from occlusight.scenes.meshes.mesh import Material, Mesh

Point = tuple[float, float, float]
METAL: RGB = (0.18, 0.19, 0.2)
DARK: RGB = (0.03, 0.03, 0.035)
WHITE: RGB = (0.75, 0.75, 0.73)


class Builder:
    """Collects flat-shaded polygons by material."""

    def __init__(self) -> None:
        self.triangles: list[tuple[Point, Point, Point]] = []
        self.uvs: list[tuple[tuple[float, float], ...]] = []
        self.owners: list[int] = []
        self.materials: list[Material] = []

    def material(
        self, name: str, rgb: RGB, texture: bytes | None = None, painted: bool = False, optics: str = "solid"
    ) -> int:
        """Add a material and return its index."""
        self.materials.append(Material(name, rgb, texture, painted=painted, optics=optics))
        return len(self.materials) - 1

    def polygon(self, points: Sequence[Point], owner: int, uvs: Sequence[tuple[float, float]] | None = None) -> None:
        """Add a convex polygon."""
        t = uvs or [(0.0, 0.0)] * len(points)
        for i in range(1, len(points) - 1):
            self.triangles.append((points[0], points[i], points[i + 1]))
            self.uvs.append((t[0], t[i], t[i + 1]))
            self.owners.append(owner)

    def box(self, low: Point, high: Point, owner: int) -> None:
        """Add an axis-aligned box; its front and back faces carry the texture once."""
        (x0, y0, z0), (x1, y1, z1) = low, high
        square = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]
        self.polygon([(x0, y0, z0), (x1, y0, z0), (x1, y0, z1), (x0, y0, z1)], owner, square)
        self.polygon([(x1, y1, z0), (x0, y1, z0), (x0, y1, z1), (x1, y1, z1)], owner, square)
        self.polygon([(x0, y1, z0), (x0, y0, z0), (x0, y0, z1), (x0, y1, z1)], owner)
        self.polygon([(x1, y0, z0), (x1, y1, z0), (x1, y1, z1), (x1, y0, z1)], owner)
        self.polygon([(x0, y0, z1), (x1, y0, z1), (x1, y1, z1), (x0, y1, z1)], owner)
        self.polygon([(x0, y1, z0), (x1, y1, z0), (x1, y0, z0), (x0, y0, z0)], owner)

    def rod(self, start: Point, end: Point, r0: float, r1: float, owner: int, sides: int = 16) -> None:
        """Add a closed rod from start to end whose radius goes from r0 to r1."""
        a, b = np.asarray(start, float), np.asarray(end, float)
        axis = (b - a) / np.linalg.norm(b - a)
        u = np.cross(axis, [1.0, 0.0, 0.0] if abs(axis[0]) < 0.9 else [0.0, 1.0, 0.0])
        u /= np.linalg.norm(u)
        v = np.cross(axis, u)
        angles = [2 * math.pi * i / sides for i in range(sides)]
        ring = [math.cos(t) * u + math.sin(t) * v for t in angles]
        low = [_point(a + r0 * d) for d in ring]
        high = [_point(b + r1 * d) for d in ring]
        for i in range(sides):
            j = (i + 1) % sides
            self.polygon([low[i], low[j], high[j], high[i]], owner)
        self.polygon(low[::-1], owner)
        self.polygon(high, owner)

    def ball(self, centre: Point, radius: float, owner: int, rings: int = 10, sides: int = 20) -> None:
        """Add a sphere."""
        c = np.asarray(centre, float)

        def at(i: int, j: int) -> Point:
            t, p = math.pi * i / rings, 2 * math.pi * j / sides
            return _point(c + radius * np.array([math.sin(t) * math.cos(p), math.sin(t) * math.sin(p), -math.cos(t)]))

        for i in range(rings):
            for j in range(sides):
                self.polygon([at(i, j), at(i, j + 1), at(i + 1, j + 1), at(i + 1, j)], owner)

    def plate(self, centre: Point, radius: float, sides: int, turn: float, depth: float, owner: int) -> None:
        """Add a regular plate that faces -y, `turn` degrees of rotation in its plane."""
        cx, cy, cz = centre
        angles = [math.radians(turn + 360 * i / sides) for i in range(sides)]
        front = [(cx + radius * math.cos(t), cy, cz + radius * math.sin(t)) for t in angles]
        back = [(x, cy + depth, z) for x, _, z in front]
        self.polygon(front, owner)
        self.polygon(back[::-1], owner)
        for i in range(sides):
            j = (i + 1) % sides
            self.polygon([front[j], front[i], back[i], back[j]], owner)

    def mesh(self, info: MeshInfo) -> Mesh:
        """Return the mesh, fitted to the catalogue's size."""
        p = np.asarray(self.triangles, np.float64)  # (F, 3, 3)
        low, high = p.reshape(-1, 3).min(0), p.reshape(-1, 3).max(0)
        base = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
        p = (p - base) * (np.asarray(info.size) / (high - low))
        n = np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])
        length = np.linalg.norm(n, axis=1)
        keep = length > 1e-12
        n = n[keep] / length[keep, None]
        p = p[keep]
        return Mesh(
            id=info.id,
            vertices=p.reshape(-1, 3).astype(np.float32),
            normals=np.repeat(n, 3, axis=0).astype(np.float32),
            uvs=np.asarray(self.uvs, np.float32)[keep].reshape(-1, 2),
            faces=np.arange(3 * len(p), dtype=np.int32).reshape(-1, 3),
            face_material=np.asarray(self.owners, np.int16)[keep],
            materials=tuple(self.materials),
        )


def _point(p: NDArray[np.float64]) -> Point:
    return float(p[0]), float(p[1]), float(p[2])


def _street_lamp(b: Builder, heads: Sequence[float]) -> None:
    metal, bulb = b.material("pole", METAL), b.material("bulb", (0.85, 0.8, 0.6))
    b.rod((0, 0, 0), (0, 0, 0.5), 0.13, 0.1, metal)
    b.rod((0, 0, 0.5), (0, 0, 4.0), 0.08, 0.06, metal)
    for side in heads:
        b.rod((0, 0, 3.9), (side * 1.2, 0, 4.2), 0.045, 0.04, metal)
        x0, x1 = sorted((side * 1.0, side * 1.7))
        b.box((x0, -0.14, 4.15), (x1, 0.14, 4.28), metal)
        b.box((x0 + 0.06, -0.1, 4.1), (x1 - 0.06, 0.1, 4.15), bulb)


def _street_lamp_globe(b: Builder) -> None:
    metal, bulb = b.material("pole", DARK), b.material("globe", (0.85, 0.83, 0.75))
    b.rod((0, 0, 0), (0, 0, 0.45), 0.16, 0.09, metal)
    b.rod((0, 0, 0.45), (0, 0, 2.6), 0.06, 0.05, metal)
    b.ball((0, 0, 2.8), 0.22, bulb)


def _light_head(b: Builder, x: float, z: float, body: int) -> None:
    b.box((x - 0.2, -0.14, z), (x + 0.2, 0.14, z + 1.0), body)
    colours: tuple[RGB, ...] = ((0.02, 0.5, 0.08), (0.9, 0.45, 0.01), (0.8, 0.015, 0.01))
    for i, rgb in enumerate(colours):
        centre = z + 0.18 + 0.32 * i
        b.plate((x, -0.19, centre), 0.13, 20, 0, 0.06, b.material(f"lens{i}", rgb))
        b.box((x - 0.15, -0.3, centre + 0.12), (x + 0.15, -0.14, centre + 0.145), body)


def _traffic_light(b: Builder, hooded: bool) -> None:
    metal, body = b.material("pole", METAL), b.material("body", DARK if hooded else (0.3, 0.22, 0.02))
    if hooded:
        b.rod((0.5, 0, 0), (0.5, 0, 3.3), 0.08, 0.07, metal)
        b.rod((0.5, 0, 3.2), (-0.9, 0, 3.3), 0.05, 0.05, metal)
        _light_head(b, -0.75, 2.4, body)
    else:
        b.rod((0, 0, 0), (0, 0, 2.0), 0.08, 0.07, metal)
        _light_head(b, 0.0, 1.9, body)


def _sign(b: Builder, sides: int, turn: float, border: RGB, face: RGB, mark: Callable[[Builder], None]) -> None:
    b.rod((0, 0.06, 0), (0, 0.06, 2.3), 0.035, 0.035, b.material("pole", METAL))
    b.plate((0, 0, 2.0), 0.4, sides, turn, 0.03, b.material("border", border))
    b.plate((0, -0.01, 2.0), 0.33, sides, turn, 0.01, b.material("face", face))
    mark(b)


def _stop_mark(b: Builder) -> None:
    b.box((-0.22, -0.02, 1.95), (0.22, -0.01, 2.05), b.material("mark", WHITE))


def _warning_mark(b: Builder) -> None:
    ink = b.material("mark", DARK)
    b.box((-0.03, -0.02, 1.97), (0.03, -0.01, 2.17), ink)
    b.box((-0.03, -0.02, 1.88), (0.03, -0.01, 1.94), ink)


def _arrow_mark(b: Builder) -> None:
    ink = b.material("mark", WHITE)
    b.box((-0.04, -0.02, 1.8), (0.04, -0.01, 2.05), ink)
    b.polygon([(-0.13, -0.02, 2.05), (0.13, -0.02, 2.05), (0.0, -0.02, 2.22)], ink)


def advertisement(seed: int, width: int, height: int) -> bytes:
    """Return a PNG of a made-up advertisement: a gradient, discs, a product block and lines of unreadable text."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    top, bottom = rng.uniform(60, 255, 3), rng.uniform(60, 255, 3)
    picture = top + (bottom - top) * (y / height)[..., None]  # (H, W, 3)
    for _ in range(4):
        cx, cy, r = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.1, 0.3) * height
        picture[(x - cx) ** 2 + (y - cy) ** 2 < r * r] = rng.uniform(20, 255, 3)
    ink = rng.uniform(0, 60, 3) if picture.mean() > 140 else rng.uniform(220, 255, 3)
    for line in range(3):
        row = int(height * (0.68 + 0.1 * line))
        column = int(width * 0.08)
        while column < width * 0.85:
            word = int(rng.integers(max(3, width // 24), max(5, width // 8)))
            picture[row : row + max(2, height // 24), column : column + word] = ink
            column += word + width // 40 + 1
    stream = io.BytesIO()
    Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def _billboard(b: Builder, seed: int, width: float, low: float, high: float, posts: Sequence[float]) -> None:
    metal, frame = b.material("posts", METAL), b.material("frame", (0.08, 0.08, 0.09))
    panel = b.material("panel", (0.5, 0.5, 0.5), advertisement(seed, 192, max(48, int(192 * (high - low) / width))))
    for x in posts:
        b.rod((x, 0.02, 0), (x, 0.02, low + 0.1), 0.08, 0.08, metal)
    b.box((-width / 2, -0.08, low), (width / 2, 0.12, high), frame)
    w = width / 2 - 0.08
    square = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]
    for y, s in ((-0.1, 1.0), (0.14, -1.0)):
        corners = [(-s * w, y, low + 0.08), (s * w, y, low + 0.08), (s * w, y, high - 0.08), (-s * w, y, high - 0.08)]
        b.polygon(corners, panel, square)


def _parasol(b: Builder) -> None:
    pole = b.material("pole", WHITE)
    canopy, base = b.material("canopy", (0.5, 0.02, 0.02), painted=True), b.material("base", METAL)
    b.rod((0, 0, 0), (0, 0, 0.12), 0.28, 0.24, base)
    b.rod((0, 0, 0.1), (0, 0, 2.3), 0.03, 0.025, pole)
    b.rod((0, 0, 1.72), (0, 0, 1.9), 1.1, 0.9, canopy, sides=8)
    b.rod((0, 0, 1.9), (0, 0, 2.3), 0.9, 0.02, canopy, sides=8)


def _suitcase(b: Builder) -> None:
    shell, dark = b.material("shell", (0.05, 0.1, 0.3), painted=True), b.material("trim", DARK)
    b.box((-0.22, -0.11, 0.06), (0.22, 0.11, 0.66), shell)
    for x in (-0.15, -0.05, 0.05, 0.15):
        b.box((x - 0.018, -0.125, 0.09), (x + 0.018, 0.125, 0.63), shell)
    for x in (-0.18, 0.18):
        for y in (-0.08, 0.08):
            b.rod((x - 0.02, y, 0.03), (x + 0.02, y, 0.03), 0.03, 0.03, dark)
    b.box((-0.23, -0.02, 0.06), (0.23, 0.02, 0.67), dark)
    for x in (-0.1, 0.1):
        b.rod((x, 0.06, 0.66), (x, 0.06, 0.86), 0.012, 0.012, dark)
    b.rod((-0.11, 0.06, 0.86), (0.11, 0.06, 0.86), 0.018, 0.018, dark)


def _book(b: Builder, low: Point, high: Point, cover: int, pages: int, upright: bool) -> None:
    """A closed book between two corners; its spine is at the left."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    t = 0.004
    if upright:
        b.box((x0, y0, z0), (x1, y0 + t, z1), cover)
        b.box((x0, y1 - t, z0), (x1, y1, z1), cover)
        b.box((x0, y0, z0), (x0 + t, y1, z1), cover)
        b.box((x0 + t, y0 + t, z0 + 0.004), (x1 - 0.005, y1 - t, z1 - 0.005), pages)
    else:
        b.box((x0, y0, z0), (x1, y1, z0 + t), cover)
        b.box((x0, y0, z1 - t), (x1, y1, z1), cover)
        b.box((x0, y0, z0), (x0 + t, y1, z1), cover)
        b.box((x0 + t, y0 + 0.005, z0 + t), (x1 - 0.005, y1 - 0.005, z1 - t), pages)


def _books(b: Builder, shape: str) -> None:
    cover, pages = b.material("cover", (0.3, 0.05, 0.05), painted=True), b.material("pages", (0.8, 0.76, 0.65))
    if shape == "standing":
        _book(b, (-0.085, -0.025, 0), (0.085, 0.025, 0.24), cover, pages, True)
    elif shape == "thick":
        _book(b, (-0.1, -0.04, 0), (0.1, 0.04, 0.28), cover, pages, True)
        title = b.material("title", (0.7, 0.5, 0.12))
        b.box((-0.05, -0.041, 0.17), (0.06, -0.04, 0.2), title)
        b.box((-0.05, -0.041, 0.12), (0.06, -0.04, 0.135), title)
    elif shape == "lying":
        _book(b, (-0.15, -0.11, 0), (0.15, 0.11, 0.06), cover, pages, False)
    else:
        _book(b, (-0.15, -0.12, 0), (0.15, 0.12, 0.06), cover, pages, False)
        _book(b, (-0.13, -0.1, 0.06), (0.14, 0.11, 0.12), cover, pages, False)
        _book(b, (-0.12, -0.11, 0.12), (0.11, 0.09, 0.17), cover, pages, False)


def _floor_lamp(b: Builder, tripod: bool) -> None:
    metal, shade = b.material("stand", DARK), b.material("shade", (0.75, 0.68, 0.5))
    if tripod:
        wood = b.material("legs", (0.25, 0.12, 0.05))
        for i in range(3):
            a = math.radians(90 + 120 * i)
            b.rod((0.32 * math.cos(a), 0.32 * math.sin(a), 0), (0, 0, 1.15), 0.015, 0.02, wood, sides=8)
    else:
        b.rod((0, 0, 0), (0, 0, 0.03), 0.15, 0.15, metal)
        b.rod((0, 0, 0.03), (0, 0, 1.3), 0.014, 0.014, metal, sides=8)
    b.rod((0, 0, 1.15), (0, 0, 1.5), 0.21, 0.15, shade)


RED: RGB = (0.5, 0.012, 0.012)
SHAPES: dict[str, Callable[[Builder], None]] = {
    "street_lamp_arm": lambda b: _street_lamp(b, (1.0,)),
    "street_lamp_double": lambda b: _street_lamp(b, (-1.0, 1.0)),
    "street_lamp_globe": _street_lamp_globe,
    "traffic_light": lambda b: _traffic_light(b, hooded=False),
    "traffic_light_hooded": lambda b: _traffic_light(b, hooded=True),
    "sign_octagon": lambda b: _sign(b, 8, 22.5, WHITE, RED, _stop_mark),
    "sign_triangle": lambda b: _sign(b, 3, 90, RED, (0.8, 0.6, 0.03), _warning_mark),
    "sign_round": lambda b: _sign(b, 28, 0, WHITE, (0.01, 0.08, 0.45), _arrow_mark),
    "sign_no_entry": lambda b: _sign(b, 28, 0, RED, RED, _stop_mark),
    "billboard_wide": lambda b: _billboard(b, 1, 3.6, 1.3, 3.2, (-1.2, 1.2)),
    "billboard_tall": lambda b: _billboard(b, 2, 1.6, 0.7, 2.8, (0.0,)),
    "billboard_city": lambda b: _billboard(b, 3, 1.4, 0.3, 2.2, (-0.5, 0.5)),
    "parasol": _parasol,
    "suitcase": _suitcase,
    "book_standing": lambda b: _books(b, "standing"),
    "book_thick": lambda b: _books(b, "thick"),
    "book_lying": lambda b: _books(b, "lying"),
    "book_stack": lambda b: _books(b, "stack"),
    "floor_lamp": lambda b: _floor_lamp(b, tripod=False),
    "floor_lamp_tripod": lambda b: _floor_lamp(b, tripod=True),
}


def build(info: MeshInfo) -> Mesh:
    """Build the procedural shape that `info.path` names. Raises ValueError for an unknown one."""
    if info.path not in SHAPES:
        raise ValueError(f"{info.path!r} is not a procedural shape; they are {', '.join(SHAPES)}")
    b = Builder()
    SHAPES[info.path](b)
    return b.mesh(info)
