"""The pictures and questions that the page offers: `examples.json` beside them lists them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from occlusight.errors import BadData

LIST = "examples.json"


@dataclass(frozen=True)
class Example:
    """A picture and one question about it in both languages."""

    picture: Path
    zh: str
    en: str


def shipped_examples(folder: Path | None = None) -> list[Example]:
    """Read the list in a folder, by default the shipped one; an absent list is an empty one.

    Raises:
        BadData: the list is not what it should be, or names a picture that is not there.
    """
    folder = (folder or Path(str(files("occlusight"))) / "examples").resolve()
    path = folder / LIST
    if not path.is_file():
        return []
    try:
        found = [Example(folder / e["picture"], zh=e["zh"], en=e["en"]) for e in json.loads(path.read_text("utf-8"))]
    except (ValueError, KeyError, TypeError) as error:
        raise BadData(f"{path} must list objects with picture, zh and en ({error!r})") from error
    absent = [e.picture.name for e in found if not e.picture.is_file()]
    if absent:
        raise BadData(f"{path} names pictures that are not beside it: {', '.join(absent)}")
    return found
