"""One scene of a staged set: chosen, measured, put into words. `dataset` renders it and keeps it.

With variants a set goes in groups: a scene, the same without its occluder, with it moved aside or two things swapped in depth, and the
same from another camera.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from occlusight.occlusion.facts import Facts
from occlusight.occlusion.kinds import Lang, Names
from occlusight.occlusion.questions import Question, ask
from occlusight.scenes.catalogue import Catalogue
from occlusight.scenes.description import Scene
from occlusight.scenes.masks import encode
from occlusight.scenes.physics import physics_failures
from occlusight.scenes.staged_truth import StagedTruth, measure_staged
from occlusight.scenes.stages.registry import STAGES, choose_stage, family_of
from occlusight.scenes.stages.variants import ASIDE, aside, removed, second_camera, swapped
from occlusight.scenes.stored import Line, placed_line

GROUP = 4  # scenes of a group in a set with variants
DEGREES = 40  # that the second camera goes round
STREAM = 12
PER_STAGE: Mapping[str, int] = {
    "recognition": 1,
    "explanation": 2,
    "occlusion": 2,
    "position": 3,
    "depth_pair": 1,
    "nearest": 1,
    "count": 1,
    "hidden_part": 1,
    "who_hides": 1,
    "remove": 2,
    "through": 2,
    "mirrored": 2,
    "mirror_shows": 1,
    "unknown": 2,
    "viewpoint": 2,
}


@dataclass(frozen=True, eq=False)
class StagedScene:
    """A scene to keep: `line` is its line of scenes.jsonl."""

    scene: Scene
    truth: StagedTruth
    line: Line


def staged_scene(
    id: str,
    base_id: str,
    image: str,
    recipe: str,
    seed: int,
    index: int,
    variant: int,
    catalogue: Catalogue,
    *,
    turn: int,
    width: int,
    heldout: bool,
) -> StagedScene:
    """Return the scene of a base index, as it is (variant 0) or otherwise (1 removed, 2 aside or swapped, 3 another camera).

    Raises BadInput for an unknown recipe, BadData when a mesh is not imported.
    """
    chosen = choose_stage(recipe, seed, index, catalogue, turn=turn, width=width, heldout=heldout)
    scene, edit, focus = chosen.scene, None, chosen.focus
    side = "right" if turn % 2 else "left"
    camera = second_camera(scene, DEGREES if side == "right" else -DEGREES)
    if variant:
        scene, edit = _edited(scene, focus, variant, turn)
        if edit == "view":
            scene = replace(scene, camera=camera)
    if edit == "view":
        truth = measure_staged(scene, catalogue)
    else:
        truth = measure_staged(scene, catalogue, second=camera, side=side, degrees=DEGREES)
    line: Line = {
        "id": id,
        "recipe": recipe,
        "type": {"chain": "partial"}.get(family_of(recipe), family_of(recipe)),
        "family": family_of(recipe),
        "seed": seed,
        "index": index,
        "drawing": chosen.drawing,
        "image": image,
        "heldout": heldout,
        "counterfactual_of": base_id if variant and edit != "view" else None,
        "view_of": base_id if edit == "view" else None,
        "edit": edit,
        "focus": list(focus),
        "cues": cues(Facts(truth.graph)),
        "graph": truth.graph.to_json(),
        "masks": _masks(truth),
        "camera": asdict(scene.camera),
        "light": asdict(scene.light),
        "surroundings": asdict(scene.surroundings),
        "placed": _descriptions(scene, truth, catalogue),
    }
    return StagedScene(scene, truth, line)


def _edited(scene: Scene, focus: tuple[str, ...], variant: int, turn: int) -> tuple[Scene, str]:
    if variant == 1:
        return removed(scene, focus[0]), "removed"
    if variant == 3:
        return scene, "view"
    if turn % 2:
        other = swapped(scene, focus[0], focus[1])
        if not physics_failures(other):
            return other, "swapped"
    width = next(p.scale for p in scene.objects if p.id == focus[0])
    for step in range(1, 9):
        other = aside(scene, focus[0], focus[1], ASIDE * width * step * 0.25 * scene.objects[0].position[1] / 6)
        if not physics_failures(other):
            return other, "aside"
    return removed(scene, focus[0]), "removed"


def cues(facts: Facts) -> dict[str, Any]:
    """What people judge by, and what misleads them, as fields: pairs (nearer, farther) or (a, b)."""
    ids = facts.nameable
    higher, equal, boxes = [], [], []
    for a in ids:
        for b in ids:
            one, two = facts.objects[a], facts.objects[b]
            if a == b or facts.distance_order(a, b) != "front":
                continue
            if one.box[3] < two.box[3] - 20:
                higher.append([a, b])
            if one.kind == two.kind:
                equal.append([a, b])
            if facts.boxes_overlap(a, b) and (a, b) not in facts.relations:
                boxes.append([a, b])
    return {
        "higher_but_nearer": higher,
        "same_kind_at_other_distance": equal,
        "boxes_overlap_without_hiding": boxes,
        "shadow_direction": facts.graph.shadows[0].direction if facts.graph.shadows else None,
    }


def _masks(truth: StagedTruth) -> dict[str, Any]:
    masks: dict[str, Any] = {}
    for i, o in enumerate(truth.graph.objects):
        masks[o.id] = {"amodal": encode(truth.truth.amodal[i]), "visible": encode(truth.truth.visible[i])}
        if o.id in truth.shaded:
            masks[o.id]["shadow"] = encode(truth.shaded[o.id])
        shown = {mirror: encode(mask) for (object, mirror), mask in truth.mirrored.items() if object == o.id}
        if shown:
            masks[o.id]["mirrored"] = shown
    return masks


def _descriptions(scene: Scene, truth: StagedTruth, catalogue: Catalogue) -> list[Line]:
    rows = {o.id: i for i, o in enumerate(truth.graph.objects)}
    found = []
    for p in scene.objects:
        if p.id in rows and np.isfinite(truth.truth.depth[rows[p.id]]).any():
            found.append(placed_line(p, truth.truth, rows[p.id], catalogue))
        else:
            size = [round(s * p.scale, 4) for s in catalogue.mesh(p.mesh).size]
            found.append({**asdict(p), "size": size, "heldout": catalogue.mesh(p.mesh).heldout, "depth": None})
    return found


FROM_A_VIEW = ("viewpoint",)  # asked only in sets that show the other view


def staged_quiz(
    facts: Facts,
    names: Names,
    recipe: str,
    seed: int,
    index: int,
    variant: int,
    langs: tuple[Lang, ...],
    *,
    scene: str,
    image: str,
    views: bool = False,
) -> list[Question]:
    """Ask about a staged scene; every language is asked the same things. Of the second view only where the set shows it (`views`)."""
    wanted = {kind: n for kind, n in PER_STAGE.items() if views or kind not in FROM_A_VIEW}
    state = [seed, index, STAGES.index(recipe), variant, STREAM]
    return [
        q
        for lang in langs
        for q in ask(facts, names, np.random.default_rng(state), lang, wanted, wanted, scene=scene, image=image)
    ]
