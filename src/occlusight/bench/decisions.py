"""How far the probabilities of yes/no questions can be trusted, asked as programs ask them: by `Model.decide`, which is
behind /v1/decisions.

Of every scene, each clearly named thing is asked of every other one, whether it hides that: most hide nothing, as in
the use of such an interface, and in no set of questions that is balanced.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from occlusight.backends.decision import Decision
from occlusight.bench.calibration import Certain, calibration
from occlusight.datasets.dataset import SceneLine
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Object
from occlusight.occlusion.kinds import Lang

ASKED: Mapping[Lang, str] = {"en": "Is the {b} hidden by the {a}?", "zh": "{b}被{a}遮挡了吗?"}


class Decides(Protocol):
    """What is judged: `occlusight.load` returns one."""

    def decide(self, pictures: Any, questions: list[str], /) -> list[Decision]:
        """Return how probable a yes to each question is."""
        ...


@dataclass(frozen=True)
class Decided:
    """One decision, and whether its probability is a fitted one."""

    certain: Certain
    calibrated: bool


def decided(model: Decides, scene: SceneLine, lang: Lang) -> Iterator[Decided]:
    """Yield the decisions about one scene. Raises what the model raises."""
    facts = Facts(scene.graph)
    things = [facts.objects[id] for id in facts.nameable]
    pairs = [(a, b) for a in things for b in things if a.id != b.id]
    hides = {(one.occluder, one.occluded) for one in scene.graph.relations}
    if not pairs:
        return
    questions = [ASKED[lang].format(a=_called(a, lang), b=_called(b, lang)) for a, b in pairs]
    for (a, b), found in zip(pairs, model.decide(scene.picture, questions), strict=True):
        yield Decided(Certain(scene.id, found.probability, (a.id, b.id) in hides), found.calibrated)


def _called(thing: Object, lang: Lang) -> str:
    return thing.name if lang == "en" else thing.name_zh


def measure(found: Sequence[Decided]) -> dict[str, Any]:
    """Return what `bench.calibration` says of the fitted probabilities, and of the model's own word for the rest; each
    with its calibration error and that one's 95 % interval over scenes."""
    return {
        "n": len(found),
        "hides": sum(one.certain.truth for one in found),
        "calibrated": calibration([one.certain for one in found if one.calibrated]),
        "own_word": calibration([one.certain for one in found if not one.calibrated]),
    }
