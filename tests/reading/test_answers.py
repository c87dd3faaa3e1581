"""Answers as models write them, by hand (answers.jsonl): what each is read as. `is` null is no answer, `trap` says what would mislead."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from occlusight.occlusion.parse import is_chinese
from occlusight.reading.boxes import box
from occlusight.reading.choice import choice, phrase
from occlusight.reading.decision import decision, verdict
from occlusight.reading.numbers import quantity

LINES = [json.loads(line) for line in (Path(__file__).parent / "answers.jsonl").read_text("utf-8").splitlines()]
CHOICES = {
    "two": ["the cup", "the book"],
    "side": ["left", "right", "above", "below"],
    "digits": ["3", "2", "1", "0"],
    "points": ["A is closer", "B is closer"],
    "room": ["bed", "chair", "lamp", "sink"],
    "ten": ["bus", "car", "van", "tram", "bike", "truck", "taxi", "train", "boat", "plane"],
    "captions": [f"A beer bottle {where} a armchair" for where in ("on", "under", "to the left of", "to the right of")],
    "yes or no": ["yes", "no"],
    "zh": ["杯子", "书", "花瓶", "台灯"],
}
READERS: dict[str, Callable[[str], Any]] = {
    "statement": lambda text: {"yes": True, "no": False}.get(verdict(text) or ""),
    "hiding": decision,
    "visible": lambda text: decision(text, visible_means_yes=True),
    "number": quantity,
    "box": box,
    "phrase": phrase,
}


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line['reads']}: {line['text'][:50]!r}")
def test_an_answer_is_read_as_meant(line: dict[str, Any]) -> None:
    read = READERS.get(line["reads"]) or (lambda text: choice(text, CHOICES[line["of"]]))
    assert read(line["text"]) == line["is"]


def test_the_table_is_large_and_half_of_it_misleads() -> None:
    assert len(LINES) >= 260
    assert len({(line["reads"], line.get("of"), line["text"]) for line in LINES}) == len(LINES)
    assert sum("trap" in line for line in LINES) >= len(LINES) / 2
    assert sum(is_chinese(line["text"]) for line in LINES) >= 60
