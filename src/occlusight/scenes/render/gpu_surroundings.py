"""What is around a scene's objects, in the memory of an OpenGL driver: the rectangles and boxes that the path tracer's
surroundings are made of, and what is far away.

Laying a texture of varied surroundings takes longer than drawing the picture, so a finish is laid `LAID` times and
kept, each time in one of its colours: there the picture differs from the path tracer's, and the truth does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlusight.randomness import stream
from occlusight.scenes.description import RGB, Scene, VariedSurroundings
from occlusight.scenes.render.backdrop import backdrop
from occlusight.scenes.render.backgrounds import GLASS
from occlusight.scenes.render.finishes import laid
from occlusight.scenes.render.gpu_meshes import LAYOUT, index_buffer
from occlusight.scenes.render.light_maps import view_of
from occlusight.scenes.render.opengl import smooth
from occlusight.scenes.render.projection import Matrix
from occlusight.scenes.render.scenery import TARGETED, scenery
from occlusight.scenes.render.varied_scenery import finish_of, varied_blocks
from occlusight.scenes.surroundings import looks

SQUARE = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float64)
STEEL = (0.45, 0.45, 0.46)
WINDOW = (0.07, 0.08, 0.09)  # a pane seen from outside, which mirrors the sky
LAID = 3
HALVED = 2  # times that a map of what is far away is halved: a picture shows a sixth of its width


@dataclass(frozen=True, eq=False)
class Flat:
    """A rectangle or box in the world, with a texture in linear numbers that repeats so often, or of steel."""

    form: Any
    model: Matrix
    texture: Any | None = None
    repeat: tuple[float, float] = (1.0, 1.0)


@cache
def laid_small(finish: str, number: int) -> NDArray[np.float16]:
    """Return a finish in one of its colours, a little lighter or darker, (256, 256, 3) linear."""
    rng, one = stream("laid finishes", sorted(looks().finishes).index(finish), number), looks().finishes[finish]
    rgb = np.array(one.colours[int(rng.integers(len(one.colours)))]) * rng.uniform(0.85, 1.15)
    pixels = laid(rng, one, (float(rgb[0]), float(rgb[1]), float(rgb[2])))
    return np.asarray(pixels.reshape(len(pixels) // 2, 2, -1, 2, 3).mean((1, 3)), np.float16)


class GpuSurroundings:
    """Makes the surroundings of one scene after the other, for the program of surfaces."""

    def __init__(self, context: Any, surface: Any) -> None:
        self.context, self.surface = context, surface
        self._forms = {"rectangle": self._rectangle(), "cube": self._cube()}
        self._laid: dict[tuple[str, int], Any] = {}
        self._far: dict[str, Any] = {}

    def far(self, around: VariedSurroundings) -> Any:
        """Return what is far away: the surroundings' map as a texture, its mean light 1. Raises BadData where it is not
        imported."""
        if around.light_map not in self._far:
            view = view_of(around.light_map)
            rows, columns = (side >> HALVED for side in view.shape[:2])
            small = view.reshape(rows, 1 << HALVED, columns, 1 << HALVED, 3).mean((1, 3))
            pixels = (small / small[: rows // 2].mean()).astype(np.float16)
            texture = self.context.texture((columns, rows), 3, pixels.tobytes(), dtype="f2")
            texture.repeat_y = False
            self._far[around.light_map] = texture
        return self._far[around.light_map]

    def flats(self, scene: Scene) -> Iterator[Flat]:
        """Return what is around a scene. Raises ValueError for surroundings that no scene has."""
        if isinstance(scene.surroundings, VariedSurroundings):
            yield from self._varied(scene, scene.surroundings)
            return
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

    def _varied(self, scene: Scene, around: VariedSurroundings) -> Iterator[Flat]:
        rng = stream("background", scene.seed, scene.index)
        for name, faces in varied_blocks(rng, around).faces.items():
            finish = None if name == GLASS else finish_of(around, name)
            corners = np.array([corners for corners, _ in faces])  # (F, 4, 3)
            normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 3] - corners[:, 0])
            normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
            uvs = np.array([uvs for _, uvs in faces]) / (1.0 if finish is None else finish.tile)
            rows = np.concatenate([corners, np.repeat(normals[:, None], 4, 1), uvs], 2).reshape(-1, 8)
            halves = 4 * np.arange(len(faces))[:, None, None] + np.array([[0, 1, 2], [0, 2, 3]])
            form = self._form(rows, halves.reshape(-1, 3), WINDOW if finish is None else STEEL)
            yield Flat(form, np.eye(4), None if finish is None else self._texture(finish.key, int(rng.integers(LAID))))

    def _texture(self, finish: str, number: int) -> Any:
        """A finish laid for the `number`-th time."""
        if (finish, number) not in self._laid:
            pixels = laid_small(finish, number)
            texture = self.context.texture((pixels.shape[1], pixels.shape[0]), 3, pixels.tobytes(), dtype="f2")
            smooth(texture)
            self._laid[finish, number] = texture
        return self._laid[finish, number]

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

    def _form(self, rows: NDArray[np.float64], faces: NDArray[np.int64], rgb: RGB = STEEL) -> Any:
        look = np.tile([*rgb, 0.0, 1.0], (len(rows), 1))
        vertices = self.context.buffer(np.concatenate([rows, look], 1).astype(np.float32).tobytes())
        return self.context.vertex_array(self.surface, [(vertices, *LAYOUT)], index_buffer(self.context, faces))
