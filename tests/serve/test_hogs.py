"""Clients that take more than their part of what a server has besides answers: connections, disk, room for pictures."""

from __future__ import annotations

import io
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import pytest
from tests.serve.conftest import serving
from tests.serve.test_security import Browser

from occlusight.backends.scripted import Scripted
from occlusight.errors import Busy
from occlusight.serve.connections import Connection
from occlusight.serve.page.examples import Example
from occlusight.serve.page.uploads import Limits, Uploads
from occlusight.serve.visitors import Visitor


@pytest.fixture(scope="module")
def address(pictures: list[Path]) -> Iterator[str]:
    with serving(Scripted("The lamp post hides the car."), (Example(pictures[0], "问", "Is it hidden?"),)) as url:
        yield url


@pytest.fixture(scope="module")
def browser(address: str) -> Iterator[Browser]:
    browser = Browser(address)
    with closing(browser.http):
        yield browser


def connect(address: str, stack: ExitStack) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), timeout=5)
    return stack.enter_context(line)


def is_open(line: socket.socket) -> bool:
    try:
        line.sendall(b"y")
        line.setblocking(False)
        return bool(line.recv(100))
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        line.setblocking(True)


@pytest.mark.parametrize("begun", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "])
def test_headers_that_do_not_end_are_not_waited_for(
    address: str, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "headers_s", 0.5)
    with ExitStack() as stack:
        lines = [connect(address, stack), connect(address, stack)]
        lines[1].sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"200 OK" in lines[1].recv(4000)  # a second request on a connection is no different
        for line in lines:
            line.sendall(begun or b"G")
        began = time.monotonic()
        for line in lines:
            while is_open(line):  # more of it earns no more time
                time.sleep(0.05)
                assert time.monotonic() < began + 4


def test_what_comes_behind_an_early_answer_breaks_nothing(address: str, caplog: pytest.LogCaptureFixture) -> None:
    with ExitStack() as stack:
        line = connect(address, stack)
        line.sendall(b"PUT /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert b" 404 " in line.recv(4000)
        line.sendall(b"no length\r\n")
        while line.recv(4000):
            pass  # until it is closed
    assert [record for record in caplog.records if record.name == "asyncio"] == []
    assert httpx.get(f"{address}/healthz").status_code == 200


def test_an_address_holds_so_many_connections(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "of_an_address", 8)
    with ExitStack() as stack:
        lines = [connect(address, stack) for _ in range(20)]
        time.sleep(0.2)
        open_ones = 0
        for line in lines:
            try:
                line.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                open_ones += b"200 OK" in line.recv(4000)
            except OSError:
                pass
        assert 1 <= open_ones <= 8
    time.sleep(0.2)
    assert httpx.get(f"{address}/healthz").status_code == 200


def test_pictures_on_their_way_have_a_limit_as_well() -> None:
    uploads = Uploads(limits=Limits(coming_of_an_address=100, coming=150))
    try:
        one, other, third = (Visitor("v" * 32, f"10.0.0.{number}") for number in range(3))
        with uploads.arriving(one, 90):
            with pytest.raises(Busy) as own:
                uploads.arriving(one, 20).__enter__()
            assert own.value.by_client
            with uploads.arriving(other, 50), pytest.raises(Busy) as all_together:
                uploads.arriving(third, 20).__enter__()
            assert not all_together.value.by_client
        with uploads.arriving(one, 100):
            pass
    finally:
        uploads.close()


def test_a_full_disk_is_told_and_leaves_nothing(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "/srv/secret/folder")

    monkeypatch.setattr("occlusight.serve.page.uploads.shutil.copyfileobj", full)
    reply = browser.upload("a.png", b"x")
    assert reply.status_code == 507
    assert "secret" not in reply.text
    uploads = Uploads()
    try:
        with pytest.raises(OSError, match="No space"):
            uploads.add(Visitor("v" * 32, ""), "a.png", io.BytesIO(b"x"))
        assert os.listdir(uploads._folder) == []
    finally:
        uploads.close()


def test_names_that_cannot_be_are_refused(browser: Browser) -> None:
    for path in (f"/assets/{'a' * 3000}", f"/static/{'a/' * 1500}", f"/page/{'a' * 3000}", f"/pictures/{'a' * 3000}"):
        assert browser.http.get(path).status_code == 404
