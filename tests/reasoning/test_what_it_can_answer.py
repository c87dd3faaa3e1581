"""The document of what the shipped model can answer says what it really answers, and is linked where people begin."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from occlusight.api import generate_response

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "what-it-can-answer.md"
STREET = ROOT / "src" / "occlusight" / "examples" / "street.webp"
ROWS = re.findall(r"^\| [^|]+ \| ([^|]+) \| ([^|]*[.。?]) \|$", DOCUMENT.read_text("utf-8"), re.M)
ASKED = (
    "is the red car covered by the street lamp?",
    "which part of the car can't I see",
    "Is the elephant hidden?",
    "what colour is the car",
    "谁挡住了汽车",
    "有几只狗",
    "街灯 hides the car 吗",
    "What is in this picture?",
    "图里有什么",
    "Is the bench behind the car?",
    "谁挡住了汽车? 那狗呢",
    "假如路灯不在了，车还会被挡住吗",
    "明天天气怎么样",
)
"""The questions of the document that are asked here; each costs a moment."""


@pytest.mark.parametrize("question", ASKED)
def test_answers_are_the_models(question: str) -> None:
    answers = {asked.strip(): answer.strip() for asked, answer in ROWS}
    assert generate_response(STREET, question) == answers[question]


def test_both_languages_have_their_examples() -> None:
    assert len(ROWS) > 25
    assert sum(bool(re.search("[\u4e00-\u9fff]", question)) for question, _ in ROWS) > 10


def test_the_first_screen_links_to_it() -> None:
    beginning = (ROOT / "README.md").read_text("utf-8").split("## Asking")[0]
    assert "docs/what-it-can-answer.md" in beginning
