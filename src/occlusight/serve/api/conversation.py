"""From the turns of a conversation, however a family writes them, to a request of the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, Unpack

from occlusight.backends.options import MaxPixels
from occlusight.backends.protocol import Message, Request
from occlusight.engine.sampling_params import SamplingKeywords
from occlusight.images.film import Film
from occlusight.serve.api.errors import ApiError
from occlusight.serve.api.pictures import Pictures

FRAMES_A_SECOND = 2.0
"""Of frames whose times nobody tells."""
Detail: TypeAlias = Literal["auto", "low", "high"] | None
DETAILS: dict[Detail, MaxPixels] = {None: None, "auto": None, "low": 512 * 512, "high": "model"}
"""How large pictures are read at most: as the server was told, small, or as the checkpoint allows."""


@dataclass(frozen=True)
class Shown:
    """A picture of a turn: its data URI, how finely it is to be read, and the field where both stand."""

    url: str
    param: str
    detail: Detail = None


@dataclass(frozen=True)
class ShownFilm:
    """A video of a turn: its data URI, or those of its frames with their seconds; and the field where it stands."""

    param: str
    url: str | None = None
    frames: tuple[str, ...] = ()
    seconds: tuple[float, ...] = ()

    @classmethod
    def of_frames(
        cls, frames: Sequence[str], times: Sequence[float] | None, fps: float | None, param: str, field: str
    ) -> ShownFilm:
        """Return a video of frames that stand in a field of `param`, with their times, or so many a second. Raises
        ApiError where both are given."""
        if times is not None and fps is not None:
            raise ApiError(f"{param}: frames have times or fps; leave one out", f"{param}.fps", "invalid_value")
        even = [number / (fps or FRAMES_A_SECOND) for number in range(len(frames))]
        return cls(f"{param}.{field}", frames=tuple(frames), seconds=tuple(even if times is None else times))

    def opened(self, by: Pictures) -> Film:
        """Open it. Raises what `Pictures.film` raises."""
        if self.url is not None:
            return by.film(self.url, self.param)
        return by.film_of(self.frames, self.seconds, self.param)


@dataclass(frozen=True)
class Turn:
    """One message. Its pictures, then its videos, come before its text in the prompt, wherever they stood; `param` is
    its field."""

    role: Literal["system", "user", "assistant"]
    text: str
    param: str
    pictures: tuple[Shown, ...] = ()
    films: tuple[ShownFilm, ...] = ()


def request_of(
    turns: Sequence[Turn],
    pictures: Pictures,
    max_pixels: MaxPixels = None,
    min_pixels: int | None = None,
    **sampling: Unpack[SamplingKeywords],
) -> Request:
    """Return what the last turn, the user's, asks; those before are its history, system texts first.

    Raises:
        ApiError: the turns are in another order, or a picture cannot be used; it names the field.
        BadVideo, BadPicture: a video or one of its frames cannot be.
        BadInput: a value is outside its range.
    """
    system = [turn.text for turn in turns if turn.role == "system"]
    rest = turns[len(system) :]
    for turn in rest:
        if turn.role == "system":
            raise ApiError(f"{turn.param}: system messages come before all others", turn.param, "invalid_value")
    if not rest or rest[-1].role != "user":
        last = turns[-1].param if turns else "messages"
        raise ApiError(f"{last}: the last message must be the user's", last, "invalid_value")
    if not rest[-1].text.strip():
        raise ApiError(f"{rest[-1].param}: the last message asks nothing; write a question", rest[-1].param)
    if max_pixels is None:
        max_pixels = finest(rest)
    kept = [tuple(pictures.add(one.url, one.param) for one in turn.pictures) for turn in rest]
    films = [tuple(one.opened(pictures) for one in turn.films) for turn in rest]
    history = tuple(
        Message("assistant" if turn.role == "assistant" else "user", turn.text, own, clips)
        for turn, own, clips in zip(rest[:-1], kept[:-1], films[:-1], strict=True)
    )
    return Request(
        rest[-1].text,
        kept[-1],
        "\n\n".join(system) or None,
        history,
        max_pixels=max_pixels,
        min_pixels=min_pixels,
        films=films[-1],
        **sampling,
    )


def finest(turns: Sequence[Turn]) -> MaxPixels:
    """Return the limit of pixels that the pictures' `detail` means; all must say the same."""
    shown = [one for turn in turns for one in turn.pictures]
    limits = {DETAILS[one.detail] for one in shown}
    if len(limits) > 1:
        param = shown[-1].param
        raise ApiError(f"{param}: all pictures of a request are read with the same detail", param, "invalid_value")
    return limits.pop() if limits else None
