"""The pictures that visitors bring and the examples that the page has, by names that say nothing about where they lie.

A visitor's picture is his own: nobody else can show it or ask about it. No name that a client gives is ever joined to a
path.
"""

from __future__ import annotations

import mimetypes
import re
import secrets
import shutil
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import BinaryIO

from occlusight.errors import BadPicture, Busy
from occlusight.serve.page.examples import Example
from occlusight.serve.scratch import Scratch
from occlusight.serve.visitors import Visitor

SHOWN = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp", "image/avif")
"""What a browser shows and runs no script in; anything else is for downloading."""


RETRY_S = 5


@dataclass(frozen=True)
class Limits:
    """How much is kept: bytes of a picture, pictures of a visitor, bytes in all, and seconds; how many bytes come at
    the same time from an address, and in all."""

    largest: int = 64 * 2**20
    of_a_visitor: int = 16
    in_all: int = 2 * 2**30
    kept_s: float = 86_400.0
    coming_of_an_address: int = 2**29
    coming: int = 2**31


@dataclass(frozen=True)
class Upload:
    """A picture that a visitor brought."""

    path: Path
    owner: Visitor
    size: int
    since: float = field(default_factory=monotonic)


class Uploads:
    """Keeps pictures in a folder that only this user can read; `close` removes it."""

    def __init__(self, examples: Sequence[Example] = (), limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._examples = {f"example/{index}/{e.picture.name}": e.picture for index, e in enumerate(examples)}
        self.examples = tuple(self._examples)
        self._scratch = Scratch("occlusight-uploads-")
        self._folder = self._scratch.path
        self._uploads: dict[str, Upload] = {}  # the oldest first
        self._coming: Counter[str] = Counter()
        self._guard = threading.Lock()

    @contextmanager
    def arriving(self, owner: Visitor, size: int) -> Iterator[None]:
        """Set room aside while so many bytes arrive, which lie in a temporary file until they are kept. Raises Busy
        where too many do."""
        group, limits = owner.client.group, self.limits
        if self._coming[group] + size > limits.coming_of_an_address:
            raise Busy("this address sends too many pictures at the same time", RETRY_S, by_client=True)
        if self._coming.total() + size > limits.coming:
            raise Busy("too many pictures are being sent", RETRY_S)
        self._coming[group] += size
        try:
            yield
        finally:
            self._coming[group] -= size
            self._coming = +self._coming

    def add(self, owner: Visitor, name: str, picture: BinaryIO) -> str:
        """Keep a picture and return its name here; what was kept too long, or is too much, goes."""
        token = secrets.token_urlsafe(24)
        path = self._folder / token / file_name(name)
        path.parent.mkdir(mode=0o700)
        try:
            with path.open("xb") as file:
                shutil.copyfileobj(picture, file)
        except OSError:
            shutil.rmtree(path.parent, ignore_errors=True)
            raise
        handle = f"upload/{token}/{path.name}"
        with self._guard:
            self._uploads[handle] = Upload(path, owner, path.stat().st_size)
            self._tidy(owner)
        return handle

    def remove(self, visitor: Visitor, handle: str) -> None:
        """Remove a picture of this visitor. Raises BadPicture as `path` does; examples stay."""
        self.path(visitor, handle)
        with self._guard:
            if handle in self._uploads:
                self._remove(handle)

    def path(self, visitor: Visitor, handle: str) -> Path:
        """Return where an example, or a picture of this visitor, lies.

        Raises:
            BadPicture: there is no such picture, or it is another visitor's.
        """
        if handle in self._examples:
            return self._examples[handle]
        upload = self._uploads.get(handle)
        if upload is None or upload.owner.token != visitor.token or not self._is_inside(upload.path):
            raise BadPicture("this picture is not here, or no longer; choose it again")
        return upload.path

    def told(self, message: object) -> str:
        """Return a message without the folder's path."""
        return re.sub(re.escape(str(self._folder)) + r"/[\w-]+/", "", str(message))

    def close(self) -> None:
        """Remove all pictures."""
        self._scratch.close()

    def _is_inside(self, path: Path) -> bool:
        """Whether a path is a file in our folder once links are followed."""
        return path.is_file() and path.resolve().is_relative_to(self._folder)

    def _tidy(self, owner: Visitor) -> None:
        limits = self.limits
        for handle, upload in list(self._uploads.items()):
            if monotonic() - upload.since > limits.kept_s:
                self._remove(handle)
        own = [handle for handle, upload in self._uploads.items() if upload.owner.token == owner.token]
        for handle in own[: -limits.of_a_visitor]:
            self._remove(handle)
        held: Counter[str] = Counter()
        for upload in self._uploads.values():
            held[upload.owner.client.group] += upload.size
        while held.total() > limits.in_all:
            crowded = held.most_common(1)[0][0]
            handle, upload = next((h, u) for h, u in self._uploads.items() if u.owner.client.group == crowded)
            held[crowded] -= upload.size
            self._remove(handle)

    def _remove(self, handle: str) -> None:
        shutil.rmtree(self._uploads.pop(handle).path.parent, ignore_errors=True)


def file_name(name: str) -> str:
    """Return the last part of a client's file name, in letters, digits and a few signs that mean nothing to any file
    system."""
    last = re.split(r"[/\\]", name)[-1]
    return re.sub(r"[^\w.-]", "_", last)[-60:].lstrip(".") or "picture"


def media_type(path: Path) -> str | None:
    """Return the type under which a browser may show a picture; None for what it must not."""
    guess = mimetypes.guess_type(path.name)[0]
    return guess if guess in SHOWN else None
