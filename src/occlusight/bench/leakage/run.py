"""Measuring what questions give away: ask about graphs, let the probes learn from four fifths of the scenes, try them on the rest.

The scenes tried are asked about as a set of their own, whose balance knows nothing of the others: within one balanced set what was
oftener yes so far is a no next time, and a probe that learns from its beginning is below chance at its end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from occlusight.bench.leakage.asked import Asked, asked
from occlusight.bench.leakage.probes import box_features, box_model, majority, probe, text_features, text_model
from occlusight.bench.leakage.table import LIMIT, Row, rows
from occlusight.errors import BadInput
from occlusight.occlusion.kinds import Names
from occlusight.scenes.plan import Plan
from occlusight.scenes.pool import Pooled

LEARNT = 0.8  # of the scenes of each pool; the probes are tried on the last
NO_BOXES = (
    "count.kind",
    "recognition.list",
)  # their answers are numbers and lists of what there is, which boxes alone do not name

Told = Callable[[str], None]


@dataclass(frozen=True)
class Leakage:
    """How many questions about how many scenes there were, and a row a template."""

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
    pools: list[tuple[Plan, list[Pooled]]], names: Names, *, balanced: bool, boxes: bool, told: Told | None = None
) -> Leakage:
    """Ask about pools of graphs and try the probes. Raises BadInput where there are too few scenes to try them on."""
    say = told or (lambda text: None)
    learnt: list[Asked] = []
    tried: list[Asked] = []
    for plan, pooled in pools:
        say(f"asking about {len(pooled)} scenes")
        cut = int(LEARNT * len(pooled))
        learnt += asked(plan, pooled[:cut], names, balanced=balanced)
        tried += asked(plan, pooled[cut:], names, balanced=balanced)
    if not learnt or not tried:
        raise BadInput("the probes need more scenes; give --free or --staged at least 5")
    answers = {"majority": majority(learnt, tried)}
    answers["text"] = probe(learnt, tried, text_features, text_model, lambda op: say(f"text probe: {op}"))
    skipped = NO_BOXES if boxes else tuple({q.template for q in tried})
    if boxes:
        learnable, triable = ([q for q in some if q.template not in NO_BOXES] for some in (learnt, tried))
        said = iter(probe(learnable, triable, box_features, box_model, lambda op: say(f"boxes probe: {op}")))
        answers["boxes"] = ["" if q.template in NO_BOXES else next(said) for q in tried]
    scenes = sum(len(pooled) for _, pooled in pools)
    return Leakage(scenes, len(learnt) + len(tried), len(learnt), rows(learnt, tried, answers, skipped))
