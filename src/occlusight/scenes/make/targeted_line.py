"""The line of a targeted scene in `scenes.jsonl`, of a sign's or a frame too: its place, truth, description, and what
misleads in it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from occlusight.datasets.masks import encode
from occlusight.files.json_lines import Line
from occlusight.occlusion.facts import Facts
from occlusight.scenes.description import Scene
from occlusight.scenes.make.scene_line import placed_line
from occlusight.scenes.make.slot import Slot
from occlusight.scenes.meshes.catalogue import Catalogue
from occlusight.scenes.truth.distractors import distractors
from occlusight.scenes.truth.targeted import TargetedTruth


def targeted_line(
    slot: Slot,
    scene: Scene,
    truth: TargetedTruth,
    focus: tuple[str, ...],
    catalogue: Catalogue,
    *,
    type: str,
    family: str,
    attempt: int,
    edit: str | None = None,
) -> Line:
    """Return the line of a scene that is about the objects `focus`; `edit` says how it differs from the first of its
    group."""
    placed = _descriptions(scene, truth, catalogue)
    shadows = truth.graph.shadows
    return {
        "id": slot.id,
        "recipe": slot.recipe,
        "type": type,
        "family": family,
        "seed": slot.seed,
        "index": slot.index,
        "base_index": slot.base,
        "drawing": attempt,
        "image": slot.image,
        "heldout": slot.heldout,
        "counterfactual_of": slot.base_id if edit not in (None, "view") else None,
        "view_of": slot.base_id if edit == "view" else None,
        "edit": edit,
        "focus": list(focus),
        "cues": {
            **distractors(Facts(truth.graph), placed),
            "shadow_direction": shadows[0].direction if shadows else None,
        },
        "graph": truth.graph.to_json(),
        "masks": _masks(truth),
        "camera": asdict(scene.camera),
        "light": asdict(scene.light),
        "surroundings": asdict(scene.surroundings),
        "placed": placed,
    }


def _masks(truth: TargetedTruth) -> dict[str, Any]:
    masks: dict[str, Any] = {}
    for i, o in enumerate(truth.graph.objects):
        masks[o.id] = {"amodal": encode(truth.truth.amodal[i]), "visible": encode(truth.truth.visible[i])}
        if o.id in truth.shaded:
            masks[o.id]["shadow"] = encode(truth.shaded[o.id])
        shown = {mirror: encode(mask) for (object, mirror), mask in truth.mirrored.items() if object == o.id}
        if shown:
            masks[o.id]["mirrored"] = shown
    return masks


def _descriptions(scene: Scene, truth: TargetedTruth, catalogue: Catalogue) -> list[Line]:
    rows = {o.id: i for i, o in enumerate(truth.graph.objects)}
    found = []
    for p in scene.objects:
        if p.id in rows and np.isfinite(truth.truth.depth[rows[p.id]]).any():
            found.append(placed_line(p, truth.truth, rows[p.id], catalogue))
        else:
            size = [round(s * p.scale, 4) for s in catalogue.mesh(p.mesh).size]
            found.append({**asdict(p), "size": size, "heldout": catalogue.mesh(p.mesh).heldout, "depth": None})
    return found
