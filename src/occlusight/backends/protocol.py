"""What every backend speaks: a request goes in, text comes out piece by piece, and the last event says how it ended.

Backends are interchangeable: our engine, an HTTP server, canned answers for tests, the truth itself. Nothing here imports torch.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from PIL import Image

from occlusight.errors import BadInput

Picture: TypeAlias = Image.Image | Path
Choice: TypeAlias = str | tuple[str, ...]
"""A text, or several that mean the same."""
FinishReason: TypeAlias = Literal["stop", "length", "cancelled"]

MAX_TOKENS_LIMIT = 32768
TEMPERATURE_LIMIT = 2.0
LOGPROBS_LIMIT = 20
STOPS_LIMIT = 16


@dataclass(frozen=True)
class Message:
    """One earlier turn of the conversation; its pictures come before its text."""

    role: Literal["user", "assistant"]
    text: str
    pictures: tuple[Picture, ...] = ()

    def __post_init__(self) -> None:
        if self.role not in ("user", "assistant"):
            raise BadInput(f"a message's role must be user or assistant, but {self.role!r} was given")


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
        regex: the answer matches this regular expression as a whole.
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

    def __post_init__(self) -> None:
        if not isinstance(self.prompt, str) or not self.prompt.strip():
            raise BadInput("the question is empty; write what you want to know about the picture")
        pictures = self.pictures if isinstance(self.pictures, (tuple, list)) else (self.pictures,)
        object.__setattr__(self, "pictures", tuple(as_picture(p) for p in pictures))
        object.__setattr__(self, "history", tuple(self.history))
        object.__setattr__(self, "stop", as_stops(self.stop))
        within("temperature", self.temperature, 0.0, TEMPERATURE_LIMIT)
        if not 0.0 < self.top_p <= 1.0:
            raise BadInput(f"top_p must be above 0 and at most 1, but {self.top_p!r} was given")
        within("min_p", self.min_p, 0.0, 1.0)
        within("repetition_penalty", self.repetition_penalty, 0.1, 10.0)
        within("presence_penalty", self.presence_penalty, -2.0, 2.0)
        whole("max_tokens", self.max_tokens, 1, MAX_TOKENS_LIMIT)
        whole("top_k", self.top_k, 0, 2**31 - 1)
        if self.seed is not None and not 0 <= self.seed < 2**63:
            raise BadInput(f"seed must lie between 0 and 2**63 - 1, but {self.seed!r} was given")
        if self.logprobs is not None:
            whole("logprobs", self.logprobs, 0, LOGPROBS_LIMIT)
        if self.thinking_tokens is not None:
            whole("thinking_tokens", self.thinking_tokens, 0, MAX_TOKENS_LIMIT)
        if self.json_schema is not None and self.regex is not None:
            raise BadInput(
                "an answer follows a JSON schema or a regular expression, but both were given; leave one out"
            )
        if self.json_schema is not None:
            object.__setattr__(self, "json_schema", as_schema(self.json_schema))
        if self.regex is not None and (not isinstance(self.regex, str) or not self.regex):
            raise BadInput(f"regex must be a regular expression that is not empty, but {self.regex!r} was given")


def within(name: str, value: float, low: float, high: float) -> None:
    """Raise BadInput unless the value lies in a range (NaN lies in none)."""
    if not low <= value <= high:
        raise BadInput(f"{name} must lie between {low:g} and {high:g}, but {value!r} was given")


def whole(name: str, value: int, low: int, high: int) -> None:
    """Raise BadInput unless the value is a whole number in a range."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadInput(f"{name} must be a whole number, but {value!r} was given")
    if not low <= value <= high:
        raise BadInput(f"{name} must lie between {low} and {high}, but {value!r} was given")


def as_stops(value: object) -> tuple[str, ...]:
    """Return stop strings as a tuple; one may be given alone. Raises BadInput for an empty one, or for too many."""
    stops = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, (tuple, list)) else None
    if stops is None or not all(isinstance(stop, str) and stop for stop in stops):
        raise BadInput(f"stop must be strings that are not empty, but {value!r} was given")
    if len(stops) > STOPS_LIMIT:
        raise BadInput(f"at most {STOPS_LIMIT} stop strings can be given, but there are {len(stops)}")
    return stops


def as_schema(value: object) -> str:
    """Return a JSON schema as text. Raises BadInput where it is none; whether it can be followed is the backend's to say."""
    try:
        schema = json.loads(value) if isinstance(value, str) else value
        text = json.dumps(schema, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise BadInput(f"the JSON schema is not JSON ({error}); see https://json-schema.org") from None
    if not isinstance(schema, (Mapping, bool)):
        raise BadInput(
            f"a JSON schema is an object, but a {type(schema).__name__} was given; see https://json-schema.org"
        )
    return text


def as_picture(value: object) -> Picture:
    """Return a picture or a path to one. Raises BadInput for anything else."""
    if isinstance(value, Image.Image):
        return value
    if isinstance(value, (str, PathLike)):
        return Path(value)
    raise BadInput(f"a picture must be a path or a PIL image, but a {type(value).__name__} was given")


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
class Usage:
    """Tokens: `image_tokens` are those of `prompt_tokens` that stand for pictures."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    image_tokens: int = 0


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


Event: TypeAlias = TextDelta | ThoughtDelta | Done


@dataclass(frozen=True)
class ModelInfo:
    """What runs: `revision` is a digest of the weights, `context` the longest sequence in tokens, `video` whether it can be asked about
    clips in this way, `memory_bytes` the weights' size."""

    name: str
    revision: str = ""
    context: int = 0
    video: bool = False
    memory_bytes: int = 0
    dtype: str = ""


@runtime_checkable
class Backend(Protocol):
    """Answers requests. Closing the iterator that `generate` returned cancels the work at once."""

    @property
    def info(self) -> ModelInfo:
        """The model behind this backend."""
        ...

    def generate(self, request: Request) -> Iterator[Event]:
        """Yield the answer as TextDelta events, then one Done; ThoughtDelta events may come before."""
        ...

    def score(self, request: Request, choices: Sequence[str]) -> list[float]:
        """Return the log-probability of each choice as the whole answer."""
        ...
