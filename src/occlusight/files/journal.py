"""A record: a file of JSON Lines that only grows. No line that is in it is lost again, whatever happens to the process
or the disk.

What is cut by a kill, a full disk or a power failure is the end of the file: a last line without its end. It is taken
away when the next line is written. Anything else that cannot be read is damage from outside, and an error that names
the line: a program that went on would have to drop the line, or the lines behind it, in silence, and cannot know which
other bytes are still what they were.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from occlusight.errors import BadData
from occlusight.files.text import parsed
from occlusight.files.whole import Unwritable, line_bytes, unwritable

Line = dict[str, Any]


def read_journal(path: Path, begins: bytes = b"{") -> list[Line]:
    """Return the lines of a record, a torn last one left out; none where there is no file.

    Raises BadData that names the first line that is not a JSON object, or a last one that is no beginning of a line:
    ours all begin with `begins`.
    """
    return _read(path, begins).lines


class Journal:
    """A record opened for appending; `lines` are those that it held. The caller sees to it that nobody else writes
    (`only_writer`).

    Raises BadData for a damaged line (see `read_journal`), Unwritable where the file cannot be made.
    """

    def __init__(self, path: Path, begins: bytes = b"{") -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            held = _read(path, begins)
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise unwritable(path, error) from None
        self.lines, self._end, self._before = held.lines, held.end, b"" if held.ended else b"\n"
        if held.torn:
            print(f"{path}: the last line was cut and is made again ({held.torn} bytes)", file=sys.stderr)

    def append(self, line: Mapping[str, Any]) -> None:
        """Write a line. Raises Unwritable where it cannot be written whole; then nothing of it stays."""
        content = self._before + line_bytes(line)
        try:
            self._file.truncate(self._end)
            left = content
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.truncate(self._end)
            reason = error.strerror or str(error)
            raise Unwritable(
                f"{self.path} cannot be written ({reason}); all earlier lines are kept: make room and run the "
                "same again"
            ) from None
        self._end, self._before = self._end + len(content), b""

    def close(self) -> None:
        """Put all on the disk and close the file."""
        try:
            with self._file:
                os.fsync(self._file.fileno())
        except OSError as error:
            raise unwritable(self.path, error) from None

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True)
class _Held:
    """What a record holds: `end` is where its lines end, in bytes, and `torn` how many bytes of a cut line follow;
    `ended` says whether the last line has its line end."""

    lines: list[Line]
    end: int = 0
    torn: int = 0
    ended: bool = True


def _read(path: Path, begins: bytes) -> _Held:
    if path.exists() and not path.is_file():
        raise BadData(f"{path} is a folder or a device, not a file of lines; give another place")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return _Held([])
    except OSError as error:
        raise BadData(f"{path} cannot be read ({error.strerror})") from None
    *whole, last = content.split(b"\n")
    lines = [_line(text, path, i) for i, text in enumerate(whole, 1) if text.strip()]
    if not last.strip():
        return _Held(lines, len(content), 0, not last)
    try:
        return _Held([*lines, _line(last, path, len(whole) + 1)], len(content), 0, False)
    except BadData:
        if last.startswith(begins[: len(last)]) or not last.strip(b"\0"):  # zeros: what a power failure leaves
            return _Held(lines, len(content) - len(last), len(last))
        raise


def _line(text: bytes, path: Path, number: int) -> Line:
    try:
        found = parsed(text.decode())
    except ValueError as error:
        wrong = str(error)
    else:
        if isinstance(found, dict):
            return found
        wrong = f"a {type(found).__name__}, not an object"
    raise BadData(
        f"{path}, line {number} is damaged ({wrong}); put it right or delete that line, and run the same again: "
        "all others are kept"
    )
