"""The JSON files of a checkpoint: read within bounds, field by field, so that none is passed over in silence.

Each field is read, known to be without effect on answers, or refused by name; one that nobody knows is warned about,
once.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NoReturn, TypeGuard

from occlusight.errors import BadModel

log = logging.getLogger(__name__)

MOST_BYTES = 8 << 20
"""A configuration file may have so many: an index of the largest models has 0.2 MB, a tokenizer's configuration
0.01.
"""
SHOWN = 5
"""How many names a message gives."""


def read_text(path: Path, most: int = MOST_BYTES) -> str:
    """Return the text of a file of at most `most` bytes.

    Raises:
        BadModel: it is no ordinary file, too large, not readable or not UTF-8.
    """
    try:
        if not path.is_file():
            raise BadModel(f"{path.parent}: no {path.name}; a model is a directory with config.json and safetensors")
        if (size := path.stat().st_size) > most:
            raise BadModel(f"{path}: {size} bytes, more than the {most} that such a file may have")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadModel(f"{path}: not valid JSON or text in UTF-8 ({error}); download the model again") from None
    except OSError as error:
        raise BadModel(f"{path}: cannot be read ({error.strerror or error})") from None


def parse_object(text: str, where: object) -> dict[str, Any]:
    """Return a JSON object. `where` is what messages call it.

    Raises:
        BadModel: it is not one, or holds NaN or Infinity, which JSON does not have.
    """
    try:
        content = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise BadModel(f"{where}: not valid JSON ({reason}); download the model again") from None
    if not isinstance(content, dict):
        raise BadModel(f"{where}: expected a JSON object, got {type(content).__name__}; download the model again")
    return content


def read_json(directory: Path, name: str) -> dict[str, Any]:
    """Return a JSON object of a checkpoint directory.

    Raises:
        BadModel: the file is missing, too large or not a JSON object.
    """
    return parse_object(read_text(directory / name), directory / name)


class Fields:
    """A JSON object whose fields are read one by one; `close` warns about those that were not.

    Every method raises BadModel, which names the field and its value, for a value that cannot be used.
    """

    def __init__(self, content: Mapping[str, Any], where: str) -> None:
        self._content, self.where = content, where
        self._known: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return self._content.get(key) is not None

    def get(self, key: str) -> Any:
        """Return a value as it is, None where there is none."""
        self._known.add(key)
        return self._content.get(key)

    def integer(self, key: str, default: int | None = None) -> int:
        """Return a whole number; without a default there must be one."""
        value = self.get(key)
        value = default if value is None else value
        if not isinstance(value, int) or isinstance(value, bool):
            self.refuse(f"needs an integer {key}, got {_short(value)}")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """Return a finite number; without a default there must be one."""
        value = self.get(key)
        value = default if value is None else value
        if not _is_number(value):
            self.refuse(f"needs a number as {key}, got {_short(value)}")
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false."""
        value = self.get(key)
        value = default if value is None else value
        if not isinstance(value, bool):
            self.refuse(f"needs true or false as {key}, got {_short(value)}")
        return value

    def text(self, key: str) -> str | None:
        """Return a text, None where there is none."""
        value = self.get(key)
        if value is not None and not isinstance(value, str):
            self.refuse(f"needs a text as {key}, got {_short(value)}")
        return value

    def numbers(self, key: str, default: tuple[float, ...]) -> tuple[float, ...]:
        """Return a list of finite numbers."""
        value = self.get(key)
        value = default if value is None else value
        if not isinstance(value, (list, tuple)) or not all(_is_number(item) for item in value):
            self.refuse(f"needs a list of numbers as {key}, got {_short(value)}")
        return tuple(value)

    def integers(self, key: str, default: tuple[int, ...]) -> tuple[int, ...]:
        """Return a list of whole numbers."""
        value = self.numbers(key, default)
        if not all(isinstance(item, int) for item in value):
            self.refuse(f"needs a list of integers as {key}, got {_short(value)}")
        return tuple(int(item) for item in value)

    def part(self, key: str) -> Fields | None:
        """Return an object inside, None where there is none."""
        value = self.get(key)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            self.refuse(f"needs an object as {key}, got {_short(value)}")
        return Fields(value, f"{self.where}: {key}")

    def expect(self, key: str, *supported: object) -> None:
        """Refuse any value but these; None is the first, which is what it means to leave the field out."""
        value = self.get(key)
        if value is not None and not any(value == one and type(value) is type(one) for one in supported):
            choices = " or ".join(repr(one) for one in supported)
            self.refuse(f"{key} is {_short(value)}; only {choices} is supported", between=": ")

    def without_effect(self, names: str) -> None:
        """Name fields, apart by spaces, that change nothing in how answers are computed here."""
        self._known.update(names.split())

    def refuse(self, why: str, between: str = " ") -> NoReturn:
        """Raise BadModel."""
        raise BadModel(f"{self.where}{between}{why}")

    def close(self) -> None:
        """Warn about fields that nobody has read, once for each."""
        unknown = [key for key in self._content if key not in self._known and self._content[key] is not None]
        if unknown:
            warn_once(f"{self.where}: ignoring {listed(unknown, 'unknown field(s)')}")


@cache
def warn_once(message: str) -> None:
    """Log a warning that has not been given before."""
    log.warning("%s", message)


def listed(names: list[str], what: str) -> str:
    """Return how many there are and the first few; nothing where there are none."""
    if not names:
        return ""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{len(names)} {what}: {', '.join(str(name)[:200] for name in names[:SHOWN])}{more}"


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
