"""JSON Lines: files of a data set, read with errors that name the file and the line; and where lines end."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from occlusight.errors import BadData
from occlusight.files.text import parsed, read_text

Line: TypeAlias = dict[str, Any]


def read_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each object of a file with its place ("scenes.jsonl, line 3"). Raises BadData that names the line."""
    if not path.is_file():
        raise BadData(f"{path.parent} is not a complete data set: it has no {path.name}")
    for i, text in enumerate(lines_of(read_text(path)), 1):
        if not text.strip():
            continue
        try:
            line = parsed(text)
        except ValueError as error:
            raise BadData(f"{path}, line {i} is not JSON ({error})") from None
        if not isinstance(line, dict):
            raise BadData(f"{path}, line {i} must be a JSON object, but is a {type(line).__name__}")
        yield f"{path}, line {i}", line


def lines_of(text: str) -> list[str]:
    """Return the lines of a JSON Lines text, whichever system ended them. Unlike `str.splitlines` it leaves the
    separators alone that JSON allows inside strings.

    >>> lines_of('{"answer": "one\u2028two"}\r\n')
    ['{"answer": "one\u2028two"}']
    """
    lines = re.split("\r\n|\n|\r", text)
    return lines[:-1] if not lines[-1] else lines


def all_lines(path: Path) -> list[Line]:
    """Return every object of a file. Raises BadData that names the line."""
    return [line for _, line in read_lines(path)]


def dumped(line: Mapping[str, Any]) -> str:
    """Return an object as compact JSON with its line end."""
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"
