"""What is known of the pictures that were asked about last."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

from PIL import Image

from occlusight.backends.fields import Picture

T = TypeVar("T")


class Kept(Generic[T]):
    """What is known of the pictures asked about last, at most so many, under names; several threads may use it."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._of: OrderedDict[tuple[object, ...], dict[str, T]] = OrderedDict()
        self._lock = Lock()

    def of(self, pictures: Sequence[Picture]) -> dict[str, T]:
        """Return what is known of pictures, to be read and written."""
        key = tuple(_key(picture) for picture in pictures)
        with self._lock:
            found = self._of.setdefault(key, {})
            self._of.move_to_end(key)
            while len(self._of) > self.most:
                self._of.popitem(last=False)
        return found

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._of.clear()


def _key(picture: Picture) -> object:
    """What tells a picture apart from others: of a file also when it was written."""
    if isinstance(picture, Image.Image):
        return picture.mode, picture.size, blake2b(picture.tobytes()).digest()
    return _file(picture)


def _file(path: Path) -> object:
    try:
        status = os.stat(path)
    except OSError:  # the backend says what is wrong with it
        return str(path)
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size
