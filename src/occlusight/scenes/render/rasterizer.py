"""A fast renderer for training: the same scenes as the path tracer's, drawn with OpenGL in a fiftieth of the time.

The geometry is exact: meshes, paint, textures, ground, walls and camera are those of `path_tracer` and `render.targeted`, so that truth
measured from a description holds for this picture too. Light is an approximation: one sun with a shadow map, a sky that is dimmed where
something stands above, one reflection in flat mirrors, and glass that tints without refracting. It needs the package `moderngl` and a
driver of OpenGL 3.3; Mesa's llvmpipe computes it on the CPU.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlusight.errors import BadInput
from occlusight.extras import install
from occlusight.scenes.description import RGB, Camera, Placed, Scene
from occlusight.scenes.meshes.catalogue import wide_catalogue
from occlusight.scenes.meshes.library import load_mesh
from occlusight.scenes.meshes.mesh import Material, Mesh, rotation_z
from occlusight.scenes.render import path_tracer, targeted
from occlusight.scenes.render.backdrop import backdrop
from occlusight.scenes.render.scenery import TARGETED, scenery
from occlusight.scenes.render.shaders import DEPTH, DISPLAY, SKY, SURFACE
from occlusight.scenes.render.surfaces import LUMINANCE, groups, texture_pixels

Matrix = NDArray[np.float64]  # (4, 4), of column vectors

FINER = 1.5  # a picture is drawn so many times as large, and averaged: cheaper here than the driver's own way against jagged edges
METER = 16  # pixels of the side of the square whose mean light exposure looks at
SHADOW_SIZE = 256  # pixels of the side of a map of shadows
TEXTURE_SIZE = 256  # pixels of a texture's longer side at most
MAX_MESHES = 600  # that are kept in the driver's memory
NEAR, FAR = 0.02, 700.0  # metres
DETAIL = (48, 112)
"""Cells along a mesh's longest side of the coarser forms: vertices of a cell are drawn as one where a cell is at most a pixel large."""
SHADOW_CELLS = 40
RECTANGLE = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32)
OUTDOORS = ("plaza", "crossing")
CLEAR = ("pane", "glass")
HAZE = 0.16  # of clear plastic: what is thrown back by its dust and scratches
STEEL = (0.45, 0.45, 0.46)


@dataclass(frozen=True, eq=False)
class _Part:
    """Faces that are drawn together: all of plain materials, or those of one textured, clear or mirroring material.

    levels: from coarse to whole (see `DETAIL`); texture: with the brightness of its middle; optics: as in `Material`.
    """

    levels: tuple[Any, ...]
    optics: str
    rgb: RGB
    texture: Any | None = None
    median: float = 1.0
    cutout: bool = False


@dataclass(frozen=True, eq=False)
class _Shape:
    """A mesh in the driver's memory: its parts, and all that throws a shadow. `hazy`: of clear plastic without optics of its own;
    `box`: the corners around it (8, 3) and `longest` side, metres."""

    box: NDArray[np.float64]
    longest: float
    parts: tuple[_Part, ...]
    shadow: Any | None
    hazy: bool


@dataclass(frozen=True, eq=False)
class _Flat:
    """A rectangle or box of the surroundings, in the world, with a texture or of steel."""

    model: Matrix
    texture: Any | None
    repeat: tuple[float, float]
    cube: bool


class Rasterizer:
    """Draws pictures of scenes, one after the other. It holds a context of OpenGL: make one in each process, after forking."""

    def __init__(self) -> None:
        os.environ.setdefault("LP_NUM_THREADS", "0")  # llvmpipe's own threads cost more than they bring at this size
        try:
            import moderngl
        except ModuleNotFoundError:
            raise BadInput(f"drawing pictures for training needs moderngl; {install('train')}") from None
        self.gl = moderngl
        try:
            self.context = moderngl.create_context(standalone=True, backend="egl", require=330)
        except Exception as error:  # glcontext raises plain Exceptions
            raise BadInput(f"there is no OpenGL 3.3 here ({error}); on Debian: apt-get install libegl1 libgl1-mesa-dri") from None
        self.surface = self.context.program(vertex_shader=SURFACE.vertex, fragment_shader=SURFACE.fragment)
        self.depth = self.context.program(vertex_shader=DEPTH.vertex, fragment_shader=DEPTH.fragment)
        self.sky = self.context.program(vertex_shader=SKY.vertex, fragment_shader=SKY.fragment)
        self.display = self.context.program(vertex_shader=DISPLAY.vertex, fragment_shader=DISPLAY.fragment)
        self.context.enable(self.gl.DEPTH_TEST)
        self._screens: dict[Any, Any] = {}
        self._shapes: dict[str, _Shape] = {}
        self._textures: dict[bytes, tuple[Any, float]] = {}
        self._targets: dict[tuple[int, int], Any] = {}
        self._pictures: dict[tuple[int, int], Any] = {}

    def render(self, scene: Scene) -> NDArray[np.uint8]:
        """Return the picture of a scene, (H, W, 3) sRGB. Raises BadData when a mesh is not imported."""
        view = _view(scene.camera)
        flats = list(self._flats(scene))
        self._light(scene)
        self._shadows(scene)
        reflections = {}
        for placed in scene.objects:
            plane = self._mirror_of(placed)
            if plane is not None:
                reflected = self._draw(scene, flats, view @ _reflection(plane), plane, without=placed.id)
                reflections[placed.id] = self._copied(reflected)
        target = self._draw(scene, flats, view, None, reflections=reflections)
        picture = self._displayed(scene, target.color_attachments[0])
        used = [*reflections.values(), *(flat.texture for flat in flats if flat.texture is not None)]
        for texture in used:
            texture.release()
        return picture

    def _displayed(self, scene: Scene, linear: Any) -> NDArray[np.uint8]:
        """The picture of the light in a texture, with the exposure of the path tracer's pictures."""
        size = scene.camera.width, scene.camera.height
        if scene.surroundings.kind in TARGETED:
            level = int(FINER * max(size) / METER).bit_length() - 1
            linear.build_mipmaps(max_level=level)
            small = np.frombuffer(linear.read(level=level), np.float16).reshape(-1, 1, 4)[..., :3].astype(np.float32)
            self.display["exposure"].value = targeted.exposure(small)
        else:
            self.display["exposure"].value = path_tracer.exposure(scene.light)
        if size not in self._pictures:
            self._pictures[size] = self.context.framebuffer([self.context.renderbuffer(size, 4)])
        target = self._pictures[size]
        target.use()
        linear.filter = (self.gl.LINEAR, self.gl.LINEAR)
        linear.use(0)
        self.context.disable(self.gl.DEPTH_TEST)
        self._screen_of(self.display).render()
        self.context.enable(self.gl.DEPTH_TEST)
        return np.frombuffer(target.read(components=3, alignment=1), np.uint8).reshape(size[1], size[0], 3)

    def _copied(self, target: Any) -> Any:
        size = target.size
        found = self.context.texture(size, 4, dtype="f2")
        self.context.copy_framebuffer(self.context.framebuffer([found]), target)
        return found

    def _draw(
        self,
        scene: Scene,
        flats: Sequence[_Flat],
        view: Matrix,
        clip: NDArray[np.float64] | None,
        without: str | None = None,
        reflections: Mapping[str, Any] | None = None,
    ) -> Any:
        """Draw everything that is on one side of `clip`, from one point of view; return the frame buffer, which is used again."""
        size = round(FINER * scene.camera.width), round(FINER * scene.camera.height)
        target = self._target(size)
        target.use()
        target.clear(depth=1.0)
        program = self.surface
        self.sky["inverse"].write(_bytes(np.linalg.inv(view)))
        self.context.disable(self.gl.DEPTH_TEST)
        self._screen_of(self.sky).render()
        self.context.enable(self.gl.DEPTH_TEST)
        program["view"].write(_bytes(view))
        program["size"].value = size
        program["clip"].value = tuple(clip) if clip is not None else (0.0, 0.0, 0.0, 1.0)
        for flat in flats:
            self._draw_flat(flat)
        clear: list[tuple[float, Placed, _Shape, _Part]] = []
        eye = np.asarray(scene.camera.position)
        for placed in scene.objects:
            if placed.id == without:
                continue
            shape = self._shape(placed.mesh)
            self._place(placed)
            detail = _detail(placed, shape.longest, scene.camera)
            for part in shape.parts:
                if part.optics in CLEAR:
                    clear.append((float(np.linalg.norm(np.asarray(placed.position) - eye)), placed, shape, part))
                elif part.optics == "mirror":
                    self._draw_mirror(part, (reflections or {}).get(placed.id))
                else:
                    self._draw_solid(part, detail)
        self._draw_clear(sorted(clear, key=lambda one: -one[0]))
        return target

    def _draw_flat(self, flat: _Flat) -> None:
        p = self.surface
        p["model"].write(_bytes(flat.model))
        p["turn"].write(_bytes(_normals_of(flat.model)))
        p["repeat"].value = flat.repeat
        p["look"].value = 2 if flat.texture is not None else 0
        p["paint"].value, p["cutout"].value = (0.0, 0.0, 0.0, 0.0), 0
        if flat.texture is not None:
            flat.texture.use(0)
        (self._cube if flat.cube else self._rectangle).render()
        p["repeat"].value = (1.0, 1.0)

    def _draw_solid(self, part: _Part, detail: int) -> None:
        p = self.surface
        p["look"].value = int(part.texture is not None)
        if part.texture is not None:
            p["median"].value, p["cutout"].value = part.median, int(part.cutout)
            part.texture.use(0)
        part.levels[detail].render()

    def _draw_mirror(self, part: _Part, reflection: Any | None) -> None:
        p = self.surface
        p["look"].value = 3 if reflection is not None else 0
        if reflection is not None:
            reflection.use(0)
        part.levels[-1].render()

    def _draw_clear(self, parts: Sequence[tuple[float, Placed, _Shape, _Part]]) -> None:
        """Glass from the farthest to the nearest: what is behind is tinted, then what it throws back is added."""
        p, gl = self.surface, self.gl
        if not parts:
            return
        self.context.enable(gl.BLEND)
        many = self.context.fbo
        many.depth_mask = False
        for _, placed, shape, part in parts:
            self._place(placed)
            tint, haze = np.asarray(part.rgb, np.float64), HAZE if shape.hazy else 0.0
            if shape.hazy:
                tint = np.minimum(1.0, 0.82 + 0.14 * tint) * (1 - haze)
            p["look"].value, p["tint"].value = 4, tuple(0.94 * tint)
            self.context.blend_func = gl.DST_COLOR, gl.ZERO
            part.levels[-1].render()
            p["look"].value, p["tint"].value = 5, (0.7 * haze, 0.72 * haze, 0.72 * haze)
            self.context.blend_func = gl.ONE, gl.ONE
            part.levels[-1].render()
        many.depth_mask = True
        self.context.disable(gl.BLEND)

    def _place(self, placed: Placed) -> None:
        model = _model(placed)
        self.surface["model"].write(_bytes(model))
        self.surface["turn"].write(_bytes(_normals_of(model)))
        self.surface["paint"].value = (*placed.rgb, 1.0) if placed.rgb is not None else (0.0, 0.0, 0.0, 0.0)

    def _light(self, scene: Scene) -> None:
        light, around = scene.light, scene.surroundings
        direction = np.asarray(light.sun_direction) / np.linalg.norm(light.sun_direction)
        down = max(0.0, -float(direction[2]))
        ground = [f * (s * down / math.pi + 0.8 * k) for f, s, k in zip(around.floor, light.sun, light.sky, strict=True)]
        outdoors = int(around.kind in OUTDOORS)
        for program in (self.surface, self.sky):
            program["sky"].value = tuple(light.sky)
            program["ground"].value = tuple(ground)
            program["outdoors"].value = outdoors
            program["eye"].value = tuple(scene.camera.position)
        self.surface["sun"].value = tuple(light.sun)
        self.surface["to_sun"].value = tuple(-direction)
        self.surface["softness"].value = 1.0 + min(6.0, 0.35 * light.softness)
        self.surface["shadow_map"].value, self.surface["above_map"].value = 1, 2
        self.surface["picture"].value = 0

    def _shadows(self, scene: Scene) -> None:
        """Draw what the sun and the zenith see of the objects, for shadows and for the dimming of the sky."""
        boxes = [np.c_[self._shape(placed.mesh).box, np.ones(8)] @ _model(placed).T for placed in scene.objects]
        corners = np.concatenate(boxes)[:, :3]
        sun = np.asarray(scene.light.sun_direction, np.float64)
        for name, direction, target, unit in (
            ("to_shadow", sun / np.linalg.norm(sun), self._shadow_target, 1),
            ("to_above", np.array([0.0, 0.0, -1.0]), self._above_target, 2),
        ):
            matrix = _orthographic(direction, corners)
            self.surface[name].write(_bytes(matrix))
            self.depth["view"].write(_bytes(matrix))
            target.use()
            target.clear(depth=1.0)
            for placed in scene.objects:
                shadow = self._shape(placed.mesh).shadow
                if shadow is not None:
                    self.depth["model"].write(_bytes(_model(placed)))
                    shadow.render()
            target.depth_attachment.use(unit)

    def _mirror_of(self, placed: Placed) -> NDArray[np.float64] | None:
        """The plane (a, b, c, d) of an object's mirror in the world, None where it has none; its positive side is before it."""
        if not any(part.optics == "mirror" for part in self._shape(placed.mesh).parts):
            return None
        mesh = load_mesh(placed.mesh)
        glass = [i for i, material in enumerate(mesh.materials) if material.optics == "mirror"]
        faces = mesh.faces[np.isin(mesh.face_material, glass)]
        corners = (np.c_[mesh.vertices[faces[0]], np.ones(3)] @ _model(placed).T)[:, :3]
        normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
        normal /= np.linalg.norm(normal)
        front = rotation_z(placed.yaw) @ (0.0, -1.0, 0.0)
        normal *= 1.0 if normal @ front > 0 else -1.0
        return np.array([*normal, -float(normal @ corners[0])])

    def _flats(self, scene: Scene) -> Iterator[_Flat]:
        """The rectangles and boxes that the path tracer's surroundings are made of."""
        around = scenery(scene) if scene.surroundings.kind in TARGETED else backdrop(scene)
        for plugin in around.values():
            bsdf = plugin["bsdf"].get("inner", plugin["bsdf"])
            model = np.array(plugin["to_world"].matrix, np.float64)
            if "reflectance" not in bsdf:
                yield _Flat(model, None, (1.0, 1.0), plugin["type"] == "cube")
                continue
            pixels = np.array(bsdf["reflectance"]["bitmap"], np.float32)
            repeat = np.array(bsdf["reflectance"]["to_uv"].matrix)
            texture = self.context.texture((pixels.shape[1], pixels.shape[0]), 3, pixels.astype(np.float16).tobytes(), dtype="f2")
            texture.build_mipmaps()
            texture.filter = (self.gl.LINEAR_MIPMAP_LINEAR, self.gl.LINEAR)
            yield _Flat(model, texture, (float(repeat[0, 0]), float(repeat[1, 1])), plugin["type"] == "cube")

    def _shape(self, id: str) -> _Shape:
        found = self._shapes.get(id)
        if found is None:
            if len(self._shapes) >= MAX_MESHES:
                self._forget(next(iter(self._shapes)))
            found = self._shapes[id] = self._load(id)
        return found

    def _load(self, id: str) -> _Shape:
        mesh = load_mesh(id)
        kind = wide_catalogue().kind(wide_catalogue().mesh(id).kind)
        optics = any(m.optics != "solid" for m in mesh.materials)
        hazy = kind.material == "transparent" and not optics
        found = groups(mesh)
        plain = [one for one in found if one[0].optics == "solid" and one[0].texture is None and not hazy]
        parts = [self._part(mesh, [one], kind.glossy, hazy) for one in found if one not in plain]
        if plain:
            parts.insert(0, self._part(mesh, plain, kind.glossy, hazy))
        solid = [faces for material, faces in found if material.optics not in CLEAR and not hazy]
        shadow = None
        if solid:
            rough = _coarse(mesh.vertices, None, np.concatenate(solid), SHADOW_CELLS)
            vertices = self.context.buffer(mesh.vertices.tobytes())
            shadow = self.context.vertex_array(self.depth, [(vertices, "3f", "position")], self._index(rough))
        low, high = mesh.vertices.min(0).astype(np.float64), mesh.vertices.max(0).astype(np.float64)
        box = np.array([[(low, high)[i >> k & 1][k] for k in range(3)] for i in range(8)])
        return _Shape(box, float((high - low).max()), tuple(parts), shadow, hazy)

    def _part(self, mesh: Mesh, found: Sequence[tuple[Material, NDArray[np.int32]]], glossy: bool, hazy: bool) -> _Part:
        """One part of faces by material; a vertex that several materials share stands in it once for each."""
        rows, faces, count = [], [], 0
        for material, some in found:
            used, local = np.unique(some, return_inverse=True)
            shiny = (glossy and material.painted) or material.opacity < 0.9
            look = np.array([*material.rgb, float(material.painted), float(shiny)], np.float32)
            rows.append(np.concatenate([mesh.vertices[used], mesh.normals[used], mesh.uvs[used], np.tile(look, (len(used), 1))], 1))
            faces.append(local.reshape(-1, 3) + count)
            count += len(used)
        vertices, whole, first = np.concatenate(rows), np.concatenate(faces).astype(np.int32), found[0][0]
        texture, median = self._texture(first.texture) if first.texture is not None else (None, 1.0)
        near = vertices[:, 6:8] if texture is not None else None
        buffer = self.context.buffer(np.ascontiguousarray(vertices, np.float32).tobytes())
        names = ("position", "normal", "uv", "base", "traits")
        levels = [*(_coarse(vertices[:, :3], near, whole, cells) for cells in DETAIL), whole]
        drawn = [self.context.vertex_array(self.surface, [(buffer, "3f 3f 2f 3f 2f", *names)], self._index(one)) for one in levels]
        return _Part(tuple(drawn), "pane" if hazy else first.optics, first.rgb, texture, median, first.cutout)

    def _index(self, faces: NDArray[np.int32]) -> Any:
        return self.context.buffer(np.ascontiguousarray(faces, np.int32).tobytes()) if len(faces) else self.context.buffer(bytes(12))

    def _forget(self, id: str) -> None:
        for part in self._shapes.pop(id).parts:
            for level in part.levels:
                level.index_buffer.release()
                level.release()

    def _texture(self, encoded: bytes) -> tuple[Any, float]:
        found = self._textures.get(encoded)
        if found is None:
            pixels = texture_pixels(encoded)
            linear = (pixels[..., :3].astype(np.float64) / 255) ** 2.2
            median = max(float(np.median(linear @ LUMINANCE)), 1e-3)
            step = -(-max(pixels.shape) // TEXTURE_SIZE)
            small = np.ascontiguousarray(pixels[::-step, ::step] if step > 1 else pixels[::-1])
            texture = self.context.texture((small.shape[1], small.shape[0]), 4, small.tobytes(), alignment=1)
            texture.build_mipmaps()
            texture.filter = (self.gl.LINEAR_MIPMAP_LINEAR, self.gl.LINEAR)
            found = self._textures[encoded] = (texture, median)
        return found

    def _target(self, size: tuple[int, int]) -> Any:
        if size not in self._targets:
            texture = self.context.texture(size, 4, dtype="f2")
            self._targets[size] = self.context.framebuffer([texture], self.context.depth_renderbuffer(size))
        return self._targets[size]

    def _depth_target(self) -> Any:
        texture = self.context.depth_texture((SHADOW_SIZE, SHADOW_SIZE))
        texture.compare_func = "<="
        texture.filter = (self.gl.LINEAR, self.gl.LINEAR)
        texture.repeat_x = texture.repeat_y = False
        return self.context.framebuffer(depth_attachment=texture)

    @cached_property
    def _shadow_target(self) -> Any:
        return self._depth_target()

    @cached_property
    def _above_target(self) -> Any:
        return self._depth_target()

    def _screen_of(self, program: Any) -> Any:
        """A triangle that covers the picture."""
        if program not in self._screens:
            corners = np.array([[-1, -1], [3, -1], [-1, 3]], np.float32)
            self._screens[program] = self.context.vertex_array(program, [(self.context.buffer(corners.tobytes()), "2f", "corner")])
        return self._screens[program]

    @cached_property
    def _rectangle(self) -> Any:
        rows = np.concatenate([RECTANGLE, np.tile([0, 0, 1], (4, 1)), (RECTANGLE[:, :2] + 1) / 2], 1)
        return self._plain(rows, np.array([[0, 1, 2], [0, 2, 3]]))

    @cached_property
    def _cube(self) -> Any:
        rows, faces = [], []
        for axis in range(3):
            for side in (-1.0, 1.0):
                corners = np.roll(np.c_[RECTANGLE[:, :2], np.full(4, side)], axis + 1, 1)
                normal = np.roll([0, 0, side], axis + 1)
                faces += [[4 * len(rows) + i for i in face] for face in ((0, 1, 2), (0, 2, 3))]
                rows.append(np.concatenate([corners, np.tile(normal, (4, 1)), (RECTANGLE[:, :2] + 1) / 2], 1))
        return self._plain(np.concatenate(rows), np.array(faces))

    def _plain(self, rows: NDArray[Any], faces: NDArray[Any]) -> Any:
        look = np.tile([*STEEL, 0.0, 1.0], (len(rows), 1))
        vertices = self.context.buffer(np.concatenate([rows, look], 1).astype(np.float32).tobytes())
        names = ("position", "normal", "uv", "base", "traits")
        return self.context.vertex_array(self.surface, [(vertices, "3f 3f 2f 3f 2f", *names)], self._index(faces))


def _coarse(
    corners: NDArray[np.float32], near: NDArray[np.float32] | None, faces: NDArray[np.int32], cells: int
) -> NDArray[np.int32]:
    """Faces (F', 3) between one vertex of each cell of a grid: vertex clustering (Rossignac and Borrel, 1993).

    Vertices are joined only where their texture coordinates `near` (V, 2) are near, too.
    """
    used, local = np.unique(faces, return_inverse=True)
    low = corners[used].min(0)
    keys = np.floor((corners[used] - low) / max(float(np.ptp(corners[used], 0).max()), 1e-6) * cells).astype(np.int64)
    if near is not None:
        keys = np.concatenate([keys, np.round(near[used] * 8).astype(np.int64)], 1)
    _, first, which = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    found = used[first[which]][local].reshape(-1, 3)
    a, b, c = found.T
    found = found[(a != b) & (b != c) & (a != c)]
    _, kept = np.unique(np.sort(found, 1), axis=0, return_index=True)
    return np.ascontiguousarray(found[np.sort(kept)], np.int32)


def _bytes(matrix: Matrix) -> bytes:
    return np.ascontiguousarray(matrix.T, np.float32).tobytes()


def _model(placed: Placed) -> Matrix:
    model = np.eye(4)
    model[:3, :3] = rotation_z(placed.yaw) * placed.scale
    model[:3, 3] = placed.position
    return model


def _detail(placed: Placed, longest: float, camera: Camera) -> int:
    """Which of `DETAIL` is fine enough for how large an object appears; their number where none is."""
    distance = float(np.linalg.norm(np.asarray(placed.position) - np.asarray(camera.position)))
    focal = camera.width / (2 * math.tan(math.radians(camera.fov) / 2))
    size = placed.scale * longest
    pixels = focal * size / max(distance - size / 2, 1e-3)
    return sum(pixels > cells for cells in DETAIL)


def _normals_of(model: Matrix) -> Matrix:
    found: Matrix = np.linalg.pinv(model[:3, :3]).T
    return found


def _look(position: NDArray[np.float64], forward: NDArray[np.float64]) -> Matrix:
    up = np.array([0.0, 0.0, 1.0]) if abs(forward[2]) < 0.999 else np.array([0.0, 1.0, 0.0])
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    found = np.eye(4)
    found[:3, :3] = np.stack([right, np.cross(right, forward), -forward])
    found[:3, 3] = -found[:3, :3] @ position
    return found


def _view(camera: Camera) -> Matrix:
    """From the world to clip coordinates."""
    position, target = np.asarray(camera.position, np.float64), np.asarray(camera.target, np.float64)
    focal = 1 / math.tan(math.radians(camera.fov) / 2)
    project = np.zeros((4, 4))
    project[0, 0], project[1, 1] = focal, focal * camera.width / camera.height
    project[2, 2], project[2, 3] = -(FAR + NEAR) / (FAR - NEAR), -2 * FAR * NEAR / (FAR - NEAR)
    project[3, 2] = -1
    found: Matrix = project @ _look(position, (target - position) / np.linalg.norm(target - position))
    return found


def _orthographic(direction: NDArray[np.float64], points: NDArray[np.float64]) -> Matrix:
    """A parallel view along a direction that holds all points, from the world to 0-1 in each axis of clip coordinates."""
    look = _look(np.zeros(3), direction)
    seen = (np.c_[points, np.ones(len(points))] @ look.T)[:, :3]
    low, high = seen.min(0), seen.max(0)
    margin = 0.02 * np.maximum(high - low, 1e-3)
    low, high = low - margin, high + margin
    fit = np.eye(4)
    fit[[0, 1], [0, 1]] = 2 / (high - low)[:2]
    fit[:2, 3] = -(high + low)[:2] / (high - low)[:2]
    fit[2, 2], fit[2, 3] = -2 / (high - low)[2], (high + low)[2] / (high - low)[2]
    found: Matrix = fit @ look
    return found


def _reflection(plane: NDArray[np.float64]) -> Matrix:
    """The reflection in a plane of unit normal."""
    normal, found = plane[:3], np.eye(4)
    found[:3, :3] -= 2 * np.outer(normal, normal)
    found[:3, 3] = -2 * plane[3] * normal
    return found
