"""How far a model's own probabilities can be trusted: calibration, risk against coverage, and when to abstain.

The probability of a yes is that of "Yes" against "No" as the whole answer, from the backend's log-probabilities. The
confidence is the larger of the two, the decision the likelier. (It can differ from the decision in the answer's text,
which is sampled token by token; the share of such answers is `text_disagrees`.)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from occlusight.bench.statistics import Floats, rate

BINS = 10
POINTS = 20
TARGETS = (0.02, 0.05, 0.10)


@dataclass(frozen=True)
class Certain:
    """One decision with a probability: `yes` is the model's, `truth` whether yes is right, `said` what its text
    says."""

    scene: str
    yes: float
    truth: bool
    said: str | None = None

    @property
    def decision(self) -> bool:
        """The likelier one."""
        return self.yes >= 0.5

    @property
    def right(self) -> bool:
        """Whether the likelier decision is the true one."""
        return self.decision == self.truth

    @property
    def confidence(self) -> float:
        """The probability of the likelier decision, 0.5 to 1."""
        return max(self.yes, 1 - self.yes)


def calibration(decisions: Sequence[Certain]) -> dict[str, Any]:
    """Return everything about these decisions; {"n": 0} without any."""
    if not decisions:
        return {"n": 0}
    rows: dict[str, list[Floats]] = defaultdict(list)
    for d in decisions:
        rows[d.scene].append(_binned(d))
    right: dict[str, list[Sequence[float]]] = defaultdict(list)
    for d in decisions:
        right[d.scene].append((float(d.right), 1.0))
    disagree = sum(d.said in ("yes", "no") and (d.said == "yes") != d.decision for d in decisions)
    return {
        "n": len(decisions),
        **rate(right).to_json("accuracy"),
        **rate(rows, expected_error).to_json("ece"),  # type: ignore[arg-type]
        "brier": round(float(np.mean([(d.yes - d.truth) ** 2 for d in decisions])), 4),
        "text_disagrees": round(disagree / len(decisions), 4),
        "bins": bins(decisions),
        "risk_coverage": risk_coverage(decisions),
        "abstention": [abstention(decisions, target) for target in TARGETS],
    }


def _binned(d: Certain) -> Floats:
    """One decision as a row of BINS counts, BINS sums of confidence, BINS of right decisions."""
    row = np.zeros(3 * BINS)
    at = _bin(d.confidence)
    row[at], row[BINS + at], row[2 * BINS + at] = 1, d.confidence, d.right
    return row


def _bin(confidence: float) -> int:
    """Equal widths from 0.5 to 1."""
    return min(BINS - 1, int((confidence - 0.5) * 2 * BINS))


def expected_error(sums: Floats) -> Floats:
    """(..., 3 * BINS) of sums -> (...): the expected calibration error (Guo et al., 2017, arXiv 1706.04599, equation
    3)."""
    count, confidence, right = sums[..., :BINS], sums[..., BINS : 2 * BINS], sums[..., 2 * BINS :]
    return np.asarray(np.abs(confidence - right).sum(-1) / np.maximum(count.sum(-1), 1e-12))


def bins(decisions: Sequence[Certain]) -> list[dict[str, float]]:
    """Return mean confidence, accuracy and n of every bin that is not empty."""
    found: dict[int, list[Certain]] = defaultdict(list)
    for d in decisions:
        found[_bin(d.confidence)].append(d)
    return [
        {
            "confidence": round(float(np.mean([d.confidence for d in group])), 4),
            "accuracy": round(float(np.mean([d.right for d in group])), 4),
            "n": len(group),
        }
        for _, group in sorted(found.items())
    ]


def risk_coverage(decisions: Sequence[Certain]) -> list[dict[str, float]]:
    """Return the share of wrong decisions among the most confident ones, at POINTS shares of all."""
    ordered = sorted(decisions, key=lambda d: -d.confidence)
    wrong = np.cumsum([not d.right for d in ordered])
    points = []
    for i in range(1, POINTS + 1):
        kept = max(1, round(len(ordered) * i / POINTS))
        points.append({"coverage": round(kept / len(ordered), 4), "risk": round(float(wrong[kept - 1]) / kept, 4)})
    return points


def abstention(decisions: Sequence[Certain], target: float) -> dict[str, Any]:
    """Return how sure a 'not hidden' must be so that at most `target` of those kept are false, and how that held
    elsewhere.

    The threshold is chosen on every other scene and checked on the scenes between, since a threshold always fits the
    decisions that it was chosen on. `coverage` is the share of 'no' decisions that are kept, `risk` the share of false
    ones among them; both are of the scenes between. The threshold is None where no confidence reaches the target.
    """
    scenes = {scene: i for i, scene in enumerate(dict.fromkeys(d.scene for d in decisions))}
    denied = [d for d in decisions if not d.decision]
    chosen_on = [d for d in denied if scenes[d.scene] % 2 == 0]
    checked_on = [d for d in denied if scenes[d.scene] % 2 == 1]
    threshold = _threshold(chosen_on, target)
    kept = [d for d in checked_on if threshold is not None and d.confidence >= threshold]
    return {
        "target": target,
        "threshold": None if threshold is None else round(threshold, 6),
        "coverage": round(len(kept) / len(checked_on), 4) if checked_on else None,
        "risk": round(sum(not d.right for d in kept) / len(kept), 4) if kept else None,
        "n": len(checked_on),
    }


def _threshold(denied: Sequence[Certain], target: float) -> float | None:
    """The lowest confidence from which on the share of false ones is at most the target."""
    best, wrong = None, 0
    ordered = sorted(denied, key=lambda d: -d.confidence)
    for i, d in enumerate(ordered, 1):
        wrong += not d.right
        last_of_its_kind = i == len(ordered) or ordered[i].confidence < d.confidence
        if last_of_its_kind and wrong / i <= target:
            best = d.confidence
    return best
