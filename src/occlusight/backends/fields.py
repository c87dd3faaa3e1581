"""The checks of what a request is about: pictures, videos and choices."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from os import PathLike
from pathlib import Path
from typing import TypeAlias

from PIL import Image

from occlusight.checks import received, several, text
from occlusight.errors import BadInput
from occlusight.images.film import Film

Picture: TypeAlias = Image.Image | Path


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


def as_films(name: str, value: object) -> tuple[Film, ...]:
    """Return videos that were opened, as a tuple; one may be given alone. Raises BadInput for one whose frames cannot
    be shown together."""
    films: tuple[Film, ...] = several(name, (value,) if isinstance(value, Film) else value, Film)
    for film in films:
        times = [frame.seconds for frame in film.frames]
        if not times or any(after <= before for before, after in pairwise(times)) or times[0] < 0:
            raise BadInput(
                f"{name}: the frames of a video need times that rise from 0 on, but it has {received(times)}"
            )
        sizes = sorted({frame.image.size for frame in film.frames})
        if len(sizes) > 1:
            raise BadInput(f"{name}: the frames of a video must be of one size, but these are of {received(sizes)}")
    return films


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
