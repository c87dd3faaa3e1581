"""How well boxes keep their identity through a clip: IDF1 (Ristani et al., 2016) and HOTA (Luiten et al., 2021).

Both match by the Hungarian method, which SciPy has; the extra `trackers` brings it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlusight.occlusion.graph import Box
from occlusight.reasoning.objects import overlap

LEAST = 0.5
"""Boxes that share so much of their union are the same, for IDF1."""
STEPS = tuple(k / 20 for k in range(1, 20))
"""The same for HOTA, which is the mean over these."""
Boxes = Sequence[Mapping[str, Box]]


@dataclass(frozen=True)
class Kept:
    """hota: 0 to 1; right, invented, missed: boxes with their identity, as F1 counts them"""

    hota: float
    right: int
    invented: int
    missed: int


def can_measure() -> bool:
    """Whether SciPy is there."""
    return importlib.util.find_spec("scipy") is not None


def identities(true: Boxes, told: Boxes) -> Kept | None:
    """Return how well told boxes (by identity, frame by frame) fit the true ones; None where neither has any. Raises
    ImportError without SciPy."""
    from scipy.optimize import linear_sum_assignment

    mine = {id: n for n, id in enumerate(dict.fromkeys(id for frame in true for id in frame))}
    theirs = {id: n for n, id in enumerate(dict.fromkeys(id for frame in told for id in frame))}
    if not mine and not theirs:
        return None
    n_true, n_told = np.zeros(len(mine)), np.zeros(len(theirs))
    shared = np.zeros((len(mine), len(theirs)))
    same = np.zeros_like(shared)
    frames: list[tuple[list[int], list[int], NDArray[np.float64]]] = []
    for a, b in zip(true, told, strict=True):
        rows, columns = [mine[id] for id in a], [theirs[id] for id in b]
        alike = np.array([[overlap(x, y) for y in b.values()] for x in a.values()], float).reshape(len(a), len(b))
        n_true[rows] += 1
        n_told[columns] += 1
        either = alike.sum(0, keepdims=True) + alike.sum(1, keepdims=True) - alike
        shared[np.ix_(rows, columns)] += np.divide(alike, either, out=np.zeros_like(alike), where=either > 0)
        same[np.ix_(rows, columns)] += alike >= LEAST
        frames.append((rows, columns, alike))
    together = shared / np.maximum(1e-9, n_true[:, None] + n_told[None, :] - shared)
    hits: list[tuple[int, int, float]] = []
    for rows, columns, alike in frames:
        for i, j in zip(*linear_sum_assignment(-together[np.ix_(rows, columns)] * alike), strict=True):
            hits.append((rows[i], columns[j], float(alike[i, j])))
    right = int(same[linear_sum_assignment(-same)].sum())
    hota = float(np.mean([_hota(hits, n_true, n_told, least) for least in STEPS]))
    return Kept(hota, right, int(n_told.sum()) - right, int(n_true.sum()) - right)


def _hota(hits: Sequence[tuple[int, int, float]], n_true: Any, n_told: Any, least: float) -> float:
    """The root of detection (how many boxes are hit) times association (how much of both tracks each hit is of)."""
    matched = np.zeros((len(n_true), len(n_told)))
    for i, j, alike in hits:
        matched[i, j] += alike >= least
    found = matched.sum()
    if not found:
        return 0.0
    association = matched / np.maximum(1, n_true[:, None] + n_told[None, :] - matched)
    detected = found / (n_true.sum() + n_told.sum() - found)
    return float(np.sqrt(detected * (matched * association).sum() / found))
