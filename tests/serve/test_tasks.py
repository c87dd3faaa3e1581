"""What ten people want of the page, and in how many actions each gets it: docs/page.md has the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.serve.conftest import Tab, serving, within_sight
from tests.serve.test_graph import POLE, known

from occlusight.backends.scripted import Scripted
from occlusight.serve.page.examples import shipped_examples
from occlusight.serve.page.words import all_words

pytestmark = [pytest.mark.page, pytest.mark.slow]
MOST = 5
EN, ZH = all_words()["en"], all_words()["zh"]


class Actions:
    """What somebody does: each call is one action."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab
        self.count = 0

    def press(self, what: str) -> None:
        """Click, or tap."""
        self.count += 1
        self.tab.page.click(what)

    def choose(self, picture: Path) -> None:
        """Choose a picture."""
        self.count += 1
        self.tab.add(picture)

    def key(self, key: str) -> None:
        """Press a key."""
        self.count += 1
        self.tab.page.keyboard.press(key)

    def write(self, text: str) -> None:
        """Write where the focus is."""
        self.count += 1
        self.tab.page.keyboard.type(text)

    def come_back(self) -> None:
        """Open the page again."""
        self.count += 1
        self.tab.reload()


@pytest.fixture
def domain() -> list[float | None]:
    return [None]


@pytest.fixture
def do(monkeypatch: pytest.MonkeyPatch, open_tab: Callable[..., Any], domain: list[float | None]) -> Iterator[Any]:
    """Open the page for somebody: `do(locale, width)`."""
    example = shipped_examples()[0].picture
    see = lambda path: known(path if path.with_suffix(".json").exists() else example, domain[0])  # noqa: E731
    monkeypatch.setattr("occlusight.serve.page.page.seeing", lambda backend: see)
    with serving(Scripted("The bush hides its left part."), tuple(shipped_examples())) as address:
        yield lambda *settings: Actions(open_tab(address, *settings))


def test_ask_about_my_picture(do: Any, pictures: list[Path]) -> None:
    one = do()
    one.choose(pictures[0])
    one.write("What hides what?")  # the field has the focus by then
    one.key("Enter")
    assert one.tab.ended() == "The bush hides its left part."
    assert one.count <= 3


def test_which_parts_of_the_bicycle_are_hidden(do: Any) -> None:
    one = do()
    one.press(".example >> nth=1")
    assert "left part" in one.tab.ended()
    assert one.count == 1


def test_why_and_is_it_sure(do: Any) -> None:
    one = do()
    one.tab.page.wait_for_selector(".card")
    assert POLE.en in one.tab.page.inner_text(".card")
    assert EN["sure_95"] in one.tab.page.inner_text(".card")
    assert one.count == 0


def test_save_the_picture_with_its_arrows(do: Any) -> None:
    one = do()
    one.press("#save")
    with one.tab.page.expect_download() as saved:
        one.press("#save-png")
    assert Path(saved.value.path()).read_bytes().startswith(b"\x89PNG")
    assert one.count == 2


def test_go_on_tomorrow(do: Any) -> None:
    one = do()
    one.tab.asked("What is there?")
    one.tab.page.click("#new")
    one.come_back()
    one.press("#history li button")
    one.press("#question")
    one.write("And behind it?")
    one.key("Enter")
    one.tab.ended()
    assert one.tab.page.locator(".turn").count() == 2
    assert one.count <= MOST


def test_in_chinese(do: Any) -> None:
    one = do()
    one.press("[name=language][value=zh]")
    assert one.tab.page.inner_text("#ask").strip() == ZH["ask"]
    assert one.count == 1


def test_on_the_phone(do: Any) -> None:
    one = do("zh-CN", 390)
    one.press(".example >> nth=0")
    one.tab.ended()
    assert within_sight(one.tab, one.tab.page.locator(".turn .a"))
    assert one.count == 1


def test_without_a_mouse(do: Any) -> None:
    one = do()
    one.key("/")
    one.write("What is nearest?")
    one.key("Enter")
    assert one.tab.ended()
    assert one.count == 3


def test_with_a_photograph(do: Any, domain: list[float | None], pictures: list[Path]) -> None:
    domain[0] = 0.02
    one = do()
    one.choose(pictures[1])
    one.press("#look")
    one.tab.page.wait_for_selector("#under .btns")
    assert "98 %" in one.tab.page.inner_text("#under")
    assert "Qwen3-VL-2B-Instruct" in one.tab.page.inner_text("#under code")
    assert one.count == 2
