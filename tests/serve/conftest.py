"""A page in a thread, and a real Chromium that opens it."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, Request, sync_playwright

from occlusight.backends.protocol import Backend
from occlusight.serve.app import create_app
from occlusight.serve.page.examples import Example
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


@contextmanager
def serving(backend: Backend, examples: tuple[Example, ...] = (), **settings: Any) -> Iterator[str]:
    """Serve the page of a backend on a free port, and give its address."""
    with take("127.0.0.1", 0) as listening:
        app = create_app(backend, examples=examples, **settings)
        server = uvicorn.Server(server_config(app, ending_s=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        wait(lambda: server.started)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


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
        with self.page.expect_request(lambda request: "heartbeat" in request.url):
            self.page.goto(address)
        self.page.wait_for_selector("#ask:not([disabled])")

    def beside(self, address: str) -> Tab:
        """Open a page in another tab of the same browser."""
        return Tab(self.page.context.new_page(), address)

    def _note(self, request: Request) -> None:
        self.requests.append(request.url)

    def fill(self, question: str, picture: Path | None = None) -> None:
        """Choose a picture and write a question."""
        if picture is not None:
            self.page.set_input_files("#picture input[type=file]", str(picture))
            self.page.wait_for_selector("#picture img")
        self.page.fill("#question textarea", question)

    def limit(self, tokens: int) -> None:
        """Set the longest answer. (The sliders take a moment to come alive after they are unfolded.)"""
        self.page.click("#settings button")
        box, bar = (
            self.page.locator("#max_tokens input[type=number]"),
            self.page.locator("#max_tokens input[type=range]"),
        )
        kept = 0
        while kept < 3:
            self.page.wait_for_timeout(200)
            if box.input_value() == bar.input_value() == str(tokens):
                kept += 1
                continue
            kept = 0
            box.fill(str(tokens))
            box.press("Tab")

    def ask(self) -> None:
        """Press the button that asks."""
        self.page.click("#ask")

    def status(self, kind: str) -> str:
        """Wait for a status line of that kind and return it."""
        return self.page.wait_for_selector(f".status.{kind}", timeout=20_000).inner_text()

    @property
    def answer(self) -> str:
        """The answer so far."""
        return self.page.input_value("#answer textarea")

    def shoot(self, name: str) -> Path:
        """Save a picture of the whole page under build/."""
        BUILD.mkdir(exist_ok=True)
        self.page.wait_for_timeout(300)
        self.page.screenshot(path=str(BUILD / name), full_page=True)
        return BUILD / name


@pytest.fixture
def open_tab(chromium: Browser) -> Iterator[Callable[..., Tab]]:
    """Open the page in a new browser profile: `open_tab(address, locale="zh-CN", width=1280)`."""
    with ExitStack() as stack:

        def open_one(address: str, locale: str = "en-US", width: int = 1280) -> Tab:
            context = chromium.new_context(locale=locale, viewport={"width": width, "height": 900})
            stack.callback(context.close)
            return Tab(context.new_page(), address)

        yield open_one
