"""Whether there is anything to see of what is asked about."""

from __future__ import annotations

from occlusight.occlusion.graph import Graph, Object, Relation
from occlusight.reasoning.visible import nothing_visible

CAR = Object("o1", "car", "red car", "红色轿车", (100, 100, 500, 500), (100, 100, 500, 500), 1.0)
CAT = Object("o2", "cat", "cat", "猫", (200, 200, 300, 300), (200, 200, 300, 300), 0.0, seen="nowhere")
IMAGE = Object("o3", "man", "man", "男人", (600, 100, 700, 400), (600, 100, 700, 400), 0.0, seen="reflection")
SPECK = Object("o4", "dog", "dog", "狗", (900, 900, 910, 910), (900, 900, 910, 910), 1.0)
GRAPH = Graph(640, 480, (CAR, CAT, IMAGE, SPECK), (Relation("o1", "o2", "complete", 1.0, "all"),))


def test_of_what_nothing_can_be_seen_it_is_said_why() -> None:
    found = nothing_visible(GRAPH, ["o1", "o2", "o3", "o4", "zebra", "o2"])
    assert [(one.about, one.why.en) for one in found] == [
        (("o2",), "nothing of the cat can be seen: it is behind the red car"),
        (("o3",), "the man itself cannot be seen, its image in a mirror alone"),
        (("o4",), "the dog is too small in the picture to be seen well"),
        (("zebra",), "there is no zebra to be seen in the picture"),
    ]
    assert found[0].why.zh == "猫一点也看不到：它在红色轿车后面"


def test_of_what_is_seen_nothing_is_said() -> None:
    assert nothing_visible(GRAPH, ["o1"]) == ()
