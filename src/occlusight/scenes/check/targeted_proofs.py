"""What must hold in a targeted scene: its masks, graph and questions say the same, it stands as things do, and a second
method agrees."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from occlusight.datasets.masks import decode
from occlusight.errors import BadData
from occlusight.files.json_lines import Line
from occlusight.occlusion.facts import Facts
from occlusight.scenes.check.audit import audit_failures
from occlusight.scenes.make.scene_line import scene_of
from occlusight.scenes.recipes.targeted import LEAST_OBJECTS, MOST_OBJECTS
from occlusight.scenes.truth.physics import physics_failures


def targeted_failures(line: Line, facts: Facts) -> Iterator[str]:
    """Prove what needs no mesh: the number of objects, and that the scene is of its type. Edited scenes may be
    otherwise."""
    n = len(facts.noticeable)
    if not line.get("edit") and not LEAST_OBJECTS <= n <= MOST_OBJECTS:
        yield f"has {n} objects that can be noticed, not {LEAST_OBJECTS} to {MOST_OBJECTS}"
    ids = [o.id for o in facts.graph.objects]
    if sorted(ids) != sorted(line["masks"]) or not set(ids) <= {p["id"] for p in line["placed"]}:
        yield "has not the same objects in its graph, its masks and its description"
        return
    if sorted(i for group in facts.graph.depth_order for i in group) != sorted(
        o.id for o in facts.graph.objects if o.distance is not None
    ):
        yield "has a depth order that does not list every object in the picture once"
    for o in facts.graph.objects:
        try:
            whole, seen = (decode(line["masks"][o.id][m]) for m in ("amodal", "visible"))
        except BadData as error:
            yield f"has a mask of {o.id} that cannot be read ({error})"
            continue
        if (seen & ~whole).any():
            yield f"shows {o.id} where it is not"
        if whole.any() and abs(seen.sum() / whole.sum() - o.visible_fraction) > 1e-4:
            yield (
                f"says that {o.visible_fraction} of {o.id} is visible, but the masks say {seen.sum() / whole.sum():.4f}"
            )
        if (o.seen == "direct") != bool(seen.any()):
            yield f"says that {o.id} is seen {o.seen}, but its mask of what is visible has {seen.sum()} pixels"
    if not line.get("edit"):
        yield from _type_failures(line, facts)


def _type_failures(line: Line, facts: Facts) -> Iterator[str]:
    family, focus = line["family"], line["focus"]
    types = {r.type for r in facts.graph.relations}
    if family == "reflective" and not any(r.object == focus[1] for r in facts.graph.reflections):
        yield f"is about a reflection of {focus[1]}, which no mirror shows"
    elif family == "chain" and not all(facts.hides(a, b) for a, b in pairwise(focus)):
        yield "is about a chain, but one of its links does not hide the next"
    elif family in ("partial", "complete", "transparent") and family not in types:
        yield f"is about {family} occlusion, but has no such relation"
    if family == "complete" and not facts.evidence(focus[0]):
        yield f"has nothing that tells of what is behind {focus[0]}"


def measured_again(line: Line, facts: Facts) -> Iterator[str]:
    """Prove what needs the meshes: nothing floats or stands in another thing, and the second method agrees with every
    mask."""
    try:
        scene = scene_of(line)
    except BadData as error:
        yield str(error)
        return
    yield from (f"does not stand as things do: {failure}" for failure in physics_failures(scene))
    try:
        masks, mirrored = _stored(line, facts)
    except BadData as error:
        yield f"has a mask that cannot be read ({error})"
        return
    yield from audit_failures(scene, facts.graph, masks, mirrored)


Masks = dict[str, dict[str, NDArray[np.bool_]]]
Mirrored = dict[tuple[str, str], NDArray[np.bool_]]


def _stored(line: Line, facts: Facts) -> tuple[Masks, Mirrored]:
    """Return the masks of objects, and those of their reflections by (object, mirror). Raises BadData."""
    masks = {o.id: {m: decode(line["masks"][o.id][m]) for m in ("amodal", "visible")} for o in facts.graph.objects}
    mirrored = {
        (id, mirror): decode(rle) for id in masks for mirror, rle in line["masks"][id].get("mirrored", {}).items()
    }
    return masks, mirrored
