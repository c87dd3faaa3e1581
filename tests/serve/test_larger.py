"""A photograph before the built-in model: whoever runs the page is offered a model that knows photographs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.serve.conftest import serving
from tests.serve.replies import EN_WORDS, ZH_WORDS
from tests.serve.test_accessibility import violations
from tests.serve.test_graph import known

from occlusight.api import understanding
from occlusight.backends.downloads import Damaged, Hub, NoRoom, unreachable
from occlusight.backends.fields import Picture
from occlusight.backends.needs import About
from occlusight.backends.scripted import Scripted
from occlusight.errors import BadInput, Cancelled
from occlusight.reasoning.answering import Answering
from occlusight.serve.page.examples import shipped_examples
from occlusight.serve.page.page import PHOTO_MODEL

NAME = PHOTO_MODEL.partition("/")[2]
GB = 10**9


class Server:
    """Has a model to download, and switches to it, when told."""

    def __init__(self) -> None:
        self.about = About(PHOTO_MODEL, {"int8": 2 * GB}, None, {}, 8 * GB, 90 * GB, download_bytes=4 * GB)
        self.go, self.opened = threading.Event(), threading.Event()
        self.done: list[str] = []
        self.fails: Exception | None = None

    def pull(self, hub: Hub, name: str, tell: Any, stopped: Callable[[], bool]) -> Path:
        tell(GB, 4 * GB)
        if self.fails:
            raise self.fails
        while not self.go.wait(0.05):
            if stopped():
                raise Cancelled("stopped")
        tell(4 * GB, 4 * GB)
        self.done.append(f"pulled {name}")
        return Path()

    async def switch(self, name: str, tell: Callable[[str], None]) -> None:
        tell("in 8 bits")
        self.opened.wait(20)
        self.done.append(f"switched to {name}")


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def photograph(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve the page over a model that takes all pictures for photographs."""
    monkeypatch.setattr("occlusight.serve.page.page.seeing", lambda backend: lambda path: known(path, 0.03))
    monkeypatch.setattr("occlusight.serve.api.admin.about_model", lambda name: server.about)
    monkeypatch.setattr(Hub, "pull", lambda hub, name, **settings: server.pull(hub, name, **settings))
    with serving(Scripted("Yes."), tuple(shipped_examples()), switch=server.switch) as address:
        yield address


@pytest.mark.page
@pytest.mark.parametrize(
    ("locale", "words"), [("en-US", EN_WORDS), pytest.param("zh-CN", ZH_WORDS, marks=pytest.mark.slow)]
)
def test_whoever_runs_the_page_gets_the_larger_model_by_it(
    photograph: str, server: Server, open_tab: Callable[..., Any], locale: str, words: dict[str, str]
) -> None:
    tab = open_tab(photograph, locale)
    get = words["larger_get"].format(name=NAME)
    tab.page.click(f"#larger >> text={get}")
    dialog = tab.page.inner_text("dialog")
    assert "2.0 GB" in dialog
    assert words["larger_download"].format(gb="4.0", free="90.0") in dialog
    assert server.done == []
    tab.page.click(f"dialog >> text={words['larger_yes']}")
    tab.page.wait_for_selector(f"#larger >> text={words['larger_pull'].format(done='1.0', total='4.0')}")
    assert tab.page.evaluate("document.querySelector('#larger progress').position") == 0.25
    assert violations(tab) == []
    server.go.set()
    tab.page.wait_for_selector(f"#larger >> text={words['larger_switch']}")
    assert server.done == [f"pulled {PHOTO_MODEL}"]
    with tab.page.expect_navigation():
        server.opened.set()
    assert server.done == [f"pulled {PHOTO_MODEL}", f"switched to {PHOTO_MODEL}"]
    tab.ready()
    assert tab.problems == []


@pytest.mark.page
def test_what_goes_wrong_is_said_and_can_be_tried_again(
    photograph: str, server: Server, open_tab: Callable[..., Any]
) -> None:
    tab = open_tab(photograph)
    get = f"#larger >> text={EN_WORDS['larger_get'].format(name=NAME)}"
    server.fails = BadInput("it is no good")
    tab.page.click(get)
    tab.page.click(f"dialog >> text={EN_WORDS['larger_yes']}")
    tab.page.wait_for_selector("#larger [role=alert] small >> text=it is no good")
    assert EN_WORDS["e_failed_there"] in tab.page.inner_text("#larger [role=alert]")
    server.fails = None
    tab.page.click(get)
    tab.page.click(f"dialog >> text={EN_WORDS['larger_yes']}")
    tab.page.click(f"#larger >> text={EN_WORDS['larger_stop']}")
    tab.page.wait_for_selector(get)
    server.about = About(PHOTO_MODEL, {"int8": 9 * GB}, None, {}, 8 * GB, 90 * GB)
    tab.page.click(get)
    said = EN_WORDS["larger_no_room"].format(name=NAME, memory="9.0", free="8.0")
    assert said in tab.page.inner_text("#larger [role=alert]")


OFFLINE = unreachable("m", "the hub", OSError("no route"))


@pytest.mark.page
@pytest.mark.parametrize(
    ("error", "kind"),
    [(OFFLINE, "hub_unreachable"), (NoRoom("full"), "disk_full"), (Damaged("other bytes"), "damaged_download")],
)
def test_what_goes_wrong_is_said_in_the_pages_language(
    photograph: str, server: Server, open_tab: Callable[..., Any], error: Exception, kind: str
) -> None:
    server.fails = error
    tab = open_tab(photograph, "zh-CN")
    tab.page.click(f"#larger >> text={ZH_WORDS['larger_get'].format(name=NAME)}")
    tab.page.click(f"dialog >> text={ZH_WORDS['larger_yes']}")
    said = tab.page.wait_for_selector("#larger [role=alert]").inner_text()
    assert said.strip() == f"{ZH_WORDS['larger_failed']} {ZH_WORDS[f'e_{kind}']}"


@pytest.mark.page
def test_a_server_that_cannot_ask_the_hub_says_so_before_anything_is_agreed_to(
    photograph: str, open_tab: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def about(name: str) -> About:
        raise OFFLINE

    monkeypatch.setattr("occlusight.serve.api.admin.about_model", about)
    tab = open_tab(photograph, "zh-CN")
    tab.page.click(f"#larger >> text={ZH_WORDS['larger_get'].format(name=NAME)}")
    said = tab.page.wait_for_selector("#larger [role=alert]").inner_text()
    assert ZH_WORDS["e_hub_unreachable"] in said
    assert tab.page.locator("dialog").count() == 0


@pytest.mark.page
def test_an_answer_about_a_photograph_leads_to_the_models_that_know_them(
    monkeypatch: pytest.MonkeyPatch, open_tab: Callable[..., Any], pictures: list[Path]
) -> None:
    class Elsewhere(Scripted):
        def domain(self, pictures: Sequence[Picture]) -> float | None:
            return 0.03

    monkeypatch.setattr("occlusight.serve.page.page.seeing", lambda backend: lambda path: known(path, 0.03))
    backend = Answering(Elsewhere("Yes.", learnt=("list_all",)), understanding())
    with serving(backend, tuple(shipped_examples())) as address:
        tab = open_tab(address)
        tab.add(pictures[0])
        said = tab.asked("Does the dog hide the cat?")
        assert NAME in said
        assert "--" not in said  # no option of a command line
        tab.page.click(f"text={EN_WORDS['larger_where']}")
        assert "Qwen3-VL-2B" in tab.page.evaluate("document.activeElement.closest('#under .note').innerText")
        assert violations(tab) == []
        assert tab.problems == []


@pytest.mark.page
def test_others_read_how_it_is_started(photograph: str, open_tab: Callable[..., Any]) -> None:
    tab = open_tab(photograph, extra_http_headers={"X-Forwarded-For": "203.0.113.1"})
    assert f"--model {PHOTO_MODEL}" in tab.page.inner_text("#under code")
    assert EN_WORDS["larger_command"] in tab.page.inner_text("#under")
    assert tab.page.locator("#larger").count() == 0
