"""What is seen is scored: true answers in any words are right, each wrong one is wrong, and silence is neither."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.questions.test_sight import SIGHT

from occlusight.bench.paraphrase import paraphrases
from occlusight.bench.scorers import NO_ANSWER, RIGHT, WRONG, score
from occlusight.occlusion.facts import Facts
from occlusight.questions.programs import execute
from occlusight.questions.question import Question, ask
from occlusight.reading.mentions import Vocabulary

PROGRAMS = {
    "colour.kind": [["colour", ["o1"]]],
    "exists.kind": [["exists", ["umbrella"]]],
    "amount_hidden.thing": [["amount_hidden", ["o3"]]],
    "behind.thing": [["behind", ["o1"]]],
    "hides_what.thing": [["hides_what", ["o5"]]],
    "order.depth": [["recognised", []], ["in_order", ["$0"]]],
    "describe.scene": [["recognised", []], ["describe", ["$0"]]],
    "detect_kind.kind": [["recognised", ["umbrella"]], ["detect_kind", ["$0", "umbrella"]]],
    "detect.all": [["recognised", []], ["detect", ["$0"]]],
}
STREET = "A street lamp, a bush, a bicycle, a red car, a person and a bus. "
SAID = [
    ("colour.kind", "It is dark red, not blue.", RIGHT),
    ("colour.kind", "粉红色。", WRONG),
    ("colour.kind", "Red or blue.", NO_ANSWER),
    ("colour.kind", "The car.", NO_ANSWER),
    ("exists.kind", "I see no umbrella.", RIGHT),
    ("exists.kind", "There is an umbrella behind the bus.", WRONG),
    ("exists.kind", "A car and a bus.", NO_ANSWER),
    ("amount_hidden.thing", "About 65 %.", RIGHT),
    ("amount_hidden.thing", "About half of it is hidden.", RIGHT),
    ("amount_hidden.thing", "About 30 %.", WRONG),
    ("amount_hidden.thing", "0 %", WRONG),
    ("amount_hidden.thing", "Part of it.", WRONG),
    ("amount_hidden.thing", "It is fully visible.", WRONG),
    ("amount_hidden.thing", "The bicycle.", NO_ANSWER),
    ("behind.thing", "Behind the car we see a bus and a pedestrian.", RIGHT),
    ("behind.thing", "The bus.", WRONG),
    ("behind.thing", "The bus, the person and the bush.", WRONG),
    ("behind.thing", "The bus, the person and an umbrella.", WRONG),
    ("behind.thing", "The bus, the person and the bicycle.", RIGHT),  # as far away as the car: it cannot be told
    ("behind.thing", "Nothing is behind the car.", WRONG),
    ("behind.thing", "I like it.", NO_ANSWER),
    ("hides_what.thing", "It does not hide anything; there is nothing.", RIGHT),
    ("hides_what.thing", "The bus.", WRONG),
    ("order.depth", "Lamp post, bush, car, bicycle, person, bus", RIGHT),  # car and bicycle are equally far
    ("order.depth", "Bush, lamp post, bicycle, car, person, bus", RIGHT),
    ("order.depth", "Lamp post, bush, bicycle, car, bus, person", WRONG),
    ("order.depth", "Lamp post, bush, bicycle, car, person", WRONG),
    (
        "describe.scene",
        STREET + "The bush hides part of the bicycle. The street lamp hides part of the red car.",
        RIGHT,
    ),
    ("describe.scene", STREET, WRONG),
    ("describe.scene", STREET + "The bicycle hides part of the bush.", WRONG),
    ("describe.scene", "How nice.", NO_ANSWER),
    ("detect.all", "The car is at the left.", NO_ANSWER),
    ("detect.all", "[]", WRONG),
    ("detect_kind.kind", "[]", RIGHT),
    ("detect_kind.kind", '[{"bbox_2d": [1, 2, 3, 4], "label": "umbrella"}]', WRONG),
    ("detect_kind.kind", '[{"bbox_2d": [200, 430, 600, 655], "label": "car"}]', WRONG),
]


@pytest.fixture(scope="module")
def street(graphs, names) -> tuple[Facts, Vocabulary]:
    facts = Facts(graphs.street())
    return facts, Vocabulary(names, facts)


def question(template: str, facts: Facts) -> Question:
    answer = execute(PROGRAMS[template], facts)
    return Question("q", "s", "i", "en", template.partition(".")[0], template, "?", PROGRAMS[template], answer, "")


@pytest.mark.parametrize(("template", "text", "outcome"), SAID)
def test_an_answer_is_scored_as_meant(street, template: str, text: str, outcome: str) -> None:
    facts, words = street
    found = score(question(template, facts), text, "stop", words)
    assert found.outcome == outcome, (found.extracted, found.reason)


def test_true_answers_in_any_words_are_right(graphs, names) -> None:
    problems, scored = [], 0
    for seed in range(8):
        facts = Facts(graphs.random_graph(np.random.default_rng(seed), 4 + seed % 6))
        words = Vocabulary(names, facts)
        for lang in ("en", "zh"):
            for q in ask(facts, names, np.random.default_rng(seed), lang, SIGHT, 3):
                for text in (q.reply, *paraphrases(q, facts, names)):
                    found, scored = score(q, text, "stop", words), scored + 1
                    if found.outcome != RIGHT or found.value != 1.0:
                        problems.append(f"{q.template} {q.text} -> {text}: {found.reason}; {q.answer}")
    assert not problems, "\n".join([f"{len(problems)} of {scored}", *problems[:20]])
    assert scored > 1500


def test_boxes_are_worth_their_overlap(street) -> None:
    facts, words = street
    q = question("detect.all", facts)
    entries = [{"bbox_2d": q.answer["boxes"][id], "label": facts.objects[id].name} for id in q.answer["value"]]

    def found(*changed: dict[str, object]):
        return score(q, json.dumps([*changed]), "stop", words)

    whole = found(*entries)
    assert (whole.value, whole.outcome, whole.details["twice"]) == (1.0, RIGHT, 0)
    missed = found(*entries[1:])
    assert missed.value == pytest.approx(5 / 6)
    assert (missed.outcome, missed.details["missed"]) == (WRONG, 1)
    twice = found(*entries, entries[0] | {"bbox_2d": [0, 0, 5, 5]})
    assert (twice.value, twice.outcome, twice.details["twice"]) == (1.0, WRONG, 1)
    extra = found(*entries, {"bbox_2d": [0, 0, 5, 5], "label": "umbrella"})
    assert (extra.outcome, extra.details["extra"]) == (WRONG, 1)
    mislabelled = found(*entries[1:], entries[0] | {"label": "umbrella"})
    assert mislabelled.value == pytest.approx(5 / 6)
    x0, y0, x1, y1 = entries[0]["bbox_2d"]
    half = found(*entries[1:], entries[0] | {"bbox_2d": [x0, y0, x0 + (x1 - x0) / 4, y1]})
    assert half.value == pytest.approx((5 + 0.25) / 6, abs=0.01)
    assert half.outcome == WRONG
