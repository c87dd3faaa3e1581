"""Files that appear whole or not at all, and their digests."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from occlusight.errors import BadInput

HALVES = re.compile("[\ud800-\udfff]")


class Unwritable(BadInput):
    """A place where nothing can be written: a full disk, a folder that is none, no permission."""


@contextmanager
def replacing(path: Path, scratch: Path | None = None) -> Iterator[Path]:
    """Give a draft, which takes the place of `path` when the block ends; after an error the draft is gone and `path` is
    as it was.

    The draft is in `scratch`, by default beside it. Folders on the way are made, links are followed, and a file that is
    replaced keeps its permissions. Raises Unwritable.
    """
    target = Path(os.path.realpath(path))
    draft = (scratch or target.parent) / f"{target.stem}.{os.getpid()}.draft{target.suffix}"
    try:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            yield draft
            if target.exists():
                shutil.copymode(target, draft)
            os.replace(draft, target)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error) from None


def write_whole(path: Path, content: bytes | memoryview | str, scratch: Path | None = None) -> None:
    """Write a file, a text as UTF-8, that appears whole or not at all: see `replacing`. Raises Unwritable; what was
    there stays."""
    with replacing(path, scratch) as draft, draft.open("wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Replace one JSON document. Raises Unwritable."""
    write_whole(path, json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n")


def write_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Replace a file of JSON Lines. Raises Unwritable."""
    write_whole(path, b"".join(map(line_bytes, lines)))


def line_bytes(line: Mapping[str, Any]) -> bytes:
    """Return a line of JSON Lines in UTF-8 with its end. Half of a character, which a server can send, becomes
    U+FFFD."""
    return HALVES.sub("\ufffd", json.dumps(line, ensure_ascii=False)).encode() + b"\n"


def unwritable(path: Path, error: OSError) -> Unwritable:
    """Return the error for a place that an attempt to write showed to be unwritable."""
    return Unwritable(f"{path} cannot be written ({error.strerror or error}); give another place, or make room there")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal. Raises OSError."""
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()
