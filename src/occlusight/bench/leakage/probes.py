"""Two models that never see a picture. What they know better than the majority's answer, a question gives away.

The text probe reads the question: its words and pairs of words, and, since an alias hides nothing from a reader, the
kinds and colours that it names, alone and together. It is a logistic regression for each sort of question (the last
step of its program), over all its templates and both languages. The boxes probe is given the 2D boxes of what can be
seen of all objects, and which of them the question names: gradient-boosted trees over the two boxes and how they lie to
one another and to the rest. Both learn from some scenes and are tried on others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlusight.bench.leakage.asked import Asked
from occlusight.errors import BadInput
from occlusight.extras import install

CLASSES = 30  # answers that a probe can learn; rarer ones it never gives
INVERSE_PENALTY = 0.1  # of the logistic regression, C
Box = tuple[int, int, int, int]
Features = dict[str, float]


def majority(learnt: Sequence[Asked], tried: Sequence[Asked]) -> list[str]:
    """Return for each question tried the commonest answer that its template had."""
    counts: dict[str, Counter[str]] = {}
    for q in learnt:
        counts.setdefault(q.template, Counter())[q.answer] += 1
    commonest = {template: found.most_common(1)[0][0] for template, found in counts.items()}
    return [commonest.get(q.template, "") for q in tried]


def probe(
    learnt: Sequence[Asked],
    tried: Sequence[Asked],
    features: Callable[[Asked], Features],
    model: Callable[[], Any],
) -> list[str]:
    """Return a probe's answers to the questions tried: a `model` for each sort of question, fitted to `features`."""
    answers: dict[int, str] = {}
    for op in sorted({q.op for q in learnt}):
        mine = [q for q in learnt if q.op == op]
        at = [i for i, q in enumerate(tried) if q.op == op]
        common = [answer for answer, _ in Counter(q.answer for q in mine).most_common(CLASSES)]
        mine = [q for q in mine if q.answer in common]
        if len({q.answer for q in mine}) < 2 or not at:
            answers |= dict.fromkeys(at, common[0])
            continue
        fitted = model()
        fitted.fit([features(q) for q in mine], [q.answer for q in mine])
        answers |= dict(zip(at, fitted.predict([features(tried[i]) for i in at]), strict=True))
    return [str(answers.get(i, "")) for i in range(len(tried))]


def text_features(q: Asked) -> Features:
    """Return what can be read in a question."""
    question, found = q.question, [f"template={q.template}"]
    text = question.text.lower()
    units = text.split() if question.lang == "en" else list(text)
    found += [f"{question.lang} {u}" for u in units]
    found += [f"{question.lang} {u} {v}" for u, v in pairwise(units)]
    kinds = [q.facts.objects[a].kind if a in q.facts.objects else str(a) for a in q.arguments]
    colours = [q.facts.objects[a].colour or "none" for a in q.slots]
    for slot, kind in zip("abc", kinds, strict=False):
        found += [f"{slot}={kind}", f"{slot}={kind} {q.template}"]
    found += [f"{slot} is {colour}" for slot, colour in zip("ab", colours, strict=False)]
    if len(kinds) > 1:
        found += [f"ab={kinds[0]},{kinds[1]}", f"any={','.join(sorted(kinds[:2]))}"]
    return dict.fromkeys(found, 1.0)


def text_model() -> Any:
    """Return the text probe, unfitted. Raises BadInput without scikit-learn."""
    _needs_sklearn()
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    return make_pipeline(DictVectorizer(), LogisticRegression(C=INVERSE_PENALTY, max_iter=300))


def box_features(q: Asked) -> Features:
    """Return how the boxes lie that a question is about, and how the others lie to them; and the kinds that it
    names."""
    facts = q.facts
    boxes = {id: facts.objects[id].box for id in facts.objects if facts.objects[id].visible_fraction > 0}
    found: Features = {"boxes": float(len(boxes)), "template": float(_code(q.template))}
    named = [id for id in q.slots[:2] if id in boxes]
    for slot, argument in zip("ab", q.arguments, strict=False):
        kind = facts.objects[argument].kind if argument in facts.objects else str(argument)
        found[f"{slot} kind"] = float(_code(kind))
    for slot, id in zip("ab", named, strict=False):
        x0, y0, x1, y1 = boxes[id]
        others = [box for other, box in boxes.items() if other not in named]
        found |= {f"{slot} x0": x0, f"{slot} y0": y0, f"{slot} x1": x1, f"{slot} y1": y1}
        found |= {f"{slot} width": x1 - x0, f"{slot} height": y1 - y0}
        found[f"{slot} most covered"] = max((_shared(boxes[id], box) / _area(boxes[id]) for box in others), default=0.0)
        lower = [_shared(boxes[id], box) / _area(boxes[id]) for box in others if box[3] > y1]
        found[f"{slot} covered from below"] = max(lower, default=0.0)
    if len(named) == 2:
        a, b = (boxes[id] for id in named)
        shared = _shared(a, b)
        found |= {"of a": shared / _area(a), "of b": shared / _area(b), "larger": _area(a) / _area(b)}
        found |= {"left": a[0] - b[0], "top": a[1] - b[1], "right": a[2] - b[2], "bottom": a[3] - b[3]}
    return found


def box_model() -> Any:
    """Return the boxes probe, unfitted. Raises BadInput without scikit-learn."""
    _needs_sklearn()
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline

    trees = HistGradientBoostingClassifier(max_iter=80, learning_rate=0.15, max_leaf_nodes=24, random_state=0)
    return make_pipeline(_Columns(), trees)


def _needs_sklearn() -> None:
    if find_spec("sklearn") is None:
        raise BadInput(f"the probes need scikit-learn; {install('leakage')}")


class _Columns:
    """Features by name to columns; what a question does not have is missing (NaN), not 0."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def fit(self, features: Sequence[Features], answers: Sequence[str] | None = None) -> _Columns:
        """Learn the columns."""
        self.names = sorted({name for found in features for name in found})
        return self

    def transform(self, features: Sequence[Features]) -> NDArray[np.float32]:
        """Return (n, columns)."""
        return np.array([[found.get(name, np.nan) for name in self.names] for found in features], np.float32)

    def fit_transform(self, features: Sequence[Features], answers: Sequence[str] | None = None) -> NDArray[np.float32]:
        """`fit`, then `transform`."""
        return self.fit(features).transform(features)


_CODES: dict[str, int] = {}


def _code(word: str) -> int:
    return _CODES.setdefault(word, len(_CODES))


def _area(box: Box) -> float:
    return float(max(1, (box[2] - box[0]) * (box[3] - box[1])))


def _shared(a: Box, b: Box) -> float:
    return float(max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1])))
