"""JSON Lines: files of a data set, read with errors that name the file and the line; and where lines end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from occlusight.errors import BadData


def read_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each object of a file with its place ("scenes.jsonl, line 3"). Raises BadData that names the line."""
    if not path.is_file():
        raise BadData(f"{path.parent} is not a complete data set: it has no {path.name}")
    with path.open(encoding="utf-8") as lines:
        for i, text in enumerate(lines, 1):
            if not text.strip():
                continue
            try:
                line = json.loads(text)
            except ValueError as error:
                raise BadData(f"{path}, line {i} is not JSON ({error}); make the set again") from None
            if not isinstance(line, dict):
                raise BadData(f"{path}, line {i} must be a JSON object, but is a {type(line).__name__}")
            yield f"{path}, line {i}", line


def lines_of(text: str) -> list[str]:
    """Return the lines of a JSON Lines text. Unlike `str.splitlines` it leaves the separators alone that JSON allows inside strings.

    >>> lines_of('{"answer": "one\u2028two"}\n')
    ['{"answer": "one\u2028two"}']
    """
    return text.removesuffix("\n").split("\n") if text else []
