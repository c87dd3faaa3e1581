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
from urllib.parse import quote

import httpx
import pytest
from tests.serve.conftest import serving, wait

from occlusight.backends.events import Event
from occlusight.backends.protocol import CancelCheck, Request
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

    def upload(self, name: str, data: bytes, **settings: Any) -> httpx.Response:
        return self.http.post("/pictures", files={"picture": (name, data)}, **settings)

    def ask(self, *pictures: Any, question: Any = "q", **more: Any) -> httpx.Response:
        return self.http.post("/answers", json={"question": question, "pictures": pictures, **more})

    def asking(self, *pictures: str, question: str = "q") -> Any:
        """Begin to ask, and leave the answer unread."""
        asked = {"question": question, "pictures": pictures}
        return self.http.send(self.http.build_request("POST", "/answers", json=asked), stream=True)


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


EXAMPLE = "example/0/a.png"


def test_a_visitors_own_picture_and_the_examples_are_answered(
    browser: Browser, backend: Scripted, pictures: list[Path]
) -> None:
    handle = browser.upload("c:\\my/Große 图.png", pictures[0].read_bytes()).json()["name"]
    assert re.fullmatch(r"upload/[\w-]{32}/Große_图\.png", handle)
    for picture in (handle, EXAMPLE):
        assert "hides" in browser.ask(picture).text
        asked = Path(str(backend.requests[-1].pictures[0]))
        assert asked.read_bytes() == pictures[0].read_bytes()
        shown = browser.http.get(f"/pictures/{picture}")
        assert shown.content == pictures[0].read_bytes()
        assert shown.headers["content-type"] == "image/png"


DOORS: dict[str, Callable[[str], str]] = {
    "as it is": lambda path: path,
    "as an address": lambda path: f"file://{path}",
    "below an example": lambda path: f"example/0/../../../../../../..{path}",
    "below an upload": lambda path: f"upload/../../../../..{path}",
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("target", ["/etc/passwd", "secret", "link"])
def test_no_file_of_the_server_is_a_picture(
    browser: Browser, backend: Scripted, secret: Path, tmp_path: Path, door: str, target: str
) -> None:
    link = tmp_path / "link.png"
    link.symlink_to(secret)
    path = DOORS[door]({"secret": str(secret), "link": str(link)}.get(target, target))
    before = pictures_of(backend)
    reply = browser.ask(path)
    assert (reply.status_code, reply.json()) == (410, {"kind": "gone"})
    assert browser.ask(EXAMPLE, path).status_code == 410
    assert pictures_of(backend) == before
    for read in (path, path.lstrip("/"), quote(path, safe="")):
        for method in ("GET", "DELETE"):
            assert browser.http.request(method, f"/pictures/{read}").status_code == 404
        assert browser.http.get(f"/page/{read}").status_code == 404


def pictures_of(backend: Scripted) -> list[object]:
    return [request.pictures for request in backend.requests]


@pytest.mark.parametrize(
    "field",
    [
        {"question": {"path": "/etc/passwd"}},
        {"pictures": [{"path": "/etc/passwd"}]},
        {"pictures": "/etc/passwd"},
        {"pictures": [3]},
        {"system": ["/etc/passwd"]},
        {"history": [{"role": "user", "text": "q", "pictures": ["/etc/passwd"]}]},
        {"json_schema": {}},
        {"max_tokens": 4000},
    ],
)
def test_a_field_of_another_shape_is_refused(browser: Browser, backend: Scripted, field: dict[str, Any]) -> None:
    before = len(backend.requests)
    reply = browser.http.post("/answers", json={"question": "q", "pictures": [EXAMPLE], **field})
    assert reply.status_code == 422
    assert "passwd" not in reply.text
    assert len(backend.requests) == before


def test_a_visitor_has_not_anothers_pictures(
    address: str, backend: Scripted, pictures: list[Path], open_browser: Callable[..., Browser]
) -> None:
    one, other = open_browser(address), open_browser(address)
    before = pictures_of(backend)
    handle = one.upload("a.png", pictures[0].read_bytes()).json()["name"]
    assert other.http.get(f"/pictures/{handle}").status_code == 404
    assert other.http.delete(f"/pictures/{handle}").status_code == 404
    assert other.ask(handle).status_code == 410
    assert pictures_of(backend) == before
    assert "hides the car" in one.ask(handle).text
    assert one.http.delete(f"/pictures/{handle}").status_code == 204
    assert one.ask(handle).status_code == 410
    assert one.http.delete(f"/pictures/{EXAMPLE}").status_code == 204  # an example stays
    assert "hides the car" in one.ask(EXAMPLE).text


@pytest.mark.parametrize("cookie", [None, "x", "../../../etc/passwd", "v" * 31, "ü" * 32])
def test_without_the_pages_cookie_nothing_is_done(address: str, cookie: str | None) -> None:
    headers = {} if cookie is None else {"cookie": f"occlusight_visitor={cookie}".encode()}
    assert httpx.post(f"{address}/pictures", files={"picture": ("a.png", b"x")}, headers=headers).status_code == 403
    assert httpx.get(f"{address}/pictures/{EXAMPLE}", headers=headers).status_code == 403
    asked = {"question": "q", "pictures": [EXAMPLE]}
    assert httpx.post(f"{address}/answers", json=asked, headers=headers).status_code == 403


def test_what_is_uploaded_cannot_run_as_a_page(browser: Browser, pictures: list[Path]) -> None:
    script = b"<script>alert(1)</script>"
    for name in ("a.html", "a.svg", "a.png.xhtml", "a.js", "a"):
        assert browser.upload(name, script).status_code == 415
        handle = browser.upload(name, pictures[0].read_bytes() + script).json()["name"]
        reply = browser.http.get(f"/pictures/{handle}")
        assert reply.headers["content-type"] == "image/jpeg"  # painted anew
        assert script not in reply.content
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
    for path in ("/", "/healthz", f"/pictures/{EXAMPLE}"):
        reply = httpx.get(address + path, headers={"host": host})
        assert reply.status_code == 421
        assert "--allow-host" in reply.text
        assert "<b><b>" not in reply.text


def test_programs_are_refused_in_the_form_of_their_errors(address: str) -> None:
    host = httpx.get(f"{address}/v1/models", headers={"host": "evil.example"})
    assert (host.status_code, host.json()["error"]["type"]) == (421, "invalid_request_error")
    assert "--allow-host evil.example" in host.json()["error"]["message"]
    for path, error in (("/v1/models", "permission_error"), ("/v1/messages", "permission_error")):
        origin = httpx.post(address + path, headers={"origin": "http://evil.example"})
        assert (origin.status_code, origin.json()["error"]["type"]) == (403, error)


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
    paths = ("/", "/healthz", "/pictures", f"/pictures/{EXAMPLE}", "/answers", "/page/page.js")
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
        assert browser.http.post("/answers", headers=link).status_code == 403


def test_the_servers_own_page_may_ask(browser: Browser, address: str, pictures: list[Path]) -> None:
    own = {"origin": address, "sec-fetch-site": "same-origin"}
    assert browser.upload("a.png", pictures[0].read_bytes(), headers=own).status_code == 201


def test_a_web_socket_is_refused(address: str) -> None:
    port = int(address.rpartition(":")[2])
    ask = (
        "GET /answers HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
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
    for path in ("/", "/healthz", "/theme.css", "/page/page.js", "/gradio_api/info", "/nothing"):
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
        /gradio_api/queue/join /gradio_api/queue/data /gradio_api/run/predict /gradio_api/upload
        /gradio_api/upload_progress /gradio_api/heartbeat/x /gradio_api/file=/etc/passwd /page/ /page/en.json
        /page/page.html /page/..%2fgate.py /page/%2e%2e/gate.py
        /gradio_api/login_check /gradio_api/profiling/traces /gradio_api/file=http://127.0.0.1/ //etc/passwd
        /static/../../../etc/passwd /assets/..%2f..%2f..%2fetc/passwd /static//etc/passwd
    """
    for path in paths.split():
        for method in ("GET", "POST"):
            reply = browser.http.request(method, path, json={} if method == "POST" else None)
            assert reply.status_code in (404, 405, 403), (method, path, reply.status_code)
            assert "passwd" not in reply.text
            assert "root:" not in reply.text


def test_nothing_says_where_things_lie(browser: Browser, pictures: list[Path], tmp_path: Path) -> None:
    folders = (str(pictures[0].parent), str(tmp_path.parent), sys.prefix, str(Path(__file__).parents[2]), "/tmp/")
    broken = browser.upload("a.png", pictures[0].read_bytes()[:60])
    assert (broken.status_code, broken.json()["kind"]) == (415, "broken")
    replies = [browser.page, broken.text, browser.ask("/etc/passwd").text, browser.ask(EXAMPLE).text]
    body = {"question": "q", "pictures": [EXAMPLE], "seed": 10**30}
    for wrong in (b"", b"{", b"[]", b"[" * 100_000, b'{"temperature": NaN}', json.dumps(body).encode()):
        for path in ("answers", "pictures", "pictures/x", "page/x", "gradio_api/queue/join"):
            reply = browser.http.post(f"/{path}", content=wrong)
            assert 400 <= reply.status_code < 500, (path, wrong[:20], reply.status_code)
            replies.append(reply.text)
    for text in replies:
        assert "Traceback" not in text
        assert not [folder for folder in folders if folder in text]


def test_too_large_a_request_is_refused_before_it_is_read(address: str, browser: Browser) -> None:
    began = time.process_time()  # the server's threads are this process's
    assert browser.ask(EXAMPLE, question="x" * 10_000_000).status_code == 413
    assert time.process_time() - began < 1
    port = int(address.rpartition(":")[2])
    cookie = f"occlusight_visitor={browser.http.cookies['occlusight_visitor']}"
    for path, size in (("pictures", 10**9), ("answers", 10**9), ("pictures", 10**30)):
        with socket.create_connection(("127.0.0.1", port)) as line:
            form = "Content-Type: multipart/form-data; boundary=b"
            line.sendall(
                f"POST /{path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n{form}\r\n"
                f"Content-Length: {size}\r\n\r\n".encode()
            )
            assert line.recv(100).split()[1] in (b"413", b"400")


def test_one_client_cannot_fill_the_queue(pictures: list[Path], open_browser: Callable[..., Browser]) -> None:
    slow = Slow("yes")
    with (
        serving(slow, (Example(pictures[0], "问", "?"),), shares=Shares(at_once=1, waiting=3, of_a_member=2)) as url,
        ExitStack() as stack,
    ):
        greedy, other = open_browser(url), open_browser(url, transport=httpx.HTTPTransport(local_address="127.0.0.2"))
        same_address = [open_browser(url) for _ in range(2)]

        def waits(browser: Browser) -> Any:
            reply = browser.asking(EXAMPLE)
            stack.callback(reply.close)
            assert reply.status_code == 200
            return reply

        for _ in range(2):  # one is answered, one waits
            waits(greedy)
        refused = greedy.ask(EXAMPLE)
        assert (refused.status_code, refused.json()["kind"]) == (429, "too_many")
        assert int(refused.headers["retry-after"]) == refused.json()["seconds"] > 0
        waits(same_address[0])
        newest = waits(same_address[0])
        full = same_address[1].ask(EXAMPLE)
        assert (full.status_code, full.json()["kind"]) == (503, "full")
        assert int(full.headers["retry-after"]) > 0
        later = waits(other)  # takes the newest place of the address that has most
        assert '"kind": "full"' in newest.read().decode()
        slow.go = True
        assert "yes" in later.read().decode()


def test_who_closes_the_connection_gives_his_place_up(
    pictures: list[Path], open_browser: Callable[..., Browser]
) -> None:
    slow = Slow("yes")
    with serving(slow, (Example(pictures[0], "问", "?"),), shares=Shares(at_once=1, waiting=1, of_a_member=1)) as url:
        browser = open_browser(url)
        browser.asking(EXAMPLE).close()

        def taken() -> int:
            with closing(browser.asking(EXAMPLE)) as reply:
                return int(reply.status_code)

        wait(lambda: taken() == 200)
        slow.go = True
        assert "yes" in browser.ask(EXAMPLE).text
