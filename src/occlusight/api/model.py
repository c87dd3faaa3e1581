"""A model that stays open: questions, conversations, decisions and relation graphs from Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, overload

from occlusight.api.requests import Shown, answer_of, as_shown, one_picture, pieces_of, request_of
from occlusight.backends.decision import NO, YES, Decision, as_predicate
from occlusight.backends.options import SamplingParams
from occlusight.backends.protocol import Backend, Message, ModelInfo, Request
from occlusight.checks import as_question
from occlusight.reasoning.picture_text import ROOM, PictureText, read_fields, read_lines

if TYPE_CHECKING:
    from occlusight.api.requests import PictureLike, Pictures
    from occlusight.backends.options import MaxPixels
    from occlusight.engine.sampling_params import SamplingKeywords
    from occlusight.occlusion.kinds import Lang
    from occlusight.reasoning.graph_answers import SeenGraph
    from occlusight.reasoning.reasoned import Reasoning


class Model:
    """An opened model; `occlusight.load` returns one. Several threads may use it.

    Pictures are given as a path, a file's bytes, an array (uint8, (height, width[, 3 or 4])) or a PIL image; several as
    a list. A picture that was seen before is not encoded again. A path may be one to a video, too; of a video that was
    opened otherwise, a `occlusight.images.film.Film` may be given.

    >>> model = occlusight.load()  # doctest: +SKIP
    >>> model.ask("street.webp", "Is the red car hidden by anything?")  # doctest: +SKIP
    'Yes. The lamp post hides part of the red car, so the lamp post is nearer.'

    Args:
        asked: answers questions in any words.
        plain: the model itself, which scores.
        reasoning: opens what sees relation graphs.
    """

    def __init__(self, asked: Backend, plain: Backend, reasoning: Callable[[], Reasoning]) -> None:
        self.backend = asked
        self._plain = plain
        self._reasoning = reasoning

    @property
    def info(self) -> ModelInfo:
        """Its name, the digest of its weights, its context in tokens, the bytes of its weights."""
        return self.backend.info

    def ask(
        self,
        pictures: Pictures,
        question: str,
        *,
        system: str | None = None,
        history: Sequence[Message] = (),
        max_pixels: MaxPixels = None,
        min_pixels: int | None = None,
        **keywords: Unpack[SamplingKeywords],
    ) -> str:
        """Return the answer to a question about pictures.

        >>> model.ask("street.webp", "几辆车?", max_tokens=64)  # doctest: +SKIP

        Args:
            system, history, max_pixels, min_pixels, keywords: see `occlusight.generate_response`.

        Raises:
            BadInput: a picture or a parameter that cannot be used; the message names it and says what to do.
            Incomplete: an answer under `json_schema` or `regex` was cut before it was whole.
        """
        fields = {"system": system, "history": history, "max_pixels": max_pixels, "min_pixels": min_pixels}
        return answer_of(self.backend, request_of("ask", question, as_shown(pictures), fields, keywords))

    def stream(
        self,
        pictures: Pictures,
        question: str,
        *,
        system: str | None = None,
        history: Sequence[Message] = (),
        max_pixels: MaxPixels = None,
        min_pixels: int | None = None,
        **keywords: Unpack[SamplingKeywords],
    ) -> Iterator[str]:
        """Return an iterator over the answer as it comes; closing it stops the work. Arguments and errors as `ask`.

        >>> for piece in model.stream("street.webp", "What is there?"):  # doctest: +SKIP
        ...     print(piece, end="", flush=True)
        """
        fields = {"system": system, "history": history, "max_pixels": max_pixels, "min_pixels": min_pixels}
        return pieces_of(self.backend, request_of("stream", question, as_shown(pictures), fields, keywords))

    def chat(self, pictures: Pictures = (), *, system: str | None = None) -> Chat:
        """Begin a conversation about pictures, which come before its first question.

        >>> chat = model.chat("street.webp")  # doctest: +SKIP
        >>> chat.ask("What hides the red car?")  # doctest: +SKIP
        >>> chat.ask("And what is behind it?")  # doctest: +SKIP
        """
        return Chat(self.backend, as_shown(pictures), system)

    @overload
    def decide(self, pictures: Pictures, questions: str, *, raw: bool = False) -> Decision: ...

    @overload
    def decide(
        self, pictures: Pictures, questions: list[str] | tuple[str, ...], *, raw: bool = False
    ) -> list[Decision]: ...

    def decide(
        self, pictures: Pictures, questions: str | list[str] | tuple[str, ...], *, raw: bool = False
    ) -> Decision | list[Decision]:
        """Return how probable a yes is, of one question or of many, which are read together; nothing is written.

        >>> model.decide("street.webp", "Does the lamp post hide the red car?").probability  # doctest: +SKIP
        0.99

        Whether one thing hides another is calibrated where that was fitted for the model and the picture is of the
        world that it was fitted on (`Decision.calibrated`); all else, and with `raw` everything, is the model's own
        word.

        Raises BadInput for a picture or a question that cannot be used, and for a model that tells no probabilities.
        """
        shown = as_shown(pictures)
        several = [questions] if isinstance(questions, str) else list(questions)
        as_it_is = bool(self.info.learnt)
        worded = [as_predicate(as_question("questions", one), as_it_is) for one in several]
        asked = [Request(one, shown.pictures, films=shown.films) for one in worded]
        known = [None] * len(several) if raw else self._fitted(shown, several)
        rest = [(request, [YES, NO]) for request, one in zip(asked, known, strict=True) if one is None]
        own = iter(self._plain.weigh(rest, whole=False).scores if rest else ())
        found = [Decision.of(*next(own)) if one is None else Decision(one, 1 - one, calibrated=True) for one in known]
        return found[0] if isinstance(questions, str) else found

    def _fitted(self, shown: Shown, questions: list[str]) -> Sequence[float | None]:
        """The calibrated probabilities of questions, where there are any."""
        from occlusight.reasoning.calibrations import calibration_of
        from occlusight.reasoning.statements import fitted

        if shown.films or self._plain.capabilities.scores is None or calibration_of(self._plain.info.revision) is None:
            return [None] * len(questions)
        return fitted(self._seeing, Request("?", shown.pictures), questions).probabilities

    def relations(
        self, picture: PictureLike, *, rules: str | PathLike[str] | None = None, lang: Lang = "en"
    ) -> SeenGraph:
        """Return who hides whom in a picture; see `occlusight.relations`.

        >>> model.relations("street.webp").answer("What hides the red car?").text  # doctest: +SKIP
        """
        from occlusight.reasoning.graph_answers import SeenGraph
        from occlusight.reasoning.relations import describe
        from occlusight.reasoning.rules.ruleset import load_rules

        by = self._seeing
        own = None if rules is None else load_rules(Path(rules))
        found = describe(by.extractor, one_picture(picture, "picture"), by.calibration, lang=lang, rules=own)
        return SeenGraph.of(found, lambda: by.understanding)

    @overload
    def read(
        self,
        picture: PictureLike,
        *,
        lang: Lang = "en",
        max_pixels: MaxPixels = None,
        min_pixels: int | None = None,
        max_tokens: int = ROOM,
    ) -> PictureText: ...

    @overload
    def read(
        self,
        picture: PictureLike,
        *,
        json_schema: str | Mapping[str, Any],
        lang: Lang = "en",
        max_pixels: MaxPixels = None,
        min_pixels: int | None = None,
        max_tokens: int = ROOM,
    ) -> Any: ...

    def read(
        self,
        picture: PictureLike,
        *,
        json_schema: str | Mapping[str, Any] | None = None,
        lang: Lang = "en",
        max_pixels: MaxPixels = None,
        min_pixels: int | None = None,
        max_tokens: int = ROOM,
    ) -> PictureText | Any:
        """Return the text in a picture: lines with boxes in thousandths, or what a JSON schema names, as parsed JSON.

        >>> [line.text for line in model.read("street.webp").lines]  # doctest: +SKIP
        ['BAKERY', 'SINCE 1921']
        >>> model.read("receipt.jpg", json_schema={"properties": {"total": {"type": "number"}}})  # doctest: +SKIP
        {'total': 12.5}

        Raises:
            BadInput: a picture, a schema or a model that cannot be used; the shipped model reads no text yet.
            Incomplete: the answer was cut at `max_tokens`.
        """
        sampling = SamplingParams(json_schema=json_schema, max_tokens=max_tokens)
        request = Request("?", sampling=sampling, max_pixels=max_pixels, min_pixels=min_pixels)
        by = read_lines if json_schema is None else read_fields
        return by(self._plain, one_picture(picture, "picture"), lang, request)

    @cached_property
    def _seeing(self) -> Reasoning:
        return self._reasoning()


class Chat:
    """A conversation; `history` is what was said, and may be kept or put into another one."""

    def __init__(self, backend: Backend, shown: Shown, system: str | None) -> None:
        self.history: list[Message] = []
        self._backend = backend
        self._shown = shown
        self._system = system

    def ask(self, question: str, pictures: Pictures = (), **keywords: Unpack[SamplingKeywords]) -> str:
        """Return the next answer, to a question that may show more pictures. After an error, which are those of
        `Model.ask`, nothing was said."""
        return "".join(self.stream(question, pictures, **keywords))

    def stream(self, question: str, pictures: Pictures = (), **keywords: Unpack[SamplingKeywords]) -> Iterator[str]:
        """Return an iterator over the next answer. It joins the history once it is whole."""
        shown = (self._shown if not self.history else Shown()) + as_shown(pictures)
        fields = {"system": self._system, "history": tuple(self.history)}
        return self._said(request_of("ask", question, shown, fields, keywords))

    def _said(self, request: Request) -> Iterator[str]:
        pieces = []
        for piece in pieces_of(self._backend, request):
            pieces.append(piece)
            yield piece
        self.history += [
            Message("user", request.prompt, request.pictures, request.films),
            Message("assistant", "".join(pieces)),
        ]
