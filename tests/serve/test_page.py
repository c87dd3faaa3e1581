"""The page in a real browser: it answers in both languages, by mouse and keyboard, and asks no other host."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image
from tests.serve.conftest import serving, within_sight
from tests.serve.replies import EN, EN_WORDS, REPLIES, ZH, ZH_WORDS, Replies

from occlusight.backends.events import TextDelta
from occlusight.backends.local import LocalBackend
from occlusight.backends.protocol import Request
from occlusight.serve.page.examples import Example

pytestmark = [pytest.mark.page, pytest.mark.usefixtures("no_graphs")]


@pytest.mark.parametrize(
    ("locale", "question", "width"),
    [
        ("zh-CN", ZH, 1400),
        ("en-US", EN, 390),
        pytest.param("en-US", EN, 1400, marks=pytest.mark.slow),
        pytest.param("zh-CN", ZH, 390, marks=pytest.mark.slow),
    ],
)
def test_one_click_on_an_example_asks_it(
    serve: Callable[..., str],
    open_tab: Callable[..., Any],
    examples: tuple[Example, ...],
    locale: str,
    question: str,
    width: int,
) -> None:
    address = serve(Replies(), examples)
    tab = open_tab(address, locale, width)
    words = ZH_WORDS if locale == "zh-CN" else EN_WORDS
    assert tab.page.inner_text("#ask").strip() == words["ask"]
    assert words["scope"] in tab.page.inner_text("#scope")
    card = tab.page.locator(".example >> nth=0")
    if width == 390:  # on a phone the first example is in sight without scrolling
        assert within_sight(tab, card)
    card.click()
    assert tab.ended() == REPLIES[question]
    assert tab.page.inner_text(".turn .q p") == question
    assert within_sight(tab, tab.page.locator(".turn .a"))
    for end in tab.page.evaluate(OUTSIDE):
        raise AssertionError(f"sticks out at the side: {end}")
    with Image.open(tab.shoot(f"page_{locale[:2]}_{width}.png")) as image:
        assert image.width == width
    assert {urlsplit(url).netloc for url in tab.requests if not url.startswith(("data:", "blob:"))} == {
        urlsplit(address).netloc
    }
    assert tab.problems == []


OUTSIDE = """() => [...document.querySelectorAll('#app *')].filter((e) => {
  const box = e.getBoundingClientRect();
  const scrolls = e.closest('.sugg, .bar, .rail, .skip, .vh, .defs');
  return !scrolls && box.width > 1 && (box.right > innerWidth + 1 || box.left < -1);
}).map((e) => e.outerHTML.slice(0, 80))"""


def test_an_uploaded_picture_is_answered_by_the_engine_as_in_python(
    serve: Callable[..., str], open_tab: Callable[..., Any], tiny_checkpoint: Path, pictures: list[Path]
) -> None:
    tab = open_tab(serve(LocalBackend(tiny_checkpoint)))
    assert tab.page.locator(".example").count() == 0
    tab.limit(32)
    tab.add(pictures[1])
    assert EN_WORDS["renders"] in tab.page.inner_text("#under")
    tab.page.fill("#question", "Is it hidden?")
    tab.page.press("#question", "Enter")
    tab.page.wait_for_selector(".turn")
    request = Request("Is it hidden?", (pictures[1],), max_tokens=32)
    events = LocalBackend(tiny_checkpoint).generate(request)
    assert tab.ended().split() == "".join(e.text for e in events if isinstance(e, TextDelta)).split()


def test_settings_reach_the_model_and_say_what_they_did(
    serve: Callable[..., str], open_tab: Callable[..., Any], pictures: list[Path]
) -> None:
    backend = Replies()
    tab = open_tab(serve(backend))
    tab.add(pictures[0])
    tab.page.focus("#set-temperature")
    for _ in range(3):
        tab.page.keyboard.press("ArrowRight")
    assert tab.page.inner_text("[for=set-temperature] output") == EN_WORDS["vary_1"]
    tab.page.check("[name=detail][value=quick]", force=True)
    tab.page.fill("#set-system", "Be brief.")
    tab.page.press("#set-system", "Tab")
    tab.asked("Is it hidden?")
    request = backend.requests[-1]
    assert round(request.sampling.temperature, 2) == 0.3
    assert (request.sampling.seed, request.max_pixels, request.system) == (0, 131_072, "Be brief.")
    assert EN_WORDS["read_as"].format(width=576, height=448) in tab.page.inner_text(".did")
    assert "0.4 s" in tab.page.inner_text("#settings")
    tab.page.fill("#set-system", "")
    tab.page.press("#set-system", "Tab")
    tab.reload()
    tab.asked("Is it hidden?")
    assert backend.requests[-1].system is None
    assert round(backend.requests[-1].sampling.temperature, 2) == 0.3


def test_another_model_goes_without_what_is_said_of_renders(
    serve: Callable[..., str], open_tab: Callable[..., Any], pictures: list[Path]
) -> None:
    tab = open_tab(serve(Replies(), knows_photographs=True))
    tab.add(pictures[0])
    assert tab.page.inner_text("#under") == ""
    assert EN_WORDS["scope_any"] in tab.page.inner_text("#scope")


def test_a_server_that_went_away_is_said_and_can_be_asked_again(
    open_tab: Callable[..., Any], pictures: list[Path]
) -> None:
    with serving(Replies()) as address:
        tab = open_tab(address)
        tab.add(pictures[0])
    tab.ask("Is it hidden?")
    assert tab.ended() == EN_WORDS["e_no_server"]
    with serving(Replies(), port=urlsplit(address).port):
        tab.page.click(f"[aria-label='{EN_WORDS['again']}']")
        assert tab.ended() == "You asked: Is it hidden?"


def test_everything_can_be_done_with_the_keyboard(
    serve: Callable[..., str], open_tab: Callable[..., Any], examples: tuple[Example, ...]
) -> None:
    tab = open_tab(serve(Replies(), examples))
    keyboard = tab.page.keyboard
    keyboard.press("Tab")
    assert tab.page.evaluate("document.activeElement.innerText") == EN_WORDS["skip_question"]
    keyboard.press("/")
    keyboard.type(EN)
    keyboard.press("Shift+Enter")
    keyboard.press("Backspace")
    keyboard.press("Enter")
    assert tab.ended() == REPLIES[EN]
    tab.page.focus("#export")
    keyboard.press("Enter")
    assert tab.page.is_visible("#export-md")
    keyboard.press("Escape")
    tab.page.focus("#delete")
    keyboard.press("Enter")
    tab.page.wait_for_selector("dialog[open]")
    keyboard.press("Escape")
    assert tab.page.locator(".turn").count() == 1
    assert tab.page.inner_text("#announce") == REPLIES[EN]
