"""Rates with intervals clustered by scene: questions about one picture are not independent, pictures are.

The interval is the percentile bootstrap over scenes (Efron and Tibshirani, 1993, chapter 13): scenes are drawn with
replacement and the rate is computed from the sums of those drawn. Where every scene agrees the bootstrap cannot see
any spread; there the interval is Wilson's for as many trials as there are scenes (none, for a ratio of rates above 1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]

RESAMPLES = 2000
SEED = 20240607
Z95 = 1.959963984540054


@dataclass(frozen=True)
class Rate:
    """A rate with its 95 % interval and the number of questions and of scenes behind it; all None without any."""

    value: float | None
    ci95: tuple[float, float] | None
    n: int
    scenes: int

    def to_json(self, name: str) -> dict[str, object]:
        """Return `{name: value, name_ci95: [lo, hi]}`."""
        return {name: self.value, f"{name}_ci95": None if self.ci95 is None else list(self.ci95)}


def ratio(sums: Floats) -> Floats:
    """(..., 2) of hits and trials -> (...)."""
    return _divide(sums[..., 0], sums[..., 1])


def balanced(sums: Floats) -> Floats:
    """(..., 4) of yes-hits, yes-trials, no-hits, no-trials -> (...): the mean of the two rates."""
    return (ratio(sums[..., :2]) + ratio(sums[..., 2:])) / 2


def f1(sums: Floats) -> Floats:
    """(..., 3) of true positives, false positives, false negatives -> (...)."""
    hits = 2 * sums[..., 0]
    return _divide(hits, hits + sums[..., 1] + sums[..., 2])


def precision(sums: Floats) -> Floats:
    """(..., 3) of true positives, false positives, false negatives -> (...)."""
    return _divide(sums[..., 0], sums[..., 0] + sums[..., 1])


def recall(sums: Floats) -> Floats:
    """(..., 3) of true positives, false positives, false negatives -> (...)."""
    return _divide(sums[..., 0], sums[..., 0] + sums[..., 2])


def rate(rows: Mapping[str, Sequence[Sequence[float]]], statistic: Statistic = ratio) -> Rate:
    """Return the statistic of the sums of all rows; `rows` maps a scene to the rows of its questions."""
    scenes = [scene for scene, found in rows.items() if found]
    n = sum(len(rows[scene]) for scene in scenes)
    if not scenes:
        return Rate(None, None, 0, 0)
    sums = np.array([np.sum(np.asarray(rows[scene], dtype=np.float64), axis=0) for scene in scenes])
    value = float(statistic(sums.sum(axis=0)))
    if np.isnan(value):
        return Rate(None, None, n, len(scenes))
    return Rate(_round(value), _interval(sums, value, statistic), n, len(scenes))


def _interval(sums: Floats, value: float, statistic: Statistic) -> tuple[float, float] | None:
    scenes = len(sums)
    if scenes > 1:
        rng = np.random.default_rng(SEED)
        times = rng.multinomial(scenes, np.full(scenes, 1 / scenes), size=RESAMPLES).astype(np.float64)
        drawn = statistic(times @ sums)
        drawn = drawn[~np.isnan(drawn)]
        if len(drawn) and drawn.min() < drawn.max():
            low, high = np.percentile(drawn, [2.5, 97.5])
            return _round(low), _round(high)
    return wilson(value, scenes) if value <= 1 else None


def difference(
    mine: Mapping[str, Sequence[Sequence[float]]],
    theirs: Mapping[str, Sequence[Sequence[float]]],
    statistic: Statistic = ratio,
) -> Rate:
    """Return how much higher a statistic is in one table than in another one about the same scenes, with the paired
    bootstrap over scenes as its interval; where every scene agrees, that is a single point."""
    scenes = [scene for scene in mine if mine[scene] and theirs.get(scene)]
    if not scenes:
        return Rate(None, None, 0, 0)
    one, other = (
        np.array([np.sum(np.asarray(table[scene], dtype=np.float64), axis=0) for scene in scenes])
        for table in (mine, theirs)
    )
    value = float(statistic(one.sum(axis=0)) - statistic(other.sum(axis=0)))
    n = sum(len(mine[scene]) for scene in scenes)
    if np.isnan(value):
        return Rate(None, None, n, len(scenes))
    rng = np.random.default_rng(SEED)
    times = rng.multinomial(len(scenes), np.full(len(scenes), 1 / len(scenes)), size=RESAMPLES).astype(np.float64)
    drawn = statistic(times @ one) - statistic(times @ other)
    low, high = np.percentile(drawn[~np.isnan(drawn)], [2.5, 97.5])
    return Rate(_round(value), (_round(low), _round(high)), n, len(scenes))


def wilson(value: float, n: int) -> tuple[float, float]:
    """Wilson's score interval for a proportion out of n."""
    middle = (value + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 / (1 + Z95**2 / n) * np.sqrt(value * (1 - value) / n + Z95**2 / (4 * n**2))
    return _round(max(0.0, middle - half)), _round(min(1.0, middle + half))


def kappa(pairs: Sequence[tuple[bool, bool]]) -> float:
    """Cohen's kappa of two judges (Cohen, 1960): agreement beyond chance, 1 for full agreement, 0 for chance."""
    n = len(pairs)
    agreed = sum(a == b for a, b in pairs) / n
    one, other = sum(a for a, _ in pairs) / n, sum(b for _, b in pairs) / n
    chance = one * other + (1 - one) * (1 - other)
    return 1.0 if chance == 1 else (agreed - chance) / (1 - chance)


def _divide(a: Floats, b: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(b > 0, a / np.where(b > 0, b, 1), np.nan))


def _round(value: float) -> float:
    return round(float(value), 4)
