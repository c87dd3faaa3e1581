"""Which part of a thing is hidden, and how much of it, of the few pairs of which one hides the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from occlusight.backends.protocol import Backend, Choice, Request
from occlusight.questions.hiding import PART_EN
from occlusight.questions.phrases import AMOUNT_EN, cap
from occlusight.questions.wording import wordings
from occlusight.reasoning.objects import Seen
from occlusight.reasoning.pairs import Pair

PARTS = ("left", "right", "top", "bottom", "middle", "all")
SHARES: Mapping[str, float] = {"small": 0.125, "part": 0.375, "more_than_half": 0.65, "most": 0.9}
"""The middle of each class of amounts (`occlusion.facts.AMOUNTS`): a model tells no finer."""
WHY = "explanation.active"
ASK_PART = "Which part of {b} does {a} hide: left, right, top, bottom, middle, or all of it? Answer with one word."
ASK_AMOUNT = "How much of {b} does {a} hide: little, part, more than half, or nearly all of it? Answer with one word."
PART_WORDS = (
    ("Left", "left"),
    ("Right", "right"),
    ("Top", "top"),
    ("Bottom", "bottom"),
    ("Middle", "middle"),
    ("All", "all"),
)
AMOUNT_WORDS = (
    ("Little", "little"),
    ("Part", "part"),
    ("More", "more", "Most", "most"),
    ("Nearly", "nearly", "All", "all"),
)
"""What any model is offered, told apart by its first token: servers tell no more."""


@dataclass(frozen=True)
class Detail:
    """What a model says of a hidden thing: the part, and the share that is covered."""

    part: str
    share: float


def details(backend: Backend, pairs: Sequence[tuple[Seen, Seen]], request: Request) -> dict[Pair, Detail]:
    """Return the likeliest part and amount for each (occluder, occluded); asked in English, at once.

    A model that knows its own wordings alone is asked for the part where it learnt that, and says the amount as in its
    reasons; of what it did not learn nothing is returned.
    """
    learnt = backend.info.learnt
    if not pairs or (learnt and not {"hidden_part", "hides"} <= set(learnt)):
        return {}
    asked: list[tuple[Request, Sequence[Choice]]] = []
    for a, b in pairs:
        names = {"a": a.the("en"), "b": b.the("en")}
        if learnt:
            part, why = (cap(wordings()[name]["en"][0].format(**names)) for name in ("hidden_part.pair", WHY))
            stem = f"Yes. {cap(names['a'])} stands in front of {names['b']} and hides"
            asked.append((replace(request, prompt=part), [PART_EN[part] for part in PARTS]))
            asked.append((replace(request, prompt=why), [f"{stem} {AMOUNT_EN[key]} of" for key in SHARES]))
        else:
            asked.append((replace(request, prompt=cap(ASK_PART.format(**names))), PART_WORDS))
            asked.append((replace(request, prompt=cap(ASK_AMOUNT.format(**names))), AMOUNT_WORDS))
    scored = iter(backend.score_many(asked, whole=False))
    found = {}
    for a, b in pairs:
        part_scores, amount_scores = next(scored), next(scored)
        part = PARTS[max(range(len(PARTS)), key=lambda i: part_scores[i])]
        amount = max(zip(amount_scores, SHARES, strict=True))[1]
        found[a.id, b.id] = Detail(part, SHARES[amount])
    return found
