"""Who writes a file: one process at a time. The lock is the operating system's, so that nothing is left of it when its
holder dies."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from occlusight.errors import BadInput
from occlusight.files.whole import unwritable


class BeingWritten(BadInput):
    """Another process is writing it."""


@contextmanager
def only_writer(path: Path) -> Iterator[None]:
    """Be the only one who writes a file or folder, as long as all others ask too; a lock file beside it (in the folder)
    says who.

    Raises Unwritable where there can be no lock file, BadInput at once where another process writes it, with that
    process's id, its host and since when; a lock that a dead process left is taken over.
    """
    from filelock import FileLock, Timeout  # most commands lock nothing

    place = path / ".lock" if path.is_dir() else path.with_name(f".{path.name}.lock")
    lock = FileLock(place, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise BeingWritten(f"{path} is being written by {_holder(place)}; wait for it, or give another place") from None
    except OSError as error:
        raise unwritable(path, error) from None
    try:
        with contextlib.suppress(OSError):  # on a full disk the lock holds, though it does not say whose it is
            since = datetime.now(UTC).isoformat(timespec="seconds")
            place.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since}) + "\n")
        yield
    finally:
        with contextlib.suppress(OSError):  # where an open file cannot be removed it stays, and locks nothing
            place.unlink()
        lock.release()


def _holder(place: Path) -> str:
    try:
        who = json.loads(place.read_text())
        return f"process {who['pid']} on {who['host']} since {who['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
