"""Meshes of boards and plates that carry text. Metres, base centred at the origin, the text towards -y.

A sign's mesh id says all of it: "sign-board:red:阳光药店" is the shape, the style and the text.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from occlusight.errors import BadData
from occlusight.scenes.description import RGB
from occlusight.scenes.meshes.catalogue import LETTERED, MeshInfo, wide_catalogue
from occlusight.scenes.meshes.lettering import STYLES, Lettering, lettering
from occlusight.scenes.meshes.mesh import Mesh
from occlusight.scenes.meshes.procedural import Builder

FACE = "face"  # the material that carries the text
METAL: RGB = (0.3, 0.31, 0.32)
DARK: RGB = (0.04, 0.042, 0.046)
PROUD = 0.002  # metres by which a face stands before its board
Rectangle = tuple[float, float, float, float]  # x0, x1, z0, z1


def _board(b: Builder, edge: int) -> Rectangle:
    """A board on two posts."""
    post = b.material("post", METAL)
    for x in (-0.8, 0.72):
        b.box((x, 0.0, 0.0), (x + 0.08, 0.08, 1.5), post)
    b.box((-1.0, -0.04, 0.86), (1.0, 0.0, 1.5), edge)
    return -1.0, 1.0, 0.86, 1.5


def _pillar(b: Builder, edge: int) -> Rectangle:
    """An upright pillar on a foot, its text from top to bottom."""
    b.box((-0.28, -0.17, 0.0), (0.28, 0.17, 0.08), b.material("foot", DARK))
    b.box((-0.25, -0.09, 0.08), (0.25, 0.09, 1.95), edge)
    return -0.25, 0.25, 0.08, 1.95


def _plate(b: Builder, edge: int) -> Rectangle:
    b.box((-0.22, -0.005, 0.0), (0.22, 0.005, 0.14), edge)
    return -0.22, 0.22, 0.0, 0.14


def _street(b: Builder, edge: int) -> Rectangle:
    """The name of a street on a low board between two posts."""
    post = b.material("post", METAL)
    for x in (-0.32, 0.28):
        b.box((x, -0.01, 0.0), (x + 0.04, 0.03, 0.95), post)
    b.box((-0.36, -0.035, 0.7), (0.36, -0.01, 0.95), edge)
    return -0.36, 0.36, 0.7, 0.95


def _notice(b: Builder, edge: int) -> Rectangle:
    """A board on two feet, as it stands in halls."""
    foot = b.material("foot", DARK)
    for x in (-0.42, 0.36):
        b.box((x, -0.15, 0.0), (x + 0.06, 0.15, 0.03), foot)
        b.box((x, 0.0, 0.03), (x + 0.06, 0.025, 0.95), foot)
    b.box((-0.475, -0.025, 0.42), (0.475, 0.0, 0.95), edge)
    return -0.475, 0.475, 0.42, 0.95


def _desk(b: Builder, edge: int) -> Rectangle:
    """A block that stands on a desk."""
    b.box((-0.135, -0.025, 0.0), (0.135, 0.025, 0.095), edge)
    return -0.135, 0.135, 0.0, 0.095


def _parcel(b: Builder, edge: int) -> Rectangle:
    b.box((-0.14, -0.09, 0.0), (0.14, 0.09, 0.15), edge)
    return -0.14, 0.14, 0.0, 0.15


SHAPES: dict[str, Callable[[Builder, int], Rectangle]] = {
    "board": _board,
    "pillar": _pillar,
    "plate": _plate,
    "street": _street,
    "notice": _notice,
    "desk": _desk,
    "parcel": _parcel,
}
DOWN = ("pillar",)  # shapes whose text goes from top to bottom


def sign_id(shape: str, style: str, text: str) -> str:
    """Return the mesh id of a sign. Raises BadData for a text, a style or a shape that cannot be made."""
    id = LETTERED.join((f"sign-{shape}", style, text))
    lettering_of(id)
    return id


@lru_cache(maxsize=256)
def lettering_of(id: str) -> Lettering | None:
    """Return the text that a mesh carries, None where it carries none. Raises BadData for an id that is not a
    sign's."""
    if LETTERED not in id:
        return None
    parts = id.split(LETTERED)
    if len(parts) != 3:
        raise BadData(f"{id!r} is not a sign: its id has a shape, a style and a text, parted by {LETTERED!r}")
    path = wide_catalogue().mesh(id).path
    if path not in SHAPES:
        raise BadData(f"{parts[0]!r} carries no text; those that do are {', '.join(f'sign-{s}' for s in SHAPES)}")
    x0, x1, z0, z1 = SHAPES[path](Builder(), 0)
    return lettering(parts[2], parts[1], (x1 - x0) / (z1 - z0), path in DOWN)


def build_sign(info: MeshInfo) -> Mesh:
    """Build the sign that `info.id` describes. Raises BadData like `lettering_of`."""
    text = lettering_of(info.id)
    assert text is not None
    b = Builder()
    board = STYLES[info.id.split(LETTERED)[1]][0]
    x0, x1, z0, z1 = SHAPES[info.path](b, b.material("edge", _linear(board)))
    y = min(p[1] for triangle in b.triangles for p in triangle if p[2] > z0 + 1e-6)
    y -= PROUD if info.path not in ("desk", "parcel", "plate") else 0.2 * PROUD
    corners = [(x0, y, z0), (x1, y, z0), (x1, y, z1), (x0, y, z1)]
    b.polygon(corners, b.material(FACE, _linear(board), text.texture), [(0, 0), (1, 0), (1, 1), (0, 1)])
    return b.mesh(info)


def _linear(paint: tuple[int, int, int]) -> RGB:
    r, g, b = ((c / 255 + 0.055) / 1.055 for c in paint)
    return r**2.4, g**2.4, b**2.4
