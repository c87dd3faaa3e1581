"""Many graphs without pictures: what scenes are made of is drawn and measured as for a data set, at a small size and unrendered.

They are what the questions' guards need (`bench leakage`): thousands of scenes, at 0.03 s each where they are free and 0.24 s where they are staged.
Two things are not done that a data set does: looking whether things stand in one another, and measuring at the picture's own size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from occlusight.errors import BadData, BadInput, OcclusightError
from occlusight.files.journal import Journal
from occlusight.files.lock import only_writer
from occlusight.files.text import read_json
from occlusight.files.whole import write_json
from occlusight.occlusion.graph import Graph
from occlusight.scenes.make.plan import Plan, differences
from occlusight.scenes.make.selection import choose
from occlusight.scenes.meshes.catalogue import Catalogue, load_catalogue, whole_catalogue
from occlusight.scenes.recipes.targeted import (
    FAMILIES,
    LIMIT,
    enough,
    family_of,
    plausible_drawings,
    tells_by_shadows,
)
from occlusight.scenes.recipes.variants import variant_of
from occlusight.scenes.truth.quick_raycast import quick_depth_maps, quick_reach, quick_sight
from occlusight.scenes.truth.targeted import measure_staged

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

    The plan's size is that of measuring; its samples mean nothing. Raises BadInput when the folder holds graphs of another plan
    or another process writes it, BadData when a line of it is damaged or a mesh is not imported.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with only_writer(folder), Journal(folder / GRAPHS) as journal:
        _same_plan(plan, folder)
        found = [_pooled(line, folder) for line in journal.lines[: plan.count]]
        known = catalogue or (whole_catalogue() if plan.staged else load_catalogue())
        show = progress or (lambda done, total: None)
        show(len(found), plan.count)
        while len(found) < plan.count:
            base = len(found) - len(found) % plan.group
            group = [Pooled(plan.recipe(base), base + i, graph) for i, graph in enumerate(graphs_of(plan, base, known))]
            for pooled in group[len(found) - base : plan.count - base]:
                journal.append({"recipe": pooled.recipe, "index": pooled.index, "graph": pooled.graph.to_json()})
                found.append(pooled)
            show(len(found), plan.count)
    return found


def _same_plan(plan: Plan, folder: Path) -> None:
    """Write down what the folder's graphs are of. Raises BadInput where they are of something else."""
    path = folder / PLAN
    if not path.is_file():
        write_json(path, plan.identity())
        return
    found = read_json(path)
    unlike = differences(found, plan) if isinstance(found, dict) else [f"{PLAN} is no record of any"]
    if unlike:
        raise BadInput(f"{folder} holds graphs of other scenes ({'; '.join(unlike)}); give another folder")


def _pooled(line: dict[str, Any], folder: Path) -> Pooled:
    try:
        return Pooled(line["recipe"], line["index"], Graph.from_json(line["graph"]))
    except (KeyError, TypeError, ValueError) as error:
        raise BadData(f"{folder / GRAPHS} holds a line that is no graph ({error!r}); delete that line") from None


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
