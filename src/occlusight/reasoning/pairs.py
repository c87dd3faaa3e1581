"""What a model is asked about two objects, as choices that are scored: nothing is decoded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

from occlusight.backends.decision import NO, YES
from occlusight.backends.protocol import Backend
from occlusight.occlusion.graph import Box
from occlusight.occlusion.kinds import Lang
from occlusight.questions.phrases import cap
from occlusight.questions.wording import wordings
from occlusight.reasoning.objects import Seen, area

HIDES = ("occlusion.active", "occlusion.passive")
"""The two wordings in which each ordered pair is asked about."""
NEARER = "depth_pair.nearer"
IS_NEARER: Mapping[Lang, str] = {
    "en": "Is {a} nearer to the camera than {b}?",
    "zh": "{a}比{b}离镜头更近吗？",
}
"""What any model is asked whose answer begins with a yes or a no: servers tell no more than its first token."""
OWN_YES_NO: Mapping[Lang, tuple[str, str]] = {"en": ("Yes", "No"), "zh": ("是", "没有")}
"""How the replies begin that models were trained on which know their own wordings alone."""
MOST_NEARER = 20
"""Questions about which of two is nearer."""
MOST_PAIRS = 100
"""Pairs that are asked whether one hides the other: thirty things have some seventy that meet."""
GAP = 12
"""Boxes no farther apart than this, in thousandths, touch."""

Choices = tuple[tuple[str, ...], tuple[str, ...]]
Pair = tuple[str, str]


@dataclass(frozen=True)
class Asked:
    """A question about an ordered pair of objects, and the two choices whose log-odds are wanted.

    kind: `hides` (the first choice: the first hides part of the second) or `nearer` (the first choice: the first is)
    wording: which of the kind's wordings
    """

    kind: str
    pair: Pair
    wording: int
    text: str
    choices: Choices


def hiding(objects: Sequence[Seen], lang: Lang, choices: Choices, of: frozenset[str] | None = None) -> Iterator[Asked]:
    """Yield both wordings of whether one hides the other, both ways, for each pair that meets, of `MOST_PAIRS` at most
    those that overlap most; with `of`, one of these ids must be in it."""
    pairs = [(a, b) for a, b in combinations(objects, 2) if meets(a.box, b.box) and (of is None or of & {a.id, b.id})]
    kept = sorted(pairs, key=lambda pair: -_covered(pair[0].box, pair[1].box))[:MOST_PAIRS]
    both = {(a.id, b.id) for one, other in kept for a, b in ((one, other), (other, one))}
    for a, b in permutations(objects, 2):
        if (a.id, b.id) in both:
            yield from hiding_of(a, b, lang, choices)


def hiding_of(a: Seen, b: Seen, lang: Lang, choices: Choices) -> Iterator[Asked]:
    """Yield both wordings of whether the first of two hides the second."""
    for number, template in enumerate(HIDES):
        text = wordings()[template][lang][0].format(a=a.the(lang), b=b.the(lang))
        yield Asked("hides", (a.id, b.id), number, cap(text), choices)


def nearer(
    objects: Sequence[Seen], lang: Lang, choices: Choices | None, of: frozenset[str] | None = None
) -> Iterator[Asked]:
    """Yield which of two is nearer, `MOST_NEARER` at most: of things without boxes, which are told from front to back,
    neighbours first; of others those first whose lower ends differ least, which says least of them.

    With `choices`, yes and no, it is asked whether the first is; without, which of the two is, as in the wordings of
    models that know their own alone. With `of`, one of these ids must be in each pair.
    """
    pairs = [
        (i, j) for i, j in combinations(range(len(objects)), 2) if of is None or of & {objects[i].id, objects[j].id}
    ]

    def doubt(pair: tuple[int, int]) -> tuple[float, int]:
        one, two = objects[pair[0]].box, objects[pair[1]].box
        unsure = pair[1] - pair[0] if one is None or two is None else abs(one[3] - two[3])
        return unsure, pair[0]

    for i, j in sorted(pairs, key=doubt)[:MOST_NEARER]:
        a, b = objects[i], objects[j]
        wording = wordings()[NEARER][lang][0] if choices is None else IS_NEARER[lang]
        text = wording.format(a=a.the(lang), b=b.the(lang))
        yield Asked("nearer", (a.id, b.id), 0, cap(text), choices or _begun(a, b, lang))


def _covered(a: Box | None, b: Box | None) -> float:
    """The share of the smaller of two boxes that the other covers; all where one is not known."""
    if a is None or b is None:
        return 1.0
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(0, wide) * max(0, high) / max(1, min(area(a), area(b)))


def _begun(a: Seen, b: Seen, lang: Lang) -> Choices:
    """How an answer begins that says one of two."""
    one, two = cap(a.the(lang)), cap(b.the(lang))
    return (one,), (two,)


def yes_or_no(backend: Backend, lang: Lang) -> Choices:
    """Return the words of yes and no as a model says them."""
    if not backend.info.learnt:
        return YES, NO
    yes, no = OWN_YES_NO[lang]
    return (yes,), (no,)


def meets(a: Box | None, b: Box | None) -> bool:
    """Whether two boxes overlap or touch; where one is not known, they may.

    >>> meets((0, 0, 100, 100), (105, 50, 200, 90)), meets((0, 0, 100, 100), (300, 0, 400, 100)), meets(None, None)
    (True, False, True)
    """
    if a is None or b is None:
        return True
    return max(a[0], b[0]) - min(a[2], b[2]) <= GAP and max(a[1], b[1]) - min(a[3], b[3]) <= GAP


def log_odds(scores: Sequence[float]) -> float:
    """Return the log-odds of the first of two log-probabilities, within what rounding leaves of them."""
    first, second = scores
    if math.isinf(first) and math.isinf(second):
        return 0.0
    return max(-MOST_ODDS, min(MOST_ODDS, first - second))


MOST_ODDS = 20.0
