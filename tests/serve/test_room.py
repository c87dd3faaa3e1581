"""No column of the page has anything empty in it that is higher than 100 pixels, whatever there is to show."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.serve.conftest import Tab, serving, tab_of
from tests.serve.test_accessibility import violations
from tests.serve.test_graph import ANSWER, known

from occlusight.backends.scripted import Scripted
from occlusight.reasoning.relations import Described
from occlusight.serve.page.examples import shipped_examples

pytestmark = pytest.mark.page
MOST = 100
EMPTY = """() => {
  const seen = (e) => e.checkVisibility({ visibilityProperty: true }) && !e.closest('.vh');
  const gaps = (column) => {
    const frame = column.getBoundingClientRect();
    const [top, bottom] = [Math.max(0, frame.top), Math.min(innerHeight, frame.bottom)];
    const shown = [...column.querySelectorAll('img, svg, input, textarea, progress, .btn, .mark, .sure')].filter(seen);
    const boxes = shown.map((e) => e.getBoundingClientRect());
    const walk = document.createTreeWalker(column, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
      const range = document.createRange();
      range.selectNodeContents(walk.currentNode);
      if (walk.currentNode.data.trim() && seen(walk.currentNode.parentElement)) boxes.push(...range.getClientRects());
    }
    let [end, most] = [top, 0];
    const inside = boxes.filter((box) => box.width > 1 && box.top < bottom && box.bottom > top);
    for (const box of [...inside.sort((a, b) => a.top - b.top), { top: bottom, bottom }]) {
      most = Math.max(most, box.top - end);
      end = Math.max(end, box.bottom);
    }
    return Math.round(most);
  };
  const columns = innerWidth < 760 ? ['#app'] : ['#rail', '.stage', '.conv', '.card .why', '.card .do'];
  const there = columns.filter((name) => document.querySelector(name));
  return Object.fromEntries(there.map((name) => [name, gaps(document.querySelector(name))]));
}"""
"""How high the highest stretch of each column is in which nothing stands: no text, picture, sign or button."""


@dataclass
class Room:
    """The page over graphs that are known; `domain` is how probably pictures are of the model's world."""

    address: str
    pictures: Path
    domain: float | None = None

    def see(self, path: Path) -> Described:
        example = shipped_examples()[0].picture
        return known(path if path.with_suffix(".json").exists() else example, self.domain)

    def own(self, width: int, height: int) -> Path:
        """Return a picture of one's own of this size."""
        path = self.pictures / f"{width}x{height}.png"
        Image.open(shipped_examples()[0].picture).convert("RGB").resize((width, height)).save(path)
        return path


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    found = Room("", tmp_path_factory.mktemp("own"))
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("occlusight.serve.page.page.seeing", lambda backend: found.see)
            found.address = stack.enter_context(serving(Scripted(ANSWER), tuple(shipped_examples())))
        yield found


def state(tab: Tab, room: Room, steps: str) -> None:
    """Bring the page into a state: a picture's size, or the first example; then what is done."""
    picture, *more = steps.split()
    if picture == "first":
        tab.page.wait_for_selector("#picture svg")
    else:
        tab.add(room.own(*map(int, picture.split("x"))))
    for step in more:
        if step == "ask":
            tab.asked("Is the red car hidden, and by what?")
        elif step == "look":
            tab.page.click("#look")
            tab.page.wait_for_selector("#under :is(.card, .note)")
        elif step == "fold":
            tab.page.click("#settings > button")
    tab.page.wait_for_function("document.querySelector('#picture img')?.naturalWidth > 0")
    tab.page.mouse.move(0, 0)
    tab.page.wait_for_timeout(500)


WIDE, TALL, HD, PANORAMA = "1600x600", "600x800", "1280x720", "1600x400"
STATES = [
    ("first", "en-US light", None),
    ("first ask fold", "zh-CN dark", None),
    (f"{WIDE} ask", "zh-CN light", 0.03),
    (f"{TALL} ask", "en-US light 390", 0.03),
]
RARER = [
    (f"{WIDE}", "en-US dark", None),
    (f"{WIDE} ask", "zh-CN light 390", None),
    ("first", "zh-CN dark 390", None),
    ("first fold", "en-US light", None),
    ("first ask ask ask", "en-US dark", None),
    (f"{WIDE} fold", "zh-CN light", None),
    (f"{WIDE} look", "en-US light", 0.03),
    (f"{WIDE} ask", "en-US light", None),
    (f"{HD} ask", "en-US light", 0.03),
    (f"{HD} look", "zh-CN dark", None),
    (f"{TALL} ask", "en-US light", None),
    (f"{TALL}", "zh-CN light", None),
    (f"{TALL} ask", "zh-CN dark", 0.03),
    (f"{PANORAMA} ask", "en-US light", None),
    (f"{PANORAMA}", "en-US light", None),
    ("700x700 ask", "zh-CN light", 0.03),
]


@pytest.mark.parametrize(
    ("steps", "settings", "domain"), [*STATES, *(pytest.param(*one, marks=pytest.mark.slow) for one in RARER)]
)
def test_nothing_empty_is_high(chromium: Any, room: Room, steps: str, settings: str, domain: float | None) -> None:
    locale, theme, *width = settings.split()
    room.domain = domain
    with tab_of(chromium, room.address, locale, *map(int, width), color_scheme=theme, reduced_motion="reduce") as tab:
        state(tab, room, steps)
        empty = tab.page.evaluate(EMPTY)
        assert max(empty.values()) <= MOST, (empty, tab.shoot("empty.png"))
        assert violations(tab) == []
        assert tab.problems == []


def test_what_stands_below_an_answer_makes_way_for_it(chromium: Any, room: Room) -> None:
    room.domain = None
    with tab_of(chromium, room.address) as tab:
        state(tab, room, "first ask")
        offered = tab.page.locator(".log .filler li").count()
        assert offered > 3
        for _ in range(4):
            tab.asked("Is the red car hidden, and by what?")
        assert tab.page.locator(".log .filler li").count() < offered
        left = "(e) => e.scrollHeight - e.scrollTop - e.clientHeight"
        assert tab.page.eval_on_selector("#log", left) < 2  # the last answer is in sight
