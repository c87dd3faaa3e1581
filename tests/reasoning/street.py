"""A street whose truth is known, a backend that sees it, and answers from its graph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.reasoning.observed_scene import Sees

from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph, Object, Relation
from occlusight.reasoning.calibration import Calibration, Logistic
from occlusight.reasoning.extract import Extractor
from occlusight.reasoning.graph_answers import GraphAnswers
from occlusight.reasoning.names import named
from occlusight.reasoning.relations import describe
from occlusight.reasoning.understanding import Understanding, Understood
from occlusight.reasoning.vocabulary import shipped_words

WORDS = shipped_words()
PICTURE = Path("street.webp")


def thing(id: str, kind: str, name: str, name_zh: str, box: tuple[int, int, int, int], distance: float) -> Object:
    area = (box[2] - box[0]) * (box[3] - box[1]) / 1e6
    return Object(id, kind, name, name_zh, box, box, 0.9, area=area, distance=distance)


STREET = Graph(
    400,
    300,
    (
        thing("t1", "street_lamp", "street lamp", "路灯", (300, 100, 360, 800), 3.0),
        thing("t2", "car", "red car", "红色的汽车", (320, 400, 700, 780), 5.0),
        thing("t3", "dog", "dog", "狗", (650, 600, 800, 850), 4.0),
        thing("t4", "bus", "bus", "公交车", (20, 300, 250, 600), 9.0),
    ),
    (
        Relation("t1", "t2", "partial", 0.1, "left"),
        Relation("t3", "t2", "partial", 0.2, "right"),
    ),
    (("t1",), ("t3",), ("t2",), ("t4",)),
)
FITTED = Calibration(
    "abc123",
    "renders",
    {
        "hides.en": Logistic((0.5, 0.0, 0.0, 0.0), 0.0, (0.8, 0.8), 100, 10),
        "nearer.en": Logistic((0.5, 0.0), 0.0, (0.8, 0.8), 100, 10),
    },
    {"en": 0.97},
)


def sees(**how: object) -> Sees:
    return Sees({PICTURE: Facts(STREET)}, **how)  # type: ignore[arg-type]


def nobody_reads(questions: Sequence[str]) -> Sequence[object]:
    raise AssertionError("what was understood is given")


UNDERSTANDING = Understanding(nobody_reads)  # type: ignore[arg-type]


def answers(**how: object) -> GraphAnswers:
    return GraphAnswers(describe(Extractor(sees(**how)), PICTURE, FITTED), UNDERSTANDING)


def asked(text: str, program: list[list[object]], lang: str = "en") -> Understood:
    return Understood("inside", program, lang, 0.9, named(text, WORDS).names)  # type: ignore[arg-type]
