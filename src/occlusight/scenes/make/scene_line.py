"""A line of `scenes.jsonl`: the scene's description, its truth and its masks as JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from occlusight.datasets.masks import encode
from occlusight.errors import BadData
from occlusight.files.json_lines import Line
from occlusight.scenes.description import Camera, Light, Placed, Scene, Surroundings, VariedSurroundings
from occlusight.scenes.make.selection import STRIDE, Selection
from occlusight.scenes.make.slot import Slot
from occlusight.scenes.meshes.catalogue import Catalogue
from occlusight.scenes.truth.measure import Truth


def scene_line(slot: Slot, selection: Selection, catalogue: Catalogue) -> Line:
    """Return the line of the free scene of a slot. `placed` has each object's mesh and pose, and its nearest and
    farthest depth in metres."""
    scene, truth = selection.scene, selection.truth
    rows = {o.id: i for i, o in enumerate(truth.graph.objects)}
    return {
        "id": slot.id,
        "recipe": scene.recipe,
        "type": "partial",
        "seed": scene.seed,
        "index": slot.index,
        "drawing": selection.attempt,
        "image": slot.image,
        "heldout": slot.heldout,
        "counterfactual_of": None,
        "view_of": None,
        "graph": truth.graph.to_json(),
        "masks": masks_of(truth),
        "camera": asdict(scene.camera),
        "light": asdict(scene.light),
        "surroundings": asdict(scene.surroundings),
        "placed": [placed_line(p, truth, rows[p.id], catalogue) for p in scene.objects],
    }


def masks_of(truth: Truth) -> dict[str, Any]:
    """Return each object's whole and visible masks as COCO run lengths."""
    return {
        o.id: {"amodal": encode(truth.amodal[i]), "visible": encode(truth.visible[i])}
        for i, o in enumerate(truth.graph.objects)
    }


def placed_line(placed: Placed, truth: Truth, row: int, catalogue: Catalogue) -> Line:
    mesh = catalogue.mesh(placed.mesh)
    depth = truth.depth[row][np.isfinite(truth.depth[row])]
    return {
        **asdict(placed),
        "size": [round(s * placed.scale, 4) for s in mesh.size],
        "heldout": mesh.heldout,
        "depth": [round(float(depth.min()), 4), round(float(depth.max()), 4)],
    }


def scene_of(line: Mapping[str, Any]) -> Scene:
    """Return the description that a line holds. Raises BadData when it is not one."""
    try:
        camera, light, around = line["camera"], line["light"], line["surroundings"]
        return Scene(
            recipe=line["recipe"],
            seed=line["seed"],
            index=line.get("base_index", line["index"] + line["drawing"] * STRIDE),
            objects=tuple(_object(p) for p in line["placed"]),
            camera=Camera(**{**camera, "position": tuple(camera["position"]), "target": tuple(camera["target"])}),
            light=Light(
                tuple(light["sun_direction"]), tuple(light["sun"]), tuple(light["sky"]), light.get("softness", 0.0)
            ),
            surroundings=_surroundings(around),
        )
    except (KeyError, TypeError) as error:
        raise BadData(f"the description of the scene {line.get('id')!r} cannot be read ({error!r})") from None


def _surroundings(around: Mapping[str, Any]) -> Surroundings:
    sort = VariedSurroundings if "light_map" in around else Surroundings
    known: dict[str, Any] = {name: around.get(name) for name in sort.__dataclass_fields__}
    wall = None if around["wall"] is None else tuple(around["wall"])
    return sort(**{**known, "floor": tuple(around["floor"]), "wall": wall})


def _object(p: Mapping[str, Any]) -> Placed:
    known = {name: p[name] for name in Placed.__dataclass_fields__}
    rgb = None if p["rgb"] is None else tuple(p["rgb"])
    return Placed(**{**known, "position": tuple(p["position"]), "rgb": rgb})
