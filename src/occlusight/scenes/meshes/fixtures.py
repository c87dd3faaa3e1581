"""Meshes of glass, mirrors and boards, which only targeted scenes show. Metres, base centred at the origin, front
towards -y.

A pane is one sheet without thickness, as thin glass is rendered; a jar is a body of glass with an inner and an outer
wall.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from occlusight.scenes.description import RGB
from occlusight.scenes.meshes.catalogue import MeshInfo
from occlusight.scenes.meshes.mesh import Material, Mesh
from occlusight.scenes.meshes.procedural import Builder, Point

FRAME: RGB = (0.05, 0.052, 0.056)
ALUMINIUM: RGB = (0.42, 0.43, 0.44)
OAK: RGB = (0.33, 0.2, 0.1)
CLEAR: RGB = (0.93, 0.96, 0.95)
GREEN: RGB = (0.55, 0.78, 0.66)
SMOKE: RGB = (0.34, 0.31, 0.27)
SILVER: RGB = (0.93, 0.93, 0.93)
BLUISH: RGB = (0.62, 0.72, 0.8)


def _sheet(b: Builder, x0: float, x1: float, z0: float, z1: float, y: float, owner: int) -> None:
    b.polygon([(x0, y, z0), (x1, y, z0), (x1, y, z1), (x0, y, z1)], owner)


def _frame(b: Builder, w: float, h: float, bar: float, depth: float, owner: int) -> None:
    """Four bars round a rectangle w wide and h high that stands on the ground."""
    y0, y1 = -depth / 2, depth / 2
    b.box((-w / 2, y0, 0), (w / 2, y1, bar), owner)
    b.box((-w / 2, y0, h - bar), (w / 2, y1, h), owner)
    b.box((-w / 2, y0, bar), (-w / 2 + bar, y1, h - bar), owner)
    b.box((w / 2 - bar, y0, bar), (w / 2, y1, h - bar), owner)


def _window(b: Builder, w: float, h: float, tint: RGB, frame: RGB) -> None:
    _frame(b, w, h, 0.06, 0.1, b.material("frame", frame))
    _sheet(b, -w / 2 + 0.05, w / 2 - 0.05, 0.05, h - 0.05, 0.0, b.material("pane", tint, optics="pane"))


def _shop_window(b: Builder) -> None:
    wall, sign = b.material("base", (0.2, 0.07, 0.05)), b.material("sign", (0.04, 0.12, 0.1))
    metal, pane = b.material("metal", FRAME), b.material("pane", CLEAR, optics="pane")
    b.box((-1.8, -0.15, 0), (1.8, 0.15, 0.12), wall)
    b.box((-1.8, -0.15, 2.45), (1.8, 0.15, 2.9), sign)
    for x in (-1.8, 1.73):
        b.box((x, -0.1, 0.12), (x + 0.07, 0.1, 2.45), metal)
    _sheet(b, -1.75, 1.75, 0.1, 2.47, 0.0, pane)


def _shelter(b: Builder) -> None:
    metal, pane = b.material("metal", ALUMINIUM), b.material("pane", GREEN, optics="pane")
    b.box((-1.6, -0.5, 2.4), (1.6, 0.5, 2.5), metal)
    for x in (-1.55, 1.48):
        for y in (-0.45, 0.38):
            b.box((x, y, 0), (x + 0.07, y + 0.07, 2.4), metal)
    b.box((-1.48, -0.43, 0.12), (1.48, -0.39, 0.16), metal)
    _sheet(b, -1.48, 1.48, 0.16, 2.4, -0.41, pane)


def _guard(b: Builder) -> None:
    foot, pane = b.material("foot", ALUMINIUM), b.material("pane", CLEAR, optics="pane")
    b.box((-0.31, -0.01, 0), (0.31, 0.01, 0.012), foot)
    for x in (-0.31, 0.302):
        b.box((x, -0.006, 0.012), (x + 0.008, 0.006, 0.42), foot)
    _sheet(b, -0.305, 0.305, 0.01, 0.42, 0.0, pane)


def _sunglasses(b: Builder) -> None:
    frame, lens = b.material("frame", (0.012, 0.012, 0.014)), b.material("lens", SMOKE, optics="pane")
    for side in (-1, 1):
        cx = side * 0.037
        angles = [2 * math.pi * i / 28 for i in range(28)]

        def rim(t: float, grow: float, cx: float = cx) -> Point:
            c, s = math.cos(t), math.sin(t)
            x = math.copysign(abs(c) ** 0.7, c) * (0.03 + grow)
            return cx + x, -0.07, 0.026 + math.copysign(abs(s) ** 0.7, s) * (0.022 + grow)

        b.polygon([rim(t, 0.0) for t in angles], lens)
        for i, t in enumerate(angles):
            u = angles[(i + 1) % 28]
            b.polygon([rim(t, 0.0), rim(u, 0.0), rim(u, 0.004), rim(t, 0.004)], frame)
        b.rod((side * 0.069, -0.07, 0.033), (side * 0.074, 0.07, 0.03), 0.0022, 0.0018, frame, sides=8)
    b.rod((-0.009, -0.07, 0.032), (0.009, -0.07, 0.032), 0.0025, 0.0025, frame, sides=8)


def _mirror(b: Builder, w: float, h: float, frame: RGB, tint: RGB = SILVER) -> None:
    bar = 0.03 * h
    owner, glass = b.material("frame", frame), b.material("mirror", tint, optics="mirror")
    _frame(b, w, h, bar, 0.08, owner)
    b.box((-w / 2 + bar, 0.0, bar), (w / 2 - bar, 0.04, h - bar), owner)
    _sheet(b, -w / 2 + bar, w / 2 - bar, bar, h - bar, -0.005, glass)


def _traffic_mirror(b: Builder) -> None:
    pole, rim = b.material("pole", ALUMINIUM), b.material("rim", (0.75, 0.16, 0.02))
    glass = b.material("mirror", SILVER, optics="mirror")
    b.rod((0, 0.1, 0), (0, 0.1, 2.0), 0.05, 0.05, pole)
    b.box((-0.75, -0.02, 1.55), (0.75, 0.06, 2.9), rim)
    _sheet(b, -0.69, 0.69, 1.61, 2.84, -0.03, glass)


def _glass_facade(b: Builder) -> None:
    mullion, glass = b.material("mullion", FRAME), b.material("glass", BLUISH, optics="mirror")
    b.box((-2.7, -0.02, 0), (2.7, 0.1, 0.1), mullion)
    b.box((-2.7, 0.02, 0.1), (2.7, 0.1, 3.6), mullion)
    _sheet(b, -2.7, 2.7, 0.1, 3.6, 0.0, glass)
    for x in (-2.7, -0.92, 0.87, 2.65):
        b.box((x, -0.035, 0.1), (x + 0.05, 0.02, 3.6), mullion)
    b.box((-2.7, -0.035, 2.5), (2.7, 0.02, 2.55), mullion)


def _panel(b: Builder) -> None:
    board, foot = b.material("board", (0.4, 0.05, 0.05), painted=True), b.material("foot", FRAME)
    b.box((-0.75, -0.03, 0.0), (0.75, 0.03, 2.1), board)
    for x in (-0.6, 0.52):
        b.box((x, -0.12, 0), (x + 0.08, 0.12, 0.03), foot)


def lathe(info: MeshInfo, profile: Sequence[tuple[float, float]], material: Material, sides: int = 72) -> Mesh:
    """Turn a closed profile of (radius, height) about the z axis; normals are smooth, and point to the right of the
    profile's way."""
    p = np.asarray(profile, np.float64)
    step = np.diff(p, axis=0)
    along = np.zeros_like(p)
    along[:-1] += step
    along[1:] += step
    n2 = np.stack([along[:, 1], -along[:, 0]], axis=1)
    n2 /= np.maximum(np.linalg.norm(n2, axis=1, keepdims=True), 1e-12)
    angles = 2 * np.pi * np.arange(sides) / sides
    c, s = np.cos(angles), np.sin(angles)
    vertices = np.stack(
        [p[:, :1] * c, p[:, :1] * s, np.broadcast_to(p[:, 1:], (len(p), sides))], axis=-1
    )  # (P, sides, 3)
    normals = np.stack([n2[:, :1] * c, n2[:, :1] * s, np.broadcast_to(n2[:, 1:], (len(p), sides))], axis=-1)
    i, j = np.mgrid[0 : len(p) - 1, 0:sides]
    k = (j + 1) % sides
    a, b, d, e = i * sides + j, i * sides + k, (i + 1) * sides + k, (i + 1) * sides + j
    faces = np.concatenate([np.stack([a, b, d], -1).reshape(-1, 3), np.stack([a, d, e], -1).reshape(-1, 3)])
    flat = vertices.reshape(-1, 3)
    size = np.ptp(flat, axis=0)
    flat = (flat - [0, 0, flat[:, 2].min()]) * (np.asarray(info.size) / size)
    corners = flat[faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    faces = faces[area > 1e-12]
    return Mesh(
        id=info.id,
        vertices=flat.astype(np.float32),
        normals=normals.reshape(-1, 3).astype(np.float32),
        uvs=np.zeros((len(flat), 2), np.float32),
        faces=faces.astype(np.int32),
        face_material=np.zeros(len(faces), np.int16),
        materials=(material,),
    )


def _jar(info: MeshInfo) -> Mesh:
    """A jar with a wall of 4 mm: up the outside, over the rim, down the inside."""
    outer = [
        (0.0, 0.0),
        (0.07, 0.0),
        (0.085, 0.003),
        (0.09, 0.01),
        (0.091, 0.1),
        (0.091, 0.2),
        (0.086, 0.225),
        (0.078, 0.235),
    ]
    rim = [(0.077, 0.255), (0.0755, 0.26), (0.0735, 0.259)]
    inner = [
        (0.0725, 0.236),
        (0.081, 0.222),
        (0.087, 0.2),
        (0.087, 0.1),
        (0.086, 0.013),
        (0.082, 0.008),
        (0.07, 0.006),
        (0.0, 0.006),
    ]
    return lathe(info, [*outer, *rim, *inner], Material("glass", (0.97, 0.99, 0.98), optics="glass"))


SHAPES: dict[str, Callable[[Builder], None]] = {
    "window_wide": lambda b: _window(b, 2.6, 2.2, CLEAR, FRAME),
    "window_tall": lambda b: _window(b, 1.7, 2.3, CLEAR, ALUMINIUM),
    "window_tinted": lambda b: _window(b, 2.4, 2.2, GREEN, OAK),
    "shop_window": _shop_window,
    "shelter": _shelter,
    "guard": _guard,
    "sunglasses": _sunglasses,
    "mirror_wide": lambda b: _mirror(b, 2.2, 2.0, FRAME),
    "mirror_tall": lambda b: _mirror(b, 1.2, 2.0, OAK),
    "mirror_desk": lambda b: _mirror(b, 0.56, 0.46, OAK),
    "traffic_mirror": _traffic_mirror,
    "glass_facade": _glass_facade,
    "panel": _panel,
}


def build_fixture(info: MeshInfo) -> Mesh:
    """Build the fixture that `info.path` names. Raises ValueError for an unknown one."""
    if info.path == "jar":
        return _jar(info)
    if info.path not in SHAPES:
        raise ValueError(f"{info.path!r} is not a fixture; they are jar, {', '.join(SHAPES)}")
    b = Builder()
    SHAPES[info.path](b)
    return b.mesh(info)
