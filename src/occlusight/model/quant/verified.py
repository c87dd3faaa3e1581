"""Files that were compared with their digests, remembered by size, time of change and inode, so that a later start need
not read them again.
"""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from pathlib import Path

from occlusight.errors import BadModel
from occlusight.files.whole import Unwritable, sha256, write_json

MEMORY = "verified.json"


class Verified:
    """The files of one folder. Where nothing can be written there, nothing is remembered."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._guard = threading.Lock()
        self._known: dict[str, list[object]] = {}
        with suppress(OSError, ValueError, RecursionError):
            read = json.loads((folder / MEMORY).read_text(encoding="utf-8"))
            self._known = read if isinstance(read, dict) else {}

    def check(self, name: str, digest: str) -> None:
        """Compare a file with its digest, unless that was done since it last changed.

        Raises:
            BadModel: it is not readable, or not what was stored.
        """
        path = self.folder / name
        try:
            status = path.stat()
            mark = [status.st_size, status.st_mtime_ns, status.st_ino, digest]
            if self._known.get(name) == mark:
                return
            found = sha256(path)
        except OSError as error:
            raise BadModel(f"{path}: not readable ({error.strerror or error})") from None
        if found != digest:
            raise BadModel(f"{path}: damaged, its SHA-256 differs from the index")
        with self._guard, suppress(Unwritable):
            self._known[name] = mark
            write_json(self.folder / MEMORY, self._known)
