"""How good are relation graphs? Extracted once a picture, then judged without rules and with them, on the same word of
the model, with the truth of a data set.

- `pair_precision`, `pair_recall`, `pair_f1`: of the ordered pairs of which one hides the other, over all pairs of
  objects of the truth that count, also those that the model did not name (InstaOrder, arXiv 2111.14562, section 5, from
  end to end); `named_pair_f1` over pairs of which both were named alone, as there.
- `whdr`: the share of pairs with a known order in depth that the graph's order has otherwise, or ties (InstaOrder's
  WHDR, every pair weighing the same), of pairs of which both were named.
- `object_f1`: of the objects named against those that count. `box_iou`: of the objects found, where there are boxes.
- `ece`: expected calibration error of the probability that one hides the other, of pairs of which both were named, in
  ten bins of the probability of yes, before rules; `reliability` are the bins. `ece_with_objects` is that of the
  statement that both are there and one hides the other, which is false of things that are not there.
  `coverage_at_95`: the share of decisions that are sure enough to be said, by the threshold that was fitted elsewhere;
  `right_when_said` and `yes_right_when_said`: how often those are right, and of those which say yes.
- `contradiction_rate`: the share of graphs that contradict themselves: two that hide each other, or a circle in depth.
- `solve_s_p95`: seconds that the rules took, of 95 in 100 pictures at most.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

import numpy as np

from occlusight.bench.statistics import Floats, Rate, difference, f1, precision, rate, ratio, recall
from occlusight.datasets.dataset import SceneLine
from occlusight.errors import BadInput
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph
from occlusight.occlusion.kinds import Lang
from occlusight.reasoning.calibration import Calibration, Example, fit, is_said, rows
from occlusight.reasoning.extract import Extraction, Extractor
from occlusight.reasoning.matching import Matched, match, truth_of
from occlusight.reasoning.objects import overlap
from occlusight.reasoning.pairs import Pair
from occlusight.reasoning.relations import Certainty, Described, world

BINS = 10
RENDERS = "renders"
Progress = Callable[[int, int], None]
Row = Sequence[float]
Table = defaultdict[str, list[Row]]


@dataclass(frozen=True)
class Judged:
    """One picture: what the model said, what of it is true, and how long it took."""

    scene: SceneLine
    extraction: Extraction
    matched: Matched
    seconds: float
    cpu_seconds: float


def extracted(
    extractor: Extractor, scenes: Sequence[SceneLine], lang: Lang, progress: Progress | None = None
) -> Iterator[Judged]:
    """Yield what a model says of each scene's picture, asked as it is asked in use."""
    for number, scene in enumerate(scenes, 1):
        began, cpu = time.perf_counter(), time.process_time()
        found = extractor.of(scene.picture, lang)
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
        yield Judged(scene, found, match(found.objects, scene.graph), seconds, cpu_seconds)
        if progress:
            progress(number, len(scenes))


def calibrated(judged: Sequence[Judged], revision: str, domain: str = RENDERS) -> Calibration:
    """Fit a calibration on scenes, of every language in which they were asked. Raises BadInput without any."""
    if not judged:
        raise BadInput("nothing was asked, so that nothing can be fitted; give a data set with pictures")
    fits, objects = {}, {}
    for lang in dict.fromkeys(j.extraction.lang for j in judged):
        mine = [j for j in judged if j.extraction.lang == lang]
        for kind in ("hides", "nearer"):
            found = [example for j in mine for example in examples(j, kind)]
            if len({e.true for e in found}) == 2:
                fits[f"{kind}.{lang}"] = fit(found)
        named = sum(len(j.extraction.objects) - len(j.matched.doubtful) for j in mine)
        objects[str(lang)] = round(sum(len(j.matched.truth) for j in mine) / max(1, named), 4)
    if not fits:
        raise BadInput(
            "in these scenes nothing that was asked is true, so that nothing can be fitted; give more scenes"
        )
    return Calibration(revision, domain, fits, objects)


def examples(judged: Judged, kind: str) -> Iterator[Example]:
    """Yield the statements of one picture whose truth is known."""
    features = rows(judged.extraction, kind)
    for pair, true in truth_of(judged.extraction, judged.scene.facts, kind, judged.matched).items():
        yield Example(judged.scene.id, features[pair], true)


def measure(
    judged: Sequence[Judged],
    extractor: Extractor,
    calibration: Calibration | None,
    *,
    rules: bool = True,
    budget_s: float = 0.5,
) -> dict[str, Any]:
    """Return the document of `bench graph`: the numbers with rules (unless none are wanted), those `without_rules`
    beside them, and the paired differences; and, where there is a calibration, those by the model's `own_word`."""
    plain = _judge(judged, extractor, calibration, rules=False, budget_s=budget_s)
    head: dict[str, Any] = {"n_scenes": len(judged), "rules": rules, **_costs(judged)}
    if calibration is not None:
        head["own_word"] = _judge(judged, extractor, None, rules=False, budget_s=budget_s).numbers()
    if not rules:
        return {**head, **plain.numbers()}
    checked = _judge(judged, extractor, calibration, rules=True, budget_s=budget_s)
    return {**head, **checked.numbers(), "without_rules": plain.numbers(), "gain": checked.gains(plain)}


@dataclass
class _Judgement:
    """Rows of sums by scene, for each number."""

    pairs: Table = field(default_factory=lambda: defaultdict(list))
    named: Table = field(default_factory=lambda: defaultdict(list))
    order: Table = field(default_factory=lambda: defaultdict(list))
    objects: Table = field(default_factory=lambda: defaultdict(list))
    boxes: Table = field(default_factory=lambda: defaultdict(list))
    error: Table = field(default_factory=lambda: defaultdict(list))
    whole: Table = field(default_factory=lambda: defaultdict(list))
    said: Table = field(default_factory=lambda: defaultdict(list))
    contradicted: Table = field(default_factory=lambda: defaultdict(list))
    solve_s: list[float] = field(default_factory=list)
    changed: int = 0
    optimal: int = 0

    def numbers(self) -> dict[str, Any]:
        """Return the numbers, each with its interval by scene."""
        error, bins = self.error, _bins(self.error)
        found: dict[str, Rate] = {
            "pair_f1": rate(self.pairs, f1),
            "pair_precision": rate(self.pairs, precision),
            "pair_recall": rate(self.pairs, recall),
            "named_pair_f1": rate(self.named, f1),
            "whdr": rate(self.order, ratio),
            "object_f1": rate(self.objects, f1),
            "box_iou": rate(self.boxes, ratio),
            "ece": rate(error, _expected_error),
            "ece_with_objects": rate(self.whole, _expected_error),
            "coverage_at_95": rate(self.said, lambda s: ratio(s[..., [0, 1]])),
            "right_when_said": rate(self.said, lambda s: ratio(s[..., [2, 0]])),
            "yes_right_when_said": rate(self.said, lambda s: ratio(s[..., [4, 3]])),
            "contradiction_rate": rate(self.contradicted, ratio),
        }
        out: dict[str, Any] = {}
        for name, one in found.items():
            out |= {**one.to_json(name), f"{name}_n": one.n}
        out |= {"reliability": bins, "changed_by_rules": self.changed}
        out["solve_s_p95"] = round(float(np.percentile(self.solve_s, 95)), 4) if self.solve_s else None
        out["optimal"] = self.optimal
        return out

    def gains(self, other: _Judgement) -> dict[str, Any]:
        """Return how much more this one has, with intervals of the difference, paired by scene."""
        out: dict[str, Any] = {}
        for name, mine, theirs, statistic in (
            ("pair_f1", self.pairs, other.pairs, f1),
            ("named_pair_f1", self.named, other.named, f1),
            ("whdr", self.order, other.order, ratio),
        ):
            out |= difference(mine, theirs, statistic).to_json(name)
        return out


def _judge(
    judged: Sequence[Judged], extractor: Extractor, calibration: Calibration | None, *, rules: bool, budget_s: float
) -> _Judgement:
    out = _Judgement()
    certainty = Certainty(calibration is not None, None if calibration is None else calibration.domain)
    for j in judged:
        began = time.perf_counter()
        found = world(j.extraction, calibration, certainty, extractor.words, checked=rules, budget_s=budget_s)
        if rules:
            out.solve_s.append(time.perf_counter() - began)
            out.optimal += bool(found.graph.optimal)
            out.changed += len(found.changes)
        _add(out, j, found, calibration)
    return out


def _add(out: _Judgement, j: Judged, found: Described, calibration: Calibration | None) -> None:
    id, facts, truth = j.scene.id, j.scene.facts, j.matched.truth
    said = {(r.occluder, r.occluded) for r in found.graph.relations}
    out.pairs[id].append(_pairs(said, facts, j.matched))
    told = truth_of(j.extraction, facts, "hides", j.matched)
    for pair, true in told.items():
        yes = pair in said
        out.named[id].append((float(yes and true), float(yes and not true), float(true and not yes)))
    rank = {one: place for place, group in enumerate(found.graph.depth_order) for one in group}
    for a in truth:
        for b in truth:
            order = facts.depth(truth[a], truth[b]) if a < b else "none"
            if order != "none":
                right = rank[a] != rank[b] and (rank[a] < rank[b]) == (order == "front")
                out.order[id].append((float(not right), 1.0))
    counted = set(facts.recognised)
    hit = len(counted & set(truth.values()))
    extra = len(j.extraction.objects) - len(truth) - len(j.matched.doubtful)
    out.objects[id].append((float(hit), float(extra), float(len(counted) - hit)))
    boxes = {one.id: one.box for one in j.extraction.objects}
    for one, other in truth.items():
        if (box := boxes[one]) is not None:
            out.boxes[id].append((overlap(box, facts.objects[other].box), 1.0))
    there = 1.0 if calibration is None else calibration.objects.get(j.extraction.lang, 1.0)
    for pair, p in found.asked.items():
        if {*pair} & j.matched.doubtful:
            continue
        if pair in told or not {*pair} <= truth.keys():
            out.whole[id].append(_binned(p * there**2, told.get(pair, False)))
        if pair in told:
            out.error[id].append(_binned(p, told[pair]))
            confident = is_said(p, found.sure)
            right = (p >= 0.5) == told[pair]
            row = (confident, True, confident and right, confident and p >= 0.5, confident and p >= 0.5 and right)
            out.said[id].append([float(value) for value in row])
    out.contradicted[id].append((float(contradicts(found.graph)), 1.0))


def _pairs(said: set[Pair], facts: Facts, matched: Matched) -> Row:
    """True positives, false positives and false negatives over all ordered pairs of the truth's objects that count."""
    truth = matched.truth
    hits = extra = 0
    meant = set()
    for a, b in said:
        if {a, b} & matched.doubtful:
            continue
        there = a in truth and b in truth
        hidden = facts.hides(truth[a], truth[b]) if there else False
        if there:
            meant.add((truth[a], truth[b]))
        hits += hidden is True
        extra += hidden is False
    counted = facts.recognised
    missed = sum(bool(facts.hides(a, b)) and (a, b) not in meant for a in counted for b in counted if a != b)
    return float(hits), float(extra), float(missed)


def _binned(p: float, true: bool) -> Row:
    """One statement as a row of BINS counts, BINS sums of probabilities, BINS of truths."""
    row = np.zeros(3 * BINS)
    at = min(BINS - 1, int(p * BINS))
    row[at], row[BINS + at], row[2 * BINS + at] = 1, p, true
    return [float(value) for value in row]


def contradicts(graph: Graph) -> bool:
    """Whether a graph contradicts itself: opaque things that hide each other, or are before each other in a circle."""
    opaque = {o.id for o in graph.objects if o.material == "opaque"}
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for r in graph.relations:
        if {r.occluder, r.occluded} <= opaque:
            sorter.add(r.occluded, r.occluder)
    try:
        sorter.prepare()
    except CycleError:
        return True
    rank = {id: place for place, group in enumerate(graph.depth_order) for id in group}
    return any(
        rank[r.occluder] > rank[r.occluded] for r in graph.relations if {r.occluder, r.occluded} <= opaque & rank.keys()
    )


def _expected_error(sums: Floats) -> Floats:
    """(..., 3 * BINS) of counts, sums of probabilities, and of truths -> (...): the expected calibration error."""
    count, p, true = sums[..., :BINS], sums[..., BINS : 2 * BINS], sums[..., 2 * BINS :]
    return np.asarray(np.abs(p - true).sum(-1) / np.maximum(count.sum(-1), 1e-12))


def _bins(table: Mapping[str, Sequence[Row]]) -> list[dict[str, float]]:
    """Return mean probability, share of true statements and n of every bin that is not empty."""
    if not table:
        return []
    sums = np.sum([row for found in table.values() for row in found], axis=0)
    count, p, true = sums[:BINS], sums[BINS : 2 * BINS], sums[2 * BINS :]
    return [
        {"probability": round(p[i] / count[i], 4), "true": round(true[i] / count[i], 4), "n": int(count[i])}
        for i in range(BINS)
        if count[i]
    ]


def _costs(judged: Sequence[Judged]) -> dict[str, Any]:
    """Return what extraction took, in the median: seconds, of the processor too, and questions with the picture."""
    if not judged:
        return {}
    return {
        "extract_s": round(float(np.median([j.seconds for j in judged])), 3),
        "extract_cpu_s": round(float(np.median([j.cpu_seconds for j in judged])), 3),
        "objects": round(float(np.mean([len(j.extraction.objects) for j in judged])), 2),
        "questions": round(float(np.mean([j.extraction.questions for j in judged])), 1),
    }
