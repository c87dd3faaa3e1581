"""A model that sees scenes as they are, or nearly: what the tests of relation graphs ask."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from occlusight.backends.events import Done, Event, PictureUse, TextDelta, Usage
from occlusight.backends.protocol import Backend, CancelCheck, Capabilities, Choice, ModelInfo, Request
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.kinds import LANGS
from occlusight.reading.detections import Detection
from occlusight.reasoning.objects import numbered, placed, unplaced
from occlusight.reasoning.pairs import hiding, nearer
from occlusight.reasoning.vocabulary import shipped_words

Noise = Callable[[], float]


@dataclass
class Sees(Backend):
    """Knows the truth of pictures, by path: lists the objects that count, and gives log-odds `sure` to what is true, to
    all else `-sure`, plus `bias` and `noise()`.

    learnt: as `ModelInfo.learnt`; without any it answers in boxes, else in words
    """

    scenes: Mapping[Path, Facts]
    sure: float = 5.0
    bias: float = 0.0
    noise: Noise = lambda: 0.0
    learnt: tuple[str, ...] = ()
    scores_of: str | None = "answer"
    world: float | None = None
    tells_size: bool = True
    asked: list[tuple[str, bool]] = field(default_factory=list)
    choices: list[tuple[tuple[str, ...], ...]] = field(default_factory=list)
    calls: int = 0

    def __post_init__(self) -> None:
        self.odds: dict[tuple[Path, str], float] = {}
        for path, facts in self.scenes.items():
            self._learn(path, facts)

    def _learn(self, path: Path, facts: Facts) -> None:
        words = shipped_words()
        ids = list(facts.recognised)
        if self.learnt and "detect" not in self.learnt:
            seen = numbered(unplaced(self.listed(facts), words))
        else:
            entries = [Detection(tuple(map(float, facts.objects[id].box)), facts.objects[id].name) for id in ids]
            seen = numbered(placed(entries, words))
        truth = dict(zip((one.id for one in seen), ids, strict=True))
        for lang in LANGS:
            choices = (("y",), ("n",))
            for asked in (*hiding(seen, lang, choices), *nearer(seen, lang, None if self.learnt else choices)):
                a, b = (truth[id] for id in asked.pair)
                true = facts.hides(a, b) if asked.kind == "hides" else facts.depth(a, b) == "front"
                self.odds[path, asked.text] = self.sure if true else -self.sure

    def listed(self, facts: Facts) -> str:
        return "I see " + ", ".join(f"a {facts.objects[id].name}" for id in facts.recognised) + "."

    @property
    def info(self) -> ModelInfo:
        return ModelInfo("sees", revision="abc123", context=2**20, learnt=self.learnt)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(scores=self.scores_of, together=True)  # type: ignore[arg-type]

    def domain(self, pictures: Sequence[object]) -> float | None:
        return self.world

    def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
        (path,) = request.pictures
        assert isinstance(path, Path)
        facts = self.scenes[path]
        size = (facts.graph.width, facts.graph.height)
        boxes = [{"bbox_2d": facts.objects[id].box, "label": facts.objects[id].name} for id in facts.recognised]
        in_words = self.learnt and "detect" not in self.learnt
        yield TextDelta(self.listed(facts) if in_words else json.dumps(boxes))
        yield Done("stop", Usage(pictures=(PictureUse(1, 1, 1, size, size),) if self.tells_size else ()))

    def score(self, request: Request, choices: Sequence[Choice], *, whole: bool = True) -> list[float]:
        self.asked.append((request.prompt, bool(request.pictures)))
        if len(choices) == 1:  # that there is none of a kind
            known = shipped_words().kinds
            there = {facts.objects[id].kind for facts in self.scenes.values() for id in facts.objects} & known.keys()
            names = {name for key in there for name in (known[key].plural, known[key].zh)}
            return [-9.0 if any(name in request.prompt for name in names) else -0.01]
        self.choices.append(tuple((one,) if isinstance(one, str) else tuple(one) for one in choices))
        if not request.pictures or len(choices) != 2:
            return [-float(i) for i in range(len(choices))]
        (path,) = request.pictures
        assert isinstance(path, Path)
        return [self.odds[path, request.prompt] + self.bias + self.noise(), 0.0]

    def score_many(self, asked: Sequence[tuple[Request, Sequence[Choice]]], *, whole: bool = True) -> list[list[float]]:
        self.calls += 1
        return super().score_many(asked, whole=whole)
