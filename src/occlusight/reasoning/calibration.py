"""From a model's log-odds to probabilities that mean what they say.

A model's own probabilities lean: most say yes, or no, too often, and are too sure. For each kind of question and
language a logistic fit (Platt, 1999) turns the log-odds of a statement, those of its reverse, and how much both exceed
what the names alone suggest, into the probability that the statement is true. It is fitted on scenes whose truth is
known, and holds for the model of one revision on pictures of the kind of those scenes alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlusight.errors import BadData
from occlusight.reasoning.extract import Extraction, Odds
from occlusight.reasoning.pairs import Pair

VERSION = 2
FEATURES: Mapping[str, tuple[str, ...]] = {
    "hides": ("forward", "backward", "forward_beyond_blind", "backward_beyond_blind"),
    "nearer": ("forward", "forward_beyond_blind"),
}
RIDGE = 0.1
"""How strongly weights are held to 0: a scene's worth of evidence, which matters for few scenes alone."""
STEPS = 50
RIGHT = 0.95
"""How often what is said is to be right; what is less sure 'cannot be told'."""

Floats = NDArray[np.float64]
Sure = tuple[float, float]
NEVER_UNSURE: Sure = (0.5, 0.5)


@dataclass(frozen=True)
class Logistic:
    """`probability = 1 / (1 + exp(-(bias + weights . features)))`; `n` pairs of `scenes` scenes were fitted.

    sure: the least probability of a yes with which it is said, and the least of a no, so that each of the two was right
        `RIGHT` of the times where it was said
    """

    weights: tuple[float, ...]
    bias: float
    sure: Sure
    n: int
    scenes: int

    def __call__(self, features: Sequence[float]) -> float:
        """Return the probability."""
        odds = self.bias + sum(w * f for w, f in zip(self.weights, features, strict=True))
        return float(1 / (1 + np.exp(-np.clip(odds, -30, 30))))

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Logistic:
        """Read what `dataclasses.asdict` wrote. Raises TypeError, ValueError or KeyError."""
        yes, no = body["sure"]
        return cls(**{**body, "weights": tuple(body["weights"]), "sure": (float(yes), float(no))})


@dataclass(frozen=True)
class Calibration:
    """What turns one model's log-odds into probabilities.

    revision: the digest of the model's weights
    domain: what pictures it was fitted on
    fits: by the kind of question and the language, as in "hides.en"
    objects: the share of named objects that were there, by language: a statement about two of them is as probable as
        its fit says if both are there
    denied: a thing that a question names is said not to be there where the model's denial is likelier than this (see
        `looking.denials`); None of a model that is not asked so
    """

    revision: str
    domain: str
    fits: Mapping[str, Logistic]
    objects: Mapping[str, float]
    denied: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the document of a file."""
        fits = {key: asdict(fit) for key, fit in self.fits.items()}
        head = {"version": VERSION, "revision": self.revision, "domain": self.domain}
        features = {k: list(v) for k, v in FEATURES.items()}
        return {**head, "features": features, "fits": fits, "objects": self.objects, "denied": self.denied}

    @classmethod
    def from_json(cls, text: str, where: str) -> Calibration:
        """Read a document. Raises BadData, naming `where` it is from."""
        try:
            body = json.loads(text)
            if body["version"] != VERSION or body["features"] != {k: list(v) for k, v in FEATURES.items()}:
                raise BadData(f"{where} was fitted by another version of this program; fit it again with `calibrate`")
            fits = {key: Logistic.from_json(found) for key, found in body["fits"].items()}
            denied = None if body["denied"] is None else float(body["denied"])
            return cls(body["revision"], body["domain"], fits, body["objects"], denied)
        except (KeyError, TypeError, ValueError) as error:
            raise BadData(f"{where} is no calibration ({type(error).__name__}: {error}); fit it again") from None

    def of(self, extraction: Extraction, kind: str) -> dict[Pair, float] | None:
        """Return the probability of each statement of a kind that was asked; None where that was not fitted."""
        fit = self.fits.get(f"{kind}.{extraction.lang}")
        return None if fit is None else {pair: fit(features) for pair, features in rows(extraction, kind).items()}

    def sure(self, kind: str, lang: str) -> Sure:
        """Return the least probability of a yes, and of a no, with which it is said."""
        fit = self.fits.get(f"{kind}.{lang}")
        return NEVER_UNSURE if fit is None else fit.sure


def is_said(probability: float, sure: Sure) -> bool:
    """Whether a yes, or a no, of this probability of yes is sure enough to be said."""
    return probability >= sure[0] if probability >= 0.5 else 1 - probability >= sure[1]


def rows(extraction: Extraction, kind: str) -> dict[Pair, tuple[float, ...]]:
    """Return the features of each statement that was asked, in the order of `FEATURES`."""
    asked: Mapping[Pair, Odds] = extraction.hides if kind == "hides" else extraction.nearer
    if kind == "nearer":
        return {pair: (odds.mean, odds.beyond_blind) for pair, odds in asked.items()}
    found: dict[Pair, tuple[float, ...]] = {}
    for (a, b), odds in asked.items():
        back = asked[b, a]
        found[a, b] = (odds.mean, back.mean, odds.beyond_blind, back.beyond_blind)
    return found


@dataclass(frozen=True)
class Example:
    """A statement with its features, whether it is true, and the scene that it is about."""

    scene: str
    features: tuple[float, ...]
    true: bool


def fit(examples: Sequence[Example]) -> Logistic:
    """Return the logistic regression of these examples: every scene counts as much as another, by Newton's method.

    `sure` is chosen out of fold: half of the scenes are judged by a fit on the other half.

    Raises BadData where all examples are true, or none.
    """
    if len({e.true for e in examples}) < 2:
        raise BadData(f"{len(examples)} pairs of which all or none are true fit nothing; give a set with more scenes")
    scenes = {scene: i for i, scene in enumerate(dict.fromkeys(e.scene for e in examples))}
    halves: tuple[list[Example], list[Example]] = ([], [])
    for e in examples:
        halves[scenes[e.scene] % 2].append(e)
    weights, bias = newton(examples)
    judged: list[tuple[float, bool]] = []
    for mine, other in (halves, halves[::-1]):
        if len({e.true for e in other}) == 2:
            w, b = newton(other)
            judging = Logistic(w, b, NEVER_UNSURE, 0, 0)
            judged += [(judging(e.features), e.true) for e in mine]
    yes, no = ([one for one in judged if (one[0] >= 0.5) == side] for side in (True, False))
    return Logistic(weights, bias, (least_sure(yes), least_sure(no)), len(examples), len(scenes))


def newton(examples: Sequence[Example]) -> tuple[tuple[float, ...], float]:
    """Return weights and bias that make the examples likeliest, with a ridge on the weights."""
    x = np.array([[*e.features, 1.0] for e in examples])  # (N, F + 1)
    y = np.array([float(e.true) for e in examples])
    times: dict[str, int] = {}
    for e in examples:
        times[e.scene] = times.get(e.scene, 0) + 1
    weight = np.array([1 / times[e.scene] for e in examples])
    weight *= len(examples) / weight.sum()
    held = np.diag([RIDGE] * (x.shape[1] - 1) + [1e-6])
    beta: Floats = np.zeros(x.shape[1])
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-np.clip(x @ beta, -30, 30)))
        gradient = x.T @ (weight * (p - y)) + held @ beta
        curvature = (x * (weight * p * (1 - p))[:, None]).T @ x + held
        step = np.linalg.solve(curvature, gradient)
        size = float(np.abs(step).max())
        beta = beta - step * min(1.0, 2 / max(size, 1e-12))
        if size < 1e-8:
            break
    return tuple(float(round(v, 6)) for v in beta[:-1]), float(round(beta[-1], 6))


def least_sure(judged: Sequence[tuple[float, bool]], right: float = RIGHT) -> float:
    """Return the least probability of the likelier side from which on decisions are right so often; 1 where none are.

    >>> least_sure([(0.9, True), (0.8, True), (0.7, False), (0.2, False)], 0.9)
    0.8
    """
    ordered = sorted(((max(p, 1 - p), (p >= 0.5) == true) for p, true in judged), reverse=True)
    best, good = 1.0, 0
    for i, (confidence, correct) in enumerate(ordered, 1):
        good += correct
        if good / i >= right and (i == len(ordered) or ordered[i][0] < confidence):
            best = confidence
    return round(best, 6) if ordered else 0.5


def expected_error(judged: Sequence[tuple[float, bool]], bins: int = 10) -> float:
    """Return the expected calibration error of probabilities of a yes, in bins of equal width from 0 to 1."""
    if not judged:
        return 0.0
    p, true = np.array([q for q, _ in judged]), np.array([float(t) for _, t in judged])
    at = np.minimum(bins - 1, (p * bins).astype(int))
    return float(sum(abs(p[at == b].sum() - true[at == b].sum()) for b in range(bins)) / len(judged))
