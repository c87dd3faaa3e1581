"""Boxes and plates of several finishes, gathered into one Mitsuba mesh a finish. Texture coordinates are metres by the
finish's tile, so that bricks are as large everywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from occlusight.scenes.render.surfaces import mitsuba

Point = tuple[float, float, float]


class Blocks:
    """Collects rectangles by the name of their finish."""

    def __init__(self) -> None:
        self.faces: dict[str, list[tuple[list[Point], list[tuple[float, float]]]]] = {}

    def plate(self, corners: Sequence[Point], finish: str, uvs: Sequence[tuple[float, float]]) -> None:
        """Add a flat four-cornered plate; `uvs` in metres."""
        self.faces.setdefault(finish, []).append((list(corners), list(uvs)))

    def box(self, low: Point, high: Point, finish: str) -> None:
        """Add a box that is not looked at from below."""
        (x0, y0, z0), (x1, y1, z1) = low, high
        for y in (y0, y1):
            self.plate(
                [(x0, y, z0), (x1, y, z0), (x1, y, z1), (x0, y, z1)], finish, [(x0, z0), (x1, z0), (x1, z1), (x0, z1)]
            )
        for x in (x0, x1):
            self.plate(
                [(x, y0, z0), (x, y1, z0), (x, y1, z1), (x, y0, z1)], finish, [(y0, z0), (y1, z0), (y1, z1), (y0, z1)]
            )
        for z in (z0, z1):
            self.plate(
                [(x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)], finish, [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
            )

    def shapes(self, bsdf: Callable[[str], dict[str, Any]], tiles: Mapping[str, float]) -> dict[str, Any]:
        """Return the meshes by their names in a Mitsuba scene; `tiles` are the metres after which each finish
        repeats."""
        mi = mitsuba()
        found: dict[str, Any] = {}
        for finish, faces in self.faces.items():
            props = mi.Properties()
            props["mesh_bsdf"] = mi.load_dict(bsdf(finish))
            n = len(faces)
            shape = mi.Mesh(f"blocks-{finish}", 4 * n, 2 * n, props=props, has_vertex_texcoords=True)
            halves = np.array([[0, 1, 2], [0, 2, 3]], np.uint32)
            parameters = mi.traverse(shape)
            parameters["vertex_positions"] = np.ravel(np.asarray([corners for corners, _ in faces], np.float32))
            uvs = np.asarray([uvs for _, uvs in faces], np.float32) / np.float32(tiles[finish])
            parameters["vertex_texcoords"] = np.ravel(uvs)
            parameters["faces"] = np.ravel(4 * np.arange(n, dtype=np.uint32)[:, None, None] + halves)
            parameters.update()
            found[f"blocks_{finish}".replace("-", "_")] = shape
        return found
