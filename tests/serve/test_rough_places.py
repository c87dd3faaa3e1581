"""A graph whose model says only about where things are, and denies one of them: what is drawn, said and suggested."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.serve.conftest import Tab, tab_with_graphs
from tests.serve.test_accessibility import violations
from tests.serve.test_graph import chosen, known

from occlusight.backends.scripted import Scripted
from occlusight.backends.wrapped import innermost
from occlusight.drawing.graph_svg import graph_svg
from occlusight.occlusion.graph import NO_BOX
from occlusight.reasoning.objects import Seen
from occlusight.reasoning.own_wording import Thing
from occlusight.reasoning.places import locates, places
from occlusight.reasoning.relations import Described
from occlusight.reasoning.vocabulary import shipped_words
from occlusight.serve.fair_queue import FairQueue
from occlusight.serve.metrics import Metered, Metrics
from occlusight.serve.page.examples import shipped_examples
from occlusight.serve.page.sight import marked
from occlusight.serve.page.words import all_words

EN = all_words()["en"]
WORDS = shipped_words()
ANSWER = "The red car stands behind the street lamp."


def rough(picture: Path) -> Described:
    """Return what is known of an example without boxes, with places; the bench is denied."""
    found = known(picture)
    boxes = {o.id: o.box for o in found.graph.objects}
    objects = tuple(replace(o, box=NO_BOX, amodal_box=NO_BOX) for o in found.graph.objects)
    absent = frozenset(o.id for o in objects if "bench" in o.name)
    return replace(found, graph=replace(found.graph, objects=objects), places=boxes, denied=absent)


def test_a_model_is_asked_for_one_thing_after_another() -> None:
    script = {
        "Where is the dog? Answer as JSON.": '[{"bbox_2d": [10, 20, 200, 300], "label": "dog"}]',
        "Where is the car? Answer as JSON.": "I see none.",
    }
    backend = Scripted(script, learnt=("locate", "list_all"))
    assert locates(backend)
    assert not locates(Scripted("", learnt=("locate", "detect")))
    assert not locates(Scripted(""))
    things = [Seen("o1", Thing(WORDS.kinds["dog"])), Seen("o2", Thing(WORDS.kinds["car"]))]
    assert places(backend, Path("street.webp"), things) == {"o1": (10, 20, 200, 300)}
    assert {request.pictures for request in backend.requests} == {(Path("street.webp"),)}


def test_the_model_itself_is_asked_whatever_stands_before_it() -> None:
    model, metrics = Scripted(""), Metrics("m", FairQueue())
    assert innermost(Metered(Metered(model, metrics), metrics)) is model


def test_a_drawing_marks_the_middles() -> None:
    found = rough(shipped_examples()[0].picture)
    graph = marked(found)
    assert all(o.located for o in graph.objects)
    for o in graph.objects:
        x0, y0, x1, y1 = found.places[o.id]
        assert o.box[0] <= (x0 + x1) / 2 <= o.box[2]
        assert o.box[2] - o.box[0] <= 22
        assert o.box[1] <= (y0 + y1) / 2 <= o.box[3]
    assert graph_svg(graph).count('class="line"') >= len(graph.objects)


@pytest.fixture(scope="module")
def opened(chromium: Any) -> Iterator[Tab]:
    with tab_with_graphs(chromium, Scripted(ANSWER), rough) as tab:
        yield tab


@pytest.fixture
def tab(opened: Tab) -> Tab:
    opened.forget()
    opened.page.wait_for_selector("#picture svg")
    return opened


@pytest.mark.page
def test_dots_and_arrows_are_drawn_where_things_are_about(tab: Tab) -> None:
    objects = tab.page.locator(".strip [data-o]").count()
    assert tab.page.locator(".g-obj .dot").count() == objects
    assert tab.page.locator(".g-rel .ln.hd").count() == tab.page.locator(".pairs button").count()
    assert tab.page.locator(".g-obj .cor, .hid").count() == 0  # no outline that is not known
    assert EN["legend_dot"] in tab.page.inner_text(".legend")
    assert chosen(tab) == ["red car", "street lamp"]
    tab.page.click(".lab:has-text('dog')")
    assert chosen(tab) == ["dog"]
    tab.page.focus(".g-rel >> nth=0")
    tab.page.keyboard.press("Enter")
    assert tab.page.get_attribute(".g-rel:focus", "aria-pressed") == "true"
    tab.page.click("#without")
    assert tab.page.locator("ellipse.gone").count() == 1
    assert violations(tab) == []
    assert tab.problems == []


@pytest.mark.page
def test_what_is_denied_is_not_asked_about_and_what_is_doubted_says_why(tab: Tab) -> None:
    tab.asked("Is it hidden?")
    offered = tab.page.locator("#suggestions button, .next button").all_inner_texts()
    assert any("tree" in one for one in offered)
    assert not any("bench" in one for one in offered)
    assert "Is it hidden?" not in offered
    pair = ".pairs [data-r][aria-label*=bench]"
    tab.page.click(f"{pair} >> nth=0")
    assert EN["denied"].format(it="brown bench") in tab.page.inner_text(".card")
    tab.page.click(f".pairs [data-r][aria-label^='{EN['doubted'].split(':')[0]}']")
    assert EN["doubted_why"].format(p="60 %", **{"from": "70 %"}) in tab.page.inner_text(".card")
    assert tab.problems == []
