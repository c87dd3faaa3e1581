"""Free text as other models write it."""

import pytest

from occlusight.occlusion.facts import Facts
from occlusight.reading.decision import decision
from occlusight.reading.hiding import hider, nothing
from occlusight.reading.mentions import Vocabulary
from occlusight.reading.numbers import number
from occlusight.reading.places import Place, place
from occlusight.reading.reasons import amounts, hidden_parts, no_overlap


@pytest.fixture
def words(graphs, names) -> Vocabulary:
    return Vocabulary(names, Facts(graphs.street()))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yes, the lamp post partially blocks the car.", "yes"),
        ("No, the bus is fully visible.", "no"),
        ("**No.** There is no occlusion.", "no"),
        ("Not really.", "no"),
        ("The car is not hidden by the lamp.", "no"),
        ("The bicycle is partially hidden by the bush.", "yes"),
        ("The bicycle is not completely hidden, only partly.", "yes"),
        ("The car is clearly visible and unobstructed.", "no"),
        ("Based on the image, yes, the bush hides the bicycle.", "yes"),
        ("Based on the image, no, the bush does not.", "no"),
        ("The answer is yes.", "yes"),
        ('{"answer": "yes"}', "yes"),
        ("It is hard to tell.", "unknown"),
        ("是的，自行车被灌木丛部分遮挡。", "yes"),
        ("自行车没有被灌木丛遮挡。", "no"),
        ("没有完全遮挡，只遮住了一部分。", "yes"),
        ("自行车没有遮挡灌木丛，反而是灌木丛遮挡了自行车", "no"),
        ("根据图片，路灯遮挡了红色汽车。", "yes"),
        ("根据图片，路灯并未遮挡红色汽车。", "no"),
        ("图中路灯位于轿车前方，因此遮挡了轿车的一部分。", "yes"),
        ("遮挡了", "yes"),
        ("否", "no"),
        ("不会", "no"),
        ("无法判断", "unknown"),
        ("banana", None),
        ("", None),
    ],
)
def test_decision(text: str, expected: str | None) -> None:
    assert decision(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The bicycle would be fully visible.", "yes"),
        ("The bicycle would not be fully visible.", "no"),
        ("It would still be hidden by the bush.", "no"),
        ("会完整可见", "yes"),
        ("自行车仍然被灌木丛遮挡", "no"),
    ],
)
def test_decision_about_being_visible(text: str, expected: str) -> None:
    assert decision(text, visible_means_yes=True) == expected


@pytest.mark.parametrize(
    ("text", "a", "b", "expected"),
    [
        ("The bicycle is to the right of the car.", "o3", "o1", Place("right")),
        ("left", "o1", "o3", Place("left")),
        ("To the left of the bicycle and in front of it.", "o1", "o3", Place("left", "front")),
        ("The lamp post is in front of the car.", "o1", "o2", Place(None, "behind")),
        ("The lamp post is to the left of the red car, closer to the camera.", "o1", "o2", Place("right", "behind")),
        ("The car is right behind the lamp post.", "o1", "o2", Place(None, "behind")),
        ("It's behind and slightly to the right.", "o1", "o2", Place("right", "behind")),
        ("Relative to the lamp post, the car is behind and to the right.", "o1", "o2", Place("right", "behind")),
        ("The car is to the right side of the street lamp, further away.", "o1", "o2", Place("right", "behind")),
        ("The lamp hides its left side.", "o1", "o2", Place()),
        ("汽车在路灯的右后方", "o1", "o2", Place("right", "behind")),
        ("左前方", "o1", "o2", Place("left", "front")),
        ("路灯在红色的车的左边", "o1", "o2", Place("right")),
        ("路灯右边是汽车", "o1", "o2", Place("right")),
        ("红色汽车位于路灯的右侧，离镜头更远。", "o1", "o2", Place("right", "behind")),
        ("相对于路灯，汽车在右后方", "o1", "o2", Place("right", "behind")),
        ("汽车在路灯后面，靠右一些", "o1", "o2", Place("right", "behind")),
        ("路灯离我们更近", "o1", "o2", Place(None, "behind")),
        ("I cannot see a car", "o1", "o2", Place()),
    ],
)
def test_place(words, text: str, a: str, b: str, expected: Place) -> None:
    assert place(text, a, b, words) == expected


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("3", "car", 3),
        ("There are three cars and two buses.", "bus", 2),
        ("图中有2辆汽车。", "car", 2),
        ("三", "car", 3),
        ("一共有四个人和一辆车", "car", 1),
        ("There are no cars.", "car", 0),
        ("没有汽车。", "car", 0),
        ("There is a car.", "car", 1),
        ("I see cars.", "car", None),
    ],
)
def test_number(words, text: str, kind: str, expected: int | None) -> None:
    assert number(text, kind, words) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The left side of the bicycle is hidden; the right side remains visible.", {"left"}),
        ("lower left", {"left", "bottom"}),
        ("左下角被遮挡", {"left", "bottom"}),
        ("自行车的左侧被灌木丛遮挡", {"left"}),
        ("汽车的下半部分", {"bottom"}),
        ("几乎全部", {"all"}),
        ("在左侧", {"left"}),
        ("The front wheel", set()),
    ],
)
def test_hidden_parts(text: str, expected: set[str]) -> None:
    assert hidden_parts(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The bush hides the bicycle", "o4"),
        ("The bicycle is hidden by the bush", "o4"),
        ("The bush stands in front of the bicycle and hides it", "o4"),
        ("The bicycle is behind the bush, which hides most of it", "o4"),
        ("it is the bicycle that hides the bush", "o3"),
        ("The bike does not hide the bush", None),
        ("自行车被灌木丛遮挡", "o4"),
        ("灌木丛在自行车前面，遮挡了它", "o4"),
        ("是灌木丛遮挡了自行车", "o4"),
        ("自行车没有遮挡灌木丛", None),
    ],
)
def test_hider(words, text: str, expected: str | None) -> None:
    assert hider(text, "o3", "o4", words) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a small part of it", {"small"}),
        ("about 60% of it", {"more_than_half"}),
        ("most of it", {"more_than_half", "most"}),
        ("partly", {"small", "part", "more_than_half"}),
        ("遮挡了它的一小部分", {"small"}),
        ("几乎全部", {"most"}),
        ("约30%", {"part"}),
        ("the bicycle", set()),
    ],
)
def test_amounts(text: str, expected: set[str]) -> None:
    assert amounts(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "I can see a red car, a street light, some people and a bike. There is no bus.",
            ["car", "street_lamp", "person", "bicycle"],
        ),
        ("图中有汽车、路灯、行人，没有公交车。", ["car", "street_lamp", "person"]),
        ("1. Car\n2. Buses\n3. Street lamp", ["car", "bus", "street_lamp"]),
        ("a cupboard and carpets near the sidewalk", []),
        ("自行车停在车道旁", ["bicycle"]),
    ],
)
def test_kinds(words, text: str, expected: list[str]) -> None:
    assert words.kinds(text) == expected


def test_objects_are_told_apart_by_colour(graphs, names) -> None:
    cars = [
        graphs.thing(colour, "car", (0, 0, 9, 9), name=f"{colour} car", name_zh=f"{zh}轿车")
        for colour, zh in graphs.COLOURS.items()
    ]
    words = Vocabulary(names, Facts(graphs.Graph(9, 9, tuple(cars))))
    assert [m.ids for m in words.mentions("the red vehicle left of the blue car")] == [("red",), ("blue",)]
    assert [m.ids for m in words.mentions("白色的车和绿车")] == [("white",), ("green",)]
    loose = [graphs.thing("r", "car", (0, 0, 9, 9), name="red car", name_zh="红色的轿车"), cars[1]]
    words_ = Vocabulary(names, Facts(graphs.Graph(9, 9, tuple(loose))))
    assert [m.ids for t in ("红色的轿车", "红色轿车", "红车", "红的车") for m in words_.mentions(t)] == [("r",)] * 4
    assert len(words.mentions("the cars")[0].ids) == 4


def test_small_readers() -> None:
    assert no_overlap("No. They do not overlap.")
    assert no_overlap("两者没有重叠")
    assert not no_overlap("They overlap.")
    assert nothing("Nothing hides it.")
    assert nothing("没有物体遮挡它")
    assert not nothing("The bush hides it.")
