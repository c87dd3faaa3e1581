"""Wordings of questions, in files `*.jsonl`: how people ask, with slots for what they name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from occlusight.errors import BadData
from occlusight.files.json_lines import read_lines

SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Wording:
    """A question with slots: `{A}` and `{B}` for objects, `{C}` or `{CS}` for a kind, `{S}` for a colour."""

    id: str
    lang: str
    kind: str
    text: str
    kinds: tuple[str, ...] = field(default=())
    """Of two questions in one, the kinds of both."""


def read_wordings(places: Iterable[Path]) -> tuple[Wording, ...]:
    """Read every wording of files, and of folders' `*.jsonl`. Raises BadData that names the line."""
    return tuple(wording for place in places for path in _files(place) for wording in _read(path))


def _files(place: Path) -> list[Path]:
    paths = [place] if place.is_file() else sorted(place.glob("*.jsonl"))
    if not paths:
        raise BadData(f"{place} has no wordings: files NAME.jsonl with a question a line")
    return paths


def _read(path: Path) -> Iterator[Wording]:
    for where, line in read_lines(path):
        try:
            name, lang, kind, text = (str(line[key]) for key in ("id", "lang", "kind", "text"))
        except KeyError as error:
            raise BadData(f"{where} has no field {error.args[0]!r}") from None
        yield Wording(name, lang, kind, text, tuple(line.get("kinds", ())))


def slots_in_order(text: str) -> tuple[str, ...]:
    """Return the slots of names in the order of their first mention, `CS` as `C`, colours left out.

    >>> slots_in_order("Is {B} behind {A}, or {A} behind {B}?")
    ('B', 'A')
    """
    names = (name.replace("CS", "C") for name in SLOT.findall(text) if name != "S")
    return tuple(dict.fromkeys(names))
