"""The relation graph over the picture: by mouse, by keyboard, in both languages, and as a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.serve.conftest import Tab, serving, tab_with_graphs
from tests.serve.replies import Replies
from tests.serve.test_accessibility import violations
from tests.serve.test_security import Browser

from occlusight.backends.scripted import Scripted
from occlusight.occlusion.graph import Graph, Text, Unknown
from occlusight.reasoning.relations import Certainty, Described
from occlusight.reasoning.rules.ruleset import shipped_rules
from occlusight.serve.page.examples import Example, shipped_examples
from occlusight.serve.page.words import all_words

EN, ZH = all_words()["en"], all_words()["zh"]
POLE = Text("The pole runs unbroken in front of the car.", "灯杆完整，从汽车前面经过。")
DOUBT = Text("That is not sure enough to be said.", "这还不够确定。")
ANSWER = "The red car stands behind the street lamp."


def known(picture: Path, domain: float | None = None) -> Described:
    """Return the truth about an example, with probabilities and a rule as a model's graph has them."""
    truth = Graph.from_json(json.loads(picture.with_suffix(".json").read_text("utf-8")))
    relations = [replace(r, probability=0.9, raw_probability=0.8) for r in truth.relations]
    first = replace(relations[0], probability=0.96, evidence=POLE, changed_by=("occluder_nearer",))
    second = replace(relations[1], probability=0.6)
    doubt = Unknown((second.occluder, second.occluded), DOUBT, 0.6)
    graph = replace(truth, relations=(first, second, *relations[2:]), unknown=(doubt,))
    asked = {(r.occluder, r.occluded): 0.9 for r in graph.relations}
    return Described(graph, asked, Certainty(True, "renders", domain), sure=(0.7, 0.7))


@pytest.fixture(scope="module")
def opened(chromium: Any) -> Iterator[Tab]:
    """The page over a backend whose graphs are known, once for several tests: a browser opens it in seconds."""
    with tab_with_graphs(chromium, Scripted(ANSWER), known) as tab:
        yield tab


@pytest.fixture
def tab(opened: Tab) -> Tab:
    """It, as at a first visit, with its graph."""
    opened.forget()
    opened.page.wait_for_selector("#picture svg")
    return opened


def chosen(tab: Tab) -> list[str]:
    """Return the objects that are whole in the picture."""
    names = tab.page.locator(".g-obj[aria-pressed=true]").evaluate_all("all => all.map(e => e.ariaLabel)")
    return sorted(names)


@pytest.mark.page
def test_pairs_and_objects_are_chosen_with_the_mouse(tab: Tab) -> None:
    assert chosen(tab) == ["red car", "street lamp"]
    card = tab.page.inner_text(".card")
    assert "The street lamp hides part of the red car" in card
    assert "96 %" in card
    assert EN["sure_95"] in card
    assert POLE.en in card
    rule = shipped_rules()["occluder_nearer"].says.en
    assert EN["changed"].format(before="80 %", rules=rule) in card
    assert "Does the street lamp hide the red car, and why?" in tab.page.inner_text("#suggestions")
    tab.page.hover(".strip [data-o]:has-text('dog')")
    assert "on" in str(tab.page.get_attribute(".g-obj[aria-label=dog]", "class"))
    tab.page.click(".strip [data-o]:has-text('dog')")
    assert chosen(tab) == ["dog"]
    card = tab.page.inner_text(".card")
    assert EN["doubted_why"].format(p="60 %", **{"from": "70 %"}) in card
    assert EN["doubted"].split(":")[0] in tab.page.inner_text(".card h2")
    assert (EN["sure_no"] in tab.page.inner_text(".card .sure"), EN["sure_55"] in card) == (True, False)
    assert str(tab.page.get_attribute(".g-rel[data-r='1']", "aria-label")).startswith(EN["doubted"].split(":")[0])
    assert tab.page.locator(".g-rel.doubted").count() == 1
    tab.page.click(f"[aria-label='{EN['next']}']")
    assert POLE.en not in tab.page.inner_text(".card")
    assert len(chosen(tab)) == 2
    tab.page.click(".g-rel[data-r='0'] .pill")
    assert chosen(tab) == ["red car", "street lamp"]
    tab.page.click("#without")
    assert tab.page.locator(".gone").count() == 1
    assert tab.page.get_attribute("#without", "aria-pressed") == "true"
    tab.page.check("[name=language][value=zh]", force=True)
    assert ZH["without_said"].format(a="路灯") in tab.page.inner_text(".card")
    tab.page.click("#without")
    assert POLE.zh in tab.page.inner_text(".card")
    assert tab.page.locator(".g-obj[aria-label=狗]").count() == 1
    assert tab.problems == []


BELOW = """name => {
  const last = document.querySelector(name).lastElementChild.getBoundingClientRect();
  return document.querySelector(name).getBoundingClientRect().bottom - last.bottom;
}"""


@pytest.mark.page
def test_room_is_used_for_further_questions_and_all_pairs(tab: Tab) -> None:
    count = tab.page.locator(".g-rel").count()
    assert tab.page.locator(".pairs button").count() == count
    tab.page.click(".pairs button >> nth=2")
    assert tab.page.get_attribute(".g-rel[data-r='2']", "aria-pressed") == "true"
    assert tab.page.evaluate("document.activeElement.closest('.pairs') != null")  # the focus stays there
    assert tab.page.locator(".log .next").count() == 0
    assert tab.asked("Is it hidden?") == ANSWER
    offered = tab.page.locator(".log .next button").all_inner_texts()
    assert len(offered) == len(set(offered)) > 3
    assert not {*offered} & {*tab.page.locator("#suggestions button").all_inner_texts()}
    assert 0 <= tab.page.evaluate(BELOW, "#log") < 100  # nothing that is empty is higher
    for part in ("#log", ".stage"):
        assert tab.page.evaluate(
            "name => { const e = document.querySelector(name); return e.scrollHeight <= e.clientHeight; }", part
        )
    assert violations(tab) == []
    tab.shoot("room.png")
    tab.page.click(".log .next button >> nth=0")
    assert ANSWER in tab.ended()  # what the graph says otherwise may stand below it by now
    assert tab.page.inner_text(".turn:last-child .q p") == offered[0]
    assert offered[0] not in tab.page.locator(".next button").all_inner_texts()
    assert tab.problems == []


@pytest.mark.page
def test_the_graph_is_reached_by_the_keyboard_and_named_in_answers(tab: Tab) -> None:
    tab.page.focus(".g-rel >> nth=0")
    label = tab.page.evaluate("document.activeElement.ariaLabel")
    tab.page.keyboard.press("Enter")
    assert tab.page.evaluate("document.activeElement.ariaLabel") == label  # the focus stays on what was chosen
    assert tab.page.get_attribute(".g-rel:focus", "aria-pressed") == "true"
    tab.page.focus(".g-obj[aria-label=dog]")
    tab.page.keyboard.press(" ")
    assert chosen(tab) == ["dog"]
    tab.page.keyboard.press("Escape")
    assert chosen(tab) == ["red car", "street lamp"]
    assert violations(tab) == []
    assert tab.asked("?") == ANSWER
    assert tab.page.locator(".turn .ob").all_inner_texts() == ["red car", "street lamp"]
    tab.page.focus(".turn .ob >> nth=1")
    assert "on" in str(tab.page.get_attribute(".g-obj[aria-label='street lamp']", "class"))
    tab.page.keyboard.press("Enter")
    assert chosen(tab) == ["street lamp"]
    for kind, begins in (("png", b"\x89PNG"), ("svg", b"<svg"), ("json", b'{"version"')):
        tab.page.click("#save")
        with tab.page.expect_download() as saved:
            tab.page.click(f"#save-{kind}")
        assert saved.value.suggested_filename == f"street.{kind}"
        assert Path(saved.value.path()).read_bytes().startswith(begins)


PLACES = """(graph) => {
  const box = (e) => { const b = e.getBBox(); return [b.x, b.y, b.x + b.width, b.y + b.height]; };
  const numbers = (path) => path.match(/[\\d.]+/g).map(Number);
  const all = (selector) => [...document.querySelectorAll('#picture ' + selector)];
  return {
    labels: all(':is(.lab .nb, .g-rel .pill)').map(box),
    lines: all('.g-rel').map((e) => [e.ariaLabel, numbers(e.querySelector('.ln').getAttribute('d'))]),
    boxes: Object.fromEntries(all('.g-obj').map((e) => [e.ariaLabel, box(e.querySelector('.hit'))])),
    hidden: box(all('.hid')[0]),
    size: all('svg')[0].viewBox.baseVal.width,
  };
}"""


@pytest.mark.page
def test_nothing_in_the_drawing_lies_on_anything_else(tab: Tab) -> None:
    places = tab.page.evaluate(PLACES)
    labels = places["labels"]
    assert len(labels) >= 10
    for n, (x0, y0, x1, y1) in enumerate(labels):
        assert not [o for o in labels[:n] if x0 < o[2] and o[0] < x1 and y0 < o[3] and o[1] < y1]
    boxes = places["boxes"]
    for said, (from_x, from_y, _, _, to_x, to_y) in places["lines"]:
        a, b = (next(name for name in boxes if f"the {name}" in part.lower()) for part in said.split(" hides part of "))
        for (x, y), own, other in (((from_x, from_y), boxes[a], boxes[b]), ((to_x, to_y), boxes[b], boxes[a])):
            assert own[0] <= x <= own[2]
            assert own[1] <= y <= own[3]
            assert not (other[0] < x < other[2] and other[1] < y < other[3]), said
    x0, y0, x1, y1 = places["hidden"]  # so much of the car as the graph says
    truth = known(shipped_examples()[0].picture).graph
    car = truth.object(truth.relations[0].occluded).amodal_box
    width, height = places["size"], places["size"] * truth.height / truth.width
    whole = (car[2] - car[0]) * width / 1000 * (car[3] - car[1]) * height / 1000
    assert (x1 - x0) * (y1 - y0) / whole == pytest.approx(truth.relations[0].covered_fraction, rel=0.1)


@pytest.mark.page
def test_no_arrows_are_drawn_on_a_photograph_unasked(
    monkeypatch: pytest.MonkeyPatch, serve: Callable[..., str], open_tab: Callable[..., Any]
) -> None:
    monkeypatch.setattr("occlusight.serve.page.page.seeing", lambda backend: lambda path: known(path, 0.03))
    tab = open_tab(serve(Scripted(ANSWER), tuple(shipped_examples())), "zh-CN", 390)
    tab.page.wait_for_selector("#under .note")
    assert ZH["photograph"].format(share="97%") in tab.page.inner_text("#under")
    assert tab.page.locator("#picture svg").count() == 0
    tab.page.click(f"#under button:has-text('{ZH['guess']}')")
    tab.page.wait_for_selector("#picture svg")
    assert tab.page.is_hidden(".card .more")  # one line on a phone, which opens
    tab.page.click(".card .fold")
    assert tab.page.is_visible(".card .more")
    assert tab.problems == []


@pytest.mark.page
def test_what_the_model_said_stands_beside_what_its_graph_says(
    monkeypatch: pytest.MonkeyPatch, open_tab: Callable[..., Any]
) -> None:
    says = {"car": "No. The street lamp does not hide the red car.", "dog": "The dog is small."}
    backend = Scripted(lambda request: next((said for name, said in says.items() if name in request.prompt), ANSWER))
    monkeypatch.setattr("occlusight.serve.page.page.seeing", lambda backend: lambda path: known(path))
    with serving(backend, tuple(shipped_examples())) as address:
        tab = open_tab(address)
        tab.page.wait_for_selector("#picture svg")
        tab.asked("Does the street lamp hide the red car?")
        tab.page.wait_for_selector(".two-ways")
        first, checked = tab.page.locator(".two-ways > div").all_inner_texts()
        assert EN["first_said"] in first
        assert says["car"] in first
        assert EN["checked"] in checked
        assert "Yes. The street lamp stands in front of the red car" in checked
        assert tab.page.inner_text(".turn .sure").split("\n") == [EN["sure_95"], "96 %"]
        assert violations(tab) == []
        tab.asked("What colour is the dog?")  # of which the graph says nothing
        assert tab.page.locator(".two-ways").count() == 1
        assert tab.page.locator(".turn .sure").count() == 1
        says["car"] = "Yes. The street lamp stands in front of the red car and hides a small part of it."
        tab.page.click(f".turn >> nth=0 >> [aria-label='{EN['again']}']")
        tab.ended()
        tab.page.wait_for_function("document.querySelectorAll('.two-ways').length === 0")
        tab.page.wait_for_selector(".turn .sure")  # the graph agrees: that is how sure it is
        tab.reload()
        assert "96 %" in tab.page.inner_text(".turn .sure")
        assert tab.problems == []


@pytest.mark.page
def test_ones_own_picture_is_looked_at_unasked_once_it_was_asked_about(
    monkeypatch: pytest.MonkeyPatch, open_tab: Callable[..., Any], pictures: list[Path]
) -> None:
    example = shipped_examples()[0].picture
    looked: list[Path] = []

    def see(path: Path) -> Described:
        looked.append(path)
        return known(example)

    monkeypatch.setattr("occlusight.serve.page.page.seeing", lambda backend: see)
    with serving(Scripted(ANSWER)) as address:
        tab = open_tab(address)
        tab.add(pictures[0])
        tab.page.wait_for_selector("#look")
        assert looked == []
        tab.asked("Is the dog hidden?")
        tab.page.wait_for_selector("#picture svg")
        assert len(looked) == 1
        assert tab.page.locator("#look").count() == 0
    monkeypatch.setattr("occlusight.serve.page.page.QUICK_BYTES", 0)  # of a model that takes minutes
    with serving(Scripted(ANSWER)) as address:
        tab = open_tab(address)
        tab.add(pictures[0])
        tab.asked("Is the dog hidden?")
        tab.page.wait_for_selector("#look:not([disabled])")
        assert len(looked) == 1


@pytest.mark.page
@pytest.mark.slow
def test_a_graph_is_asked_for_again_after_a_restart(
    monkeypatch: pytest.MonkeyPatch, open_tab: Callable[..., Any], pictures: list[Path]
) -> None:
    example = shipped_examples()[0].picture
    monkeypatch.setattr("occlusight.serve.page.page.seeing", lambda backend: lambda path: known(example))
    with serving(Replies()) as address:
        tab = open_tab(address)
        tab.add(pictures[0])
    with serving(Replies(), port=urlsplit(address).port):  # knows nothing of the picture
        tab.page.click("#look")
        tab.page.wait_for_selector("#picture svg")
        assert tab.said == ""


def test_a_graph_is_its_visitors_alone(monkeypatch: pytest.MonkeyPatch, pictures: list[Path]) -> None:
    made: list[Path] = []

    def see(path: Path) -> Described:
        made.append(path)
        return known(shipped_examples()[0].picture)

    monkeypatch.setattr("occlusight.serve.page.page.seeing", lambda backend: see)
    with (
        serving(Scripted("x"), (Example(pictures[0], "问", "?"),)) as address,
        closing(Browser(address).http) as one,
        closing(Browser(address).http) as other,
    ):
        files = {"picture": ("a.png", pictures[0].read_bytes())}
        name = one.post("/pictures", files=files).json()["name"]
        for path in (name, "upload/../../etc/passwd", "%2Fetc%2Fpasswd"):
            assert other.get(f"/graphs/json/{path}").status_code == 404
        assert made == []
        document = one.get(f"/graphs/json/{name}").json()
        assert document["rules"]["occluder_nearer"]["zh"]
        assert document["certainty"]["domain"] is None
        assert one.get(f"/graphs/svg/{name}?language=zh").headers["content-type"].startswith("image/svg")
        assert one.get(f"/graphs/pdf/{name}").status_code == 404
        assert "sandbox" in one.get(f"/graphs/png/{name}").headers["content-security-policy"]
        assert len(made) == 1
        claim = {"question": "Does the street lamp hide the red car?", "answer": "No.", "picture": name}
        assert other.post("/checks", json=claim).status_code == 404
        assert one.post("/checks", json={**claim, "more": 1}).status_code == 422
        found = one.post("/checks", json=claim).json()
        assert found["text"].startswith("Yes. The street lamp stands in front of the red car")
        assert (found["agrees"], found["probability"]) == (False, 0.96)
        assert one.post("/checks", json={**claim, "question": "How old is the dog?"}).json() is None
        one.delete(f"/pictures/{name}")
        assert one.get(f"/graphs/json/{name}").status_code == 404


def test_a_backend_without_scores_has_no_graphs(pictures: list[Path]) -> None:
    with serving(Replies(), (Example(pictures[0], "问", "?"),)) as address, closing(Browser(address).http) as http:
        assert http.get("/graphs/json/example/0/a.png").status_code == 404
