"""The exact sentences on the hand-made street."""

import pytest

from occlusight.occlusion.facts import Facts
from occlusight.questions.phrases import Wording
from occlusight.questions.programs import execute
from occlusight.questions.question import reply

CASES = [
    (
        "occlusion.active",
        [["hides", ["o2", "o1"]]],
        "Yes. The street lamp stands in front of the red car and hides a small part of it, on the left.",
        "是的。路灯在红色轿车的前面，遮挡了它左侧的一小部分。",
    ),
    (
        "occlusion.passive",
        [["hides", ["o2", "o1"]]],
        "Yes. The red car is behind the street lamp, which hides a small part of it, on the left.",
        "是的。红色轿车在路灯的后面，左侧的一小部分被路灯遮挡。",
    ),
    (
        "occlusion.active",
        [["hides", ["o1", "o2"]]],
        "No. The red car is behind the street lamp, so it is the street lamp that hides the red car.",
        "没有。红色轿车在路灯的后面，是路灯遮挡了红色轿车。",
    ),
    (
        "occlusion.passive",
        [["hides", ["o1", "o2"]]],
        "No. The street lamp is in front of the red car, so it is the street lamp that hides the red car.",
        "没有。路灯在红色轿车的前面，是路灯遮挡了红色轿车。",
    ),
    (
        "occlusion.active",
        [["hides", ["o3", "o1"]]],
        "No. They do not overlap; the bicycle is to the right of the red car.",
        "没有。两者没有重叠，自行车在红色轿车的右边。",
    ),
    (
        "occlusion.passive",
        [["hides", ["o3", "o1"]]],
        "No. They do not overlap; the red car is to the left of the bicycle.",
        "没有。两者没有重叠，红色轿车在自行车的左边。",
    ),
    (
        "occlusion.anything",
        [["anything_hides", ["o3"]]],
        "Yes. The bush hides more than half of it, on the left.",
        "是的。灌木丛遮挡了它的一大半。",
    ),
    ("occlusion.anything", [["anything_hides", ["o5"]]], "No. Nothing hides the person.", "没有。没有物体遮挡行人。"),
    (
        "explanation.active",
        [["hides", ["o4", "o3"]]],
        "Yes. The bush stands in front of the bicycle and hides more than half of it, on the left; the right side "
        "can still be seen.",
        "是的。灌木丛在自行车的前面，遮挡了它的一大半，主要在左侧；右侧仍然可见。",
    ),
    (
        "position.relative",
        [["position", ["o1", "o2"]]],
        "The red car is to the right of the street lamp and behind it.",
        "红色轿车在路灯的右后方。",
    ),
    (
        "position.relative",
        [["position", ["o2", "o5"]]],
        "The street lamp is to the left of the person and in front of the person.",
        "路灯在行人的左前方。",
    ),
    (
        "position.count",
        [["recognised", ["car"]], ["count_position", ["$0", "car", "o2"]]],
        "There is one red car. It is to the right of the street lamp and behind it, partly hidden by it, so the "
        "street lamp is nearer.",
        "图中有一辆红色轿车。它在路灯的右后方，被路灯遮挡了一部分，所以路灯离我们更近。",
    ),
    ("count.kind", [["recognised", ["car"]], ["count", ["$0", "car"]]], "One car.", "一辆轿车。"),
    (
        "count.kind",
        [["recognised", ["umbrella"]], ["count", ["$0", "umbrella"]]],
        "None. There is no umbrella in the picture.",
        "没有。图中没有雨伞。",
    ),
    ("nearest.all", [["recognised", []], ["nearest", ["$0"]]], "The street lamp is nearest to us.", "路灯离我们最近。"),
    ("farthest.all", [["recognised", []], ["farthest", ["$0"]]], "The bus is farthest from us.", "公交车离我们最远。"),
    (
        "hidden_part.pair",
        [["hidden_part", ["o4", "o3"]]],
        "The left side. The bush hides more than half of the bicycle; the right side can still be seen.",
        "左侧。灌木丛遮挡了自行车的一大半；右侧仍然可见。",
    ),
    ("who_hides.one", [["who_hides", ["o1"]]], "The street lamp hides part of the red car.", "路灯遮挡了红色轿车。"),
    (
        "remove.one",
        [["remove", ["o2", "o1"]]],
        "Yes. Only the street lamp hides the red car.",
        "会。只有路灯遮挡了红色轿车。",
    ),
    (
        "remove.one",
        [["remove", ["o5", "o1"]]],
        "No. The street lamp hides the red car, not the person.",
        "不会。遮挡红色轿车的是路灯，不是行人。",
    ),
    ("depth_pair.nearer", [["nearer", ["o1", "o6"]]], "The red car is nearer than the bus.", "红色轿车比公交车更近。"),
    (
        "depth_pair.farther",
        [["farther", ["o1", "o6"]]],
        "The bus is farther away than the red car.",
        "公交车比红色轿车更远。",
    ),
]


@pytest.mark.parametrize(("template", "program", "en", "zh"), CASES)
def test_sentences(graphs, names, template: str, program: list, en: str, zh: str) -> None:
    facts = Facts(graphs.street())
    answer = execute(program, facts)
    assert reply(template, answer, Wording(facts, names, "en")) == en
    assert reply(template, answer, Wording(facts, names, "zh")) == zh


def test_things_of_one_name_are_counted_together(graphs, names) -> None:
    people = [
        graphs.thing(f"p{i}", "person", (100 + 200 * i, 300, 180 + 200 * i, 700), unique=False, distance=5.0 + i)
        for i in range(2)
    ]
    umbrella = graphs.thing("u", "umbrella", (700, 200, 900, 500), distance=9.0)
    facts = Facts(graphs.Graph(512, 512, (*people, umbrella)))
    answer = execute([["recognised", []], ["list_all", ["$0"]]], facts)
    en, zh = (reply("recognition.list", answer, Wording(facts, names, lang)) for lang in ("en", "zh"))
    assert en == "There are three objects: two people and an umbrella."
    assert zh == "图中有三个物体：两个行人和一把雨伞。"
