"""A video in a real browser: chosen, asked about, followed from frame to frame by mouse, by keyboard and on a phone."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from tests.images.test_film import every, write
from tests.reasoning.tracking.test_films import LooksAtFrames
from tests.reasoning.tracking.test_track import FRAMES, GOES, SCENES
from tests.serve.conftest import Tab, within_sight
from tests.serve.replies import EN_WORDS, ZH_WORDS
from tests.serve.street_film import Waits, sees, street_film
from tests.serve.test_accessibility import violations
from tests.serve.test_desk_films import Watches

pytest.importorskip("av")
pytestmark = pytest.mark.page
HIGHEST = """() => {
  const parts = [...document.querySelectorAll('.stage :is(img, svg, button, p, input, h2, dl, progress)')];
  const boxes = parts.map((e) => e.getBoundingClientRect()).filter((box) => box.height).sort((a, b) => a.top - b.top);
  return Math.max(...boxes.slice(1).map((box, n) => box.top - Math.max(...boxes.slice(0, n + 1).map((b) => b.bottom))));
}"""
"""How high the highest stretch beside the conversation is in which nothing stands, in pixels."""


@pytest.fixture
def model() -> Waits:
    """What looks at the street; it may at once."""
    found = Waits(SCENES)
    found.may.set()
    return found


@pytest.fixture
def backend() -> Watches:
    """What is asked about the street."""
    return Watches("It is hidden.")


@pytest.fixture
def street(monkeypatch: pytest.MonkeyPatch, serve: Callable[..., str], model: Waits, backend: Watches) -> str:
    """Serve a page that takes every video for the street."""
    by = sees(model)
    monkeypatch.setattr("occlusight.serve.page.page.teller", lambda backend: lambda: by)
    monkeypatch.setattr("occlusight.serve.page.following.opened", lambda videos, left: (street_film(),))
    return serve(backend)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write(tmp_path / "clip.mp4", every(Fraction(1, 25), 50))


def shown(tab: Tab) -> int:
    """Return the number of the frame that is shown, once its graph is drawn on it."""
    tab.page.wait_for_function("""() => {
      const image = document.querySelector('#picture img');
      const at = new URLSearchParams(image.src.split('?')[1]).get('frame');
      return at === document.querySelector('#slider').value && image.complete && document.querySelector('#picture svg');
    }""")
    return int(tab.page.input_value("#slider"))


def follow(tab: Tab, clip: Path) -> None:
    """Bring a video, which is shown, and follow it."""
    tab.add(clip)
    tab.page.wait_for_function("document.querySelector('#picture img')?.naturalWidth === 64")
    tab.page.click("#look")
    tab.page.wait_for_selector("#happens .plot svg")


def test_a_video_is_followed_by_mouse_and_asked_about(
    street: str, open_tab: Callable[..., Any], clip: Path, backend: Watches
) -> None:
    tab = open_tab(street)
    follow(tab, clip)
    assert shown(tab) == 0
    assert violations(tab) == []
    assert tab.page.evaluate(HIGHEST) <= 100
    tab.shoot("film-desk.png")
    goes = tab.page.locator("#happens .events button", has_text="goes behind")
    goes.click()
    assert shown(tab) == GOES
    assert goes.get_attribute("aria-current") == "true"
    assert "dog behind red car" in tab.page.inner_text("#film .now")
    assert "frame 5 of 12" in tab.page.inner_text("#film .now")
    assert tab.page.locator("#picture .g-obj[aria-label=dog]").count() == 0  # it is not seen
    bar = tab.page.locator("#happens .is-hidden rect").bounding_box()
    assert bar is not None
    head = tab.page.locator("#happens .head").bounding_box()
    assert head is not None
    assert head["x"] == pytest.approx(bar["x"], abs=2)
    tab.page.mouse.click(bar["x"] + bar["width"] - 3, bar["y"] + 4)
    assert shown(tab) == 7
    tab.page.mouse.click(bar["x"] + bar["width"] + 3, bar["y"] + 4)
    assert shown(tab) == 8
    card = tab.page.inner_text(".card")
    assert "red car" in card
    assert "dog" in card
    for kind, begins in (("png", b"\x89PNG"), ("json", b'{"version"')):
        tab.page.click("#save")
        with tab.page.expect_download() as saved:
            tab.page.click(f"#save-{kind}")
        assert saved.value.suggested_filename == f"clip.{kind}"
        assert Path(saved.value.path()).read_bytes().startswith(begins)
    tab.page.check("[name=language][value=zh]", force=True)
    tab.page.wait_for_selector("#happens .is-hidden[aria-label*=在红色的汽车后面]")
    assert ZH_WORDS["none_hidden"] in tab.page.inner_text("#film .now")
    assert "被红色的汽车完全挡住" in tab.page.inner_text("#happens .events")
    assert shown(tab) == 8
    assert tab.asked("What happens?") == "It is hidden."
    assert len(backend.requests[-1].films) == 1
    assert tab.problems == []


def test_a_video_is_followed_by_keyboard(street: str, open_tab: Callable[..., Any], clip: Path, model: Waits) -> None:
    model.may.clear()
    tab = open_tab(street)
    tab.add(clip)
    tab.page.focus("#look")
    tab.page.keyboard.press("Enter")
    said = EN_WORDS["looking_through"].format(n=round(100 / 24))
    tab.page.wait_for_function("said => document.querySelector('#film-said')?.textContent === said", arg=said)
    assert violations(tab) == []
    assert tab.page.evaluate("document.activeElement.id") == "stop-following"
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_selector("#look:focus")
    model.may.set()
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_selector("#slider:focus")
    assert tab.page.inner_text("#announce") == EN_WORDS["followed"].format(
        n=tab.page.locator("#happens .events li").count()
    )
    tab.page.keyboard.press("End")
    assert shown(tab) == FRAMES - 1
    tab.page.keyboard.press("ArrowLeft")
    assert shown(tab) == FRAMES - 2
    assert tab.page.evaluate("document.activeElement.id") == "slider"
    tab.page.keyboard.press("Home")
    for _ in range(GOES + 1):
        tab.page.keyboard.press("ArrowRight")
    assert tab.page.get_attribute("#slider", "aria-valuetext") == "2.5 s, frame 6 of 12: dog behind red car"
    tab.page.keyboard.press("Tab")
    assert tab.page.evaluate("document.activeElement.className") == "plot"
    tab.page.keyboard.press("ArrowRight")
    assert shown(tab) == GOES + 2
    tab.page.keyboard.press("Home")
    assert shown(tab) == 0
    tab.page.keyboard.press("Tab")
    tab.page.keyboard.press("Enter")
    first = tab.page.locator("#happens .events button").first
    assert first.evaluate("e => e === document.activeElement")
    assert first.get_attribute("aria-current") == "true"
    assert tab.problems == []


def test_dots_and_arrows_are_drawn_on_a_frame_that_rests(
    monkeypatch: pytest.MonkeyPatch, serve: Callable[..., str], open_tab: Callable[..., Any], clip: Path, model: Waits
) -> None:
    asked: list[int] = []

    def about(backend: Any, picture: Any, objects: Any) -> dict[str, tuple[int, int, int, int]]:
        asked.append(picture.getpixel((0, 0))[0])
        return {one.id: (100 + 200 * n, 300, 250 + 200 * n, 500) for n, one in enumerate(objects)}

    by = sees(LooksAtFrames(SCENES, learnt=("list_all", "hides", "nearer")))
    monkeypatch.setattr("occlusight.serve.page.page.teller", lambda backend: lambda: by)
    monkeypatch.setattr("occlusight.serve.page.page.locates", lambda backend: True)
    monkeypatch.setattr("occlusight.serve.page.following.locates", lambda backend: True)
    monkeypatch.setattr("occlusight.serve.page.following.places", about)
    monkeypatch.setattr("occlusight.serve.page.following.opened", lambda videos, left: (street_film(),))
    tab = open_tab(serve(Watches("It is hidden.")))
    follow(tab, clip)
    tab.page.wait_for_selector("#picture .g-obj .dot")
    assert len(asked) == 1
    things = tab.page.locator(".strip [data-o]").count()
    assert tab.page.locator("#picture .g-obj .dot").count() == things > 1
    tab.page.focus("#slider")
    for _ in range(GOES - 1):  # frames that are passed by quickly are not asked about
        tab.page.keyboard.press("ArrowRight")
    tab.page.wait_for_selector("#picture .g-rel .ln.hd")
    assert len(asked) <= 3
    assert tab.page.locator("#picture .g-rel").count() == tab.page.locator(".strip ~ .card, .pairs button").count()
    assert EN_WORDS["legend_dot"] in tab.page.inner_text("#about .legend")
    assert violations(tab) == []
    assert tab.problems == []


@pytest.mark.slow
def test_a_video_is_followed_on_a_phone_in_the_dark(street: str, open_tab: Callable[..., Any], clip: Path) -> None:
    tab = open_tab(street, "zh-CN", 390, color_scheme="dark", reduced_motion="reduce")
    follow(tab, clip)
    assert violations(tab) == []
    assert tab.page.evaluate("document.querySelector('#app').scrollWidth") <= 390
    assert within_sight(tab, tab.page.locator("#slider"))
    events = tab.page.locator("#happens .events button")
    assert all(box["height"] >= 40 for box in (one.bounding_box() for one in events.all()) if box)
    tab.shoot("film-phone.png")
    events.filter(has_text="完全挡住").click()
    assert shown(tab) == GOES
    assert within_sight(tab, tab.page.locator("#slider"))
    assert tab.problems == []
