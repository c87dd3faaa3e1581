"""What a caller may say: how an answer is drawn (`SamplingParams`, which the engine takes as it is) and how large pictures are read."""

from __future__ import annotations

from typing import Literal, TypeAlias

from occlusight.checks import received, whole
from occlusight.engine.sampling_params import SamplingParams
from occlusight.errors import BadInput

__all__ = ["PIXELS_LIMIT", "MaxPixels", "SamplingParams", "as_max_pixels", "in_order"]

MaxPixels: TypeAlias = int | Literal["model"] | None
"""A limit of pixels; "model" leaves it to the checkpoint, None to whoever is asked."""

PIXELS_LIMIT = 1 << 40


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
