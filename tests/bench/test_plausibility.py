"""The rule for plausible explanations agrees with labels that were set by hand before it was written."""

import json
from collections import Counter
from pathlib import Path

import pytest

from occlusight.bench.scorers import score
from occlusight.bench.statistics import kappa
from occlusight.cli.bench_inputs import shipped_names
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph
from occlusight.questions.question import Question
from occlusight.reading.mentions import Vocabulary

FOLDER = Path(__file__).parent / "labelled"


def lines(name: str) -> list[dict]:
    return [json.loads(text) for text in (FOLDER / name).read_text("utf-8").splitlines()]


def judge_lines(name: str) -> list[tuple[dict, bool]]:
    names = shipped_names()
    words = {line["id"]: Vocabulary(names, Facts(Graph.from_json(line["graph"]))) for line in lines("scenes.jsonl")}
    found = []
    for line in lines(name):
        question = Question.from_json(line["question"])
        details = score(question, line["text"], "stop", words[question.scene]).details
        found.append((line, bool(details.get("plausible"))))
    return found


@pytest.fixture(scope="module")
def judged() -> list[tuple[dict, bool]]:
    return judge_lines("answers.jsonl")


def test_the_rule_agrees_with_labels_that_came_after_it() -> None:
    pairs = [(line["plausible"], rule) for line, rule in judge_lines("later.jsonl")]
    assert len(pairs) == 32
    assert kappa(pairs) >= 0.8


def test_there_are_enough_labels(judged) -> None:
    sources = Counter(line["source"] for line, _ in judged)
    assert len(judged) >= 100
    assert len(sources) >= 3
    assert sum(not line["plausible"] for line, _ in judged) >= 40
    assert {line["question"]["lang"] for line, _ in judged} == {"en", "zh"}


def test_the_rule_agrees_with_the_labels(judged) -> None:
    pairs = [(line["plausible"], rule) for line, rule in judged]
    assert kappa(pairs) >= 0.8
    for lang in ("en", "zh"):
        assert kappa([(line["plausible"], rule) for line, rule in judged if line["question"]["lang"] == lang]) >= 0.8
    people = [(line["plausible"], rule) for line, rule in judged if line["source"] == "people"]
    assert kappa(people) >= 0.8


def test_kappa_knows_chance() -> None:
    assert kappa([(True, True), (False, False)]) == 1.0
    assert kappa([(True, True), (True, False), (False, True), (False, False)]) == 0.0
    assert kappa([(True, False), (False, True)]) == -1.0
    assert kappa(
        [(True, True)] * 20 + [(True, False)] * 5 + [(False, True)] * 10 + [(False, False)] * 15
    ) == pytest.approx(0.4)
