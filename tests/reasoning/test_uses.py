"""What programs ask of a graph, and what docs/uses.md says of it."""

from __future__ import annotations

import contextlib
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest

from occlusight.errors import BadInput
from occlusight.occlusion.graph import NO_BOX, Box, Graph, Object, Relation, Text, Unknown
from occlusight.reasoning import uses

ROOT = Path(__file__).parents[2]


def test_the_documents_outputs_are_what_its_code_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    text = (ROOT / "docs" / "uses.md").read_text("utf-8")
    blocks = re.findall(r"^```(python in-order|text)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 13
    names: dict[str, object] = {}
    printed = ""
    for language, block in blocks:
        if language == "text":
            assert printed == block
            continue
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(block, "uses.md", "exec"), names)
        printed = out.getvalue()


def thing(id: str, kind: str, box: Box, visible: float = 1.0, **more: str) -> Object:
    return Object(id, kind, id, id, box, box, visible, **more)  # type: ignore[arg-type]


def hiding(*pairs: tuple[str, str], covered: float = 0.4) -> tuple[Relation, ...]:
    return tuple(Relation(a, b, "partial", covered, "left") for a, b in pairs)


VAN = thing("van", "van", (300, 300, 600, 700))
CHILD = thing("child", "child", (580, 450, 640, 680), 0.4)
STREET = Graph(100, 100, (VAN, CHILD), hiding(("van", "child"), covered=0.6), (("van",), ("child",)))


def test_a_hidden_road_user_comes_out_on_the_side_where_it_is_seen() -> None:
    known, *others = uses.emerging(STREET)
    assert (known.occluder, known.side, known.x, known.known) == ("van", "right", 600, "child")
    assert [(one.side, one.known) for one in others] == [("left", None)]


def test_nobody_comes_out_where_something_nearer_stands_or_the_picture_ends() -> None:
    wall = thing("wall", "wall", (200, 300, 400, 720))
    closed = replace(STREET, objects=(VAN, CHILD, wall), depth_order=(("wall",), ("van",), ("child",)))
    assert ("van", "left") not in [(one.occluder, one.side) for one in uses.emerging(closed)]
    behind = replace(closed, depth_order=(("van",), ("child",), ("wall",)))
    assert ("van", "left") in [(one.occluder, one.side) for one in uses.emerging(behind)]
    edge = replace(STREET, objects=(replace(VAN, box=(0, 300, 600, 700)), CHILD))
    assert ("van", "left") not in [(one.occluder, one.side) for one in uses.emerging(edge)]


def test_without_places_the_hidden_part_tells_the_side() -> None:
    nowhere = tuple(replace(o, box=NO_BOX, amodal_box=NO_BOX) for o in STREET.objects)
    (known,) = uses.emerging(replace(STREET, objects=nowhere))
    assert (known.side, known.x, known.known) == ("right", None, "child")
    part = replace(STREET.relations[0], hidden_part="bottom")
    assert uses.emerging(replace(STREET, objects=nowhere, relations=(part,))) == ()
    assert uses.drawn_over(replace(STREET, objects=nowhere), (0, 0, 9, 9), "van") == ("van",)


def test_glass_hides_nobody() -> None:
    pane = Graph(
        1, 1, (thing("pane", "window", VAN.box), CHILD), (Relation("pane", "child", "transparent", 0.6, "left"),)
    )
    assert uses.emerging(pane) == ()
    assert uses.hidden(pane) == ()
    assert uses.to_free(pane, "child") == ()


def test_what_stands_on_a_thing_is_moved_before_it() -> None:
    box = thing("box", "box", (0, 400, 500, 900))
    cup = thing("cup", "cup", (100, 300, 150, 420), supported_by="box")
    ball = thing("ball", "ball", (300, 300, 400, 500), 0.5)
    graph = Graph(1, 1, (box, cup, ball), hiding(("box", "ball")))
    assert [(move.object, move.frees) for move in uses.to_free(graph, "ball")] == [
        ("cup", ("box",)),
        ("box", ("ball",)),
    ]


def test_things_that_hide_parts_of_each_other_are_moved_all_the_same() -> None:
    objects = tuple(thing(id, "bush", (0, 0, 9, 9)) for id in "abc")
    graph = Graph(1, 1, objects, hiding(("a", "b"), ("b", "a"), ("b", "c"), ("a", "c")))
    assert sorted(move.object for move in uses.to_free(graph, "c")) == ["a", "b"]
    assert [move.object for move in uses.to_free(graph, "a")] == ["b"]


def test_an_object_that_is_not_there_is_named() -> None:
    for ask in (uses.covered, uses.to_free):
        with pytest.raises(BadInput, match="no object 'x'; it has van, child"):
            ask(STREET, "x")


def test_a_wholly_hidden_thing_is_in_no_layer() -> None:
    graph = replace(STREET, objects=(VAN, replace(CHILD, visible_fraction=0.0)))
    assert uses.layers(graph) == (("van",),)
    (found,) = uses.hidden(graph)
    assert found.said.en == "the child cannot be seen: it is behind the van"


def doubting(graph: Graph, *pairs: tuple[str, str]) -> Graph:
    said = Text("not sure", "不确定")
    return replace(graph, unknown=tuple(Unknown(pair, said, 0.55) for pair in pairs))


def test_what_is_not_sure_is_said_to_be_so_and_comes_last() -> None:
    post, dog = thing("post", "post", (400, 300, 420, 700)), thing("dog", "dog", (380, 500, 450, 690), 0.3)
    relations = hiding(("van", "child"), ("post", "child"), ("post", "dog"))
    street = Graph(100, 100, (VAN, CHILD, post, dog), relations)
    assert [(one.object, one.doubted) for one in uses.hidden(street)] == [("dog", False), ("child", False)]
    child, perhaps = uses.hidden(doubting(street, ("post", "child"), ("post", "dog")))
    assert (child.object, child.occluders, child.doubted) == ("child", ("van",), False)
    assert (perhaps.object, perhaps.occluders, perhaps.doubted) == ("dog", ("post",), True)
    assert "may be partly hidden" in perhaps.said.en
    assert "可能" in perhaps.said.zh
    assert uses.covered(doubting(street, ("post", "dog")), "dog") == perhaps


def test_what_may_be_in_the_way_is_moved_and_said_so() -> None:
    graph = Graph(100, 100, (VAN, CHILD), STREET.relations)
    (move,) = uses.to_free(graph, "child")
    assert not move.doubted
    assert "which is in the way" in move.said.en
    (move,) = uses.to_free(doubting(graph, ("van", "child")), "child")
    assert move.doubted
    assert "which may be in the way" in move.said.en
    assert "可能挡着" in move.said.zh
    carried = replace(graph, objects=(VAN, replace(CHILD, supported_by="van")), relations=hiding(("child", "van")))
    (move,) = uses.to_free(doubting(carried, ("child", "van")), "van")
    assert not move.doubted  # it stands on it, whatever it hides


def test_who_may_be_hidden_could_come_out() -> None:
    assert uses.emerging(doubting(STREET, ("van", "child"))) == uses.emerging(STREET)
