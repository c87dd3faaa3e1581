"""The server in a thread, and a real Chromium that opens its page."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, Request, sync_playwright
from starlette.types import ASGIApp
from tests.serve.replies import EN, ZH

from occlusight.backends.protocol import Backend
from occlusight.serve.app import create_app
from occlusight.serve.page.examples import Example, shipped_examples
from occlusight.serve.run import server_config, take

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
BUILD = Path(__file__).parents[2] / "build"


@pytest.fixture(scope="module", autouse=True)
def clients_speak_plain_http(plain_http: None) -> None:
    """All servers are on this machine."""


@contextmanager
def running(server: uvicorn.Server, listening: socket.socket) -> Iterator[threading.Thread]:
    """Run a server in a thread, which ends with the test at the latest."""
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    wait(lambda: server.started)
    try:
        yield thread
    finally:
        server.should_exit = True
        thread.join(10)


@contextmanager
def serving_app(app: ASGIApp, port: int = 0) -> Iterator[str]:
    """Serve an application on a port, by default a free one, and give its address."""
    with take("127.0.0.1", port) as listening, running(uvicorn.Server(server_config(app, ending_s=1)), listening):
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def serving(
    backend: Backend, examples: tuple[Example, ...] = (), port: int | None = 0, **settings: Any
) -> Iterator[str]:
    """Serve the page of a backend, and its API, and give their address."""
    with serving_app(create_app(backend, examples=examples, **settings), port or 0) as address:
        yield address


def wait(holds: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Serve a backend's page until the test ends; returns its address."""
    with ExitStack() as stack:
        yield lambda *args, **settings: stack.enter_context(serving(*args, **settings))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A real browser; without one the test is skipped, or fails where a browser was promised.

    It ends with its file: while Playwright runs, no other test can run a loop of asyncio's in this thread.
    """
    path = shutil.which("chromium")
    if path is None:
        message = "no chromium on this machine (apt-get install chromium)"
        if os.environ.get("OCCLUSIGHT_REQUIRE_BROWSER"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


class Tab:
    """An open page, with every request that it made."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.requests: list[str] = []
        self.problems: list[str] = []
        page.on("request", self._note)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.open(address)

    def open(self, address: str) -> None:
        """Open the page, or open it again, and wait until its program runs."""
        self.page.goto(address)
        self.ready()

    def ready(self) -> None:
        """Wait until the page's program runs."""
        self.page.wait_for_selector("html[data-ready]")

    def forget(self) -> None:
        """Open the page again as at a first visit."""
        session = self.page.context.new_cdp_session(self.page)
        session.send(
            "Storage.clearDataForOrigin", {"origin": self.page.evaluate("location.origin"), "storageTypes": "all"}
        )
        session.detach()
        self.page.mouse.move(0, 0)
        self.requests.clear()
        self.problems.clear()
        self.reload()

    def reload(self) -> None:
        """Load the page again."""
        self.page.reload()
        self.ready()

    def beside(self, address: str) -> Tab:
        """Open a page in another tab of the same browser."""
        return Tab(self.page.context.new_page(), address)

    def _note(self, request: Request) -> None:
        self.requests.append(request.url)

    def add(self, *pictures: Path) -> None:
        """Add pictures, and wait until they are shown."""
        before = self.page.get_attribute("#picture", "data-id")
        self.page.set_input_files("#files", list(map(str, pictures)))
        self.page.wait_for_selector(f"#picture:not([data-id='{before}']) img")

    def refused(self, *files: Path) -> str:
        """Add what is no picture, and return what the page says to that."""
        self.page.set_input_files("#files", list(map(str, files)))
        self.page.wait_for_function("n => document.querySelector('#say').innerText.includes(n)", arg=files[-1].name)
        return self.said

    @property
    def said(self) -> str:
        """What the page says above the field."""
        return self.page.inner_text("#say")

    def limit(self, tokens: int) -> None:
        """Set the longest answer."""
        slider = self.page.locator("#set-max_tokens")
        slider.evaluate("(e, n) => { e.value = n; e.dispatchEvent(new Event('input')); }", tokens)

    def ask(self, question: str) -> None:
        """Write a question and press the button that asks."""
        self.page.fill("#question", question)
        self.page.click("#ask")

    def asked(self, question: str) -> str:
        """Ask, and return the whole answer."""
        count = self.page.locator(".turn").count()
        self.ask(question)
        self.page.wait_for_function("n => document.querySelectorAll('.turn').length > n", arg=count)
        return self.ended()

    def ended(self) -> str:
        """Wait until nothing is being answered, and return the last answer about the picture shown."""
        self.page.wait_for_selector("#ask[data-live=false]", timeout=20_000)
        return self.answer

    @property
    def answer(self) -> str:
        """What there is of the last answer about the picture shown."""
        texts = self.page.locator(".group.active .turn:last-child .body").all_inner_texts()
        return texts[0] if texts else ""

    @property
    def status(self) -> str:
        """What is said under the last answer about the picture shown."""
        return self.page.inner_text(".group.active .turn:last-child .took")

    def shoot(self, name: str) -> Path:
        """Save a picture of the whole page under build/."""
        BUILD.mkdir(exist_ok=True)
        self.page.wait_for_timeout(300)
        self.page.screenshot(path=str(BUILD / name), full_page=True)
        return BUILD / name


def within_sight(tab: Tab, element: Any) -> bool:
    """Whether an element's beginning can be seen: neither above or below the window, nor under something else."""
    inside: bool = element.evaluate("""(e) => {
      const box = e.getBoundingClientRect();
      const there = document.elementFromPoint(box.left + Math.min(20, box.width / 2), box.top + 4);
      return e === there || e.contains(there) || (there?.contains(e) ?? false);
    }""")
    return inside


@contextmanager
def tab_of(chromium: Browser, address: str, locale: str = "en-US", width: int = 1400, **settings: Any) -> Iterator[Tab]:
    """Open the page in a new browser profile."""
    size: Any = {"width": width, "height": 900 if width > 760 else 844}
    with chromium.new_context(locale=locale, viewport=size, **settings) as context:
        yield Tab(context.new_page(), address)


@contextmanager
def tab_with_graphs(chromium: Browser, backend: Backend, graph_of: Callable[[Path], Any]) -> Iterator[Tab]:
    """Open the page with its examples over a backend whose graphs are those of `graph_of`."""
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:  # until the server is made: others of the module see as always
            patch.setattr("occlusight.serve.page.page.seeing", lambda backend: graph_of)
            address = stack.enter_context(serving(backend, tuple(shipped_examples())))
        yield stack.enter_context(tab_of(chromium, address))


@pytest.fixture
def open_tab(chromium: Browser) -> Iterator[Callable[..., Tab]]:
    """Open the page in a new browser profile: `open_tab(address, locale="zh-CN", width=1400)`; see `tab_of`."""
    with ExitStack() as stack:
        yield lambda *place, **settings: stack.enter_context(tab_of(chromium, *place, **settings))


@pytest.fixture
def no_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the computer to what is asked."""
    monkeypatch.setattr("occlusight.serve.page.page.seeing", lambda backend: None)


@pytest.fixture
def examples(pictures: list[Path]) -> tuple[Example, ...]:
    """Two examples, the first with a known answer."""
    return (Example(pictures[3], ZH, EN), Example(pictures[1], "自行车是否被遮挡?", "Is the bicycle hidden?"))
