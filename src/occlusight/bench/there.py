"""Is what a question names there? How likely a model denies things of known scenes, and from where on to believe it.

Asked about is each kind of which at least a fifth of one is visible, and of each scene some kinds of which there is
none, which belong where most of what is there belongs (`questions.seeing.absent_kinds`): an elephant on a desk is
easily missed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from occlusight.backends.protocol import Backend, Request
from occlusight.datasets.dataset import SceneLine
from occlusight.questions.candidates import Candidates
from occlusight.questions.seeing import absent_kinds
from occlusight.randomness import stream
from occlusight.reasoning.looking import denials
from occlusight.reasoning.own_wording import Thing
from occlusight.reasoning.vocabulary import Words, shipped_words

VISIBLE = 0.2
"""What is visible of a thing that is to be seen."""
ABSENT = 5
"""Kinds that are not there, of each scene."""
MOST_DENIED = 0.05
"""The share of the things that are there of which a fit lets so many be denied."""
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Looked:
    """A kind that was looked for in a scene: whether there is one, and how likely the model denies it."""

    scene: str
    kind: str
    there: bool
    denial: float


def looked(
    backend: Backend, scenes: Sequence[SceneLine], words: Words | None = None, progress: Progress | None = None
) -> Iterator[Looked]:
    """Look for things that are there and for others in each scene's picture."""
    words = words or shipped_words()
    for number, scene in enumerate(scenes):
        kinds = kinds_of(scene, words, number)
        things = [Thing(words.kinds[kind]) for kind in kinds]
        found = denials(backend, Request("?", (scene.picture,)), things)
        for (kind, there), denial in zip(kinds.items(), found, strict=True):
            yield Looked(scene.id, kind, there, denial)
        if progress:
            progress(number + 1, len(scenes))


def kinds_of(scene: SceneLine, words: Words, number: int) -> dict[str, bool]:
    """Return the kinds that a scene is asked about, and whether there is one of each."""
    objects = scene.facts.objects.values()
    seen = {o.kind: True for o in objects if o.seen == "direct" and o.visible_fraction >= VISIBLE}
    absent = absent_kinds(Candidates(scene.facts, words.kinds), stream("what is absent", number))
    return {kind: True for kind in seen if kind in words.kinds} | dict.fromkeys(islice(absent, ABSENT), False)


def fit_denied(found: Sequence[Looked], most: float = MOST_DENIED) -> float:
    """Return the least denial to believe, so that at most this share of what is there is denied.

    >>> [fit_denied([Looked("", "", True, 0.1 * i) for i in range(11)], most) for most in (0.0, 0.1)]
    [1.0, 0.9]
    """
    there = sorted((one.denial for one in found if one.there), reverse=True)
    return round(there[min(len(there) - 1, int(most * len(there)))], 4) if there else 1.0


def figures(found: Sequence[Looked], denied: float) -> dict[str, float]:
    """Return how many things were there and how many were not, and the share of each that is denied."""
    sides = {side: [one.denial > denied for one in found if one.there == side] for side in (True, False)}
    share = {side: sum(some) / max(1, len(some)) for side, some in sides.items()}
    return {
        "there": len(sides[True]),
        "there_denied": round(share[True], 4),
        "absent": len(sides[False]),
        "absent_noticed": round(share[False], 4),
        "denied_from": denied,
    }
