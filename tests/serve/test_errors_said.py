"""Everything that can go wrong on the page is said by it, in its language, and can be tried again; no path is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Route
from tests.serve.conftest import Tab
from tests.serve.replies import EN_WORDS, ZH_WORDS, Replies

pytestmark = [pytest.mark.page, pytest.mark.usefixtures("no_graphs")]
REFUSED: list[tuple[int, dict[str, Any], str]] = [
    (429, {"kind": "too_many", "seconds": 7}, "too_many"),
    (503, {"kind": "full", "seconds": 9}, "full"),
    (413, {}, "not_so"),
    (404, {}, "gone"),
    (422, {}, "not_so"),
    (403, {}, "reopen"),
    (408, {}, "no_server"),
    (500, {}, "failed"),
]
"""What a server can say to a question (status, body), and which sentence of the page that is."""
FAILED = ["picture", "input", "failed"]
SENT: list[tuple[int, dict[str, Any], str]] = [
    (507, {"kind": "no_room"}, "no_room"),
    (413, {}, "too_large"),
    (415, {"kind": "broken"}, "broken"),
    (415, {"kind": "no_picture", "what": None}, "unknown_file"),
    (429, {"kind": "too_many", "seconds": 3}, "too_many"),
]
"""The same of a picture."""


def answers(status: int, body: str) -> Callable[[Route], None]:
    return lambda route: route.fulfill(status=status, body=body, content_type="application/json")


def said(words: dict[str, str], which: str, /, **slots: Any) -> str:
    """Return a sentence of the page."""
    text = words[f"e_{which}"]
    for name, value in {"name": "", "mb": 64, **slots}.items():
        text = text.replace("{" + name + "}", str(value))
    return text


@pytest.fixture(params=[("en-US", EN_WORDS), ("zh-CN", ZH_WORDS)], ids=["en", "zh"])
def opened(
    request: Any, serve: Callable[..., str], open_tab: Callable[..., Any], pictures: list[Path]
) -> tuple[Tab, dict[str, str]]:
    """The page with a picture, in a language, and its sentences."""
    locale, words = request.param
    tab = open_tab(serve(Replies()), locale)
    tab.add(pictures[0])
    return tab, words


def test_what_fails_of_a_question_is_said_below_it_and_can_be_tried_again(opened: tuple[Tab, dict[str, str]]) -> None:
    tab, words = opened
    tab.asked("?")
    again = f".turn:last-child [aria-label='{words['again']}']"

    def tried(answering: Callable[[Route], None]) -> str:
        tab.page.route("**/answers", answering)
        tab.page.click(again)
        tab.ended()
        tab.page.unroute("**/answers")
        assert tab.status == words["state_failed"]
        return str(tab.page.inner_text(".turn:last-child .note")).strip()

    for status, body, kind in REFUSED:
        text = tried(answers(status, json.dumps(body)))
        assert text == said(words, kind, **body), (status, kind)
        assert "/" not in text
        assert "{" not in text
    for kind in FAILED:
        event = json.dumps({"event": "failed", "kind": kind, "message": ""}) + "\n"
        assert tried(answers(200, event)) == said(words, kind)
    assert tried(answers(200, "")) == said(words, "broken_off")  # it ends without an end
    assert tried(lambda route: route.abort()) == said(words, "no_server")
    tab.page.click(again)
    assert tab.ended() == "You asked: ?"
    assert tab.problems == []


def test_what_fails_of_a_picture_is_said_above_the_field(
    opened: tuple[Tab, dict[str, str]], pictures: list[Path]
) -> None:
    tab, words = opened
    for status, body, kind in SENT:
        tab.page.route("**/pictures", answers(status, json.dumps(body)))
        tab.page.set_input_files("#files", str(pictures[1]))
        text = said(words, kind, name=pictures[1].name, **body)
        tab.page.wait_for_function("t => document.querySelector('#say').innerText.trim() === t", arg=text)
        assert "{" not in text
        tab.page.unroute("**/pictures")
    tab.page.click(f"#say [aria-label='{words['close']}']")
    assert tab.page.is_hidden("#say")
    tab.ask(" ")
    assert tab.said == said(words, "no_question")
    tab.page.evaluate("document.dispatchEvent(new DragEvent('drop', {dataTransfer: new DataTransfer()}))")
    assert tab.said == said(words, "drop_none")
    assert tab.page.locator(".thumbs button").count() == 1  # nothing came of what was refused
    assert tab.problems == []


def test_a_picture_that_is_not_kept_is_said_to_be_gone(opened: tuple[Tab, dict[str, str]]) -> None:
    tab, words = opened
    tab.asked("?")
    tab.page.evaluate("""async () => {
      const store = await import(new URL('page/store.js', document.baseURI));
      const pictures = document.querySelector('#picture').dataset.id;
      await store.removePicture(pictures);
    }""")
    tab.reload()
    tab.page.wait_for_selector("#picture .lost")
    assert tab.page.inner_text("#picture .lost") == words["lost"]
    tab.page.click(f".turn:last-child [aria-label='{words['again']}']")
    tab.ended()
    assert tab.page.inner_text(".turn:last-child .note").strip() == said(words, "not_kept")
