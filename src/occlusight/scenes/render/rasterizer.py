"""A fast renderer for training: the path tracer's scenes, drawn with OpenGL in a fiftieth of the time.

The geometry is exact: meshes, paint, textures, ground, walls and camera are those of `path_tracer` and
`render.targeted`, so that truth measured from a description holds for this picture too. Light is an approximation: one
sun with a shadow map, a sky that is dimmed where something stands above, one reflection in flat mirrors, and glass that
tints without refracting; of surroundings that vary, finishes have one of a few textures. It needs the package
`moderngl` and a driver of OpenGL 3.3; Mesa's llvmpipe computes it on the CPU.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlusight.scenes.description import Placed, Scene, VariedSurroundings
from occlusight.scenes.meshes.mesh import rotation_z
from occlusight.scenes.render import path_tracer, targeted
from occlusight.scenes.render.gpu_meshes import CLEAR, GpuMeshes, Part, Shape
from occlusight.scenes.render.gpu_surroundings import Flat, GpuSurroundings
from occlusight.scenes.render.opengl import context, opengl
from occlusight.scenes.render.projection import (
    Matrix,
    as_uniform,
    normals_matrix,
    parallel_matrix,
    placed_matrix,
    reflection_matrix,
    view_matrix,
)
from occlusight.scenes.render.scenery import TARGETED
from occlusight.scenes.render.shaders import DEPTH, DISPLAY, SKY, SURFACE, Look, Shader
from occlusight.scenes.truth.optics import has
from occlusight.scenes.truth.reflections import plane

FINER = 1.5  # a picture is drawn so many times as large and averaged: cheaper than the driver's own smoothing of edges
METER = 16  # pixels of the side of the square whose mean light exposure looks at
SHADOW_SIZE = 256  # pixels of the side of a map of shadows
OUTDOORS = ("plaza", "crossing")
HAZE = 0.16  # of clear plastic: what is thrown back by its dust and scratches
NOWHERE = (0.0, 0.0, 0.0, 1.0)  # a plane that cuts nothing off


@dataclass(frozen=True, eq=False)
class _Sight:
    """One look at a scene: what is around it, from where, the plane (4,) before which things are drawn, and what its
    mirrors show, by object; the object `without` is not drawn."""

    scene: Scene
    flats: Sequence[Flat]
    view: Matrix
    plane: Sequence[float]
    reflections: Mapping[str, Any]
    without: str | None = None


class Rasterizer:
    """Draws pictures of scenes, one after the other. It belongs to the process that made it, not to one that is forked
    later. Raises BadInput where there is no OpenGL."""

    def __init__(self) -> None:
        self.gl, self.context = opengl(), context()
        self.surface, self.depth, self.sky, self.display = map(self._program, (SURFACE, DEPTH, SKY, DISPLAY))
        self.meshes = GpuMeshes(self.context, self.surface, self.depth)
        self.surroundings = GpuSurroundings(self.context, self.surface)
        corners = self.context.buffer(  # of a triangle that covers more than a picture
            np.array([[-1, -1], [3, -1], [-1, 3]], np.float32).tobytes()
        )
        self._whole = {
            one: self.context.vertex_array(one, [(corners, "2f", "corner")]) for one in (self.sky, self.display)
        }
        self._from_sun, self._from_above = self._depth_target(), self._depth_target()
        self._targets: dict[tuple[int, int], Any] = {}
        self._pictures: dict[tuple[int, int], Any] = {}

    def _program(self, shader: Shader) -> Any:
        return self.context.program(vertex_shader=shader.vertex, fragment_shader=shader.fragment)

    def _depth_target(self) -> Any:
        texture = self.context.depth_texture((SHADOW_SIZE, SHADOW_SIZE))
        texture.compare_func = "<="
        texture.filter = (self.gl.LINEAR, self.gl.LINEAR)
        texture.repeat_x = texture.repeat_y = False
        return self.context.framebuffer(depth_attachment=texture)

    def render(self, scene: Scene) -> NDArray[np.uint8]:
        """Return the picture of a scene, (H, W, 3) sRGB. Raises BadData when a mesh is not imported."""
        self.context.enable_only(self.gl.DEPTH_TEST)
        view, flats = view_matrix(scene.camera), list(self.surroundings.flats(scene))
        self._light(scene)
        self._shadows(scene)
        reflections = {}
        for placed in scene.objects:
            mirror = self._mirror_of(placed)
            if mirror is not None:
                behind = _Sight(scene, flats, view @ reflection_matrix(mirror), tuple(mirror), {}, placed.id)
                reflections[placed.id] = self._copied(self._draw(behind))
        target = self._draw(_Sight(scene, flats, view, NOWHERE, reflections))
        return self._displayed(scene, target.color_attachments[0])

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
        self._cover(self.display)
        return np.frombuffer(target.read(components=3, alignment=1), np.uint8).reshape(size[1], size[0], 3)

    def _cover(self, program: Any) -> None:
        """Draw a program over the whole picture."""
        self.context.disable(self.gl.DEPTH_TEST)
        self._whole[program].render()
        self.context.enable(self.gl.DEPTH_TEST)

    def _copied(self, target: Any) -> Any:
        texture = self.context.texture(target.size, 4, dtype="f2")
        self.context.copy_framebuffer(self.context.framebuffer([texture]), target)
        return texture

    def _draw(self, sight: _Sight) -> Any:
        """Draw what a sight shows; return the frame buffer, which is used again."""
        camera, p = sight.scene.camera, self.surface
        size = round(FINER * camera.width), round(FINER * camera.height)
        if size not in self._targets:
            texture = self.context.texture(size, 4, dtype="f2")
            self._targets[size] = self.context.framebuffer([texture], self.context.depth_renderbuffer(size))
        target = self._targets[size]
        target.use()
        target.clear(depth=1.0)
        self.sky["inverse"].write(as_uniform(np.linalg.inv(sight.view)))
        self._cover(self.sky)
        p["view"].write(as_uniform(sight.view))
        p["size"].value, p["clip"].value = size, tuple(sight.plane)
        for flat in sight.flats:
            self._draw_flat(flat)
        clear: list[tuple[float, Placed, Shape, Part]] = []
        for placed in sight.scene.objects:
            if placed.id == sight.without:
                continue
            shape = self.meshes.shape(placed.mesh)
            self._place(placed)
            for part in shape.parts:
                if part.optics in CLEAR:
                    away = float(np.linalg.norm(np.asarray(placed.position) - np.asarray(camera.position)))
                    clear.append((away, placed, shape, part))
                elif part.optics == "mirror":
                    self._draw_mirror(part, sight.reflections.get(placed.id))
                else:
                    self._draw_solid(part, shape.detail(placed, camera))
        self._draw_clear(sorted(clear, key=lambda one: -one[0]))
        return target

    def _draw_flat(self, flat: Flat) -> None:
        p = self.surface
        self._turn(flat.model)
        p["paint"].value, p["cutout"].value, p["repeat"].value = (0.0, 0.0, 0.0, 0.0), 0, flat.repeat
        p["look"].value = Look.PLAIN if flat.texture is None else Look.LINEAR_TEXTURE
        if flat.texture is not None:
            flat.texture.use(0)
        flat.form.render()
        p["repeat"].value = (1.0, 1.0)

    def _draw_solid(self, part: Part, detail: int) -> None:
        p = self.surface
        p["look"].value = Look.PLAIN if part.texture is None else Look.TEXTURE
        if part.texture is not None:
            p["median"].value, p["cutout"].value = part.texture.median, int(part.cutout)
            part.texture.pixels.use(0)
        part.levels[detail].render()

    def _draw_mirror(self, part: Part, reflection: Any | None) -> None:
        self.surface["look"].value = Look.PLAIN if reflection is None else Look.MIRROR
        if reflection is not None:
            reflection.use(0)
        part.levels[-1].render()

    def _draw_clear(self, parts: Sequence[tuple[float, Placed, Shape, Part]]) -> None:
        """Glass from the farthest to the nearest: what is behind is tinted, then what it throws back is added."""
        p, gl = self.surface, self.gl
        if not parts:
            return
        self.context.enable(gl.BLEND)
        target = self.context.fbo
        target.depth_mask = False
        for _, placed, shape, part in parts:
            self._place(placed)
            tint, haze = np.asarray(part.rgb, np.float64), HAZE if shape.hazy else 0.0
            if shape.hazy:
                tint = np.minimum(1.0, 0.82 + 0.14 * tint) * (1 - haze)
            p["look"].value, p["tint"].value = Look.TINT, tuple(0.94 * tint)
            self.context.blend_func = gl.DST_COLOR, gl.ZERO
            part.levels[-1].render()
            p["look"].value, p["tint"].value = Look.GLARE, (0.7 * haze, 0.72 * haze, 0.72 * haze)
            self.context.blend_func = gl.ONE, gl.ONE
            part.levels[-1].render()
        target.depth_mask = True
        self.context.disable(gl.BLEND)

    def _place(self, placed: Placed) -> None:
        self._turn(placed_matrix(placed))
        self.surface["paint"].value = (*placed.rgb, 1.0) if placed.rgb is not None else (0.0, 0.0, 0.0, 0.0)

    def _turn(self, model: Matrix) -> None:
        self.surface["model"].write(as_uniform(model))
        self.surface["turn"].write(as_uniform(normals_matrix(model)))

    def _light(self, scene: Scene) -> None:
        light, around = scene.light, scene.surroundings
        direction = np.asarray(light.sun_direction) / np.linalg.norm(light.sun_direction)
        down = max(0.0, -float(direction[2]))
        ground = [
            f * (s * down / math.pi + 0.8 * k) for f, s, k in zip(around.floor, light.sun, light.sky, strict=True)
        ]
        for program in (self.surface, self.sky):
            program["sky"].value = tuple(light.sky)
            program["ground"].value = tuple(ground)
            program["outdoors"].value = int(around.kind in OUTDOORS)
            program["eye"].value = tuple(scene.camera.position)
            program["mapped"].value = int(isinstance(around, VariedSurroundings))
            program["far_map"].value = 3
            if isinstance(around, VariedSurroundings):
                program["map_turn"].value = around.turn / 360
                self.surroundings.far(around).use(3)
        self.surface["sun"].value = tuple(light.sun)
        self.surface["to_sun"].value = tuple(-direction)
        self.surface["softness"].value = 1.0 + min(6.0, 0.35 * light.softness)
        self.surface["shadow_map"].value, self.surface["above_map"].value = 1, 2
        self.surface["picture"].value = 0

    def _shadows(self, scene: Scene) -> None:
        """Draw what the sun and the zenith see of the objects, for shadows and for the dimming of the sky."""
        shapes = [(self.meshes.shape(placed.mesh), placed_matrix(placed)) for placed in scene.objects]
        corners = np.concatenate([np.c_[shape.box, np.ones(8)] @ model.T for shape, model in shapes])[:, :3]
        sun = np.asarray(scene.light.sun_direction, np.float64)
        for name, direction, target, unit in (
            ("to_shadow", sun / np.linalg.norm(sun), self._from_sun, 1),
            ("to_above", np.array([0.0, 0.0, -1.0]), self._from_above, 2),
        ):
            matrix = parallel_matrix(direction, corners)
            self.surface[name].write(as_uniform(matrix))
            self.depth["view"].write(as_uniform(matrix))
            target.use()
            target.clear(depth=1.0)
            for shape, model in shapes:
                if shape.shadow is not None:
                    self.depth["model"].write(as_uniform(model))
                    shape.shadow.render()
            target.depth_attachment.use(unit)

    def _mirror_of(self, placed: Placed) -> NDArray[np.float64] | None:
        """The plane (a, b, c, d) of an object's mirror in the world, its positive side before it; None without one."""
        if not has(placed.mesh, ("mirror",)):
            return None
        point, normal = plane(placed)
        front = rotation_z(placed.yaw) @ (0.0, -1.0, 0.0)
        normal = normal if normal @ front > 0 else -normal
        return np.array([*normal, -float(normal @ point)])
