"""Many graphs without pictures: what scenes are made of is drawn and measured as for a data set, at a small size and
unrendered.

They are what the questions' guards need (`bench leakage`): thousands of scenes, at 0.03 s each where they are free and
0.24 s where they are targeted. Two things are not done that a data set does: looking whether things stand in one
another, and measuring at the picture's own size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from occlusight.errors import BadData, BadInput
from occlusight.files.journal import Journal
from occlusight.files.lock import only_writer
from occlusight.files.text import read_json
from occlusight.files.whole import write_json
from occlusight.occlusion.graph import Graph
from occlusight.scenes.make.plan import DatasetPlan, differences
from occlusight.scenes.meshes.catalogue import Catalogue

SIZE = 112  # pixels of the side at which truth is measured
GRAPHS, PLAN = "graphs.jsonl", "plan.json"

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class PooledGraph:
    """A graph, and the recipe and index that it was drawn for."""

    recipe: str
    index: int
    graph: Graph


def graph_pool(
    plan: DatasetPlan, folder: Path, progress: Progress | None = None, catalogue: Catalogue | None = None
) -> list[PooledGraph]:
    """Return the graphs of a plan's scenes; those that the folder does not have yet are made and kept there, one after
    the other.

    The plan's size is that of measuring; its samples mean nothing. Raises BadInput when the folder holds graphs of
    another plan, another process writes it or the family cannot be measured quickly, BadData when a line of it is
    damaged or a mesh is not imported.
    """
    measure = plan.family.measure
    if measure is None:
        raise BadInput(f"there are no graphs without pictures of {plan.family.name}; give free or targeted recipes")
    folder.mkdir(parents=True, exist_ok=True)
    with only_writer(folder), Journal(folder / GRAPHS) as journal:
        _same_plan(plan, folder)
        found = [_pooled(line, folder) for line in journal.lines[: plan.count]]
        known = catalogue or plan.family.catalogue()
        show = progress or (lambda done, total: None)
        show(len(found), plan.count)
        while len(found) < plan.count:
            base = len(found) - len(found) % plan.group_size
            graphs = measure(plan.slot(base), known)
            group = [PooledGraph(plan.recipe(base), base + i, graph) for i, graph in enumerate(graphs)]
            for pooled in group[len(found) - base : plan.count - base]:
                journal.append({"recipe": pooled.recipe, "index": pooled.index, "graph": pooled.graph.to_json()})
                found.append(pooled)
            show(len(found), plan.count)
    return found


def _same_plan(plan: DatasetPlan, folder: Path) -> None:
    """Write down what the folder's graphs are of. Raises BadInput where they are of something else."""
    path = folder / PLAN
    if not path.is_file():
        write_json(path, plan.identity())
        return
    found = read_json(path)
    unlike = differences(found, plan) if isinstance(found, dict) else [f"{PLAN} is no record of any"]
    if unlike:
        raise BadInput(f"{folder} holds graphs of other scenes ({'; '.join(unlike)}); give another folder")


def _pooled(line: dict[str, Any], folder: Path) -> PooledGraph:
    try:
        return PooledGraph(line["recipe"], line["index"], Graph.from_json(line["graph"]))
    except (KeyError, TypeError, ValueError) as error:
        raise BadData(f"{folder / GRAPHS} holds a line that is no graph ({error!r}); delete that line") from None
