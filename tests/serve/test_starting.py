"""The first seconds: a page that needs no model, which gives way to the real one."""

from __future__ import annotations

import asyncio
import logging
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from tests.serve.conftest import running, wait

from occlusight import __version__
from occlusight.backends.scripted import Scripted
from occlusight.errors import BadModel, Busy
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
        for path in ("/v1/models", "/v1/chat/completions", "/v1/messages", "/admin/models/switch"):
            reply = httpx.post(address + path, json={})
            assert (reply.status_code, reply.headers["retry-after"]) == (503, "1")
            assert "being opened" in reply.json()["error"]["message"]
        assert reply.json()["error"]["code"] == "starting"
        health = httpx.get(f"{address}/healthz")
        assert (health.status_code, health.json()) == (200, {"status": "starting", "version": __version__})
        go.set()
        wait(lambda: httpx.get(f"{address}/readyz").status_code == 200)
        assert httpx.get(f"{address}/healthz").json()["status"] == "ok"
        assert "gradio_config" in httpx.get(address).text
        docs = httpx.get(f"{address}/docs")  # a browser would have to fetch its scripts from another host
        assert (docs.status_code, docs.json()["error"]["type"]) == (404, "invalid_request_error")
        assert "/openapi.json" in docs.json()["error"]["message"]


def test_what_cannot_be_made_ends_the_server_with_its_error() -> None:
    def make() -> Any:
        raise BadModel("there is no such model")

    with starting(make) as (_, app, thread):
        thread.join(10)
        assert not thread.is_alive()
        assert isinstance(app.error, BadModel)


def named(name: str, ended: list[str]) -> FastAPI:
    """An application that says its name, a part of it at once and the rest when told; and notes its end."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        app.state.loop = asyncio.get_running_loop()
        yield
        ended.append(name)

    app = FastAPI(lifespan=lifespan)
    app.state.go = threading.Event()

    @app.get("/")
    async def tell() -> str:
        return name

    @app.get("/slowly")
    async def tell_slowly() -> StreamingResponse:
        async def pieces() -> AsyncIterator[str]:
            yield f"{name} begins, "
            await asyncio.to_thread(app.state.go.wait, 20)
            yield f"{name} ends"

        return StreamingResponse(pieces())

    return app


def refuse() -> FastAPI:
    raise BadModel("this model cannot be opened")


def test_another_application_answers_what_comes_and_the_former_what_it_has_begun() -> None:
    ended: list[str] = []
    former = named("former", ended)
    go = former.state.go
    with starting(lambda: former) as (address, app, _), ThreadPoolExecutor() as threads:
        wait(lambda: httpx.get(address).text == '"former"')
        loop = former.state.loop
        slow = threads.submit(httpx.get, f"{address}/slowly", timeout=20)
        wait(lambda: app._served._inside == 1)

        def change(make: Callable[[], Any]) -> Any:
            return asyncio.run_coroutine_threadsafe(app.give_way(make), loop).result(20)

        with pytest.raises(BadModel, match="cannot be opened"):
            change(refuse)
        assert httpx.get(address).text == '"former"'
        change(lambda: named("later", ended))
        assert httpx.get(address).text == '"later"'
        assert ended == []
        go.set()
        assert slow.result().text == "former begins, former ends"
        wait(lambda: ended == ["former"])
        opening = threading.Event()
        first = threads.submit(change, lambda: opening.wait(20) and named("last", ended))
        wait(lambda: app._changing is not None and not app._changing.done())
        with pytest.raises(Busy, match="another model is being opened"):
            change(lambda: named("too soon", ended))
        opening.set()
        first.result()
        assert httpx.get(address).text == '"last"'
    assert ended == ["former", "later", "last"]


def test_a_server_that_stops_breaks_off_what_takes_longer_in_a_line(caplog: pytest.LogCaptureFixture) -> None:
    endless = named("endless", [])
    log = logging.getLogger("uvicorn.error")
    log.addHandler(caplog.handler)
    caplog.set_level(logging.INFO)
    try:
        with ThreadPoolExecutor() as threads:
            with starting(lambda: endless) as (address, app, _):
                wait(lambda: httpx.get(address).text == '"endless"')
                asked = threads.submit(httpx.get, f"{address}/slowly", timeout=20)
                asked.add_done_callback(lambda _: endless.state.go.set())  # its thread ends once it was broken off
                wait(lambda: app._served._inside == 1)
            with pytest.raises(httpx.RemoteProtocolError):
                asked.result()
    finally:
        log.removeHandler(caplog.handler)
    assert "an answer was broken off, since the server stops" in caplog.messages
    assert [record for record in caplog.records if record.exc_info] == []


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
    """Seconds of a processor, not by the clock: those hold on a busy machine too. What comes after the model is loaded
    is a part of the whole by the clock."""
    loaded: list[float] = []
    began = time.monotonic()
    command = [sys.executable, "-m", "occlusight", "serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            url = next(found[0] for line in server.stderr if (found := re.search(r"http://\S+", line)))
            wait(lambda: answers(url), 60)
            first = processor_seconds(server.pid)
            lines = (line for line in server.stderr if "is loaded in" in line)
            noting = threading.Thread(target=lambda: loaded.extend(time.monotonic() for _ in lines), daemon=True)
            noting.start()
            assert answers(f"{url}/healthz")
            wait(lambda: answers(f"{url}/readyz"), 120)
            whole = processor_seconds(server.pid)
            ready = time.monotonic()
        finally:
            server.send_signal(signal.SIGINT)
    assert first < 2.5
    assert ready - loaded[0] < (ready - began) / 2
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
