"""What every backend speaks: a request goes in, and events come out (`backends/events.py`).

Backends are interchangeable: our engine, an HTTP server, canned answers for tests, the truth itself. Nothing here
imports torch.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, Unpack, runtime_checkable

from occlusight.backends.events import Done as Done  # who asks a backend needs both, from one module
from occlusight.backends.events import Event, Saved, Usage
from occlusight.backends.events import TextDelta as TextDelta
from occlusight.backends.fields import Picture, as_films, as_pictures
from occlusight.backends.options import PIXELS_LIMIT, EngineOptions, MaxPixels, as_max_pixels, in_order
from occlusight.checks import as_question, by, check_fields, instance, received, several, text, whole
from occlusight.engine.sampling_params import SamplingKeywords, SamplingParams
from occlusight.errors import BadInput
from occlusight.images.film import Film

if TYPE_CHECKING:
    from occlusight.model.pixel_limits import PixelLimits
    from occlusight.model.preprocess import PreprocessSettings

CancelCheck: TypeAlias = Callable[[], bool]
"""Says whether the caller wants no answer any more."""
Choice: TypeAlias = str | tuple[str, ...]
"""A text, or several that mean the same."""

REMOTE = "remote"
"""`ModelInfo.dtype` of a model that another server runs."""
CHARACTERS_A_TOKEN = 16
"""More than the average of any text that asks something: English has four to five, Chinese one or two."""


@dataclass(frozen=True)
class Message:
    """One earlier turn of the conversation; its pictures, then its videos, come before its text."""

    role: Literal["user", "assistant"]
    text: str
    pictures: tuple[Picture, ...] = ()
    films: tuple[Film, ...] = ()

    def __post_init__(self) -> None:
        if self.role not in ("user", "assistant"):
            raise BadInput(f"a message's role must be user or assistant, but {received(self.role)} was given")
        text("a message's text", self.text)
        object.__setattr__(self, "pictures", as_pictures("a message's pictures", self.pictures))
        object.__setattr__(self, "films", as_films("a message's films", self.films))


@dataclass(frozen=True, init=False)
class Request:
    """What to answer and how. Raises BadInput when built with a value outside its range.

    The parameters of sampling are one record, which goes on as a whole; callers may write any of its fields as a
    keyword of the request, and `Request("?", temperature=0.5)` is `Request("?",
    sampling=SamplingParams(temperature=0.5))`. Keywords beside a record change it: `replace(request, seed=1)` keeps the
    others. So a new parameter is known here without being named, and checked by its own record.

    Args:
        prompt: the question.
        pictures: they come before `prompt` in the user's turn; paths may be given as strings.
        system: a system prompt.
        history: earlier turns.
        sampling: how the answer is drawn, how long it may be, what form it has.
        max_pixels: pictures with more pixels are reduced to so many; the checkpoint's own limit holds too, and "model"
            is that alone. None is what the backend was opened with. Of a video it bounds each frame.
        min_pixels: pictures with fewer pixels are enlarged to so many, within the upper limit.
        films: videos, opened by `occlusight.images.film.open_film`; they come between `pictures` and `prompt`.
        keywords: fields of `SamplingParams`.
    """

    prompt: str = field(metadata=by(as_question))
    pictures: tuple[Picture, ...] = field(default=(), metadata=by(as_pictures))
    system: str | None = field(default=None, metadata=by(text))
    history: tuple[Message, ...] = field(default=(), metadata=by(several, kind=Message))
    sampling: SamplingParams = field(default=SamplingParams(), metadata=by(instance, kind=SamplingParams))
    max_pixels: MaxPixels = field(default=None, metadata=by(as_max_pixels))
    min_pixels: int | None = field(default=None, metadata=by(whole, low=1, high=PIXELS_LIMIT))
    films: tuple[Film, ...] = field(default=(), metadata=by(as_films))

    def __init__(
        self,
        prompt: str,
        pictures: Picture | str | Sequence[Picture | str] = (),
        system: str | None = None,
        history: Sequence[Message] = (),
        sampling: SamplingParams = SamplingParams(),
        max_pixels: MaxPixels = None,
        min_pixels: int | None = None,
        films: Film | Sequence[Film] = (),
        **keywords: Unpack[SamplingKeywords],
    ) -> None:
        given = {
            "prompt": prompt,
            "pictures": pictures,
            "system": system,
            "history": history,
            "sampling": replace(instance("sampling", sampling, SamplingParams), **keywords) if keywords else sampling,
            "max_pixels": max_pixels,
            "min_pixels": min_pixels,
            "films": films,
        }
        for name, value in given.items():
            object.__setattr__(self, name, value)
        check_fields(self)
        in_order(self.max_pixels, self.min_pixels)

    def check_length(self, context: int) -> None:
        """Raise BadInput where the texts cannot fit into a context of so many tokens (0: not known), which their
        lengths tell before any is read."""
        characters = sum(map(len, (self.prompt, self.system or "", *(message.text for message in self.history))))
        limit = CHARACTERS_A_TOKEN * context
        if context and characters > limit:
            raise BadInput(
                f"the question, its system prompt and history have {characters:,} characters, but a context of "
                f"{context:,} tokens holds {limit:,} at most; ask something shorter"
            )


@dataclass(frozen=True)
class Weighed:
    """The log-probability of each choice of several requests; of all of them together the tokens of their prompts, and
    those that were known (0 where the backend does not tell)."""

    scores: list[list[float]]
    usage: Usage = field(default_factory=Usage)
    saved: Saved = field(default_factory=Saved)


@dataclass(frozen=True)
class ModelInfo:
    """What runs: `revision` is a digest of the weights, `context` the longest sequence in tokens (0: not known),
    `video` whether it can be asked about clips in this way, `memory_bytes` the weights' size, `pictures` the most at a
    time that it was trained on (None: not known), `learnt` the steps of programs in whose own wordings it must be asked
    (empty: any words will do)."""

    name: str
    revision: str = ""
    context: int = 0
    video: bool = False
    memory_bytes: int = 0
    dtype: str = ""
    pictures: int | None = None
    learnt: tuple[str, ...] = ()


@dataclass(frozen=True)
class Capabilities:
    """What a backend can do beside answering a request, so that a caller reads it instead of trying.

    Args:
        scores: of what `score` tells the log-probability: of an `answer`, whole or as a beginning; of its `first token`
            alone; or of nothing.
        together: `generate_many` and `score_many` compute what they are given together, not one after the other.
        decides: `decisions` answers typed questions itself.
        caches: what earlier requests computed is kept, and may change the rounding of later answers; `clear_cache`
            empties it.
    """

    scores: Literal["answer", "first token"] | None = None
    together: bool = False
    caches: bool = False
    decides: bool = False


@runtime_checkable
class Backend(Protocol):
    """Answers requests. Closing the iterator that `generate` returned cancels the work at once.

    A class that inherits from this needs `info` and `generate` alone; the rest says what it cannot do until it is
    overridden.
    """

    @property
    @abstractmethod
    def info(self) -> ModelInfo:
        """The model behind this backend."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do beside `generate`."""
        return Capabilities()

    @property
    def preprocess(self) -> PreprocessSettings | None:
        """How pictures are prepared for requests that say nothing of it; None where that is not known here."""
        return None

    @abstractmethod
    def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
        """Yield the answer as TextDelta events, then one Done; Progress and ThoughtDelta events may come before.

        `cancelled` stops what is done before there is an iterator to close: opening the pictures. It is asked often,
        from other threads too, and Cancelled is raised once it says True.
        """
        ...

    def generate_many(self, requests: Iterable[Request]) -> Iterator[tuple[int, Event]]:
        """Answer several requests; yield (which one, its next event)."""
        for index, request in enumerate(requests):
            for event in self.generate(request):
                yield index, event

    def score(self, request: Request, choices: Sequence[Choice], *, whole: bool = True) -> list[float]:
        """Return the log-probability of each choice as the whole answer, its end included, or, unless `whole`, as its
        beginning.

        A choice of several wordings gets their probabilities' sum. Raises BadInput where `capabilities.scores` is less:
        of the `first token` there are beginnings alone, and of those what their first tokens tell.
        """
        raise BadInput(f"{self.info.name} tells no log-probabilities, so that nothing can be scored")

    def score_many(self, asked: Sequence[tuple[Request, Sequence[Choice]]], *, whole: bool = True) -> list[list[float]]:
        """Return what `score` would of each of several requests."""
        return [self.score(request, choices, whole=whole) for request, choices in asked]

    def weigh(self, asked: Sequence[tuple[Request, Sequence[Choice]]], *, whole: bool = True) -> Weighed:
        """Return what `score_many` does, and what it took."""
        return Weighed(self.score_many(asked, whole=whole))

    def decisions(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the answers to typed questions, both in the form of OpenAI's `/v1/decisions`. Raises BadInput unless
        `capabilities.decides`."""
        raise BadInput(f"{self.info.name} answers no typed questions itself")

    def domain(self, pictures: Sequence[Picture]) -> float | None:
        """Return the probability that pictures are of the world that the model knows; None where that is not known."""
        return None

    def clear_cache(self) -> None:
        """Empty the caches, so that what follows does not depend on what was asked before, not even in its rounding."""
        return

    def within(self, limits: PixelLimits) -> Backend:
        """Return the same model with other pixel limits instead of its own; itself where they are not to be set from
        here."""
        return self


class Opens(Protocol):
    """A class of backends that `open_backend` knows: which options it takes, and how a model of a name is opened."""

    @property
    def supported_options(self) -> frozenset[str]:
        """The fields of `EngineOptions` that have an effect; any other that is asked for is refused before opening."""
        ...

    def open(self, model: str, options: EngineOptions, tell: Callable[[str], None]) -> Backend:
        """Open a model. Raises BadModel, or BadInput for an option that cannot be met."""
        ...
