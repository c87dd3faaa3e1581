"""What is around a scene's objects, in the memory of an OpenGL driver: the rectangles and boxes that the path tracer's
surroundings are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlusight.scenes.description import Scene
from occlusight.scenes.render.backdrop import backdrop
from occlusight.scenes.render.gpu_meshes import LAYOUT, index_buffer
from occlusight.scenes.render.opengl import smooth
from occlusight.scenes.render.projection import Matrix
from occlusight.scenes.render.scenery import TARGETED, scenery

SQUARE = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float64)
STEEL = (0.45, 0.45, 0.46)


@dataclass(frozen=True, eq=False)
class Flat:
    """A rectangle or box in the world, with a texture in linear numbers that repeats so often, or of steel."""

    form: Any
    model: Matrix
    texture: Any | None = None
    repeat: tuple[float, float] = (1.0, 1.0)


class GpuSurroundings:
    """Makes the surroundings of one scene after the other, for the program of surfaces."""

    def __init__(self, context: Any, surface: Any) -> None:
        self.context, self.surface = context, surface
        self._forms = {"rectangle": self._rectangle(), "cube": self._cube()}

    def flats(self, scene: Scene) -> Iterator[Flat]:
        """Return what is around a scene. Raises ValueError for surroundings that no scene has."""
        around = scenery(scene) if scene.surroundings.kind in TARGETED else backdrop(scene)
        for plugin in around.values():
            bsdf = plugin["bsdf"].get("inner", plugin["bsdf"])
            form, model = self._forms[plugin["type"]], np.array(plugin["to_world"].matrix, np.float64)
            if "reflectance" not in bsdf:
                yield Flat(form, model)
                continue
            pixels = np.array(bsdf["reflectance"]["bitmap"], np.float16)
            repeat = np.array(bsdf["reflectance"]["to_uv"].matrix)
            texture = self.context.texture((pixels.shape[1], pixels.shape[0]), 3, pixels.tobytes(), dtype="f2")
            smooth(texture)
            yield Flat(form, model, texture, (float(repeat[0, 0]), float(repeat[1, 1])))

    def _rectangle(self) -> Any:
        rows = np.concatenate([SQUARE, np.tile([0, 0, 1], (4, 1)), (SQUARE[:, :2] + 1) / 2], 1)
        return self._form(rows, np.array([[0, 1, 2], [0, 2, 3]]))

    def _cube(self) -> Any:
        rows: list[NDArray[np.float64]] = []
        faces: list[list[int]] = []
        for axis in range(3):
            for side in (-1.0, 1.0):
                corners = np.roll(np.c_[SQUARE[:, :2], np.full(4, side)], axis + 1, 1)
                normal = np.roll([0, 0, side], axis + 1)
                faces += [[4 * len(rows) + i for i in face] for face in ((0, 1, 2), (0, 2, 3))]
                rows.append(np.concatenate([corners, np.tile(normal, (4, 1)), (SQUARE[:, :2] + 1) / 2], 1))
        return self._form(np.concatenate(rows), np.array(faces))

    def _form(self, rows: NDArray[np.float64], faces: NDArray[np.int64]) -> Any:
        look = np.tile([*STEEL, 0.0, 1.0], (len(rows), 1))
        vertices = self.context.buffer(np.concatenate([rows, look], 1).astype(np.float32).tobytes())
        return self.context.vertex_array(self.surface, [(vertices, *LAYOUT)], index_buffer(self.context, faces))
