"""A hub on this machine, which answers as Hugging Face's and as ModelScope: one model whose files are sent as they
are, cut, or altered."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

NAME = "maker/model"
ON_MODELSCOPE = "modelscope:maker/model"
WEIGHTS = "model.safetensors"
CONTENT = bytes(range(256)) * 8192  # 2 MiB


@dataclass
class FakeHub:
    """What it has and what it was asked: `ranges` of the weights. `cut` answers with them end after so many bytes;
    `alter` turns what is sent of the weights into something else of the same length; after `pause` bytes of an answer
    it waits for `go`; `wrong` is told of the weights as ModelScope lists them; `tokens` are those that ModelScope's
    questions brought."""

    files: dict[str, bytes] = field(
        default_factory=lambda: {"config.json": b"{}", WEIGHTS: CONTENT, "notes.md": b"not wanted"}
    )
    revision: str = "a" * 40
    ranges: list[str | None] = field(default_factory=list)
    cut: int | None = None
    alter: bool = False
    pause: int | None = None
    wrong: dict[str, Any] = field(default_factory=dict)
    tokens: list[str | None] = field(default_factory=list)
    go: threading.Event = field(default_factory=threading.Event)
    address: str = ""

    def entry(self, path: str, kind: str) -> dict[str, Any]:
        """A file as the hub describes it."""
        content = self.files[path]
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        one: dict[str, Any] = {"size": len(content), "blobId" if kind == "rfilename" else "oid": blob, kind: path}
        if path == WEIGHTS:
            digest = hashlib.sha256(content).hexdigest()
            one["lfs"] = {"sha256": digest, "oid": digest, "size": len(content), "pointerSize": 134}
        return one

    def listed(self, path: str) -> dict[str, Any]:
        """A file as ModelScope describes it."""
        content = self.files[path]
        told = {"Path": path, "Size": len(content), "Sha256": hashlib.sha256(content).hexdigest(), "Type": "blob"}
        return {**told, "Name": path.rpartition("/")[2], "Revision": self.revision, "IsLFS": path == WEIGHTS}


class Handler(BaseHTTPRequestHandler):
    """The hub's routes that a download uses."""

    hub: FakeHub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # no answer waits until its headers are confirmed

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        hub = self.hub
        if path.startswith(f"/api/models/{NAME}/tree/"):
            self.reply([{"type": "file", **hub.entry(name, "path")} for name in hub.files])
        elif path in (f"/api/models/{NAME}", f"/api/models/{NAME}/revision/main"):
            siblings = [hub.entry(name, "rfilename") for name in hub.files]
            self.reply({"id": NAME, "sha": hub.revision, "siblings": siblings, "private": False, "tags": []})
        elif path.startswith(f"/{NAME}/resolve/") and path.rpartition("/")[2] in hub.files:
            self.send_file(path.rpartition("/")[2])
        elif path == f"/api/v1/models/{NAME}/repo/files":
            hub.tokens.append(self.headers.get("Authorization"))
            listed = [{**hub.listed(name), **(hub.wrong if name == WEIGHTS else {})} for name in hub.files]
            folder = {"Path": "assets", "Name": "assets", "Type": "tree", "Size": 0, "Sha256": ""}
            self.reply({"Code": 200, "Success": True, "Data": {"Files": [folder, *listed]}})
        elif path == f"/api/v1/models/{NAME}/repo":
            (name,) = parse_qs(urlsplit(self.path).query)["FilePath"]
            self.send_part(name)
        elif path.startswith("/api/v1/"):
            self.reply({"Code": 10010205001, "Message": "获取模型信息失败，信息不存在", "Success": False}, 404)
        else:
            self.reply({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})

    def reply(self, document: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send(status, {"Content-Type": "application/json", **(headers or {})}, json.dumps(document).encode())

    def send_file(self, name: str) -> None:
        hub, content = self.hub, self.hub.files[name]
        described = hub.entry(name, "path")
        etag = described["lfs"]["sha256"] if "lfs" in described else described["oid"]
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": hub.revision, "X-Linked-Size": str(len(content))}
        status, sent, wanted = 200, content, self.headers.get("Range")
        if wanted:
            begin = int(wanted.removeprefix("bytes=").partition("-")[0])
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
            status, sent = 206, content[begin:]
        if name == WEIGHTS and self.command == "GET":
            hub.ranges.append(wanted)
            if hub.alter:
                sent = bytes(len(sent))
        self.send(status, headers, sent, hub.cut if name == WEIGHTS else None)

    def send_part(self, name: str) -> None:
        """As ModelScope does it: a part has status 200, and its header alone says what it is; a small file comes
        whole, whatever was asked for."""
        content, wanted, headers = self.hub.files[name], self.headers.get("Range"), {}
        if name == WEIGHTS:
            self.hub.ranges.append(wanted)
            if wanted:
                begin = int(wanted.removeprefix("bytes=").partition("-")[0])
                headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
                content = content[begin:]
            content = bytes(len(content)) if self.hub.alter else content
        self.send(200, headers, content, self.hub.cut if name == WEIGHTS else None)

    def send(self, status: int, headers: dict[str, str], body: bytes, cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            sent = body if cut is None else body[:cut]
            if self.hub.pause is not None and len(sent) > self.hub.pause:
                self.wfile.write(sent[: self.hub.pause])
                self.hub.go.wait(20)
                sent = sent[self.hub.pause :]
            self.wfile.write(sent)
            if cut is not None and cut < len(body):
                self.close_connection = True

    def handle(self) -> None:
        with suppress(ConnectionError):  # who asked has gone
            super().handle()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def in_its_place(hub: FakeHub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything ask this hub instead of the real one, and keep what it has in a cache of its own."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.address)
    template = f"{hub.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", hub.address)
    monkeypatch.setenv("MODELSCOPE_CACHE", str(cache / "modelscope"))
    monkeypatch.delenv("MODELSCOPE_API_TOKEN", raising=False)


@contextmanager
def fake_hub() -> Iterator[FakeHub]:
    """Serve a hub; `address` is where."""
    hub = FakeHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Of", (Handler,), {"hub": hub}))
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
