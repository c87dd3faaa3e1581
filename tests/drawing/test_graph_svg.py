"""The relation graph drawn on its picture: readable by eye, by keyboard and by machine."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from tests.reasoning.rules.test_properties import crowd

from occlusight.drawing.arrows import arrow, spread
from occlusight.drawing.font import names_face
from occlusight.drawing.graph_svg import graph_svg
from occlusight.drawing.placing import Label, place, shared
from occlusight.drawing.png import png
from occlusight.occlusion.graph import NO_BOX, Graph, Object, Relation, Text, Unknown
from occlusight.occlusion.kinds import Lang
from occlusight.reasoning.vocabulary import shipped_words

EXAMPLES = Path(__file__).parents[2] / "examples"
SVG = "{http://www.w3.org/2000/svg}"


def street() -> Graph:
    return Graph.from_json(json.loads((EXAMPLES / "street.json").read_text("utf-8")))


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def parts(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [g for g in root.iter(f"{SVG}g") if g.get("class") == name]


@pytest.mark.parametrize(
    ("lang", "said"),
    [("en", "street lamp hides part of red car, probability 100%"), ("zh", "路灯挡住红色的汽车的一部分，概率 100%")],
)
def test_every_thing_and_relation_can_be_reached_and_says_what_it_is(lang: Lang, said: str) -> None:
    graph = street()
    root = parsed(graph_svg(graph, lang=lang))
    things, relations = parts(root, "object"), parts(root, "relation")
    assert sorted(g.get("data-object", "") for g in things) == sorted(o.id for o in graph.objects)
    ids = {(g.get("data-occluder"), g.get("data-occluded")) for g in relations}
    assert ids == {(r.occluder, r.occluded) for r in graph.relations}
    for g in (*things, *relations):
        assert (g.get("tabindex"), g.get("role")) == ("0", "img")
        title = g.find(f"{SVG}title")
        assert title is not None
        assert title.text == g.get("aria-label")
    titles = [g.get("aria-label") for g in relations]
    assert said in titles
    description = root.find(f"{SVG}desc")
    assert description is not None
    assert description.text == "; ".join(str(title) for title in titles)


def test_names_are_in_the_language_that_was_asked_for() -> None:
    texts = {lang: [t.text for t in parsed(graph_svg(street(), lang=lang)).iter(f"{SVG}text")] for lang in ("en", "zh")}
    assert "red car" in texts["en"]
    assert "红色的汽车" in texts["zh"]
    assert not any(re.search("[a-z]", str(text)) for text in texts["zh"])


def test_any_name_makes_a_document_that_can_be_read() -> None:
    graph = street()
    evil = replace(graph.objects[0], name='<b>&"\x00\x1b]]>\ud800 ' + "long " * 20, id='"><script>')
    root = parsed(graph_svg(replace(graph, objects=(evil,), relations=(), depth_order=())))
    (thing,) = parts(root, "object")
    assert thing.get("data-object") == '"><script>'
    assert not list(root.iter(f"{SVG}script"))


def test_what_goes_on_unseen_is_dashed_and_only_that() -> None:
    def dashed(o: Object) -> int:
        (thing,) = parts(parsed(graph_svg(Graph(100, 100, (o,)))), "object")
        return sum(shape.get("stroke-dasharray") is not None for shape in thing.iter())

    seen = Object("a", "car", "car", "车", (100, 100, 500, 500), (100, 100, 500, 500), 1.0)
    assert dashed(seen) == 0
    assert dashed(replace(seen, amodal_box=(100, 100, 700, 500), visible_fraction=0.6)) == 1
    assert dashed(replace(seen, visible_fraction=0.0, seen="nowhere")) == 2


def test_the_surer_a_relation_the_thicker_its_arrow() -> None:
    graph = street()

    def width(**more: float | None) -> float:
        relation = replace(graph.relations[0], **more)  # type: ignore[arg-type]
        (drawn,) = parts(parsed(graph_svg(replace(graph, relations=(relation,)))), "relation")
        return next(float(s.get("stroke-width", 0)) for s in drawn.iter() if s.get("class") == "line")

    sure = [width(probability=p) for p in (0.5, 0.7, 0.9, 1.0)]
    assert sure == sorted(sure)
    assert sure[-1] > 3 * sure[0]
    assert width(probability=None, raw_probability=0.7) == sure[1]


def test_a_relation_that_is_not_sure_enough_to_be_said_is_told_so() -> None:
    graph = street()
    relation = replace(graph.relations[0], probability=0.53)
    doubt = Unknown((relation.occluder, relation.occluded), Text("", ""), 0.53)
    (drawn,) = parts(parsed(graph_svg(replace(graph, relations=(relation,), unknown=(doubt,)))), "relation")
    assert drawn.get("aria-label") == "not sure: street lamp hides part of red car, probability 53%"


def test_a_model_that_is_not_calibrated_and_rules_are_told() -> None:
    graph = street()
    relation = replace(graph.relations[0], probability=None, raw_probability=0.8, changed_by=("overlap",))
    (drawn,) = parts(parsed(graph_svg(replace(graph, relations=(relation,)))), "relation")
    assert drawn.get("aria-label") == (
        "street lamp hides part of red car, by a model that is not calibrated 80%; decided by rules: overlap"
    )


def test_things_without_places_are_listed_from_near_to_far_beside_the_picture() -> None:
    graph = street()
    nowhere = replace(
        graph,
        objects=tuple(replace(o, box=NO_BOX, amodal_box=NO_BOX) for o in graph.objects),
        depth_order=graph.depth_order[:-1],
    )
    root = parsed(graph_svg(nowhere, Image.open(EXAMPLES / "street.webp")))
    heights = {str(g.get("data-object")): float(next(g.iter(f"{SVG}rect")).get("y", 0)) for g in parts(root, "object")}
    order = [id for group in graph.depth_order for id in group]
    assert sorted(heights, key=lambda id: heights[id]) == order, "what has no place in the order is last"
    assert {(g.get("data-occluder"), g.get("data-occluded")) for g in parts(root, "relation")} == {
        (r.occluder, r.occluded) for r in graph.relations
    }
    for g in parts(root, "relation"):
        path = next(s.get("d", "") for s in g.iter() if s.get("class") == "line")
        y0, y1 = (
            float(re.findall(r"[\d.]+", piece)[1]) for piece in (path.split("A")[0], path.rpartition(" 0 0 ")[2][1:])
        )
        assert abs(y0 - heights[str(g.get("data-occluder"))]) < 40
        assert abs(y1 - heights[str(g.get("data-occluded"))]) < 40
    for g in (*parts(root, "object"), *parts(root, "relation")):  # what shows where the keyboard is
        assert [shape for shape in g.iter() if shape.get("class") == "line"]
    assert len(png(graph_svg(nowhere))) > 1000
    empty = Graph(640, 480, ())
    assert parts(parsed(graph_svg(empty)), "object") == []


def test_the_labels_of_thirty_things_lie_beside_each_other() -> None:
    said = crowd(30, 1.5, seed=5)
    boxes = [tuple(float(v) for v in o.box) for o in said.graph.objects]
    labels = [Label(110.0, 20.0, box) for box in boxes]  # type: ignore[arg-type]
    placed = place(labels, (1000.0, 1000.0))
    assert all(x0 >= 0 and y0 >= 0 and x1 <= 1000 and y1 <= 1000 for x0, y0, x1, y1 in placed)
    over = sum(shared(a, b) for i, a in enumerate(placed) for b in placed[:i])
    assert over < 0.02 * sum(label.wide * label.tall for label in labels)


def test_an_arrow_runs_from_what_hides_onto_what_can_be_seen_of_the_hidden() -> None:
    pole, car = (400.0, 0.0, 450.0, 900.0), (200.0, 300.0, 800.0, 700.0)
    found = arrow(pole, car, (1000, 1000), 3.0)
    assert 400 <= found.start[0] <= 450
    assert 200 <= found.end[0] <= 380
    assert 300 <= found.end[1] <= 700
    inner = arrow((300.0, 300.0, 400.0, 400.0), (0.0, 0.0, 1000.0, 1000.0), (1000, 1000), 3.0)
    assert not (300 <= inner.end[0] <= 400 and 300 <= inner.end[1] <= 400)
    hidden = arrow((0.0, 0.0, 500.0, 500.0), (200.0, 200.0, 300.0, 300.0), (1000, 1000), 3.0)
    assert 200 <= hidden.end[0] <= 300


def test_arrows_do_not_lie_on_each_other() -> None:
    one = arrow((0.0, 0.0, 500.0, 500.0), (400.0, 100.0, 900.0, 400.0), (1000, 1000), 3.0)
    middles = [a.middle for a in spread([one, one, one])]
    assert len({(round(x), round(y)) for x, y in middles}) == 3


def test_the_png_is_the_drawing_with_its_chinese_names() -> None:
    graph = street()
    picture = Image.open(EXAMPLES / "street.webp")
    drawn = Image.open(io.BytesIO(png(graph_svg(graph, picture, "zh"))))
    assert drawn.width == 1120
    assert Image.open(io.BytesIO(png(graph_svg(graph, picture, "zh"), width=300))).width == 300
    names = Image.open(io.BytesIO(png(graph_svg(graph, None, "zh")))).convert("L")
    missing = Image.open(io.BytesIO(png(graph_svg(graph, None, "zh").replace("汽车", "\ue000\ue000")))).convert("L")
    assert names.tobytes() != missing.tobytes()


def test_the_readme_begins_with_the_drawing_as_it_is_made_now() -> None:
    root = EXAMPLES.parent
    (first, *_) = re.findall(r"!\[.*?\]\((.*?)\)", (root / "README.md").read_text("utf-8"))
    shown = np.asarray(Image.open(root / first).convert("RGB"), float)
    drawn = png(graph_svg(street(), Image.open(EXAMPLES / "street.webp")), width=shown.shape[1])
    assert np.abs(shown - np.asarray(Image.open(io.BytesIO(drawn)).convert("RGB"), float)).mean() < 3


def test_the_face_of_names_has_all_kinds_and_is_small() -> None:
    data = (files("occlusight.drawing") / "names.otf").read_bytes()
    assert len(data) < 800 * 1024
    root = EXAMPLES.parent
    assert "renamed Occlusight Names" in (root / "NOTICE").read_text("utf-8")
    assert "names.otf" in (root / "src/occlusight/drawing/OFL.txt").read_text("utf-8")
    face = names_face(20)
    nothing = face.getmask("\ue000")
    words = {c for kind in shipped_words().kinds.values() for c in kind.zh + kind.en}
    assert [c for c in sorted(words) if c != " " and bytes(face.getmask(c)) == bytes(nothing)] == []
    assert face.getname() == ("Occlusight Names", "Regular")


def test_relations_of_glass_and_mirrors_say_how_they_cover() -> None:
    graph = street()

    def said(kind: str) -> str | None:
        relation = Relation("o2", "o1", kind, 0.5, "left")
        (drawn,) = parts(parsed(graph_svg(replace(graph, relations=(relation,)))), "relation")
        return drawn.get("aria-label")

    assert said("transparent") == "red car is seen through street lamp, probability 100%"
    assert said("complete") == "street lamp hides all of red car, probability 100%"
