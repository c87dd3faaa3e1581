"""Where errors gather: by how much is covered, how much can be seen, size, distance, crowding; and near taken for
far."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from occlusight.bench.consistency import DECISIONS
from occlusight.bench.statistics import rate
from occlusight.datasets.dataset import DataSet
from occlusight.files.journal import Line
from occlusight.occlusion.facts import Facts
from occlusight.questions.question import Question

FAILED: Line = {"outcome": "error"}
Edges = tuple[tuple[float, str], ...]  # (upper end, label), rising
Measure = Callable[[Facts, str, str], float | None]

SHARES: Edges = ((0.1, "under 10 %"), (0.25, "10-25 %"), (0.5, "25-50 %"), (0.8, "50-80 %"), (9.0, "over 80 %"))
SIZES: Edges = ((0.01, "under 1 % of the picture"), (0.03, "1-3 %"), (0.1, "3-10 %"), (9.0, "over 10 %"))
GAPS: Edges = ((1.15, "under 15 % farther"), (1.5, "15-50 %"), (2.0, "50-100 %"), (1e9, "more than twice as far"))
CROWDS: Edges = ((4.5, "up to 4 objects"), (6.5, "5-6"), (8.5, "7-8"), (1e9, "9 or more"))


def _covered(f: Facts, a: str, b: str) -> float | None:
    return max(f.graph.covered(a, b), f.graph.covered(b, a)) or None


def _visible(f: Facts, a: str, b: str) -> float | None:
    return min(f.objects[a].visible_fraction, f.objects[b].visible_fraction)


def _size(f: Facts, a: str, b: str) -> float | None:
    return min(f.objects[a].area, f.objects[b].area)


def _gap(f: Facts, a: str, b: str) -> float | None:
    one, two = f.objects[a].distance, f.objects[b].distance
    return None if not one or not two else max(one, two) / min(one, two)


def _crowd(f: Facts, a: str, b: str) -> float | None:
    return float(len(f.recognised))


MEASURES: Mapping[str, tuple[Measure, Edges]] = {
    "covered share of the hidden one": (_covered, SHARES),
    "visible share of the less visible one": (_visible, SHARES),
    "size of the smaller one": (_size, SIZES),
    "distance between the two": (_gap, GAPS),
    "objects in the picture": (_crowd, CROWDS),
}


def concentration(data: DataSet, lines: Mapping[str, Line]) -> dict[str, list[dict[str, Any]]]:
    """Return the share of right decisions about two objects in every bin of every measure, with n and interval."""
    found: dict[str, list[dict[str, Any]]] = {}
    asked = [q for q in data.questions if q.kind in DECISIONS and "occluder" in q.answer]
    asked = [q for q in asked if lines.get(q.id, FAILED)["outcome"] != "error"]
    for name, (measure, edges) in MEASURES.items():
        rows: dict[str, dict[str, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
        for q in asked:
            value = measure(data.scenes[q.scene].facts, q.answer["occluder"], q.answer["occluded"])
            if value is not None:
                label = next(label for upper, label in edges if value < upper)
                rows[label][q.scene].append((float(lines[q.id]["outcome"] == "right"), 1.0))
        bins = []
        for _, label in edges:
            if rows[label]:
                share = rate(rows[label])
                bins.append({"bin": label, "n": share.n, **share.to_json("accuracy")})
        found[name] = bins
    return found


def near_far(data: DataSet, lines: Mapping[str, Line]) -> dict[str, dict[str, int]]:
    """Return truth -> said -> number of answers, over questions that ask which of two is nearer, or where one is in
    depth."""
    counts: dict[str, dict[str, int]] = {t: dict.fromkeys(("near", "far", "not said"), 0) for t in ("near", "far")}
    for q in data.questions:
        line = lines.get(q.id)
        if line is None or line["outcome"] == "error":
            continue
        pair = _in_depth(q, line["extracted"])
        if pair is not None:
            counts[pair[0]][pair[1]] += 1
    return counts


def _in_depth(q: Question, said: Any) -> tuple[str, str] | None:
    """(true, said) of where the first object is; None for questions that do not ask about depth."""
    names = {"front": "near", "behind": "far", "none": "not said"}
    if q.template == "position.relative" and q.answer["value"]["depth"] != "none":
        return names[q.answer["value"]["depth"]], names[(said or {}).get("depth", "none")]
    if q.kind == "depth_pair":
        first = q.answer["objects"][0]
        sought, other = ("near", "far") if q.template.endswith("nearer") else ("far", "near")
        true = sought if q.answer["value"] == first else other
        return true, "not said" if said is None else sought if said == first else other
    return None


def failures(data: DataSet, lines: Mapping[str, Line], n: int) -> Sequence[Question]:
    """Return wrong answers for a gallery: the kinds in turn, at most one a scene, the surest decisions first."""
    by_kind: dict[str, list[Question]] = defaultdict(list)
    for q in data.questions:
        if q.id in lines and lines[q.id]["outcome"] in ("wrong", "no answer", "cut"):
            by_kind[q.kind].append(q)
    for group in by_kind.values():
        group.sort(key=lambda q: -abs((lines[q.id].get("yes_probability") or 0.5) - 0.5))
    found: list[Question] = []
    scenes: set[str] = set()
    while len(found) < n and any(by_kind.values()):
        for group in by_kind.values():
            fresh = next((q for q in group if q.scene not in scenes), None)
            group[:] = [q for q in group if q.scene not in scenes and q is not fresh]
            if fresh is not None and len(found) < n:
                found.append(fresh)
                scenes.add(fresh.scene)
    return found
