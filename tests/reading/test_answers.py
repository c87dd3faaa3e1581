"""Answers as models write them, by hand (answers.jsonl): what each is read as. `is` null is no answer, `trap` says what
would mislead."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from occlusight.bench.public.items import Item, read_answer
from occlusight.bench.scorers import NO_ANSWER, WRONG, own_choice, score
from occlusight.occlusion.parse import is_chinese
from occlusight.questions.question import Question
from occlusight.reading.boxes import box
from occlusight.reading.choice import choice, phrase
from occlusight.reading.decision import decision, verdict
from occlusight.reading.mentions import Vocabulary
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


NO_WORDS = Vocabulary({})


def choice_of_two(text: str) -> int | None:
    """A reader of one of two choices."""
    return choice(text, CHOICES["two"])


@pytest.mark.parametrize("reads", sorted({line["reads"] for line in LINES}))
def test_an_answer_is_read_as_meant(reads: str) -> None:
    """All answers of a kind together: to run each as a test of its own takes much longer than to read it."""
    found = []
    for line in (line for line in LINES if line["reads"] == reads):
        read = READERS.get(reads) or partial(choice, choices=CHOICES[line["of"]])
        found.append((line["text"], read(line["text"])))
    assert found == [(line["text"], line["is"]) for line in LINES if line["reads"] == reads]


def test_every_benchmark_reads_choices_with_this_reader() -> None:
    for line in (line for line in LINES if line["reads"] == "choice"):
        choices = CHOICES[line["of"]]
        item = Item("1", (), "?", 0, "choice", choices=tuple(choices))
        assert read_answer(item, line["text"]) == line["is"], line
        assert own_choice({"choices": choices, "value": 0}, line["text"], NO_WORDS).extracted == line["is"], line


def test_no_answer_says_so_and_is_not_wrong() -> None:
    question = Question(
        "q", "s", "i", "en", "own", "own.choice", "?", [], {"choices": ["cup", "book"], "value": 1}, "B"
    )
    silent, wrong = (score(question, text, "stop", NO_WORDS) for text in ("A or B", "Answer: A"))
    assert (silent.outcome, silent.extracted, silent.raw) == (NO_ANSWER, None, "A or B")
    assert silent.reason == "the text does not say which choice"
    assert (wrong.outcome, wrong.extracted, wrong.raw) == (WRONG, 0, "Answer: A")


@pytest.mark.parametrize("read", [choice_of_two, verdict, decision, quantity, box, phrase])
def test_reading_takes_time_linear_in_the_length(read: Callable[[str], Any]) -> None:
    ramble = " ".join(['The answer is 3, or (A) or no. [1, 2] So Option B is {"answer": \\\\boxed{4}, 是的 三个'] * 60)
    seconds = []
    for text in (ramble, ramble * 8):
        begun = time.process_time()
        read(text)
        seconds.append(time.process_time() - begun)
    assert seconds[1] < 40 * max(seconds[0], 0.005)


def test_no_text_makes_a_reader_fail() -> None:
    rng = random.Random(3)
    words = [word for line in LINES for word in line["text"].split()] + [
        "\\boxed{",
        "{",
        "[",
        "<think>",
        "百",
        "½",
        "İ",
    ]
    for _ in range(120):
        text = rng.choice(["", " ", "\n"]).join(rng.choices(words, k=rng.randint(0, 20)))
        for read in READERS.values():
            read(text)
        for choices in (*CHOICES.values(), [], ["", "!"], [f"thing {i}" for i in range(30)]):
            found = choice(text, choices)
            assert found is None or 0 <= found < len(choices), text


def test_the_table_is_large_and_half_of_it_misleads() -> None:
    assert len(LINES) >= 260
    assert len({(line["reads"], line.get("of"), line["text"]) for line in LINES}) == len(LINES)
    assert sum("trap" in line for line in LINES) >= len(LINES) / 2
    assert sum(is_chinese(line["text"]) for line in LINES) >= 60
