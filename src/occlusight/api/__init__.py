"""The Python API: a picture and a question in, the answer out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from occlusight.errors import BadInput

if TYPE_CHECKING:
    from occlusight.api.model import Model
    from occlusight.api.requests import PictureLike, Pictures
    from occlusight.backends.needs import About
    from occlusight.backends.options import EngineKeywords, EngineOptions, MaxPixels
    from occlusight.backends.protocol import Backend, Message
    from occlusight.engine.sampling_params import SamplingKeywords
    from occlusight.occlusion.kinds import Lang
    from occlusight.reasoning.extract import Extractor
    from occlusight.reasoning.graph_answers import SeenGraph
    from occlusight.reasoning.reasoned import Reasoning
    from occlusight.reasoning.rules.ruleset import Rules
    from occlusight.reasoning.understanding import Understanding

KEPT_MODELS = 2
"""How many opened models stay in memory."""


log = logging.getLogger(__name__)


def open_model(
    model: str | PathLike[str],
    options: EngineOptions | None = None,
    *,
    plain: bool = False,
    reason: bool = False,
    rules: str | PathLike[str] | None = None,
    tell: Callable[[str], None] = log.info,
) -> Backend:
    """Open a model that may be asked anything, in any words.

    A model that knows its own wordings alone (`ModelInfo.learnt`) is asked through what was understood of a question;
    others answer as they are.

    Args:
        model, options, tell: see `occlusight.backends.open.open_backend`.
        plain: ask the model itself, whatever it knows.
        reason: answer from the relation graph of a picture what that holds.
        rules: a file of further rules that graphs are checked by.

    Raises what `open_backend` raises; BadInput where `reason` is asked of a model that tells no log-probabilities, and
    BadData for a file that holds no rules.
    """
    from occlusight.backends import open_backend
    from occlusight.backends.options import EngineOptions

    backend = open_backend(model, options or EngineOptions(), tell=tell)
    asked = backend if plain else in_any_words(backend)
    return reasoned(asked, backend, rules) if reason else asked


def reasoned(asked: Backend, backend: Backend, rules: str | PathLike[str] | None = None) -> Backend:
    """Return a backend that answers from relation graphs, which the plain `backend` sees, and by `asked` all else; of a
    video it is told where each thing is when."""
    from occlusight.reasoning.films import WithStories
    from occlusight.reasoning.reasoned import Reasoned
    from occlusight.reasoning.rules.ruleset import load_rules

    by = reasoning(backend, None if rules is None else load_rules(Path(rules)))
    return Reasoned(WithStories(asked, by), by)


def reasoning(backend: Backend, rules: Rules | None = None) -> Reasoning:
    """Return what answers from relation graphs that a plain backend sees."""
    from occlusight.reasoning.calibrations import calibration_of
    from occlusight.reasoning.extract import Extractor
    from occlusight.reasoning.reasoned import Reasoning

    return Reasoning(Extractor(backend), understanding(), calibration_of(backend.info.revision), rules)


def in_any_words(backend: Backend) -> Backend:
    """Return a backend that may be asked in any words: itself, where its model takes them."""
    if not backend.info.learnt:
        return backend
    from occlusight.reasoning.answering import Answering

    graphs = None if backend.capabilities.scores is None else reasoning(backend)
    return Answering(backend, understanding(), graphs)


def about_model(model: str) -> About:
    """Return what a model takes of this machine, before it is loaded or downloaded.

    Raises BadModel where there is none of this name, or nothing can be known of it.
    """
    from occlusight.backends.needs import about_model

    return about_model(model)


@lru_cache(maxsize=1)
def understanding() -> Understanding:
    """Return what understands questions, opened once."""
    from occlusight.backends.open import open_reader
    from occlusight.reasoning.understanding import Understanding

    return Understanding(open_reader())


@lru_cache(maxsize=KEPT_MODELS)
def _kept(model: str) -> _Kept:
    return _Kept(open_model(model, plain=True))


@dataclass
class _Kept:
    """An opened model, and what is put before it once that is wanted."""

    plain: Backend

    @cached_property
    def asked(self) -> Backend:
        return in_any_words(self.plain)

    @cached_property
    def extractor(self) -> Extractor:
        from occlusight.reasoning.extract import Extractor

        return Extractor(self.plain)


def opened(model: str, plain: bool = False) -> Backend:
    """Return the backend of a model, opened once."""
    kept = _kept(model)
    return kept.plain if plain else kept.asked


def generate_response(
    image_path: Pictures,
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
        image_path: a path, a file's bytes, an array (uint8, (height, width[, 3 or 4])) or a PIL image, or a list of
            them. A path may be one to a video, too: frames are taken as Qwen3-VL takes them.
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
    from occlusight.api.requests import answer_of, as_model_name, as_shown, request_of

    shown = as_shown(image_path, "image_path")
    fields = {"system": system, "history": history, "max_pixels": max_pixels, "min_pixels": min_pixels}
    request = request_of("generate_response", prompt, shown, fields, keywords, ("model",))
    return answer_of(opened(as_model_name(model)), request)


def load(model: str | PathLike[str] = "default", *, plain: bool = False, **keywords: Unpack[EngineKeywords]) -> Model:
    """Open a model, to ask it questions as long as one likes.

    >>> import occlusight
    >>> model = occlusight.load("Qwen/Qwen3-VL-2B-Instruct", quantize="int8")  # doctest: +SKIP
    >>> model.ask("street.webp", "Is the red car hidden by anything?")  # doctest: +SKIP

    Args:
        model: see `generate_response`.
        plain: ask the model itself, without understanding questions first; see `open_model`.
        keywords: how it is opened, as `occlusight.backends.options.EngineOptions` says: `device`, `quantize`,
            `max_pixels`, `context` ...

    Raises:
        BadModel: there is no such model, or it cannot be had or loaded.
        BadInput: an option that there is not, or outside its range.
    """
    from occlusight.api.model import Model
    from occlusight.api.requests import as_model_name
    from occlusight.backends.options import EngineKeywords, EngineOptions

    if unknown := sorted(keywords.keys() - EngineKeywords.__annotations__.keys()):
        known = ", ".join(sorted(EngineKeywords.__annotations__))
        raise BadInput(f"load takes {known}, but {', '.join(unknown)} was given")
    own = open_model(as_model_name(model), EngineOptions(**keywords), plain=True)
    return Model(own if plain else in_any_words(own), own, lambda: reasoning(own))


def relations(
    image: PictureLike,
    *,
    model: str | PathLike[str] = "default",
    rules: str | PathLike[str] | None = None,
    lang: Lang = "en",
    max_pixels: MaxPixels = None,
    min_pixels: int | None = None,
) -> SeenGraph:
    """Return who hides whom in a picture, as a graph that contradicts nothing and answers questions.

    >>> graph = occlusight.relations("street.webp")  # doctest: +SKIP
    >>> graph.answer("What hides the bicycle?").text  # doctest: +SKIP
    'The bush hides part of the bicycle.'

    Args:
        image: a path, a file's bytes, an array or a PIL image.
        model: see `generate_response`; it must tell log-probabilities, as our own engine does.
        rules: a file of further rules, see docs/graph.md.
        lang: the language in which the model is asked; the graph has its names and reasons in both.
        max_pixels, min_pixels: see `generate_response`.

    Probabilities of relations are None, and only `raw_probability` is there, where nobody fitted the model (see
    `occlusight calibrate`) or where the picture is not of the kind that it was fitted on.

    Raises:
        BadInput: a picture or model that cannot be used; the message names it and says what to do.
        BadData: a file that holds no rules, or rules that leave nothing that can be true of the picture.
    """
    from occlusight.api.requests import one_picture
    from occlusight.backends.protocol import Request
    from occlusight.reasoning.calibrations import calibration_of
    from occlusight.reasoning.graph_answers import SeenGraph
    from occlusight.reasoning.relations import describe
    from occlusight.reasoning.rules.ruleset import load_rules

    extractor = _kept(str(model)).extractor
    request = Request("?", max_pixels=max_pixels, min_pixels=min_pixels)
    fitted = calibration_of(extractor.backend.info.revision)
    own = None if rules is None else load_rules(Path(rules))
    found = describe(extractor, one_picture(image, "image"), fitted, lang=lang, request=request, rules=own)
    return SeenGraph.of(found, understanding)
