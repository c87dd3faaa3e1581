"""Fixtures (boards, panes, mirrors) as parts of composites: rays cast at their few faces tell depth, colour and what
can be seen through."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from occlusight.scenes.description import Placed
from occlusight.scenes.meshes.mesh import Mesh, placed_vertices, rotation_z
from occlusight.scenes.render.sprite_layers import Floats, Layer, Point
from occlusight.scenes.render.staged_ground import Surround, to_srgb
from occlusight.scenes.truth.optics import ENDS, has, surfaces_of
from occlusight.scenes.truth.quick_raycast import quick_hits
from occlusight.scenes.truth.raycast import View, pixel_box

Mask = npt.NDArray[np.bool_]
GLASS = ("pane", "glass")


@dataclass(frozen=True, eq=False)
class Pane:
    """Glass in a picture: `depth` (h, w), inf where there is none, `passes` (h, w, 3), the share of light that comes
    through, and `glints` (h, w, 3), what it throws back, 0-255."""

    depth: Floats
    passes: Floats
    glints: Floats
    rows: slice
    columns: slice


@dataclass(frozen=True, eq=False)
class Fixture:
    """A fixture in a picture: its opaque part, which of that is a mirror (h, w), and its glass."""

    opaque: Layer
    mirror: Mask
    pane: Pane | None


@lru_cache(maxsize=64)
def _normals(id: str, optics: tuple[str, ...]) -> Floats:
    """Unit normals of a mesh's faces, (F, 3)."""
    mesh = surfaces_of(id, optics)
    corners = mesh.vertices[mesh.faces].astype(np.float64)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    out: Floats = (normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)).astype(np.float32)
    return out


def shown(
    placed: Placed, view: View, rays: Floats, surround: Surround, gain: float, rng: np.random.Generator
) -> Fixture | None:
    """Return a fixture as the camera sees it along its `rays` (H, W, 3), None where the picture does not hold it."""
    whole = surfaces_of(placed.mesh, (*ENDS, *GLASS))
    box = pixel_box(view, placed_vertices(placed, whole))
    if box is None:
        return None
    x0, y0, x1, y1 = box
    shape, rows, columns = (y1 - y0, x1 - x0), slice(y0, y1), slice(x0, x1)
    sight = rays[rows, columns].reshape(-1, 3)
    far, colours, mirror = faces_met(placed, view.origin, view.origin.astype(np.float32), sight, surround, gain)
    rgba = np.empty((*shape, 4), np.float32)
    rgba[..., :3] = colours.reshape(*shape, 3) * _wear(shape, rng)
    rgba[..., 3] = _edges(np.isfinite(far).reshape(shape))
    opaque = Layer(rgba, far.reshape(shape), rows, columns)
    pane = None
    if has(placed.mesh, GLASS):
        pane = _pane(placed, view, sight, surround, gain, rng, (rows, columns))
    return Fixture(opaque, mirror.reshape(shape), pane)


def faces_met(
    placed: Placed, viewer: Point, starts: Floats, rays: Floats, surround: Surround, gain: float
) -> tuple[Floats, Floats, Mask]:
    """Return how far rays (N, 3) go to what cannot be looked through of a fixture, (N,), inf past it; its colour there
    (N, 3), 0-255, and whether that is a mirror (N,). The rays' lines meet in the `viewer` (3,)."""
    mesh = surfaces_of(placed.mesh, ENDS)
    far, face = quick_hits(placed, ENDS, starts, rays)
    normals = _normals(placed.mesh, ENDS) @ rotation_z(placed.yaw).T.astype(np.float32)
    corners = placed_vertices(placed, mesh)[mesh.faces[:, 0]]
    away = ((corners - viewer) * normals).sum(axis=1) > 0
    normals[away] *= -1  # a face is lit on the side that is seen
    faces = to_srgb(_albedo(mesh, placed)[mesh.face_material] * surround.lit(normals), gain)
    mirrors = np.array([m.optics == "mirror" for m in mesh.materials])[mesh.face_material]
    # whatever stands last is met by rays that meet nothing
    return far, np.append(faces, np.zeros((1, 3), np.float32), axis=0)[face], np.append(mirrors, False)[face]


def _albedo(mesh: Mesh, placed: Placed) -> Floats:
    """The colours of a mesh's materials, (M, 3)."""
    paints = [placed.rgb if m.painted and placed.rgb is not None else m.rgb for m in mesh.materials]
    return np.asarray(paints, np.float32).reshape(-1, 3)


def _edges(solid: Mask) -> Floats:
    """Alpha of a part without half-covered pixels: a little of what is behind shows at its edges."""
    m = np.pad(solid.astype(np.float32), 1)
    near = m[1:-1, 1:-1] + m[:-2, 1:-1] + m[2:, 1:-1] + m[1:-1, :-2] + m[1:-1, 2:]
    return np.where(solid, np.maximum(near / np.float32(5), np.float32(0.6)), np.float32(0))


def _wear(shape: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Slow changes of light over a surface, about 1, (h, w, 1)."""
    slope = rng.normal(0, 0.05, 2).astype(np.float32)
    rows, columns = (np.linspace(-1, 1, n, dtype=np.float32) for n in shape)
    out: Floats = (1 + slope[0] * rows[:, None] + slope[1] * columns[None])[..., None]
    return out


def _pane(
    placed: Placed,
    view: View,
    rays: Floats,
    surround: Surround,
    gain: float,
    rng: np.random.Generator,
    place: tuple[slice, slice],
) -> Pane:
    rows, columns = place
    shape = rows.stop - rows.start, columns.stop - columns.start
    mesh = surfaces_of(placed.mesh, GLASS)
    far, face = quick_hits(placed, GLASS, view.origin.astype(np.float32), rays)
    at = np.maximum(face, 0)
    turned = _normals(placed.mesh, GLASS) @ rotation_z(placed.yaw).T.astype(np.float32)
    facing = np.abs(np.einsum("ij,ij->i", rays, turned[at])) / np.sqrt(np.einsum("ij,ij->i", rays, rays))
    body = np.array([m.optics == "glass" for m in mesh.materials])[mesh.face_material][at]
    back = 0.06 + 0.94 * (1 - facing) ** np.where(body, 2.5, 5)  # Schlick's share of what both surfaces throw back
    tint = np.asarray([m.rgb for m in mesh.materials], np.float32)[mesh.face_material][at]
    tint = tint * np.where(body, 0.3 + 0.7 * facing, 1)[:, None]  # a body of glass bends light away at its rim
    passes = np.sqrt(tint * (1 - back)[:, None])  # of sRGB values
    sky = to_srgb(np.asarray(surround.sky / surround.full, np.float32), gain)
    glints = np.sqrt(back)[:, None] * sky * np.float32(rng.uniform(0.1, 0.5))
    if rng.random() < 0.5:  # a slanting streak of light
        i, j = (np.linspace(0, 1, n, dtype=np.float32) for n in shape)
        across = (j[None] + rng.uniform(-0.8, 0.8) * i[:, None] - rng.uniform(-0.2, 1.2)) / rng.uniform(0.04, 0.2)
        glints = glints + (np.exp(-(across**2)) * rng.uniform(10, 45)).ravel()[:, None]
    return Pane(
        far.reshape(shape),
        passes.reshape(*shape, 3).astype(np.float32),
        glints.reshape(*shape, 3).astype(np.float32),
        rows,
        columns,
    )
