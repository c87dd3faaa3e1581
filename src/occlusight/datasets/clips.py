"""Clips of a data set: what is visible of each thing in every frame, and when what hides it wholly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from occlusight.errors import BadData
from occlusight.files.json_lines import read_lines

CLIP_LINES = "clips.jsonl"


@dataclass(frozen=True)
class Hidden:
    """That a thing is hidden wholly from one frame to another, both included; `by` are ids, one at least."""

    first: int
    last: int
    by: tuple[str, ...]


@dataclass(frozen=True)
class ClipThing:
    """A thing of a clip. `visible` is the visible fraction of it in each frame, None where it is outside."""

    kind: str
    name: str
    visible: tuple[float | None, ...]
    hidden: tuple[Hidden, ...]


@dataclass(frozen=True)
class ClipLine:
    """A clip and the truth about it: its pictures, the seconds of each, and its things by their ids."""

    id: str
    recipe: str
    pictures: tuple[Path, ...]
    seconds: tuple[float, ...]
    things: Mapping[str, ClipThing]


def read_clips(folder: Path) -> tuple[ClipLine, ...]:
    """Read the clips of a data set. Raises BadData where it has none, or a line that is none."""
    found = []
    for where, line in read_lines(folder / CLIP_LINES):
        try:
            found.append(_clip(folder, line))
        except (KeyError, TypeError, ValueError) as error:
            raise BadData(f"{where} of {folder} is no clip ({type(error).__name__}: {error})") from None
    if not found:
        raise BadData(f"{folder / CLIP_LINES} has no clips; `occlusight scenes make --recipe clip` makes some")
    return tuple(found)


def _clip(folder: Path, line: Mapping[str, Any]) -> ClipLine:
    things = {
        id: ClipThing(
            o["kind"],
            o["name"],
            tuple(o["visible"]),
            tuple(Hidden(h["from"], h["to"], tuple(h["by"])) for h in o["hidden"]),
        )
        for id, o in line["objects"].items()
    }
    pictures = tuple(folder / image for image in line["images"])
    return ClipLine(line["id"], line["recipe"], pictures, tuple(line["times"]), things)
