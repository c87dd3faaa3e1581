"""Measuring a free scene again from its description, and comparing its stored truth with that."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from occlusight.datasets.masks import decode
from occlusight.errors import BadData
from occlusight.files.json_lines import Line
from occlusight.occlusion.facts import Facts
from occlusight.scenes.make.scene_line import scene_of
from occlusight.scenes.truth.measure import Truth, measure

PIXELS = 5e-4  # share of the picture's pixels by which a mask may differ on another type of machine
FRACTION = 0.005  # and a covered or visible fraction


def remeasured_failures(line: Line, stored: Facts) -> Iterator[str]:
    """Prove that what a line says is what is measured from its description. Raises BadData when a mesh is not
    imported."""
    graph = stored.graph
    try:
        scene = scene_of(line)
    except BadData as error:
        yield str(error)
        return
    truth = measure(scene)
    again = Facts(truth.graph)
    if [(o.id, o.kind, o.name, o.name_zh) for o in graph.objects] != [
        (o.id, o.kind, o.name, o.name_zh) for o in truth.graph.objects
    ]:
        yield "has other objects than its description"
        return
    for o in graph.objects:
        now = again.objects[o.id]
        if abs(o.visible_fraction - now.visible_fraction) > FRACTION:
            yield f"says that {o.visible_fraction} of {o.id} is visible, but {now.visible_fraction} is measured"
    for pair in sorted({*stored.relations, *again.relations}):
        before, after = graph.covered(*pair), truth.graph.covered(*pair)
        if abs(before - after) > FRACTION:
            yield f"says that {pair[0]} covers {before} of {pair[1]}, but {after} is measured"
    yield from _mask_failures(line, truth)


def _mask_failures(line: Line, truth: Truth) -> Iterator[str]:
    for i, o in enumerate(truth.graph.objects):
        for name, mask in (("amodal", truth.amodal[i]), ("visible", truth.visible[i])):
            try:
                stored = decode(line["masks"][o.id][name])
            except BadData as error:
                yield f"has a mask of {o.id} that cannot be read ({error})"
                continue
            if stored.shape != mask.shape or np.count_nonzero(stored != mask) > PIXELS * mask.size:
                yield f"has another {name} mask of {o.id} than is measured"
