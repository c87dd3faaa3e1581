"""What every backend speaks: a request goes in, text comes out piece by piece, and the last event says how it ended.

Backends are interchangeable: our engine, an HTTP server, canned answers for tests, the truth itself. Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from occlusight.backends.fields import (
    PIXELS_LIMIT,
    MaxPixels,
    Picture,
    as_max_pixels,
    as_pictures,
    as_question,
    as_regex,
    as_schema,
    as_stops,
    in_order,
    instance,
    number,
    positive,
    received,
    several,
    text,
    truth,
    whole,
)
from occlusight.engine.json_limits import JsonLimits
from occlusight.errors import BadInput

CancelCheck: TypeAlias = Callable[[], bool]
"""Says whether the caller wants no answer any more."""
Choice: TypeAlias = str | tuple[str, ...]
"""A text, or several that mean the same."""
FinishReason: TypeAlias = Literal["stop", "length", "cancelled"]

MAX_TOKENS_LIMIT = 32768
TEMPERATURE_LIMIT = 2.0
LOGPROBS_LIMIT = 20
CHARACTERS_A_TOKEN = 16
"""More than the average of any text that asks something: English has four to five, Chinese one or two."""


@dataclass(frozen=True)
class Message:
    """One earlier turn of the conversation; its pictures come before its text."""

    role: Literal["user", "assistant"]
    text: str
    pictures: tuple[Picture, ...] = ()

    def __post_init__(self) -> None:
        if self.role not in ("user", "assistant"):
            raise BadInput(f"a message's role must be user or assistant, but {received(self.role)} was given")
        text("a message's text", self.text)
        object.__setattr__(self, "pictures", as_pictures("a message's pictures", self.pictures))


@dataclass(frozen=True)
class Request:
    """What to answer and how. Raises BadInput when built with a value outside its range.

    Args:
        prompt: the question.
        pictures: they come before `prompt` in the user's turn; paths may be given as strings.
        system: a system prompt.
        history: earlier turns.
        temperature: 0 takes the likeliest token each time; `top_p`, `top_k`, `min_p` and `seed` have no effect then.
        top_p: draw among the fewest likeliest tokens whose probabilities reach this.
        top_k: draw among so many likeliest tokens; 0 takes all.
        min_p: draw among tokens with at least this share of the likeliest one's probability.
        repetition_penalty: above 1 makes tokens that prompt or answer hold less likely.
        presence_penalty: is taken from the logits of tokens that the answer holds.
        max_tokens: bounds the answer, thoughts included.
        seed: makes drawing repeatable, whatever else is computed at the same time.
        stop: strings that end the answer; nothing of them is given out.
        logprobs: tell each token's log-probability, and those of so many likeliest ones in its place (0: of none).
        thinking_tokens: bounds the thoughts of a checkpoint that thinks; None is three quarters of `max_tokens`.
        json_schema: the answer is JSON that satisfies this schema, given as a mapping or as text.
        json_limits: bounds what the schema leaves without a bound; None is what the backend usually does.
        schema_in_prompt: put the schema, with its fields' names and descriptions, after the question; None leaves it to the backend, which
            does so for models that are large enough to read it.
        regex: the answer matches this regular expression as a whole.
        max_pixels: pictures with more pixels are reduced to so many; the checkpoint's own limit holds too, and "model" is that alone.
            None is what the backend was opened with.
        min_pixels: pictures with fewer pixels are enlarged to so many, within the upper limit.
    """

    prompt: str
    pictures: tuple[Picture, ...] = ()
    system: str | None = None
    history: tuple[Message, ...] = ()
    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 512
    seed: int | None = None
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    stop: tuple[str, ...] = ()
    logprobs: int | None = None
    thinking_tokens: int | None = None
    json_schema: str | Mapping[str, Any] | None = None
    regex: str | None = None
    json_limits: JsonLimits | None = None
    schema_in_prompt: bool | None = None
    max_pixels: MaxPixels = None
    min_pixels: int | None = None

    def __post_init__(self) -> None:
        if self.json_schema is not None and self.regex is not None:
            raise BadInput(
                "an answer follows a JSON schema or a regular expression, but both were given; leave one out"
            )
        for name, checked in CHECKS.items():
            value = getattr(self, name)
            if value is not None or name not in OPTIONAL:
                object.__setattr__(self, name, checked(name, value))
        in_order(self.max_pixels, self.min_pixels)

    def check_length(self, context: int) -> None:
        """Raise BadInput where the texts cannot fit into a context of so many tokens, which their lengths tell before any is read."""
        characters = sum(map(len, (self.prompt, self.system or "", *(message.text for message in self.history))))
        limit = CHARACTERS_A_TOKEN * context
        if characters > limit:
            raise BadInput(
                f"the question, its system prompt and history have {characters:,} characters, but a context of {context:,} tokens holds "
                f"{limit:,} at most; ask something shorter"
            )


CHECKS: Mapping[str, Callable[[str, object], object]] = {
    "prompt": as_question,
    "pictures": as_pictures,
    "system": text,
    "history": partial(several, kind=Message),
    "temperature": partial(number, low=0.0, high=TEMPERATURE_LIMIT),
    "top_p": partial(positive, high=1.0),
    "max_tokens": partial(whole, low=1, high=MAX_TOKENS_LIMIT),
    "seed": partial(whole, low=0, high=2**63 - 1),
    "top_k": partial(whole, low=0, high=2**31 - 1),
    "min_p": partial(number, low=0.0, high=1.0),
    "repetition_penalty": partial(number, low=0.1, high=10.0),
    "presence_penalty": partial(number, low=-2.0, high=2.0),
    "stop": as_stops,
    "logprobs": partial(whole, low=0, high=LOGPROBS_LIMIT),
    "thinking_tokens": partial(whole, low=0, high=MAX_TOKENS_LIMIT),
    "json_schema": as_schema,
    "json_limits": partial(instance, kind=JsonLimits),
    "schema_in_prompt": truth,
    "regex": as_regex,
    "max_pixels": as_max_pixels,
    "min_pixels": partial(whole, low=1, high=PIXELS_LIMIT),
}
"""What each field of a request is put through: it returns the value as it is kept, or raises BadInput."""
OPTIONAL = frozenset(one.name for one in fields(Request) if one.default is None)
"""The fields that may be None."""


@dataclass(frozen=True)
class TokenLogprob:
    """A token as text, its log-probability before any sampling setting, and the likeliest tokens in its place with theirs.

    A token that a schema forced has 0: it was certain.
    """

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class TextDelta:
    """The next piece of the answer; `tokens` are those that completed it, if log-probabilities were asked for."""

    text: str
    tokens: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True)
class ThoughtDelta:
    """The next piece of what a checkpoint that thinks says to itself before it answers."""

    text: str
    tokens: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True)
class Progress:
    """How far the work before the first token has come, where it takes longer than a moment.

    `encoding`: `done` of `total` blocks of the vision tower, for all pictures that are not known; `reading`: tokens of the prompt.
    `seconds_left` is about what is left until the first token, from this machine's own speed; None where nothing is known of it.
    """

    stage: Literal["encoding", "reading"]
    done: int
    total: int
    seconds_left: float | None = None


@dataclass(frozen=True)
class PictureUse:
    """How a picture was read.

    Args:
        rows, columns: the grid of its tokens.
        tokens: `rows * columns`.
        size: (width, height) of the picture as it was given, upright, in pixels.
        read_size: (width, height) at which it was read.
        reduced_by: what made it smaller, if anything: `max_pixels`, or the `model`'s own limit.
    """

    rows: int
    columns: int
    tokens: int
    size: tuple[int, int]
    read_size: tuple[int, int]
    reduced_by: Literal["max_pixels", "model"] | None = None


@dataclass(frozen=True)
class Usage:
    """Tokens: `image_tokens` are those of `prompt_tokens` that stand for pictures; `pictures` tells of each how it was read, where the
    backend knows it."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    image_tokens: int = 0
    pictures: tuple[PictureUse, ...] = ()


@dataclass(frozen=True)
class Saved:
    """Tokens that cost less than others: of the prompt, `reused` were known from earlier answers and not read again; of the answer,
    `forced` had no alternative under its schema, and `guessed` were guessed rightly, and either were read several at a time."""

    reused: int = 0
    forced: int = 0
    guessed: int = 0


@dataclass(frozen=True)
class Timings:
    """Seconds. `first_token_s` counts from the request to the first token; `image_cached` says the features were reused.

    `wait_s` is the time before the engine began, `encode_s` what the pictures' encoding took, `prefill_s` from the beginning to the
    first token without that.
    """

    encode_s: float = 0.0
    prefill_s: float = 0.0
    first_token_s: float = 0.0
    decode_s: float = 0.0
    image_cached: bool = False
    wait_s: float = 0.0


@dataclass(frozen=True)
class Done:
    """The end of the answer: `stop` is the model's own end, `length` means that it was cut at `max_tokens`."""

    finish_reason: FinishReason
    usage: Usage = field(default_factory=Usage)
    timings: Timings = field(default_factory=Timings)
    saved: Saved = field(default_factory=Saved)


Event: TypeAlias = Progress | TextDelta | ThoughtDelta | Done


@dataclass(frozen=True)
class ModelInfo:
    """What runs: `revision` is a digest of the weights, `context` the longest sequence in tokens, `video` whether it can be asked about
    clips in this way, `memory_bytes` the weights' size, `pictures` the most at a time that it was trained on (None: not known)."""

    name: str
    revision: str = ""
    context: int = 0
    video: bool = False
    memory_bytes: int = 0
    dtype: str = ""
    pictures: int | None = None


@runtime_checkable
class Backend(Protocol):
    """Answers requests. Closing the iterator that `generate` returned cancels the work at once."""

    @property
    def info(self) -> ModelInfo:
        """The model behind this backend."""
        ...

    def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
        """Yield the answer as TextDelta events, then one Done; Progress and ThoughtDelta events may come before.

        `cancelled` stops what is done before there is an iterator to close: opening the pictures. It is asked often, from other threads
        too, and Cancelled is raised once it says True.
        """
        ...

    def score(self, request: Request, choices: Sequence[str]) -> list[float]:
        """Return the log-probability of each choice as the whole answer."""
        ...
