"""Files that appear whole or not at all, and their digests."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from occlusight.errors import BadInput

HALVES = re.compile("[\ud800-\udfff]")


class Unwritable(BadInput):
    """A place where nothing can be written: a full disk, a folder that is none, no permission."""


def write_whole(path: Path, content: bytes, scratch: Path | None = None) -> None:
    """Write a file that appears whole or not at all; what is unfinished is in `scratch`, by default beside it.

    Raises Unwritable; what was there stays.
    """
    draft = (scratch or path.parent) / f"{path.name}.{os.getpid()}.draft"
    try:
        try:
            with draft.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise unwritable(path, error) from None


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Replace one JSON document. Raises Unwritable."""
    write_whole(path, json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n")


def write_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Replace a file of JSON Lines. Raises Unwritable."""
    write_whole(path, b"".join(map(line_bytes, lines)))


def line_bytes(line: Mapping[str, Any]) -> bytes:
    """Return a line of JSON Lines in UTF-8 with its end. Half of a character, which a server can send, becomes U+FFFD."""
    return HALVES.sub("\ufffd", json.dumps(line, ensure_ascii=False)).encode() + b"\n"


def unwritable(path: Path, error: OSError) -> Unwritable:
    """Return the error for a place that an attempt to write showed to be unwritable."""
    return Unwritable(f"{path} cannot be written ({error.strerror or error}); give another place, or make room there")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal. Raises OSError."""
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()
