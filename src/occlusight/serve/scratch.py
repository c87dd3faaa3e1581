"""Folders of what visitors bring, which end with the server, however that ends: what a server leaves that was killed is
removed by the next one."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from time import time

from filelock import FileLock, Timeout

YOUNG_S = 60.0
"""A folder of this age may be one that another server is just making, and does not hold yet."""


class Scratch:
    """A folder of temporary files that only this user can read; `path` is where. Others of its prefix that no living
    process holds are removed."""

    def __init__(self, prefix: str) -> None:
        for left in Path(gettempdir()).glob(f"{prefix}*"):
            remove_if_left(left)
        self._parent = Path(mkdtemp(prefix=prefix)).resolve()
        self._lock = lock_of(self._parent)
        self._lock.acquire()
        self.path = self._parent / "files"
        self.path.mkdir(0o700)

    def close(self) -> None:
        """Remove it."""
        self._lock.release()
        shutil.rmtree(self._parent, ignore_errors=True)


def remove_if_left(folder: Path) -> None:
    """Remove a folder whose process lives no more; other users' folders stay."""
    with contextlib.suppress(OSError, Timeout):
        if folder.stat().st_mtime > time() - YOUNG_S:
            return
        with lock_of(folder):
            pass
        shutil.rmtree(folder, ignore_errors=True)


def lock_of(folder: Path) -> FileLock:
    """Return the lock that a folder's process holds."""
    return FileLock(folder / ".lock", timeout=0)
