"""The Python API: a picture and a question in, the answer out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import lru_cache
from os import PathLike
from typing import TYPE_CHECKING, Unpack

from occlusight.errors import BadInput, Incomplete

if TYPE_CHECKING:
    from PIL.Image import Image

    from occlusight.backends.options import EngineOptions, MaxPixels
    from occlusight.backends.protocol import Backend, Message
    from occlusight.engine.sampling_params import SamplingKeywords

KEPT_MODELS = 2
"""How many opened models stay in memory."""


log = logging.getLogger(__name__)


def open_model(
    model: str | PathLike[str],
    options: EngineOptions | None = None,
    *,
    plain: bool = False,
    tell: Callable[[str], None] = log.info,
) -> Backend:
    """Open a model that may be asked anything, in any words.

    A model that knows its own wordings alone (`ModelInfo.learnt`) is asked through what was understood of a question;
    others answer as they are.

    Args:
        model, options, tell: see `occlusight.backends.open.open_backend`.
        plain: ask the model itself, whatever it knows.

    Raises what `open_backend` raises.
    """
    from occlusight.backends import open_backend
    from occlusight.backends.options import EngineOptions

    backend = open_backend(model, options or EngineOptions(), tell=tell)
    return backend if plain else in_any_words(backend)


def in_any_words(backend: Backend) -> Backend:
    """Return a backend that may be asked in any words: itself, where its model takes them."""
    if not backend.info.learnt:
        return backend
    from occlusight.backends.open import open_reader
    from occlusight.reasoning.answering import Answering
    from occlusight.reasoning.understanding import Understanding

    return Answering(backend, Understanding(open_reader()))


@lru_cache(maxsize=KEPT_MODELS)
def opened(model: str, plain: bool = False) -> Backend:
    """Return the backend of a model, opened once."""
    return open_model(model, plain=plain)


def generate_response(
    image_path: str | PathLike[str] | Image | Sequence[str | PathLike[str] | Image],
    prompt: str,
    *,
    model: str | PathLike[str] = "default",
    system: str | None = None,
    history: Sequence[Message] = (),
    max_pixels: MaxPixels = None,
    min_pixels: int | None = None,
    **keywords: Unpack[SamplingKeywords],
) -> str:
    """Answer a question about a picture, or several, and return the answer alone.

    Args:
        image_path: a path or a PIL image, or a sequence of them.
        prompt: the question, in Chinese or English.
        model: 'default' (shipped; knows renders), a checkpoint folder, a hub id, or modelscope:ORG/NAME. A model stays
            open for later calls, and a picture that it has seen is not encoded again.
        system: a system prompt.
        history: earlier turns of the conversation.
        max_pixels: pictures with more pixels are reduced to so many; "model" takes the checkpoint's own limit alone.
        min_pixels: pictures with fewer pixels are enlarged to so many.
        keywords: how the answer is drawn, as `occlusight.engine.sampling_params.SamplingParams` says: `temperature`,
            `max_tokens`, `seed`, `stop`, `json_schema`, `regex` ...

    Raises:
        BadInput: a picture, parameter or model that cannot be used; the message names it and says what to do.
        Incomplete: an answer under `json_schema` or `regex` was cut before it was whole; its `text` is what there is.
    """
    from occlusight.backends.completion import Completion
    from occlusight.backends.fields import as_picture
    from occlusight.backends.honoured import NAMES
    from occlusight.backends.protocol import Request
    from occlusight.backends.structured import why_incomplete
    from occlusight.checks import received

    several = isinstance(image_path, Sequence) and not isinstance(image_path, str)
    pictures = tuple(as_picture(p, "image_path") for p in (image_path if several else (image_path,)))  # type: ignore[union-attr]
    known = sorted(NAMES - {"prompt", "pictures"})
    if unknown := sorted(keywords.keys() - known):
        raise BadInput(f"generate_response takes {', '.join(['model', *known])}, but {', '.join(unknown)} was given")
    if not isinstance(model, (str, PathLike)):
        raise BadInput(f"model must be a name or a folder, but {received(model)} was given")
    request = Request(prompt, pictures, system, history, max_pixels=max_pixels, min_pixels=min_pixels, **keywords)
    completion = Completion.of(opened(str(model)).generate(request))
    if why := why_incomplete(request.sampling, completion.text, completion.finish_reason):
        raise Incomplete(why, completion.text)
    return completion.text
