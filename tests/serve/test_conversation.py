"""A conversation in a real browser: it goes on, is changed, saved, kept, stopped and deleted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser
from tests.serve.conftest import serving, wait
from tests.serve.replies import EN_WORDS, ZH_WORDS, Replies

from occlusight.backends.events import Event, ThoughtDelta
from occlusight.backends.local import LocalBackend
from occlusight.backends.protocol import CancelCheck, Message, Request

pytestmark = [pytest.mark.page, pytest.mark.usefixtures("no_graphs")]


def test_a_conversation_goes_on_is_changed_and_saved(
    serve: Callable[..., str], open_tab: Callable[..., Any], pictures: list[Path]
) -> None:
    backend = Replies()
    tab = open_tab(serve(backend))
    tab.add(pictures[0])
    assert tab.asked("Is it hidden?") == "You asked: Is it hidden?"
    assert tab.asked("By what?") == "You asked: By what?"
    assert backend.requests[-1].history == (
        Message("user", "Is it hidden?"),
        Message("assistant", "You asked: Is it hidden?"),
    )
    tab.add(pictures[1])  # no answer about the former picture stands beside the new one
    assert tab.answer == ""
    assert tab.page.locator(".group").count() == 2
    assert tab.asked("And here?") == "You asked: And here?"
    assert backend.requests[-1].history == ()
    tab.page.click(".ghead >> nth=0")  # the picture and its answers change together
    assert tab.answer == "You asked: By what?"
    assert "a.png" in str(tab.page.get_attribute("#picture img", "alt"))

    tab.page.click(f".turn >> nth=1 >> [aria-label='{EN_WORDS['edit']}']")
    tab.page.fill(".editing textarea", "By which thing?")
    tab.page.press(".editing textarea", "Enter")
    assert tab.ended() == "You asked: By which thing?"
    tab.page.click(f".turn >> nth=1 >> [aria-label='{EN_WORDS['again']}']")
    assert tab.ended() == "You asked: By which thing?"
    assert [len(request.history) for request in backend.requests[-2:]] == [2, 2]

    for ending, texts in (
        ("md", ["**By which thing?**", "You asked: And here?"]),
        ("json", ['"question": "And here?"']),
    ):
        tab.page.click("#export")
        with tab.page.expect_download() as saved:
            tab.page.click(f"#export-{ending}")
        text = Path(saved.value.path()).read_text("utf-8")
        assert saved.value.suggested_filename == f"Is-it-hidden.{ending}"
        assert all(one in text for one in texts)
        if ending == "json":
            assert [len(group["turns"]) for group in json.loads(text)["groups"]] == [2, 1]

    tab.page.click(f".turn >> nth=0 >> [aria-label='{EN_WORDS['delete_turn']}']")
    tab.page.wait_for_function("document.querySelectorAll('.turn').length === 2")
    tab.page.click("#new")
    assert tab.page.locator(".turn").count() == 0
    tab.page.click("#history li button")
    assert tab.page.locator(".turn").count() == 2
    assert tab.problems == []


def test_what_was_said_survives_a_reload_and_a_restart_until_it_is_deleted(
    open_tab: Callable[..., Any], pictures: list[Path]
) -> None:
    backend = Replies()
    with serving(backend) as address:
        port = urlsplit(address).port
        tab = open_tab(address)
        tab.add(pictures[0])
        tab.asked("Is it hidden?")
        tab.page.check("[name=language][value=zh]", force=True)
        tab.page.check("[name=theme][value=dark]", force=True)
        tab.reload()
        assert tab.answer == "You asked: Is it hidden?"
        assert tab.page.inner_text("#ask").strip() == ZH_WORDS["ask"]
        assert tab.page.get_attribute("html", "lang") == "zh-CN"
        assert tab.page.get_attribute("html", "data-theme") == "dark"
    with serving(backend, port=port) as address:  # knows nothing of the picture
        tab.reload()
        assert tab.answer == "You asked: Is it hidden?"
        assert tab.page.locator("#picture img").evaluate("(e) => e.naturalWidth > 0")
        assert tab.asked("By what?") == "You asked: By what?"
        assert len(backend.requests[-1].history) == 2
        handle = backend.requests[-1].pictures[0]
        assert isinstance(handle, Path)
        assert handle.is_file()
        tab.page.click("#delete")
        tab.page.click("dialog button[value=yes]")
        tab.page.wait_for_function("document.querySelectorAll('.turn').length === 0")
        assert tab.page.evaluate(KEPT) == [0, 0]
        tab.page.wait_for_timeout(200)
        assert not handle.exists()


KEPT = """async () => {
  const open = indexedDB.open('occlusight');
  await new Promise((done) => { open.onsuccess = done; });
  const counts = ['conversations', 'pictures'].map((store) => new Promise((done) => {
    const request = open.result.transaction(store).objectStore(store).count();
    request.onsuccess = () => done(request.result);
  }));
  return Promise.all(counts);
}"""


def slow(backend: LocalBackend) -> list[float]:
    """Make every pass through the first decoder layer take 30 ms; returns when each happened."""
    passes: list[float] = []

    def hold(*_: Any) -> None:
        passes.append(time.monotonic())
        time.sleep(0.03)

    backend.engine.model.text.layers[0].register_forward_hook(hold)
    return passes


def settled(passes: list[float]) -> bool:
    """Return whether the model has stopped running."""
    count = len(passes)
    time.sleep(0.4)
    return len(passes) == count


BEGUN = "document.querySelector('.turn .a')?.innerText.length > 3"


def test_stop_and_closing_the_page_stop_the_computation(
    serve: Callable[..., str], open_tab: Callable[..., Any], tiny_checkpoint: Path, pictures: list[Path]
) -> None:
    backend = LocalBackend(tiny_checkpoint)
    passes = slow(backend)
    tab = open_tab(serve(backend))
    tab.add(pictures[0])
    tab.ask("Is it hidden?")
    tab.page.wait_for_function(BEGUN)
    assert tab.page.inner_text("#ask").strip() == EN_WORDS["stop"]
    tab.page.click("#ask")
    assert tab.ended()  # what came before the stop stays
    assert tab.status == EN_WORDS["state_stopped"]
    assert settled(passes)
    assert len(passes) < 512
    passes.clear()
    tab.page.click(f"[aria-label='{EN_WORDS['again']}']")  # and the page is ready for more
    wait(lambda: len(passes) > 3)
    tab.page.close()
    end = time.monotonic() + 10
    while not settled(passes):
        assert time.monotonic() < end
    assert 0 < len(passes) < 512


FILLED = """async () => {
  const store = await import(new URL('page/store.js', document.baseURI));
  const blob = (megabytes) => new Blob([new Uint8Array(megabytes * 2 ** 20)]);
  const kept = [];
  for (const [id, size] of [['a', 20], ['b', 20], ['c', 51]]) kept.push(await store.keepPicture(id, blob(size), id));
  await store.picture('a');  // used later than b
  kept.push(await store.keepPicture('d', blob(20), 'd'));
  const there = await Promise.all(['a', 'b', 'c', 'd'].map((id) => store.picture(id)));
  return [kept, there.map(Boolean), (await store.bytesKept()) / 2 ** 20];
}"""


def test_pictures_used_longest_ago_make_place_beyond_50_mb(serve: Callable[..., str], chromium: Browser) -> None:
    page = chromium.new_page()
    page.goto(f"{serve(Replies())}/healthz")  # the page itself is not needed
    kept, there, megabytes = page.evaluate(FILLED)
    page.close()
    assert kept == [True, True, False, True]
    assert there == [True, False, False, True]
    assert megabytes == 40


class Thinks(Replies):
    """Thinks before it answers."""

    def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
        yield ThoughtDelta("The post is nearer, ")
        yield ThoughtDelta("so it hides the car.")
        yield from super().generate(request, cancelled)


@pytest.mark.parametrize(("locale", "words"), [("en-US", EN_WORDS), ("zh-CN", ZH_WORDS)])
def test_thinking_is_shown_apart_and_folded_away_once_the_answer_is_there(
    serve: Callable[..., str], open_tab: Callable[..., Any], pictures: list[Path], locale: str, words: dict[str, str]
) -> None:
    tab = open_tab(serve(Thinks()), locale)
    tab.add(pictures[0])
    tab.asked("Is it hidden?")
    assert tab.page.inner_text(".turn .a") == "You asked: Is it hidden?"
    thinking = tab.page.locator(".turn .think")
    assert thinking.get_attribute("open") is None
    assert thinking.locator("summary").inner_text().strip() == words["thinking"]
    assert thinking.locator("p").is_hidden()
    thinking.locator("summary").focus()
    tab.page.keyboard.press("Enter")
    assert thinking.locator("p").inner_text() == "The post is nearer, so it hides the car."
    tab.reload()
    assert tab.page.locator(".turn .think").count() == 1
    assert tab.problems == []
