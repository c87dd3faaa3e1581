"""Pictures that come inside a request, as data URIs: in files of our own while it is answered."""

from __future__ import annotations

import base64
import binascii
import io
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from occlusight.errors import BadPicture
from occlusight.images.header import read_header
from occlusight.serve.api.errors import ApiError

DATA_URI = re.compile(r"data:image/[\w.+-]+(;[\w.+-]+=[\w.+-]+)*;base64,", re.IGNORECASE | re.ASCII)
FOLDER = "occlusight-request-"


@dataclass(frozen=True)
class RequestLimits:
    """What the pictures of a request may be: how many, and pixels of each."""

    pictures: int = 16
    pixels: int = 100_000_000


class Pictures:
    """The pictures of one request, in a folder that only this user can read."""

    def __init__(self, folder: Path, limits: RequestLimits) -> None:
        self.folder = folder
        self.limits = limits
        self._names: dict[str, str] = {}
        self._kept: dict[str, Path] = {}

    def add(self, url: str, param: str) -> Path:
        """Keep a picture and return where; its content is a picture by its header, decoded is it by whoever uses it.

        Raises ApiError that names `param`: it is no data URI, no picture, one too many, or has too many pixels.
        """
        if url in self._kept:
            return self._kept[url]
        if len(self._names) >= self.limits.pictures:
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
        path = self.folder / f"{len(self._names)}.{header.format.lower()}"
        path.write_bytes(data)
        self._names[str(path)] = param
        self._kept[url] = path
        return path

    def told(self, error: BadPicture) -> ApiError:
        """Return an error about a picture that names the field it came in, not the file."""
        message, param = str(error), None
        for path, name in self._names.items():
            if path in message:
                message, param = message.replace(path, name), name
        return ApiError(message, param, "invalid_image")


@contextmanager
def pictures_kept(limits: RequestLimits) -> Iterator[Pictures]:
    """Keep a request's pictures as long as this lasts."""
    folder = Path(mkdtemp(prefix=FOLDER))
    try:
        yield Pictures(folder, limits)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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
