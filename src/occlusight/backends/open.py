"""From a model's name to a backend that answers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from occlusight.backends.options import EngineKeywords, EngineOptions
from occlusight.checks import instance, text
from occlusight.errors import BadInput
from occlusight.extras import install

if TYPE_CHECKING:
    from occlusight.backends.protocol import Backend, Opens
    from occlusight.backends.reader import Reader

SHIPPED_READER = Path(__file__).parents[1] / "checkpoints" / "reader"
BACKENDS = ("local", "openai", "transformers")

log = logging.getLogger(__name__)


def open_backend(
    model: str | PathLike[str],
    options: EngineOptions = EngineOptions(),
    *,
    tell: Callable[[str], None] = log.info,
    **keywords: Unpack[EngineKeywords],
) -> Backend:
    """Open a model.

    >>> backend = open_backend("Qwen/Qwen3-VL-2B-Instruct", quantize="int4")  # doctest: +SKIP

    Args:
        model: 'default' (shipped), 'blind' (the baseline without pictures), a checkpoint folder, a Hugging Face id, or
            modelscope:ORG/NAME; with the backend openai the name on the server. ('oracle' exists for a data set only:
            see `occlusight.bench.baselines`.)
        options: who answers, and with what.
        tell: hears in a line each what was chosen and what takes long; unless given the log does.
        keywords: fields of `EngineOptions`; beside a record they change it.

    Raises:
        BadModel: there is no such model, or it cannot be had or loaded.
        BadInput: an option outside its range, or that the backend does not take; a device or dtype that does not exist
            here, an unknown backend, one whose package is not installed, or the oracle, which needs a data set.
    """
    model = text("model", str(model) if isinstance(model, PathLike) else model)
    options = instance("options", options, EngineOptions)
    if keywords:
        options = replace(options, **keywords)
    found = backend_class(options.backend)
    from occlusight.backends.honoured import refuse_other_options

    refuse_other_options(options, found.supported_options)
    return found.open(model, options, tell)


def open_reader(folder: str | PathLike[str] | None = None) -> Reader:
    """Open what reads questions: the shipped checkpoint, or one that `occlusight train-reader` wrote.

    >>> read = open_reader()  # doctest: +SKIP
    >>> read(["does x1 hide x2?"])[0].hides  # doctest: +SKIP
    0.99

    Raises BadModel for a folder that is not such a checkpoint.
    """
    from occlusight.backends.reader import reader_of
    from occlusight.model.text_encoder import load_reader

    return reader_of(*load_reader(SHIPPED_READER if folder is None else Path(folder)))


def backend_class(name: str) -> Opens:
    """Return the class of a backend, imported when it is needed. Raises BadInput for one that is unknown or lacks its
    package."""
    try:
        match name:
            case "local":
                from occlusight.backends.local import LocalBackend

                return LocalBackend
            case "openai":
                from occlusight.backends.openai import OpenAIBackend

                return OpenAIBackend
            case "transformers":
                from occlusight.backends.transformers import TransformersBackend

                return TransformersBackend
    except ModuleNotFoundError as error:
        raise needs(error, name) from error
    raise BadInput(f"--backend takes {', '.join(BACKENDS)}, but {name!r} was given")


def needs(error: ModuleNotFoundError, extra: str) -> BadInput:
    """Return an error that says how to install what a backend needs."""
    return BadInput(f"--backend {extra} needs the package {error.name}, which is not installed: {install(extra)}")
