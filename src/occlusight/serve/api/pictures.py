"""Pictures that come inside requests, as data URIs: in files of our own, where the same content is the same file, so
that what was found out about it is known again."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import re
import shutil
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from threading import Lock

from occlusight.errors import BadPicture
from occlusight.images.header import read_header
from occlusight.serve.api.errors import ApiError

DATA_URI = re.compile(r"data:image/[\w.+-]+(;[\w.+-]+=[\w.+-]+)*;base64,", re.IGNORECASE | re.ASCII)
FOLDER = "occlusight-pictures-"


@dataclass(frozen=True)
class RequestLimits:
    """What the pictures of a request may be: how many, and pixels of each."""

    pictures: int = 16
    pixels: int = 100_000_000


@dataclass
class Kept:
    """A file, its size in bytes, and how many requests show it."""

    path: Path
    size: int
    users: int = 0


class PictureStore:
    """The pictures of all requests, in a folder that only this user can read, and those of the latest that have ended:
    so many bytes. Several threads may use it."""

    def __init__(self, most: int = 2**28) -> None:
        self.most = most
        self._folder: Path | None = None
        self._kept: OrderedDict[str, Kept] = OrderedDict()  # the one that was shown longest ago first
        self._lock = Lock()

    def take(self, data: bytes) -> Path:
        """Return the file of a picture; it stays there until `leave`, at least."""
        name = hashlib.blake2b(data, digest_size=20).hexdigest()
        with self._lock:
            if self._folder is None:
                self._folder = Path(mkdtemp(prefix=FOLDER))
            kept = self._kept.get(name)
            if kept is None:
                kept = self._kept[name] = Kept(self._folder / name, len(data))
                kept.path.write_bytes(data)
            kept.users += 1
            self._kept.move_to_end(name)
        return kept.path

    def leave(self, path: Path) -> None:
        """Say that a request does not need a file any more."""
        with self._lock:
            if path.name in self._kept:
                self._kept[path.name].users -= 1
            self._tidy()

    def close(self) -> None:
        """Remove all files."""
        with self._lock:
            self._kept.clear()
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder = None

    def _tidy(self) -> None:
        total = sum(one.size for one in self._kept.values())
        for name, kept in list(self._kept.items()):
            if total <= self.most:
                return
            if kept.users == 0:
                total -= kept.size
                kept.path.unlink(missing_ok=True)
                del self._kept[name]


class Pictures:
    """The pictures of one request."""

    def __init__(self, store: PictureStore, limits: RequestLimits) -> None:
        self.store = store
        self.limits = limits
        self._names: dict[str, str] = {}
        self._kept: dict[str, Path] = {}

    def add(self, url: str, param: str) -> Path:
        """Keep a picture and return where; its content is a picture by its header, decoded is it by whoever uses it.

        Raises ApiError that names `param`: it is no data URI, no picture, one too many, or has too many pixels.
        """
        if url in self._kept:
            return self._kept[url]
        if len(self._kept) >= self.limits.pictures:
            raise ApiError(f"a request takes at most {self.limits.pictures} pictures", param, "too_many_images")
        data = content_of(url, param)
        header = read_header(io.BytesIO(data), len(data))
        if header is None:
            raise ApiError(f"{param}: this is not a picture that can be read", param, "invalid_image")
        if header.pixels > self.limits.pixels:
            raise ApiError(
                f"{param}: the picture has {header.width}x{header.height} pixels, more than the {self.limits.pixels} "
                "allowed; make it smaller",
                param,
                "image_too_large",
            )
        path = self._kept[url] = self.store.take(data)
        self._names[str(path)] = param
        return path

    def leave(self) -> None:
        """Say that the request is answered."""
        for path in self._kept.values():
            self.store.leave(path)

    def told(self, error: BadPicture) -> ApiError:
        """Return an error about a picture that names the field it came in, not the file."""
        message, param = str(error), None
        for path, name in self._names.items():
            if path in message:
                message, param = message.replace(path, name), name
        return ApiError(message, param, "invalid_image")


@contextmanager
def pictures_kept(store: PictureStore, limits: RequestLimits) -> Iterator[Pictures]:
    """Keep a request's pictures as long as this lasts."""
    pictures = Pictures(store, limits)
    try:
        yield pictures
    finally:
        pictures.leave()


def content_of(url: str, param: str) -> bytes:
    """Return what a data URI holds."""
    head = DATA_URI.match(url)
    if head is None:
        raise ApiError(
            f"{param}: pictures come inside the request, as data:image/png;base64,...; addresses are not fetched",
            param,
            "invalid_image_url",
        )
    try:
        data = base64.b64decode(url[head.end() :], validate=True)
    except (binascii.Error, ValueError):
        raise ApiError(f"{param}: the picture is not base64", param, "invalid_base64") from None
    if not data:
        raise ApiError(f"{param}: the picture is empty", param, "invalid_image")
    return data
