"""Colours, existence, extents, surroundings, orders and boxes: what is asked, and that the answers are true."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pytest
from tests.occlusion.graphs import COLOURS

from occlusight.occlusion.facts import Facts, is_recognised
from occlusight.occlusion.graph import Graph, Relation
from occlusight.questions.candidates import Candidates
from occlusight.questions.phrases import Wording
from occlusight.questions.programs import execute
from occlusight.questions.question import Question, ask, reply
from occlusight.questions.seeing import NARROWER, absent_kinds
from occlusight.scenes.meshes.catalogue import full_catalogue, wide_catalogue

SIGHT = ("colour", "exists", "describe", "amount_hidden", "part_hidden", "hides_what", "hides_anything")
SIGHT += (
    "exists_coloured",
    "detect_kind",
    "anything_hidden",
    "behind",
    "in_front",
    "left_of",
    "right_of",
    "between",
    "order",
    "detect",
    "locate",
)

CASES = [
    ("colour.kind", [["colour", ["o1"]]], "Red.", "红色。"),
    ("exists.kind", [["exists", ["bus"]]], "Yes. There is a bus.", "有。图中有公交车。"),
    ("exists.kind", [["exists", ["umbrella"]]], "No. There is no umbrella.", "没有。图中没有雨伞。"),
    (
        "exists_coloured.kind",
        [["exists_coloured", ["car", "red"]]],
        "Yes. There is a red car.",
        "有。图中有红色的轿车。",
    ),
    ("detect_kind.kind", [["recognised", ["umbrella"]], ["detect_kind", ["$0", "umbrella"]]], "[]", "[]"),
    ("amount_hidden.thing", [["amount_hidden", ["o3"]]], "More than half is hidden.", "一大半被遮挡。"),
    ("amount_hidden.thing", [["amount_hidden", ["o2"]]], "Nothing is hidden.", "没有被遮挡。"),
    ("part_hidden.thing", [["part_hidden", ["o3"]]], "The left side.", "左侧。"),
    ("hides_what.thing", [["hides_what", ["o2"]]], "The red car.", "红色轿车。"),
    ("hides_what.thing", [["hides_what", ["o5"]]], "Nothing.", "没有东西。"),
    (
        "hides_anything.thing",
        [["hides_anything", ["o4"]]],
        "Yes. The bush hides part of the bicycle.",
        "是的。灌木丛遮挡了自行车。",
    ),
    (
        "hides_anything.thing",
        [["hides_anything", ["o5"]]],
        "No. The person hides nothing.",
        "没有。行人没有遮挡任何物体。",
    ),
    (
        "anything_hidden.picture",
        [["anything_hidden", []]],
        "Yes. The bicycle is partly hidden.",
        "是的。自行车被遮挡了一部分。",
    ),
    ("behind.thing", [["behind", ["o1"]]], "The person and the bus.", "行人和公交车。"),
    ("in_front.thing", [["in_front", ["o1"]]], "The street lamp and the bush.", "路灯和灌木丛。"),
    ("left_of.thing", [["left_of", ["o1"]]], "The street lamp.", "路灯。"),
    ("right_of.thing", [["right_of", ["o5"]]], "Nothing.", "没有东西。"),
    (
        "between.two",
        [["between", ["o2", "o5"]]],
        "The bush, the bicycle, the red car and the bus.",
        "灌木丛、自行车、红色轿车和公交车。",
    ),
    (
        "order.depth",
        [["recognised", []], ["in_order", ["$0"]]],
        "The street lamp, the bush, the bicycle, the red car, the person and the bus.",
        "路灯、灌木丛、自行车、红色轿车、行人和公交车。",
    ),
    (
        "describe.scene",
        [["recognised", []], ["describe", ["$0"]]],
        "A street lamp, a bush, a bicycle, a red car, a person and a bus. The bush hides part of the bicycle. "
        "The street lamp hides part of the red car.",
        "图中有一盏路灯、一丛灌木丛、一辆自行车、一辆红色轿车、一个行人和一辆公交车。灌木丛遮挡了自行车的一部分。路灯遮挡了红色轿车的一部分。",
    ),
    (
        "locate.one",
        [["locate", ["o1"]]],
        '[{"bbox_2d": [200, 430, 600, 655], "label": "red car"}]',
        '[{"bbox_2d": [200, 430, 600, 655], "label": "红色轿车"}]',
    ),
]


@pytest.mark.parametrize(("template", "program", "en", "zh"), CASES)
def test_replies_on_the_street(graphs, names, template: str, program, en: str, zh: str) -> None:
    facts = Facts(graphs.street())
    answer = execute(program, facts)
    assert reply(template, answer, Wording(facts, names, "en")) == en
    assert reply(template, answer, Wording(facts, names, "zh")) == zh


@pytest.fixture(scope="module")
def asked(graphs, names) -> list[tuple[Facts, Question]]:
    found = []
    for seed in range(40):
        facts = Facts(graphs.random_graph(np.random.default_rng(seed), 4 + seed % 6))
        for lang in ("en", "zh"):
            found += [(facts, q) for q in ask(facts, names, np.random.default_rng(seed), lang, SIGHT, 4)]
    return found


def test_every_kind_is_asked_alike_in_both_languages(asked) -> None:
    programs = defaultdict(list)
    for _, q in asked:
        programs[q.lang].append((q.template, q.program))
    assert programs["en"] == programs["zh"]
    assert {q.kind for _, q in asked} == set(SIGHT)


def test_yes_and_no_are_equally_many(asked) -> None:
    for template in ("exists.kind", "exists_coloured.kind", "hides_anything.thing"):
        said = Counter(q.answer["value"] for _, q in asked if q.template == template)
        assert said["yes"] == said["no"] > 0, template


def test_texts_are_finished(asked) -> None:
    for _, q in asked:
        assert not re.search(r"[{}]|  |None\b", q.text), q.text
        assert not re.search(r"\b(a|an) (a|an|the)\b|\bthe the\b|\ba [aeio]|\ban [^aeiou]", q.text.lower()), q.text
        if q.kind in ("detect", "detect_kind", "locate"):
            assert [set(entry) for entry in json.loads(q.reply)] == [{"bbox_2d", "label"}] * len(q.answer["value"])
        elif q.lang == "en":
            assert re.fullmatch(r"[A-Z].*\.", q.reply), q.reply
        else:
            assert q.reply.endswith("。")
            assert not re.search(r"[,;:?a-z]", q.reply), q.reply


def test_the_colour_asked_for_is_not_in_the_question(asked) -> None:
    for facts, q in asked:
        if q.template == "colour.kind":
            o = facts.objects[q.answer["object"]]
            assert o.colour
            assert o.colour not in q.text.lower()
            assert o.name_zh.removesuffix("的")[:2] not in q.text
            assert sum(other.kind == o.kind for other in facts.objects.values()) == 1


def test_no_coloured_thing_is_asked_about_whose_kind_is_not_there(asked) -> None:
    """A no is about a kind that is there, in a colour that something else has: who sees which is which can tell."""
    said = Counter[str]()
    for facts, q in asked:
        if q.template == "exists_coloured.kind":
            kind, colour = q.answer["kind"], q.answer["colour"]
            there = {(o.kind, o.colour) for o in facts.objects.values()}
            assert ((kind, colour) in there) == (q.answer["value"] == "yes")
            assert kind in {k for k, _ in there}
            assert colour in {c for _, c in there}
            assert (colour if q.lang == "en" else COLOURS[colour]) in q.text
            said[q.answer["value"]] += 1
    assert said["yes"] == said["no"] > 20


def test_lists_hold_what_can_be_told_and_nothing_else(asked) -> None:
    """Recomputed from distances and boxes, not from the programs' own words."""
    seen = Counter[str]()
    for facts, q in asked:
        if q.kind not in ("behind", "in_front", "left_of", "right_of"):
            continue
        (a,) = q.answer["about"]
        one = facts.objects[a]
        for id, o in facts.objects.items():
            if q.kind in ("left_of", "right_of"):
                gap = (o.box[0] + o.box[2] - one.box[0] - one.box[2]) / 2 * (1 if q.kind == "right_of" else -1)
                certain = abs(gap) > 60
            else:
                gap = (o.distance - one.distance) * (1 if q.kind == "behind" else -1)
                certain = abs(o.distance - one.distance) >= 0.12 * min(o.distance, one.distance)
                certain = certain and facts.hides(a, id) is False and facts.hides(id, a) is False
            if id == a or not certain:
                continue
            listed = id in q.answer["value"]
            assert listed == (gap > 0 and is_recognised(o)), (q.text, id)
            seen[q.kind] += 1
        assert q.answer["value"] or not q.answer["may"]
        assert len(q.answer["value"]) <= 4
    assert len(seen) == 4


def test_what_is_between_stands_beside_both(asked) -> None:
    found = 0
    for facts, q in asked:
        if q.kind == "between":
            left, right = sorted(q.answer["about"], key=lambda id: sum(facts.objects[id].box[::2]))
            for c in q.answer["value"]:
                assert facts.horizontal(left, c) == facts.horizontal(c, right) == "left"
                found += 1
    assert found > 50


def test_amounts_are_clear_of_the_edges_between_them(asked) -> None:
    said = Counter[str]()
    for facts, q in asked:
        if q.kind == "amount_hidden":
            b, hidden = q.answer["occluded"], q.answer["hidden_fraction"]
            assert hidden == pytest.approx(1 - facts.objects[b].visible_fraction, abs=1e-3)
            assert all(abs(hidden - edge) >= 0.029 for edge in (0.25, 0.5, 0.8)) or not hidden
            said[q.answer["value"]] += 1
    assert set(said) == {"nothing", "small", "part", "more_than_half", "most"}


def test_a_thing_behind_glass_is_not_measured(graphs, names) -> None:
    street = graphs.street()
    glass = replace(street, relations=(*street.relations, Relation("o5", "o3", "transparent", 0.3, "right")))
    for graph, asked in ((street, True), (glass, False)):
        found = ask(graph, names, np.random.default_rng(0), "en", ["amount_hidden"], 20)
        assert ("o3" in {q.answer["occluded"] for q in found}) == asked


def test_boxes_come_from_left_to_right_and_are_all(asked) -> None:
    for facts, q in asked:
        if q.kind == "detect":
            found = [entry["bbox_2d"] for entry in json.loads(q.reply)]
            assert found == sorted(found, key=lambda box: box[:2])
            assert set(q.answer["value"]) == set(facts.recognised)
            assert not set(q.answer["others"]) & set(q.answer["value"])


def test_what_could_be_there_belongs_there(graphs, names) -> None:
    """Of kinds with places only those of the picture's; none that means something wider than what is there."""
    settled = {
        key: replace(
            kind, settings=("street",) if key in ("car", "bus", "bicycle", "street_lamp", "bush") else ("desk",)
        )
        for key, kind in names.items()
    }
    rng = np.random.default_rng(0)
    few = Graph(512, 512, tuple(graphs.street().object(id) for id in ("o1", "o3", "o5")))
    assert set(absent_kinds(Candidates(Facts(few), settled), rng)) == {"bus", "street_lamp", "bush"}
    lamps = Graph(512, 512, (graphs.thing("a", "street_lamp", (0, 0, 100, 500)),))
    assert "lamp" not in set(absent_kinds(Candidates(Facts(lamps), names), rng))
    assert "lamp" in NARROWER


def test_something_hidden_is_seldom_asked_where_it_nearly_always_is(graphs, names) -> None:
    def times(graph: Graph) -> int:
        return sum(len(ask(graph, names, np.random.default_rng(s), "en", ["anything_hidden"])) for s in range(100))

    clear = Graph(512, 512, tuple(graphs.street().object(id) for id in ("o1", "o5")))
    doubtful = replace(graphs.street(), relations=graphs.street().relations[2:])
    assert times(clear) == 100
    assert 2 < times(graphs.street()) < 25
    assert times(doubtful) == 0


def test_kinds_that_are_called_alike_are_kinds_of_the_catalogue() -> None:
    known = {*full_catalogue().kinds, *wide_catalogue().kinds, "person", "lamp"}  # the last two come with imported sets
    assert {*NARROWER, *(kind for narrower in NARROWER.values() for kind in narrower)} <= known
