"""Fields of a JSON document that somebody else wrote: each is what it should be, or an error says where it is not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from occlusight.errors import BadData
from occlusight.files.text import read_json, shown

Id = int | str
LONGEST_NAME = 200  # characters
SHOWN = 8  # fields that an error lists


def read_document(path: Path) -> dict[str, Any]:
    """Read a JSON document. Raises BadData that names the file, and the line of a mistake in the JSON."""
    found = read_json(path)
    if not isinstance(found, dict):
        raise BadData(f"{path} must hold one JSON object, but holds a {type(found).__name__}")
    return found


def entry(holder: Any, key: str, where: str) -> Any:
    """Return a field. Raises BadData that says where it is missing."""
    if not isinstance(holder, dict):
        raise BadData(f"{where} must be an object with the field {key!r}, but is {shown(holder)}")
    if key not in holder:
        raise BadData(f"{where}: the field {key!r} is missing (there: {', '.join(map(shown, list(holder)[:SHOWN]))})")
    return holder[key]


def found_by(known: Mapping[Id, Any], id: Id, where: str) -> Any:
    """Return what has this id. Raises BadData."""
    if id not in known:
        raise BadData(f"{where}: nothing has the id {shown(id)}")
    return known[id]


def id_at(holder: Any, key: str, where: str) -> Id:
    """Return a field that names something: a whole number or a text. Raises BadData."""
    return as_id(entry(holder, key, where), f"{where}.{key}")


def as_id(value: Any, where: str) -> Id:
    """Return a value that names something. Raises BadData."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise BadData(f"{where} must be a whole number or a text, but is {shown(value)}")
    return value


def list_at(holder: Any, key: str, where: str) -> list[Any]:
    """Return a field that is a list. Raises BadData."""
    return _list(entry(holder, key, where), f"{where}.{key}")


def objects_at(holder: Any, key: str, where: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the objects of a list with their places ("here.regions[3]"). Raises BadData."""
    return _objects(entry(holder, key, where), f"{where}.{key}")


def listed(document: Mapping[str, Any], key: str, path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Return the objects of a document's list with their places ("file.json: annotations[3]"). Raises BadData."""
    return _objects(entry(document, key, str(path)), f"{path}: {key}")


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise BadData(f"{where} must be a list, but is {shown(value)}")
    return value


def _objects(value: Any, where: str) -> list[tuple[str, dict[str, Any]]]:
    for i, one in enumerate(_list(value, where)):
        if not isinstance(one, dict):
            raise BadData(f"{where}[{i}] must be an object, but is {shown(one)}")
    return [(f"{where}[{i}]", one) for i, one in enumerate(value)]


def by_id(document: Mapping[str, Any], key: str, path: Path) -> dict[Id, dict[str, Any]]:
    """Return the objects of a list by their `id`. Raises BadData, also for two of one id."""
    found: dict[Id, dict[str, Any]] = {}
    for where, one in listed(document, key, path):
        id = id_at(one, "id", where)
        if id in found:
            raise BadData(f"{where}: the id {shown(id)} is that of another one before it")
        found[id] = one
    return found


def whole_number(holder: Any, key: str, where: str) -> int:
    """Return a field that is a whole number. Raises BadData."""
    value = entry(holder, key, where)
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadData(f"{where}: {key} must be a whole number, but is {shown(value)}")
    return value


def text_at(holder: Any, key: str, where: str) -> str:
    """Return a field that is a text with something in it, without spaces around. Raises BadData."""
    value = entry(holder, key, where)
    if not isinstance(value, str) or not value.strip():
        raise BadData(f"{where}: {key} must be a text, but is {shown(value)}")
    return value.strip()


def name_at(holder: Any, key: str, where: str) -> str:
    """Return a field that questions can call a thing by. Raises BadData for one without letters, or a whole story."""
    name = text_at(holder, key, where)
    if not re.search(r"[^\W_]", name) or len(name) > LONGEST_NAME:
        raise BadData(
            f"{where}: {key} must be a name with letters, of up to {LONGEST_NAME} characters, but is {shown(name)}"
        )
    return name
