"""What SECURITY.md promises, tried against a running server: each test is one item of its list."""

from __future__ import annotations

import json
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.serve.conftest import serving, wait

from occlusight.backends.protocol import CancelCheck, Event, Request
from occlusight.backends.scripted import Scripted
from occlusight.errors import BadInput
from occlusight.serve.fair_queue import Shares
from occlusight.serve.guard import SECURITY_HEADERS, Guard
from occlusight.serve.page.examples import Example

SECRET = "root-of-all-evil"


class Slow(Scripted):
    """Answers only when told."""

    go = False

    def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
        wait(lambda: self.go)
        yield from super().generate(request)


class Browser:
    """Speaks to a page as its own program in a browser would, or a little otherwise."""

    def __init__(self, address: str, **settings: Any) -> None:
        self.http = httpx.Client(base_url=address, timeout=20, **settings)
        self.page = self.http.get("/").text
        self.functions = {
            "ask": self.function(lambda f: f["queue"] is not False and len(f["inputs"]) == 6),
            "choose": self.function(lambda f: f["queue"] is False and len(f["outputs"]) == 2),
        }

    def function(self, is_it: Callable[[dict[str, Any]], bool]) -> int:
        begin = self.page.index("{", self.page.index("window.gradio_config ="))
        config, _ = json.JSONDecoder().raw_decode(self.page, begin)
        return int(next(f["id"] for f in config["dependencies"] if is_it(f)))

    def upload(self, name: str, data: bytes, **settings: Any) -> httpx.Response:
        return self.http.post("/gradio_api/upload", files={"files": (name, data)}, **settings)

    def join(self, picture: Any, question: Any = "q", session: str = "s", **more: Any) -> httpx.Response:
        data = [picture, question, 0, 1, 64, "en"]
        body = {"data": data, "fn_index": self.functions["ask"], "trigger_id": 1, "session_hash": session, **more}
        return self.http.post("/gradio_api/queue/join", json=body)

    def answers(self, session: str = "s") -> str:
        """Return all that comes on the page's stream of answers."""
        return self.http.get("/gradio_api/queue/data", params={"session_hash": session}).text

    def asked(self, picture: Any, question: str = "q") -> str:
        joined = self.join(picture, question)
        assert joined.status_code == 200, joined.text
        return self.answers()


@pytest.fixture(scope="module")
def backend() -> Scripted:
    return Scripted("The lamp post hides the car.")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.png"
    path.write_text(SECRET)
    return path


@pytest.fixture(scope="module")
def address(backend: Scripted, pictures: list[Path]) -> Iterator[str]:
    with serving(backend, (Example(pictures[0], "问", "Is it hidden?"),), allow_hosts=("pictures.example.org",)) as url:
        yield url


@pytest.fixture
def open_browser() -> Iterator[Callable[..., Browser]]:
    """Open the page in one more browser; all are closed in the end."""
    with ExitStack() as stack:

        def open_one(*args: Any, **settings: Any) -> Browser:
            browser = Browser(*args, **settings)
            stack.callback(browser.http.close)
            return browser

        yield open_one


@pytest.fixture(scope="module")
def browser(address: str) -> Iterator[Browser]:
    browser = Browser(address)
    with closing(browser.http):
        yield browser


def as_file(path: object, **more: Any) -> dict[str, Any]:
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}, **more}


def test_a_visitors_own_picture_and_the_examples_are_answered(
    browser: Browser, backend: Scripted, pictures: list[Path]
) -> None:
    (handle,) = browser.upload("c:\\my/Große 图.png", pictures[1].read_bytes()).json()
    assert re.fullmatch(r"upload/[\w-]{32}/Große_图\.png", handle)
    for picture, source in ((as_file(handle), pictures[1]), (as_file("example/0/a.png"), pictures[0])):
        assert "hides the car" in browser.asked(picture)
        asked = backend.requests[-1].pictures[0]
        assert isinstance(asked, Path)
        assert asked.read_bytes() == source.read_bytes()
        shown = browser.http.get(f"/gradio_api/file={picture['path']}")
        assert shown.content == source.read_bytes()
        assert shown.headers["content-type"].startswith("image/")


DOORS: dict[str, Callable[[str], Any]] = {
    "with the mark of a file": as_file,
    "without": lambda path: {"path": path},
    "as an address": lambda path: as_file(f"file://{path}"),
    "with an address beside it": lambda path: as_file("example/0/a.png", url=f"file://{path}"),
    "as a stream": lambda path: as_file(path, is_stream=True),
    "below an example": lambda path: as_file(f"example/0/../../../../../../..{path}"),
    "below an upload": lambda path: as_file(f"upload/../../../../..{path}"),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("target", ["/etc/passwd", "secret", "link"])
def test_no_file_of_the_server_is_a_picture(
    browser: Browser, backend: Scripted, secret: Path, tmp_path: Path, door: str, target: str
) -> None:
    link = tmp_path / "link.png"
    link.symlink_to(secret)
    path = {"secret": str(secret), "link": str(link)}.get(target, target)
    before = pictures_of(backend)
    stream = browser.asked(DOORS[door](path))
    if door != "with an address beside it":  # that one is the example
        assert "choose it again" in stream
        assert pictures_of(backend) == before
    assert path not in stream
    for read in (path, path.lstrip("/"), f"upload/x/..{path}", f"example/0/../..{path}", f"file://{path}"):
        assert browser.http.get(f"/gradio_api/file={read}").status_code == 404
        assert browser.http.get(f"/gradio_api/file/{read}").status_code == 404


def pictures_of(backend: Scripted) -> list[object]:
    return [request.pictures for request in backend.requests]


@pytest.mark.parametrize(
    ("place", "value"),
    [(1, as_file("/etc/passwd")), (4, as_file("/etc/passwd")), (1, [as_file("/etc/passwd")]), (5, "fr")],
)
def test_no_other_field_takes_a_file(browser: Browser, place: int, value: Any) -> None:
    data: list[Any] = [None, "q", 0, 1, 64, "en"]
    data[place] = value
    body = {"data": data, "fn_index": browser.functions["ask"], "session_hash": "s"}
    assert browser.http.post("/gradio_api/queue/join", json=body).status_code == 422


@pytest.mark.parametrize("picture", ["/etc/passwd", ["/etc/passwd"], [as_file("/etc/passwd")], 3, {"path": 3}])
def test_a_picture_of_another_shape_is_refused(browser: Browser, picture: Any) -> None:
    assert browser.join(picture).status_code == 422


@pytest.mark.parametrize("index", [-1, 7, 2**70, "0", None, [as_file("/etc/passwd")]])
def test_an_event_carries_a_number_alone(browser: Browser, index: Any) -> None:
    event = {"index": index, "value": as_file("/etc/passwd")}
    body = {"data": ["en"], "fn_index": browser.functions["choose"], "session_hash": "s", "event_data": event}
    reply = browser.http.post("/gradio_api/run/predict", json=body)
    assert reply.status_code == (422 if index not in (7, 2**70) else 200)
    assert "passwd" not in reply.text


def test_a_visitor_has_neither_anothers_pictures_nor_his_answers(
    address: str, backend: Scripted, pictures: list[Path], open_browser: Callable[..., Browser]
) -> None:
    one, other = open_browser(address), open_browser(address)
    before = pictures_of(backend)
    (handle,) = one.upload("a.png", pictures[0].read_bytes()).json()
    assert other.http.get(f"/gradio_api/file={handle}").status_code == 404
    assert "choose it again" in other.asked(as_file(handle))
    assert pictures_of(backend) == before
    assert one.join(as_file(handle), session="guessed").status_code == 200
    assert "hides" not in other.answers("guessed")
    assert "hides the car" in one.answers("guessed")


@pytest.mark.parametrize("cookie", [None, "x", "../../../etc/passwd", "v" * 31, "ü" * 32])
def test_without_the_pages_cookie_nothing_is_done(address: str, cookie: str | None) -> None:
    headers = {} if cookie is None else {"cookie": f"occlusight_visitor={cookie}".encode()}
    upload = httpx.post(f"{address}/gradio_api/upload", files={"files": ("a.png", b"x")}, headers=headers)
    assert upload.status_code == 403
    assert httpx.get(f"{address}/gradio_api/file=example/0/a.png", headers=headers).status_code == 403


def test_what_is_uploaded_cannot_run_as_a_page(browser: Browser) -> None:
    for name in ("a.html", "a.svg", "a.png.xhtml", "a.js", "a"):
        (handle,) = browser.upload(name, b"<script>alert(1)</script>").json()
        reply = browser.http.get(f"/gradio_api/file={handle}")
        assert reply.headers["content-type"] == "application/octet-stream"
        assert reply.headers["content-disposition"].startswith("attachment")
        assert reply.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert reply.headers["x-content-type-options"] == "nosniff"


def test_the_cookie_is_for_this_site_alone(address: str) -> None:
    cookie = httpx.get(address).headers["set-cookie"]
    assert re.fullmatch(r"occlusight_visitor=[\w-]{32}; HttpOnly; Path=/; SameSite=lax", cookie)


@pytest.mark.parametrize("host", ["localhost:1", "a.localhost", "LOCALHOST.", "127.0.0.1", "[::1]:80", "10.1.2.3:7860"])
def test_addresses_and_loopback_names_are_trusted(address: str, host: str) -> None:
    assert httpx.get(address, headers={"host": host}).status_code == 200
    assert httpx.get(address, headers={"host": "Pictures.example.org:8080"}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "example.org", "<b>"])
def test_other_names_get_a_page_that_tells_the_option(address: str, host: str) -> None:
    for path in ("/", "/healthz", "/gradio_api/file=example/0/a.png"):
        reply = httpx.get(address + path, headers={"host": host})
        assert reply.status_code == 421
        assert "--allow-host" in reply.text
        assert "<b><b>" not in reply.text


def test_a_request_has_one_host(address: str) -> None:
    port = int(address.rpartition(":")[2])
    for head in ("", "Host: localhost\r\nHost: evil.example\r\n", "Host: user@localhost\r\n", "Host: localhost/x\r\n"):
        with socket.create_connection(("127.0.0.1", port)) as line:
            line.sendall(f"GET / HTTP/1.1\r\n{head}Connection: close\r\n\r\n".encode())
            assert b" 400 " in line.recv(100)


def test_a_wildcard_allows_the_names_below_it() -> None:
    guard = Guard(None, ["*.example.org", "box"])  # type: ignore[arg-type]
    assert all(map(guard.trusts, ("a.example.org", "a.b.example.org", "BOX", "[::1]")))
    assert not any(map(guard.trusts, ("example.org", "aexample.org", "a.box", "")))
    for wrong in ("http://a", "a:80", "*", "a/b", "", "*.*.org", "a b"):
        with pytest.raises(BadInput, match="--allow-host takes"):
            Guard(None, [wrong])  # type: ignore[arg-type]


@pytest.mark.parametrize("origin", ["null", "http://evil.example", "http://127.0.0.1:1", "http://localhost", "file://"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "PUT"])
def test_no_foreign_page_may_ask(browser: Browser, origin: str, method: str) -> None:
    paths = ("/", "/healthz", "/gradio_api/upload", "/gradio_api/queue/join", "/gradio_api/queue/data?session_hash=s")
    for path in paths:
        reply = browser.http.request(method, path, headers={"origin": origin})
        assert reply.status_code == 403
        assert not [name for name in reply.headers if name.startswith("access-control-")]


def test_no_foreign_page_may_ask_without_saying_so_either(browser: Browser) -> None:
    for site in ("cross-site", "same-site"):
        for fetch in ({}, {"sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}, {"sec-fetch-mode": "no-cors"}):
            assert browser.http.get("/healthz", headers={"sec-fetch-site": site, **fetch}).status_code == 403
        link = {"sec-fetch-site": site, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
        assert browser.http.get("/", headers=link).status_code == 200
        assert browser.http.post("/gradio_api/queue/join", headers=link).status_code == 403


def test_the_servers_own_page_may_ask(browser: Browser, address: str, pictures: list[Path]) -> None:
    own = {"origin": address, "sec-fetch-site": "same-origin"}
    assert browser.upload("a.png", pictures[0].read_bytes(), headers=own).status_code == 200


def test_a_web_socket_is_refused(address: str) -> None:
    port = int(address.rpartition(":")[2])
    ask = (
        "GET /gradio_api/queue/data HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(ask.encode())
        assert b" 101 " not in line.recv(100)


def test_nobody_is_believed_to_be_another(address: str) -> None:
    lies = {
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "https",
        "x-forwarded-for": "10.9.8.7",
        "forwarded": "host=evil.example;proto=https",
        "x-original-url": "/gradio_api/info",
    }
    page = httpx.get(address, headers=lies)
    assert "evil.example" not in page.text
    assert f'"root":"{address}"' in page.text.replace(" ", "")
    assert "secure" not in page.headers["set-cookie"].lower()


def test_every_answer_has_the_headers_that_browsers_heed(browser: Browser) -> None:
    for path in ("/", "/healthz", "/theme.css", "/gradio_api/info", "/nothing"):
        reply = browser.http.get(path)
        assert {name: reply.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert "frame-ancestors 'none'" in browser.http.get("/").headers["content-security-policy"]


def test_what_the_page_does_not_need_is_not_there(browser: Browser) -> None:
    paths = """
        /docs /redoc /config /config/ /login /logout /monitoring /monitoring/summary /manifest.json
        /robots.txt /pwa_icon /svelte/x /gradio_api/info /gradio_api/info/ /gradio_api/openapi.json /gradio_api/runs
        /gradio_api/run-history/connect /gradio_api/run-history/buckets /gradio_api/run-history/records
        /gradio_api/process_recording /gradio_api/dev/reload /gradio_api/call/ask /gradio_api/call/v2/ask
        /gradio_api/run/ask /gradio_api/run/predict/ /gradio_api/api/predict /gradio_api/api/ask /gradio_api/cancel
        /gradio_api/reset /gradio_api/component_server /gradio_api/queue/status /gradio_api/proxy=http://127.0.0.1
        /gradio_api/stream/a/b/c/playlist.m3u8 /gradio_api/vibe-edit /gradio_api/vibe-code /gradio_api/undo-vibe-edit
        /gradio_api/startup-events /gradio_api/app_id /gradio_api/token /gradio_api/user
        /gradio_api/custom_component/image/client/component/index.js /gradio_api/deep_link /gradio_api/mcp
        /gradio_api/login_check /gradio_api/profiling/traces /gradio_api/file=http://127.0.0.1/ //etc/passwd
        /static/../../../etc/passwd /assets/..%2f..%2f..%2fetc/passwd /static//etc/passwd
    """
    for path in paths.split():
        for method in ("GET", "POST"):
            reply = browser.http.request(method, path, json={} if method == "POST" else None)
            assert reply.status_code in (404, 405, 403), (method, path, reply.status_code)
            assert "passwd" not in reply.text
            assert "root:" not in reply.text
    index = browser.functions["ask"]
    for door, other in (("queue/join", browser.functions["choose"]), ("run/predict", index), ("queue/join", 99)):
        body = {"data": [None, "q", 0, 1, 64, "en"], "fn_index": other, "session_hash": "s"}
        assert browser.http.post(f"/gradio_api/{door}", json=body).status_code == 404


def test_nothing_says_where_things_lie(browser: Browser, pictures: list[Path], tmp_path: Path) -> None:
    folders = (str(pictures[0].parent), str(tmp_path.parent), sys.prefix, str(Path(__file__).parents[2]), "/tmp/")
    (handle,) = browser.upload("a.png", b"no picture").json()
    replies = [browser.page, browser.asked(as_file(handle)), browser.asked(as_file("/etc/passwd"))]
    body = {"data": [], "fn_index": 10**30, "session_hash": "s"}
    for wrong in (b"", b"{", b"[]", b"[" * 100_000, b'{"data": NaN}', json.dumps(body).encode()):
        for path in ("queue/join", "run/predict", "upload", "queue/data", "heartbeat/x/y", "file=/"):
            reply = browser.http.post(f"/gradio_api/{path}", content=wrong)
            assert 400 <= reply.status_code < 500, (path, wrong[:20], reply.status_code)
            replies.append(reply.text)
    for text in replies:
        assert "Traceback" not in text
        assert not [folder for folder in folders if folder in text]


def test_too_large_a_request_is_refused_before_it_is_read(address: str, browser: Browser) -> None:
    began = time.process_time()  # the server's threads are this process's
    assert browser.join(None, "x" * 10_000_000).status_code == 413
    assert time.process_time() - began < 1
    port = int(address.rpartition(":")[2])
    cookie = f"occlusight_visitor={browser.http.cookies['occlusight_visitor']}"
    for path, size in (("upload", 10**9), ("queue/join", 10**9), ("upload", 10**30)):
        with socket.create_connection(("127.0.0.1", port)) as line:
            form = "Content-Type: multipart/form-data; boundary=b"
            line.sendall(
                f"POST /gradio_api/{path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n{form}\r\n"
                f"Content-Length: {size}\r\n\r\n".encode()
            )
            assert line.recv(100).split()[1] in (b"413", b"400")


def test_one_client_cannot_fill_the_queue(pictures: list[Path], open_browser: Callable[..., Browser]) -> None:
    slow = Slow("yes")
    with serving(slow, (Example(pictures[0], "问", "?"),), shares=Shares(at_once=1, waiting=3, of_a_member=2)) as url:
        greedy, other = open_browser(url), open_browser(url, transport=httpx.HTTPTransport(local_address="127.0.0.2"))
        example = as_file("example/0/a.png")
        for session in ("a", "b"):
            assert greedy.join(example, session=session).status_code == 200
        wait(lambda: greedy.join(example, session="c").status_code == 429)
        refused = greedy.join(example, session="c")
        assert int(refused.headers["retry-after"]) > 0
        assert "try again in" in refused.json()["detail"]
        same_address = [open_browser(url) for _ in range(3)]
        joined = [one.join(example, session="s").status_code for one in same_address[:2]]
        assert joined == [200, 200]
        wait(lambda: same_address[2].join(example, session="t").status_code == 503)
        assert int(same_address[2].join(example, session="t").headers["retry-after"]) > 0
        assert other.join(example).status_code == 200  # takes the newest place of the address that has most
        assert "try again in" in same_address[1].answers()
        slow.go = True
        assert "yes" in other.answers()
