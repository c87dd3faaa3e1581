"""`occlusight serve` as a process: it says when the model is loaded and where the page is, and ends when told to."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.conftest import heed_interrupts

from occlusight.cli.app import run
from occlusight.errors import BadInput
from occlusight.serve.run import shown, take


@pytest.fixture
def server(tiny_checkpoint: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "occlusight", "serve", "--port", "0", "--model", str(tiny_checkpoint)]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        preexec_fn=heed_interrupts,
    )
    yield process
    process.kill()
    process.wait()
    assert process.stderr is not None
    process.stderr.close()


def test_it_says_where_the_page_is_and_ends_on_ctrl_c(server: subprocess.Popen[str], tiny_checkpoint: Path) -> None:
    assert server.stderr is not None
    log = ""
    while not (found := re.search(r"the page is on (http://localhost:\d+)", log)):
        line = server.stderr.readline()
        assert line, log
        log += line
    assert re.search(r"model .* is loaded in [\d.]+ s \(1 MB as float32, context of 4096 tokens\)", log)
    with urllib.request.urlopen(found[1] + "/healthz") as reply:
        health = json.load(reply)
    assert health["status"] == "ok"
    assert health["model"]["name"] == str(tiny_checkpoint)
    with urllib.request.urlopen(found[1] + "/") as reply:
        page = reply.read().decode()
    assert "Occlusight · 遮见" in page
    assert "fonts.googleapis.com" not in page
    server.send_signal(signal.SIGINT)
    assert server.wait(20) == 130
    assert "Traceback" not in server.stderr.read()


def test_a_port_that_is_taken_is_one_clear_line(tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert run(["serve", "--port", str(port), "--model", str(tiny_checkpoint)]) == 2
    err = capsys.readouterr().err
    assert err == (
        f"occlusight: port {port} on 127.0.0.1 is taken by another program; "
        f"stop that one, or choose another: --port {port + 1}\n"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--port", "99999"], "--port must lie between 0 and 65535, but 99999 was given"),
        (["--host", "nowhere.invalid"], "--host 'nowhere.invalid' is not an address of this machine"),
        (["--lang", "fr"], "--lang takes auto, zh, en, but 'fr' was given"),
        (["--port", "0", "--model", "nothing"], "there is no model 'nothing'"),
    ],
)
def test_what_cannot_be_served_is_one_clear_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert run(["serve", *arguments]) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(BadInput, match=r"192\.0\.2\.1"):
        take("192.0.2.1", 0)


def test_an_answers_body_does_not_wait_until_its_headers_are_confirmed() -> None:
    with (
        take("127.0.0.1", 0) as listening,
        socket.create_connection(listening.getsockname()),
        listening.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize(
    ("host", "browser"), [("127.0.0.1", "localhost"), ("0.0.0.0", "localhost"), ("::1", "[::1]"), ("box", "box")]
)
def test_the_address_is_one_for_a_browser(host: str, browser: str) -> None:
    assert shown(host) == browser
