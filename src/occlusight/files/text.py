"""Texts and JSON from files that people and other programs wrote: what can be read is read, the rest is refused with
its place."""

from __future__ import annotations

import codecs
import json
import re
from pathlib import Path
from typing import Any

from occlusight.errors import BadData

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
HALF = re.compile(r"\\u[dD][89a-fA-F]")  # of a character beyond U+FFFF, as JSON escapes it
LONGEST = 80  # characters of a value that an error shows


def decoded(content: bytes, name: str) -> str:
    """Return a text in UTF-8, or in UTF-16 or UTF-32 with a byte order mark; the mark is left out.

    Raises BadData that says which byte is none of the text's, counted from 0.
    """
    mark, encoding = next(((mark, e) for mark, e in MARKS if content.startswith(mark)), (b"", "utf-8"))
    try:
        return content[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        at = len(mark) + error.start
        place = f", line {content[:at].count(10) + 1}" if encoding == "utf-8" else ""
        raise BadData(
            f"{name}{place} is not {encoding.upper()} (byte {at} is 0x{content[at]:02x}); save it as UTF-8"
        ) from None


def read_text(path: Path) -> str:
    """Return what a text file holds. Raises BadData that names the file."""
    try:
        return decoded(path.read_bytes(), str(path))
    except FileNotFoundError:
        raise BadData(f"{path}: there is no such file") from None
    except (OSError, ValueError) as error:
        if isinstance(error, BadData):
            raise
        raise BadData(f"{path} cannot be read ({getattr(error, 'strerror', None) or error})") from None


def parsed(text: str) -> Any:
    """Return what a JSON text says.

    Raises ValueError with a reason also where Python's reader has none of its own: a key that appears twice in one
    object, of which the last would win in silence; nesting too deep; half of a character, which no file can hold.
    """
    try:
        found = json.loads(text, object_pairs_hook=_object)
        if HALF.search(text):
            json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeEncodeError as error:
        raise ValueError(f"a text holds half of a character, \\u{ord(error.object[error.start]):04x}") from None
    return found


def read_json(path: Path) -> Any:
    """Return what a JSON file says. Raises BadData that names the file, and the line of a mistake in the JSON."""
    text = read_text(path)
    try:
        return parsed(text)
    except json.JSONDecodeError as error:
        raise BadData(f"{path}, line {error.lineno}, column {error.colno} is not JSON ({error.msg})") from None
    except ValueError as error:
        raise BadData(f"{path} is not JSON that can be read ({error})") from None


def is_file(path: Path) -> bool:
    """Whether there is a file of this name; False too for a name that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_dir(path: Path) -> bool:
    """Whether there is a folder of this name; False too for a name that no folder can have."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def shown(value: Any) -> str:
    """Return a value in one short line, for an error."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of more digits than Python writes out
        text = f"a {type(value).__name__}"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {shown(twice)} appears twice in one object")
    return found
