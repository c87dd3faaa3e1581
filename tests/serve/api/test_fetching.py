"""Pictures by their addresses: what is fetched, and what nobody can make this server reach."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic
from typing import Any

import httpcore
import httpx
import pytest
from tests.serve.api.conftest import asked, data_uri, post, refusal

from occlusight.backends.scripted import Scripted
from occlusight.errors import Cancelled
from occlusight.serve.api.decisions import with_content
from occlusight.serve.api.fetching import Fetcher, FetchLimits, NotFetched, is_public
from occlusight.serve.api.pictures import FETCHES, Pictures, PictureStore, RequestLimits

PUBLIC, OTHER = "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"
LIMITS = FetchLimits(largest=50_000, seconds=2.0, redirects=2)


class Web(httpcore.SyncBackend):
    """Names, and what lies at public addresses: one server, whatever is asked for. `tried` are the addresses to which
    somebody connected."""

    def __init__(self, picture: bytes) -> None:
        self.names: dict[str, list[list[str]]] = {}
        self.tried: list[str] = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web.answer(self, picture)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def resolve(self, host: str, port: int) -> list[str]:
        """Return what a name resolves to this time; addresses are themselves."""
        if host not in self.names:
            return [str(one[4][0]) for one in socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)]
        answers = self.names[host]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def connect_tcp(self, host: str, port: int, *args: Any, **settings: Any) -> httpcore.NetworkStream:
        self.tried.append(host)
        return super().connect_tcp("127.0.0.1", self.server.server_address[1], *args, **settings)

    def answer(self, request: BaseHTTPRequestHandler, picture: bytes) -> None:
        path, _, rest = request.path.partition("?")
        headers = {"Content-Type": "image/png"}
        status, body = 200, picture
        match path:
            case "/to":
                status, headers, body = 302, {"Location": rest}, b""
            case "/gone":
                status = 404
            case "/large":
                body = bytes(LIMITS.largest + 1)
            case "/packed":
                headers["Content-Encoding"] = "gzip"
            case "/text":
                body = b"no picture"
        with suppress(OSError):
            if path == "/drip":  # a byte now and then, for ever
                request.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
                while True:
                    request.wfile.write(b"x")
                    time.sleep(0.05)
            request.send_response(status)
            for name, value in headers.items():
                request.send_header(name, value)
            if path != "/large":
                request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body)


@pytest.fixture(scope="module")
def web(pictures: list[Path]) -> Iterator[Web]:
    web = Web(pictures[0].read_bytes())
    yield web
    web.server.shutdown()
    web.server.server_close()
    web.thread.join(5)


@pytest.fixture
def fetcher(web: Web) -> Fetcher:
    web.names = {"pictures.example": [[PUBLIC]], "inside.example": [["10.0.0.7", "::1", "169.254.169.254"]]}
    web.tried.clear()
    return Fetcher(LIMITS, web.resolve, web)


def fetch(fetcher: Fetcher, url: str, stopped: Callable[[], bool] = lambda: False) -> bytes:
    return fetcher.fetch(url, monotonic() + LIMITS.seconds, stopped)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        *((one, True) for one in (PUBLIC, OTHER, "1.1.1.1", "::ffff:1.1.1.1", "64:ff9b::101:101")),
        *((one, False) for one in ("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1")),
        *((one, False) for one in ("169.254.169.254", "100.64.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255")),
        *(
            (one, False)
            for one in ("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1")
        ),
        *((one, False) for one in ("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::")),
        *((one, False) for one in ("::127.0.0.1", "2001:0:7f00:1::", "no address", "")),
    ],
)
def test_an_address_is_public_or_not(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_a_picture_is_fetched_from_the_address_that_was_checked(
    web: Web, fetcher: Fetcher, pictures: list[Path]
) -> None:
    assert fetch(fetcher, "http://pictures.example/a.png") == pictures[0].read_bytes()
    assert fetch(fetcher, f"http://{PUBLIC}/to?http://pictures.example/a.png") == pictures[0].read_bytes()
    assert web.tried == [PUBLIC] * 3
    web.names["both.example"] = [["127.0.0.1", OTHER]]
    fetch(fetcher, "http://both.example/a.png")
    assert web.tried[-1] == OTHER


def test_a_name_that_resolves_otherwise_the_next_moment_gains_nothing(web: Web, fetcher: Fetcher) -> None:
    web.names["rebinds.example"] = [[PUBLIC], ["127.0.0.1"]]
    fetch(fetcher, "http://rebinds.example/a.png")  # checked and connected by one and the same answer
    assert web.tried == [PUBLIC]
    with pytest.raises(NotFetched, match="not a public one"):
        fetch(fetcher, "http://rebinds.example/a.png")
    assert web.tried == [PUBLIC]


@pytest.mark.parametrize(
    "url",
    [
        *("http://inside.example/a.png", "http://127.0.0.1/", "http://[::1]/", "http://[::ffff:10.0.0.1]/"),
        *("http://2130706433/", "http://0x7f.1/", "http://127.1/", "https://169.254.169.254/latest/meta-data"),
    ],
)
def test_what_is_not_public_is_never_connected_to(web: Web, fetcher: Fetcher, url: str) -> None:
    for there in (url, f"http://pictures.example/to?{url}"):
        with pytest.raises(NotFetched, match="not a public one"):
            fetch(fetcher, there)
    assert web.tried == [PUBLIC]  # the redirect alone


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://pictures.example/a.png", "begin with http"),
        ("file:///etc/passwd", "begin with http"),
        ("http://", "begin with http"),
        ("http://name:word@pictures.example/a.png", "a name or a password"),
        ("http://pictures.example/to?file:///etc/passwd", "begin with http|cannot be fetched"),
        ("http://pictures.example/to?ftp://pictures.example/", "begin with http"),
        ("http://pictures.example/to?/to?/to?/to?/a.png", "redirected too often"),
        ("http://pictures.example/gone", "status 404"),
        ("http://pictures.example/large", "larger than the 50000 bytes"),
        ("http://pictures.example/packed", "packs what it sends"),
        ("https://pictures.example/a.png", "cannot be fetched"),  # this server has no certificate
        ("http://nobody.example.invalid/", "there is no such host"),
    ],
)
def test_what_is_not_fetched_is_said(fetcher: Fetcher, url: str, said: str) -> None:
    with pytest.raises(NotFetched, match=said):
        fetch(fetcher, url)


def test_no_server_is_waited_for_longer_than_there_is_time(web: Web, fetcher: Fetcher) -> None:
    began = monotonic()
    with pytest.raises(NotFetched, match="does not come in time"):
        fetcher.fetch("http://pictures.example/drip", began + 0.3)
    slow = Fetcher(LIMITS, lambda host, port: time.sleep(1) or [PUBLIC], web)
    with pytest.raises(NotFetched, match="does not come in time"):
        slow.fetch("http://pictures.example/a.png", monotonic() + 0.1)
    assert monotonic() - began < 10
    with pytest.raises(Cancelled):
        fetch(fetcher, "http://pictures.example/drip", stopped=lambda: monotonic() > began)


def test_requests_name_pictures_by_address_where_that_is_allowed(
    serve_api: Callable[..., str], fetcher: Fetcher, web: Web, pictures: list[Path]
) -> None:
    backend = Scripted("Yes.")
    picture = {"type": "image_url", "image_url": {"url": "http://pictures.example/a.png"}}

    def ask(http: httpx.Client, url: str) -> httpx.Response:
        content = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "?"}]
        return post(http, messages=[{"role": "user", "content": content}])

    with httpx.Client(base_url=serve_api(backend, requests=RequestLimits(fetcher=fetcher))) as http:
        assert ask(http, "http://pictures.example/a.png").status_code == 200
        shown = backend.requests[-1].pictures[0]
        assert post(http, messages=[asked("?", pictures[0])]).status_code == 200
        assert backend.requests[-1].pictures[0] == shown  # the same content is the same file
        source = {"type": "url", "url": "http://pictures.example/a.png"}
        content = [{"type": "image", "source": source}, {"type": "text", "text": "?"}]
        body = {"model": "scripted", "max_tokens": 9, "messages": [{"role": "user", "content": content}]}
        assert http.post("/v1/messages", json=body).status_code == 200
        for url, said in {
            "http://127.0.0.1:7860/metrics": "its address is not a public one",
            "http://pictures.example/text": "this is not a picture",
            "ftp://pictures.example/a.png": "addresses are not fetched",
        }.items():
            error = refusal(ask(http, url))
            assert error["param"] == "messages[0].content[0].image_url.url"
            assert said in error["message"]
        frames = {"type": "video", "video": [picture["image_url"]["url"]] * 2}  # type: ignore[index]
        error = refusal(post(http, messages=[{"role": "user", "content": [frames, {"type": "text", "text": "?"}]}]))
        assert "addresses are not fetched" in error["message"]
    with httpx.Client(base_url=serve_api(backend)) as http:
        assert "--allow-picture-urls" in refusal(ask(http, "http://pictures.example/a.png"))["message"]


def test_few_pictures_are_fetched_at_a_time(serve_api: Callable[..., str], fetcher: Fetcher) -> None:
    address = serve_api(Scripted("Yes."), requests=RequestLimits(fetcher=fetcher))
    statuses: list[int] = []

    def ask() -> None:
        content = [{"type": "image_url", "image_url": {"url": "http://pictures.example/drip"}}]
        with httpx.Client(base_url=address, timeout=30) as http:
            answer = post(http, messages=[{"role": "user", "content": [*content, {"type": "text", "text": "?"}]}])
        statuses.append(answer.status_code)

    threads = [threading.Thread(target=ask) for _ in range(FETCHES + 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(statuses) == [*[400] * FETCHES, 503]


def test_another_server_gets_what_was_fetched_and_no_address(fetcher: Fetcher, pictures: list[Path]) -> None:
    store = PictureStore()
    kept = Pictures(store, RequestLimits(fetcher=fetcher))
    url = "http://pictures.example/a.png"
    kept.add(url, "input")
    asked: dict[str, Any] = {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": url}]}]}
    with_content(asked, kept)
    assert asked["input"][0]["content"][0]["image_url"] == data_uri(pictures[0])
    kept.leave()
    store.close()
