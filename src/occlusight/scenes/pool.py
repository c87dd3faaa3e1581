"""Many graphs without pictures: what scenes are made of is drawn and measured as for a data set, at a small size and unrendered.

They are what the questions' guards need (`bench leakage`): thousands of scenes, at 0.03 s each where they are free and 0.24 s where they are staged.
Two things are not done that a data set does: looking whether things stand in one another, and measuring at the picture's own size.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from occlusight.errors import BadInput, OcclusightError
from occlusight.files import json_lines
from occlusight.occlusion.graph import Graph
from occlusight.scenes.catalogue import Catalogue, load_catalogue, whole_catalogue
from occlusight.scenes.choice import choose
from occlusight.scenes.plan import Plan, differences
from occlusight.scenes.quick_raycast import quick_depth_maps, quick_reach, quick_sight
from occlusight.scenes.staged_truth import measure_staged
from occlusight.scenes.stages.registry import (
    FAMILIES,
    LIMIT,
    enough,
    family_of,
    plausible_drawings,
    tells_by_shadows,
)
from occlusight.scenes.stages.variants import variant_of
from occlusight.scenes.stored import dumped

SIZE = 112  # pixels of the side at which truth is measured
GRAPHS, PLAN = "graphs.jsonl", "plan.json"

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Pooled:
    """A graph, and the recipe and index that it was drawn for."""

    recipe: str
    index: int
    graph: Graph


def pool(
    plan: Plan, folder: Path, progress: Progress | None = None, catalogue: Catalogue | None = None
) -> list[Pooled]:
    """Return the graphs of a plan's scenes; those that the folder does not have yet are made and kept there, one after the other.

    The plan's size is that of measuring; its samples mean nothing. Raises BadInput when the folder holds graphs of another plan,
    BadData when a mesh is not imported.
    """
    found = list(_kept(plan, folder))[: plan.count]
    known = catalogue or (whole_catalogue() if plan.staged else load_catalogue())
    show = progress or (lambda done, total: None)
    show(len(found), plan.count)
    with (folder / GRAPHS).open("a", encoding="utf-8") as lines:
        while len(found) < plan.count:
            base = len(found) - len(found) % plan.group
            group = [Pooled(plan.recipe(base), base + i, graph) for i, graph in enumerate(graphs_of(plan, base, known))]
            for pooled in group[len(found) - base : plan.count - base]:
                lines.write(dumped({"recipe": pooled.recipe, "index": pooled.index, "graph": pooled.graph.to_json()}))
                found.append(pooled)
            lines.flush()
            show(len(found), plan.count)
    return found


def _kept(plan: Plan, folder: Path) -> Iterator[Pooled]:
    """Yield the graphs that are there; a last line that was cut is taken away."""
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / PLAN
    if record.is_file():
        unlike = differences(json.loads(record.read_text(encoding="utf-8")), plan)
        if unlike:
            raise BadInput(f"{folder} holds graphs of other scenes ({'; '.join(unlike)}); give another folder")
    else:
        record.write_text(json.dumps(plan.identity()) + "\n", encoding="utf-8")
    path = folder / GRAPHS
    if not path.is_file():
        return
    whole = path.read_bytes().rpartition(b"\n")
    if whole[2]:
        path.write_bytes(whole[0] + whole[1])
    for _, line in json_lines.read_lines(path):
        yield Pooled(line["recipe"], line["index"], Graph.from_json(line["graph"]))


def graphs_of(plan: Plan, base: int, catalogue: Catalogue) -> list[Graph]:
    """Return the graphs of the scene of a base index and of its variants. Raises OcclusightError when no drawing will do."""
    recipe = plan.recipe(base)
    if plan.staged:
        return _staged(recipe, plan, base, catalogue)
    choice = choose(recipe, plan.seed, base, catalogue, band=plan.band(base), width=plan.size, look=quick_depth_maps)
    return [choice.truth.graph]


def _staged(recipe: str, plan: Plan, base: int, catalogue: Catalogue) -> list[Graph]:
    """`registry.choose_stage`, with quick rays and without the proofs of standing; then the variants, which are proved to stand."""
    family, turn = family_of(recipe), plan.turn(base)
    shows = FAMILIES[family][2]
    measured = partial(measure_staged, catalogue=catalogue, look=quick_sight, reach=quick_reach)
    for _, scene, focus in plausible_drawings(recipe, plan.seed, base, catalogue, turn, plan.size):
        scene = replace(scene, camera=replace(scene.camera, width=plan.size, height=plan.size))
        truth = measured(scene, shadows=tells_by_shadows(family))
        if not shows(truth, focus, turn) or not enough(truth):
            continue
        if not plan.variants:
            return [truth.graph]
        group = [variant_of(scene, tuple(focus), member, turn) for member in range(plan.group)]
        return [measured(one.scene, second=one.second).graph for one in group]
    raise OcclusightError(f"none of {LIMIT} drawings of {recipe} {base} shows what it should")
