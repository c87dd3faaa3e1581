"""What a file that a visitor brings is: a picture, a video, or what it is instead."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from occlusight.errors import BadInput, BadPicture
from occlusight.images.film import Budget, FilmLimits, is_video, open_film
from occlusight.images.header import other_format, read_header
from occlusight.images.quality import Concern, concerns, of_its_frames
from occlusight.model.picture import open_reduced

PREVIEW_PIXELS = 2**20
"""A picture that browsers do not show is shown with at least so many, where it has them."""
PREVIEW_SIDE = 1600
PREVIEW = ".preview.jpg"
"""Beside what was brought, whose name never begins with a dot."""
AGAINST = ("blurred", "dark", "small")
"""What is said against a picture before anybody asks: how far it is reduced, the answer tells."""


FIRST_S = 20.0
"""Seconds for the first frame of a video."""


class NoPicture(BadPicture):
    """`kind` says whether it is broken (or takes too much to open), or no picture, but `what`, where that is known."""

    def __init__(self, message: str, kind: Literal["broken", "no_picture"], what: str | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.what = what


@dataclass(frozen=True)
class Brought:
    """What a file is that was brought, whatever it is called: a video or a picture, and what speaks against a picture:
    too blurred, too dark, too small; or one that moves, of which the first frame is looked at."""

    film: bool
    concerns: tuple[Concern, ...] = ()


def check_picture(path: Path, *, shown: bool) -> Brought:
    """Open a picture once, so that one that cannot be asked about is refused at once; of one that browsers do not show
    (`shown` says so), and of a video, whose first frame it is, leave a preview beside it.

    Raises:
        NoPicture: it cannot be read.
    """
    if is_video(path):
        _leave_first_frame(path)
        return Brought(film=True)
    size = path.stat().st_size
    with path.open("rb") as file:
        header = read_header(file, size) if size else None
        if size and header is None:
            raise NoPicture(f"{path.name} is no picture", "no_picture", other_format(file))
    try:
        picture = open_reduced(path, PREVIEW_PIXELS).image
    except BadPicture as error:
        raise NoPicture(str(error), "broken") from None
    found = tuple(one for one in concerns(picture) if one.kind in AGAINST)
    if not shown:
        picture.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
        picture.save(path.with_name(PREVIEW), quality=85)
    return Brought(film=False, concerns=found + of_its_frames(header))


def still_of(path: Path) -> Path:
    """Return what is shown of a file, and looked at for a graph: of a video its first frame."""
    return path.with_name(PREVIEW) if is_video(path) else path


def _leave_first_frame(path: Path) -> None:
    try:
        film = open_film(path, limits=FilmLimits(seconds=FIRST_S), budget=Budget(least=1, most=1))
    except BadInput as error:
        raise NoPicture(str(error), "broken") from None
    first = film.frames[0].image
    first.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    first.save(path.with_name(PREVIEW), quality=85)
