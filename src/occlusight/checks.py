"""Checks of values that a caller gives: each returns the value as Python's own type, or raises BadInput that names the
field."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from occlusight.errors import BadForm, BadInput

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

STOPS_LIMIT = 16


def by(check: Callable[..., object], **bounds: Any) -> dict[str, Any]:
    """Return the metadata of a dataclass's field that `check_fields` puts through a check, with its bounds."""
    return {"check": lambda name, value: check(name, value, **bounds)}


def check_fields(record: DataclassInstance) -> None:
    """Put each field of a new frozen record through its check, and keep what that returns. None passes where it is the
    default."""
    for one in fields(record):
        value = getattr(record, one.name)
        if value is not None or one.default is not None:
            object.__setattr__(record, one.name, one.metadata["check"](one.name, value))


def number(name: str, value: object, low: float, high: float) -> float:
    """Return a real number in a range (NaN lies in none). NumPy's scalars are numbers, truth values and text are
    not."""
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
        raise BadForm(f"{name} must be a regular expression that is not empty, but {received(value)} was given")
    return text(name, value)


def as_schema(name: str, value: object) -> str:
    """Return a JSON schema as text. Raises BadForm where it is none; whether it can be followed is the backend's to
    say."""
    try:
        schema = json.loads(value) if isinstance(value, str) else value
        found = json.dumps(schema, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BadForm(f"{name}: the JSON schema is not JSON ({error}); see https://json-schema.org") from None
    except RecursionError:
        raise BadForm(f"{name}: the JSON schema is nested too deeply to be read") from None
    if not isinstance(schema, (Mapping, bool)):
        raise BadForm(
            f"{name}: a JSON schema is an object, but a {type(schema).__name__} was given; see https://json-schema.org"
        )
    return text(name, found)


def instance(name: str, value: object, kind: type[Any]) -> Any:
    """Return a thing of one kind."""
    if not isinstance(value, kind):
        raise BadInput(f"{name} must be a {kind.__name__}, but {received(value)} was given")
    return value


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
