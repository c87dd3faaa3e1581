"""From what a caller gives to a request, and from an answer's events to text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from occlusight.backends.completion import Completion
from occlusight.backends.events import Event, TextDelta
from occlusight.backends.fields import Picture, as_picture
from occlusight.backends.honoured import NAMES
from occlusight.backends.protocol import Backend, Request
from occlusight.backends.structured import why_incomplete
from occlusight.checks import received
from occlusight.errors import BadInput, Incomplete
from occlusight.images.film import Budget, Film, is_video, open_film
from occlusight.model.picture import open_picture

PictureLike: TypeAlias = str | PathLike[str] | bytes | Image.Image | NDArray[np.uint8]
Pictures: TypeAlias = PictureLike | Film | Sequence[PictureLike | Film]
"""Pictures and videos: of a path the file tells which it is."""


@dataclass(frozen=True)
class Shown:
    """What a question is about."""

    pictures: tuple[Picture, ...] = ()
    films: tuple[Film, ...] = ()

    def __add__(self, more: Shown) -> Shown:
        return Shown(self.pictures + more.pictures, self.films + more.films)


def as_shown(value: Pictures, name: str = "pictures") -> Shown:
    """Return pictures and videos: one may be given alone, several as a list or a tuple. Raises BadInput, BadPicture,
    BadVideo."""
    given = value if isinstance(value, (list, tuple)) else (value,)
    found: list[Picture | Film] = []
    for one in given:
        file = Path(one) if isinstance(one, (str, PathLike)) else None
        if file is not None and is_video(file):
            found.append(open_film(file, budget=Budget()))
        else:
            found.append(one if isinstance(one, Film) else one_picture(one, name))
    films = tuple(one for one in found if isinstance(one, Film))
    return Shown(tuple(one for one in found if not isinstance(one, Film)), films)


def one_picture(value: object, name: str) -> Picture:
    """Return a picture as a path or as a PIL image.

    Bytes are a file's content. An array has bytes (uint8) of the shape (height, width) for grey, or (height, width, 3)
    or (height, width, 4) for RGB and RGBA.
    """
    if isinstance(value, (bytes, bytearray, memoryview)):
        return open_picture(bytes(value))
    if isinstance(value, np.ndarray):
        shape = value.shape
        if value.dtype != np.uint8 or not (value.ndim == 2 or (value.ndim == 3 and shape[2] in (3, 4))) or 0 in shape:
            raise BadInput(
                f"{name}: an array must hold bytes (uint8) of the shape (height, width[, 3 or 4]), but one of "
                f"{value.dtype} and of the shape {shape} was given"
            )
        return Image.fromarray(value)
    return as_picture(value, name)


def request_of(
    who: str,
    prompt: str,
    shown: Shown,
    fields: Mapping[str, Any],
    keywords: Mapping[str, Any],
    also: Sequence[str] = (),
) -> Request:
    """Return a request of fields and of keywords of sampling. Raises BadInput, which says what `who` takes (`also`
    others), for a keyword that there is not."""
    known = sorted(NAMES - {"prompt", "pictures", "films"})
    if unknown := sorted(keywords.keys() - known):
        raise BadInput(f"{who} takes {', '.join([*also, *known])}, but {', '.join(unknown)} was given")
    return Request(prompt, shown.pictures, films=shown.films, **fields, **keywords)


def answer_of(backend: Backend, request: Request) -> str:
    """Return the whole answer. Raises Incomplete where it is not what its schema or expression asks for."""
    completion = Completion.of(backend.generate(request))
    if why := why_incomplete(request.sampling, completion.text, completion.finish_reason):
        raise Incomplete(why, completion.text)
    return completion.text


def pieces_of(backend: Backend, request: Request) -> Iterator[str]:
    """Yield the answer as it comes; closing this stops the work. Raises Incomplete at the end, as `answer_of` does."""
    said: list[Event] = []
    events = backend.generate(request)
    try:
        for event in events:
            said.append(event)
            if isinstance(event, TextDelta):
                yield event.text
    finally:
        close = getattr(events, "close", None)
        if close is not None:
            close()
    completion = Completion.of(said)
    if why := why_incomplete(request.sampling, completion.text, completion.finish_reason):
        raise Incomplete(why, completion.text)


def as_model_name(model: object) -> str:
    """Return a model's name or folder as text. Raises BadInput."""
    if not isinstance(model, (str, PathLike)):
        raise BadInput(f"model must be a name or a folder, but {received(model)} was given")
    return str(model)
