"""Turning our meshes into Mitsuba shapes: one shape per distinct surface, with a BSDF for paint, texture, gloss or
glass.

Mitsuba is imported when the first shape is made, never with this module.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from occlusight.scenes.description import RGB, Placed
from occlusight.scenes.meshes.catalogue import wide_catalogue
from occlusight.scenes.meshes.library import load_mesh
from occlusight.scenes.meshes.mesh import Material, Mesh, placed_vertices, rotation_z

FLIP_V = np.array([1, -1], np.float32)  # Mitsuba's textures begin at the top
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def mitsuba() -> Any:
    """Return the `mitsuba` module with its scalar variant set (the LLVM variants crash on some CPUs)."""
    import mitsuba as mi

    if mi.variant() is None:
        mi.set_variant("scalar_rgb")
        mi.set_log_level(mi.LogLevel.Error)  # it warns whenever a number of samples is rounded
    return mi


@lru_cache(maxsize=256)
def texture_pixels(encoded: bytes) -> NDArray[np.uint8]:
    """Return an encoded picture as (H, W, 4) sRGB bytes; row 0 is at v = 1."""
    return np.asarray(Image.open(io.BytesIO(encoded)).convert("RGBA"))


@lru_cache(maxsize=256)
def painted_pixels(encoded: bytes, rgb: RGB) -> NDArray[np.float32]:
    """Return a texture repainted: `rgb` (linear) modulated by the texture's own light and dark, (H, W, 3) linear."""
    linear = (texture_pixels(encoded)[..., :3].astype(np.float64) / 255) ** 2.2
    light = linear @ LUMINANCE
    shade = np.clip(light / max(float(np.median(light)), 1e-3), 0.6, 1.25)
    return np.asarray(np.clip(shade[..., None] * np.asarray(rgb), 0, 0.95), np.float32)


def surface(material: Material, paint: RGB | None, glossy: bool, transparent: bool) -> Any:
    """Return a Mitsuba BSDF (a dictionary of its plugins) for a material, painted with `paint` (linear) where it takes
    paint."""
    mi = mitsuba()
    if material.optics != "solid":
        return _optics(material)
    if transparent:
        tint = [float(min(1.0, 0.82 + 0.14 * c)) for c in material.rgb]
        clear = {
            "type": "thindielectric",
            "int_ior": 1.5,
            "specular_transmittance": {"type": "rgb", "value": tint},
        }
        haze = {
            "type": "twosided",
            "inner": {"type": "diffuse", "reflectance": {"type": "rgb", "value": [0.7, 0.72, 0.72]}},
        }
        return {"type": "blendbsdf", "weight": 0.16, "clear": clear, "haze": haze}
    rgb = paint if paint is not None and material.painted else material.rgb
    colour: dict[str, Any] = {"type": "rgb", "value": [float(c) for c in rgb]}
    if material.texture is not None:
        if paint is not None and material.painted:
            bitmap = mi.Bitmap(painted_pixels(material.texture, paint))
            colour = {"type": "bitmap", "bitmap": bitmap, "raw": True}
        else:
            bitmap = mi.Bitmap(np.ascontiguousarray(texture_pixels(material.texture)[..., :3]))
            colour = {"type": "bitmap", "bitmap": bitmap}
    shiny = (glossy and material.painted) or material.opacity < 0.9
    if shiny:
        bsdf: dict[str, Any] = {"type": "plastic", "diffuse_reflectance": colour, "int_ior": 1.45}
    else:
        bsdf = {"type": "diffuse", "reflectance": colour}
    bsdf = {"type": "twosided", "inner": bsdf}
    if material.cutout and material.texture is not None:
        alpha = texture_pixels(material.texture)[..., 3:].astype(np.float32) / 255
        opacity = {"type": "bitmap", "bitmap": mi.Bitmap(np.ascontiguousarray(alpha)), "raw": True}
        bsdf = {"type": "mask", "opacity": opacity, "inner": bsdf}
    return bsdf


def _optics(material: Material) -> dict[str, Any]:
    """Return the BSDF of glass or of a mirror. The tint is what passes, or what is thrown back, at normal incidence."""
    tint = {"type": "rgb", "value": [float(c) for c in material.rgb]}
    if material.optics == "pane":
        return {"type": "thindielectric", "int_ior": 1.5, "specular_transmittance": tint}
    if material.optics == "glass":
        return {"type": "dielectric", "int_ior": 1.5, "specular_transmittance": tint}
    return {"type": "twosided", "inner": {"type": "conductor", "material": "none", "specular_reflectance": tint}}


def groups(mesh: Mesh) -> list[tuple[Material, NDArray[np.int32]]]:
    """Return the mesh's faces (F_i, 3) by distinct surface: materials that look the same are one group."""
    by_look: dict[Any, list[int]] = {}
    for i, m in enumerate(mesh.materials):
        look = (m.rgb if m.texture is None else None, m.texture, m.opacity < 0.9, m.painted, m.optics)
        by_look.setdefault(look, []).append(i)
    found = []
    for members in by_look.values():
        faces = mesh.faces[np.isin(mesh.face_material, members)]
        if len(faces):
            found.append((mesh.materials[members[0]], faces))
    return found


def shapes(placed: Placed) -> list[Any]:
    """Return the Mitsuba shapes of an object where it stands. Raises BadData when its mesh is not imported."""
    mi = mitsuba()
    mesh = load_mesh(placed.mesh)
    kind = wide_catalogue().kind(wide_catalogue().mesh(mesh.id).kind)
    v = placed_vertices(placed, mesh)
    n = (mesh.normals @ rotation_z(placed.yaw).T).astype(np.float32)
    made = []
    for i, (material, faces) in enumerate(groups(mesh)):
        used, local = np.unique(faces, return_inverse=True)
        props = mi.Properties()
        bsdf = surface(
            material,
            placed.rgb,
            kind.glossy,
            kind.material == "transparent" and not any(m.optics != "solid" for m in mesh.materials),
        )
        props["mesh_bsdf"] = mi.load_dict(bsdf)
        shape = mi.Mesh(
            f"{mesh.id}-{i}", len(used), len(faces), props=props, has_vertex_normals=True, has_vertex_texcoords=True
        )
        parameters = mi.traverse(shape)
        parameters["vertex_positions"] = np.ravel(v[used])
        parameters["vertex_normals"] = np.ravel(n[used])
        parameters["vertex_texcoords"] = np.ravel(mesh.uvs[used] * FLIP_V + (np.float32(1) - FLIP_V) / 2)
        parameters["faces"] = np.ravel(local.astype(np.uint32))
        parameters.update()
        made.append(shape)
    return made
