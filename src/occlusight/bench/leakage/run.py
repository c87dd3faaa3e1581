"""Measuring what questions give away: ask about graphs, let the probes learn from four fifths of the scenes, try them
on the other.

Each fifth is tried in turn, and is asked about as a set of its own, matched without regard to the others: within one
matched set what is a yes in four fifths is a no in the other, and a probe would be below chance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from occlusight.bench.leakage.asked import Asked, asked
from occlusight.bench.leakage.probes import box_features, box_model, majority, probe, text_features, text_model
from occlusight.bench.leakage.table import LIMIT, Row, rows
from occlusight.errors import BadInput
from occlusight.occlusion.kinds import Names
from occlusight.scenes.make.graph_pool import PooledGraph
from occlusight.scenes.make.plan import DatasetPlan

FOLDS = 5  # parts of each pool; each is tried by probes that learnt from the others
NO_BOXES = (
    "count.kind",
    "recognition.list",
)  # their answers are numbers and lists of what there is, which boxes alone do not name

Report = Callable[[str], None]


@dataclass(frozen=True)
class Leakage:
    """How many questions about how many scenes there were, from how many at least the probes learnt, and a row a
    template."""

    scenes: int
    questions: int
    learnt: int
    rows: list[Row]

    @property
    def leaking(self) -> list[str]:
        """Templates whose text gives away more than it may."""
        return [row.template for row in self.rows if row.leaks]

    def to_json(self) -> dict[str, Any]:
        """The last line of the command, without the rows."""
        return {
            "scenes": self.scenes,
            "questions": self.questions,
            "learnt": self.learnt,
            "limit": LIMIT,
            "templates": len(self.rows),
            "leaking": self.leaking,
        }


def measure(
    pools: list[tuple[DatasetPlan, list[PooledGraph]]],
    names: Names,
    *,
    balanced: bool,
    boxes: bool,
    report: Report | None = None,
) -> Leakage:
    """Ask about pools of graphs and try the probes. Raises BadInput where there are too few scenes to try them on."""
    say = report or (lambda text: None)
    fifths: list[list[Asked]] = [[] for _ in range(FOLDS)]
    for plan, pooled in pools:
        groups = len(pooled) // plan.group_size
        if groups < FOLDS:
            raise BadInput("the probes need more scenes; give --free or --staged at least 5, or 0")
        ends = [k * groups // FOLDS * plan.group_size for k in range(FOLDS + 1)]
        for k, (start, end) in enumerate(pairwise(ends)):
            say(f"asking about {end - start} scenes")
            fifths[k] += asked(plan, pooled[start:end], names, balanced=balanced)
    tried = [q for fifth in fifths for q in fifth]
    answers: dict[str, list[str]] = {"majority": [], "text": [], **({"boxes": []} if boxes else {})}
    for k, fifth in enumerate(fifths):
        learnt = [q for other in fifths[:k] + fifths[k + 1 :] for q in other]
        answers["majority"] += majority(learnt, fifth)
        say(f"text probe, fifth {k + 1}")
        answers["text"] += probe(learnt, fifth, text_features, text_model)
        if boxes:
            say(f"boxes probe, fifth {k + 1}")
            learnable, triable = ([q for q in some if q.template not in NO_BOXES] for some in (learnt, fifth))
            said = iter(probe(learnable, triable, box_features, box_model))
            answers["boxes"] += ["" if q.template in NO_BOXES else next(said) for q in fifth]
    skipped = NO_BOXES if boxes else tuple({q.template for q in tried})
    scenes = sum(len(pooled) for _, pooled in pools)
    learnt_from = len(tried) - max(map(len, fifths))
    return Leakage(scenes, len(tried), learnt_from, rows(tried, answers, skipped))
