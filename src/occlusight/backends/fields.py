"""The checks of a request's fields: each returns the value as Python's own type, or raises BadInput that names the field."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypeAlias

from PIL import Image

from occlusight.errors import BadInput

Picture: TypeAlias = Image.Image | Path
MaxPixels: TypeAlias = int | Literal["model"] | None
"""A limit of pixels; "model" leaves it to the checkpoint, None to whoever is asked."""

STOPS_LIMIT = 16
PIXELS_LIMIT = 1 << 40


def number(name: str, value: object, low: float, high: float) -> float:
    """Return a real number in a range (NaN lies in none). NumPy's scalars are numbers, truth values and text are not."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise BadInput(f"{name} must be a number, but {received(value)} was given")
    if not low <= value <= high:  # type: ignore[operator]
        raise BadInput(f"{name} must lie between {low:g} and {high:g}, but {received(value)} was given")
    return float(value)


def positive(name: str, value: object, high: float) -> float:
    """Return a real number above 0 and at most `high`."""
    found = number(name, value, 0.0, high)
    if found == 0.0:
        raise BadInput(f"{name} must be above 0 and at most {high:g}, but {received(value)} was given")
    return found


def whole(name: str, value: object, low: int, high: int) -> int:
    """Return a whole number in a range. NumPy's integers are whole numbers; truth values, text and 3.0 are not."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise BadInput(f"{name} must be a whole number, but {received(value)} was given")
    if not low <= value <= high:  # type: ignore[operator]
        raise BadInput(f"{name} must lie between {low} and {high}, but {received(value)} was given")
    return int(value)


def truth(name: str, value: object) -> bool:
    """Return a truth value."""
    if not isinstance(value, bool):
        raise BadInput(f"{name} must be True or False, but {received(value)} was given")
    return value


def text(name: str, value: object) -> str:
    """Return a text that can be written as UTF-8: half a surrogate pair cannot."""
    if not isinstance(value, str):
        raise BadInput(f"{name} must be a text, but {received(value)} was given")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise BadInput(
            f"{name} must be text that UTF-8 can write, but its character {error.start} is {value[error.start]!a}"
        ) from None
    return value


def as_question(name: str, value: object) -> str:
    """Return a question that asks something."""
    if not isinstance(value, str) or value.strip():
        return text(name, value)
    raise BadInput("the question is empty; write what you want to know about the picture")


def as_stops(name: str, value: object) -> tuple[str, ...]:
    """Return stop strings as a tuple; one may be given alone. Raises BadInput for an empty one, or for too many."""
    stops = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, (tuple, list)) else None
    if stops is None or not all(isinstance(stop, str) and stop for stop in stops):
        raise BadInput(f"{name} must be strings that are not empty, but {received(value)} was given")
    if len(stops) > STOPS_LIMIT:
        raise BadInput(f"{name} takes at most {STOPS_LIMIT} strings, but there are {len(stops)}")
    return tuple(text(name, stop) for stop in stops)


def as_regex(name: str, value: object) -> str:
    """Return a regular expression as text; whether it can be followed is the backend's to say."""
    if not isinstance(value, str) or not value:
        raise BadInput(f"{name} must be a regular expression that is not empty, but {received(value)} was given")
    return text(name, value)


def as_schema(name: str, value: object) -> str:
    """Return a JSON schema as text. Raises BadInput where it is none; whether it can be followed is the backend's to say."""
    try:
        schema = json.loads(value) if isinstance(value, str) else value
        found = json.dumps(schema, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BadInput(f"{name}: the JSON schema is not JSON ({error}); see https://json-schema.org") from None
    except RecursionError:
        raise BadInput(f"{name}: the JSON schema is nested too deeply to be read") from None
    if not isinstance(schema, (Mapping, bool)):
        raise BadInput(
            f"{name}: a JSON schema is an object, but a {type(schema).__name__} was given; see https://json-schema.org"
        )
    return text(name, found)


def as_pictures(name: str, value: object) -> tuple[Picture, ...]:
    """Return pictures as a tuple; one may be given alone."""
    return tuple(as_picture(one, name) for one in (value if isinstance(value, (tuple, list)) else (value,)))


def as_picture(value: object, name: str = "pictures") -> Picture:
    """Return a picture or a path to one. Raises BadInput for anything else."""
    if isinstance(value, Image.Image):
        return value
    if isinstance(value, (str, PathLike)):
        return Path(value)
    raise BadInput(f"{name}: a picture must be a path or a PIL image, but a {type(value).__name__} was given")


def as_max_pixels(name: str, value: object) -> int | Literal["model"]:
    """Return a number of pixels, or "model"."""
    if isinstance(value, str):
        if value != "model":
            raise BadInput(f"{name} takes a number of pixels, or 'model', but {received(value)} was given")
        return "model"
    return whole(name, value, 1, PIXELS_LIMIT)


def in_order(max_pixels: MaxPixels, min_pixels: int | None) -> None:
    """Raise BadInput where the lower limit is above the upper one."""
    if isinstance(max_pixels, int) and min_pixels is not None and min_pixels > max_pixels:
        raise BadInput(f"min_pixels ({min_pixels}) must not be above max_pixels ({max_pixels})")


def instance(name: str, value: object, kind: type[Any]) -> Any:
    """Return a thing of one kind."""
    if not isinstance(value, kind):
        raise BadInput(f"{name} must be a {kind.__name__}, but {received(value)} was given")
    return value


def as_choices(name: str, value: object) -> list[tuple[str, ...]]:
    """Return the wordings of each choice: a choice is a text, or several that mean the same."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise BadInput(f"{name} must be a sequence of texts, or of tuples of texts, but {received(value)} was given")
    return [as_wordings(name, (one,) if isinstance(one, str) else one) for one in value]


def as_wordings(name: str, value: object) -> tuple[str, ...]:
    """Return texts that mean the same; at least one."""
    if isinstance(value, str) or not isinstance(value, Sequence) or not value:
        raise BadInput(f"{name} must be texts, and at least one, but {received(value)} was given")
    return tuple(text(name, one) for one in value)


def several(name: str, value: object, kind: type[Any]) -> tuple[Any, ...]:
    """Return a sequence of things of one kind as a tuple."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise BadInput(f"{name} must be a sequence of {kind.__name__} objects, but {received(value)} was given")
    for one in value:
        if not isinstance(one, kind):
            raise BadInput(f"{name} must hold {kind.__name__} objects, but {received(one)} was given")
    return tuple(value)


def received(value: object) -> str:
    """Return what was given in few words."""
    try:
        shown = repr(value)
    except ValueError:  # a whole number of more digits than Python writes
        shown = f"a {type(value).__name__} of very many digits"
    return shown if len(shown) <= 80 else shown[:77] + "..."
