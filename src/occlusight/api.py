"""The Python API: a picture and a question in, the answer out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import lru_cache
from os import PathLike
from typing import TYPE_CHECKING, Any

from occlusight.errors import BadInput, Incomplete

if TYPE_CHECKING:
    from PIL.Image import Image

    from occlusight.backends.protocol import Backend, FinishReason

KEPT_MODELS = 2
"""How many opened models stay in memory."""


@lru_cache(maxsize=KEPT_MODELS)
def opened(model: str) -> Backend:
    """Return the backend of a model, opened once."""
    from occlusight.backends import open_backend

    return open_backend(model)


def generate_response(
    image_path: str | PathLike[str] | Image | Sequence[str | PathLike[str] | Image],
    prompt: str,
    *,
    model: str | PathLike[str] = "default",
    temperature: float = 0.0,
    top_p: float = 1.0,
    max_tokens: int = 512,
    seed: int | None = None,
    system: str | None = None,
    **further: Any,
) -> str:
    """Answer a question about a picture, or several, and return the answer alone.

    Args:
        image_path: a path or a PIL image, or a sequence of them.
        prompt: the question, in Chinese or English.
        model: 'default' (shipped; knows renders), a checkpoint folder, a hub id, or modelscope:ORG/NAME. A model stays open for
            later calls, and a picture that it has seen is not encoded again.
        temperature: 0 takes the likeliest token each time.
        top_p: sample among the likeliest tokens that together have this probability.
        max_tokens: the longest answer.
        seed: makes sampling repeatable.
        system: a system prompt.
        further: other fields of `occlusight.backends.protocol.Request`: `json_schema`, `regex`, `stop`, `top_k`, `max_pixels` ...

    Raises:
        BadInput: a picture, parameter or model that cannot be used; the message names it and says what to do.
        Incomplete: an answer under `json_schema` or `regex` was cut before it was whole; its `text` is what there is.
    """
    from occlusight.backends.fields import as_picture, received
    from occlusight.backends.protocol import Done, Request, TextDelta
    from occlusight.backends.structured import why_incomplete

    several = isinstance(image_path, Sequence) and not isinstance(image_path, str)
    pictures = tuple(as_picture(p, "image_path") for p in (image_path if several else (image_path,)))  # type: ignore[union-attr]
    known = sorted({one.name for one in fields(Request)} - {"prompt", "pictures"})
    if unknown := sorted(further.keys() - known):
        raise BadInput(f"generate_response takes {', '.join(['model', *known])}, but {', '.join(unknown)} was given")
    if not isinstance(model, (str, PathLike)):
        raise BadInput(f"model must be a name or a folder, but {received(model)} was given")
    request = Request(
        prompt,
        pictures,
        system=system,
        temperature=temperature,
        top_p=top_p,
        max_tokens=max_tokens,
        seed=seed,
        **further,
    )
    pieces: list[str] = []
    reason: FinishReason = "cancelled"
    for event in opened(str(model)).generate(request):
        if isinstance(event, TextDelta):
            pieces.append(event.text)
        elif isinstance(event, Done):
            reason = event.finish_reason
    text = "".join(pieces)
    if why := why_incomplete(request, text, reason):
        raise Incomplete(why, text)
    return text
