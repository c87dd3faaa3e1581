"""The first seconds: a page that needs no model, which gives way to the real one."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from tests.serve.conftest import running, wait

from occlusight import __version__
from occlusight.backends.scripted import Scripted
from occlusight.errors import BadModel
from occlusight.serve.app import create_app
from occlusight.serve.guard import SECURITY_HEADERS, Guard
from occlusight.serve.page.first_page import first_page
from occlusight.serve.run import server_config, take
from occlusight.serve.starting import Starting


@contextmanager
def starting(make: Callable[[], Any]) -> Iterator[tuple[str, Starting, threading.Thread]]:
    """Serve what is being made, and give its address."""
    with take("127.0.0.1", 0) as listening:
        app = Starting(Guard(first_page), make, lambda: None, lambda: setattr(server, "should_exit", True))
        server = uvicorn.Server(server_config(app, ending_s=1))
        with running(server, listening) as thread:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", app, thread


def test_the_first_page_is_guarded_and_gives_way_to_the_real_one() -> None:
    go = threading.Event()

    def make() -> Any:
        go.wait(20)
        return create_app(Scripted("yes"), examples=())

    with starting(make) as (address, _, _):
        zh = httpx.get(address, headers={"accept-language": "zh-CN"})
        assert 'lang="zh-CN"' in zh.text
        assert "正在启动" in zh.text
        assert "Starting" in httpx.get(address).text
        assert "gradio_config" not in zh.text
        assert {name: zh.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
        assert httpx.get(address, headers={"host": "evil.example"}).status_code == 421
        for method, path in (("GET", "/readyz"), ("POST", "/answers"), ("GET", "/page/page.js"), ("POST", "/")):
            reply = httpx.request(method, address + path)
            assert (reply.status_code, reply.headers["retry-after"]) == (503, "1")
        health = httpx.get(f"{address}/healthz")
        assert (health.status_code, health.json()) == (200, {"status": "starting", "version": __version__})
        go.set()
        wait(lambda: httpx.get(f"{address}/readyz").status_code == 200)
        assert httpx.get(f"{address}/healthz").json()["status"] == "ok"
        assert "gradio_config" in httpx.get(address).text


def test_what_cannot_be_made_ends_the_server_with_its_error() -> None:
    def make() -> Any:
        raise BadModel("there is no such model")

    with starting(make) as (_, app, thread):
        thread.join(10)
        assert not thread.is_alive()
        assert isinstance(app.error, BadModel)


@pytest.mark.page
def test_a_browser_that_came_early_gets_the_page_by_itself(open_tab: Callable[..., Any], chromium: Any) -> None:
    go = threading.Event()

    def make() -> Any:
        go.wait(20)
        return create_app(Scripted("yes"), examples=())

    with starting(make) as (address, _, _):
        page = chromium.new_page()
        page.goto(address)
        assert page.inner_text("h2") == "Starting"
        for _ in range(2):  # it lives already, but that is no reason to load the page again
            page.wait_for_event("response", lambda reply: reply.url.endswith("/healthz") and reply.ok)
        assert page.inner_text("h2") == "Starting"
        go.set()
        page.wait_for_selector("html[data-ready]")
        page.close()


@pytest.mark.slow
def test_the_first_page_comes_within_seconds_of_a_processor(tmp_path: Path) -> None:
    """Seconds of a processor, not by the clock: those hold on a busy machine too."""
    command = [sys.executable, "-m", "occlusight", "serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            url = next(found[0] for line in server.stderr if (found := re.search(r"http://\S+", line)))
            wait(lambda: answers(url), 60)
            first = processor_seconds(server.pid)
            assert answers(f"{url}/healthz")
            wait(lambda: answers(f"{url}/readyz"), 120)
            whole = processor_seconds(server.pid)
        finally:
            server.send_signal(signal.SIGINT)
    assert first < 2.5
    assert whole < 14  # of two processors, so that it is there within 8 s on an idle machine


def answers(url: str) -> bool:
    """Whether a server answers there with what was asked for."""
    try:
        return httpx.get(url).status_code == 200
    except httpx.HTTPError:
        time.sleep(0.05)
        return False


def processor_seconds(process: int) -> float:
    """Return the seconds of a processor that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
