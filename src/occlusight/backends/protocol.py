"""What every backend speaks: a request goes in, text comes out piece by piece, and the last event says how it ended.

Backends are interchangeable: our engine, an HTTP server, canned answers for tests, the truth itself. Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from PIL import Image

from occlusight.errors import BadInput

Picture: TypeAlias = Image.Image | Path
FinishReason: TypeAlias = Literal["stop", "length", "cancelled"]

MAX_TOKENS_LIMIT = 32768
TEMPERATURE_LIMIT = 2.0


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
    """What to answer and how to sample. Raises BadInput when built with a value outside its range.

    `pictures` come before `prompt` in the user's turn; paths may be given as strings. Temperature 0 is greedy decoding,
    for which `top_p` and `seed` have no effect. `max_tokens` bounds the answer alone.
    """

    prompt: str
    pictures: tuple[Picture, ...] = ()
    system: str | None = None
    history: tuple[Message, ...] = ()
    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 512
    seed: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.prompt, str) or not self.prompt.strip():
            raise BadInput("the question is empty; write what you want to know about the picture")
        pictures = self.pictures if isinstance(self.pictures, (tuple, list)) else (self.pictures,)
        object.__setattr__(self, "pictures", tuple(as_picture(p) for p in pictures))
        object.__setattr__(self, "history", tuple(self.history))
        if not 0.0 <= self.temperature <= TEMPERATURE_LIMIT:
            raise BadInput(
                f"temperature must lie between 0 and {TEMPERATURE_LIMIT:g}, but {self.temperature!r} was given"
            )
        if not 0.0 < self.top_p <= 1.0:
            raise BadInput(f"top_p must be above 0 and at most 1, but {self.top_p!r} was given")
        if isinstance(self.max_tokens, bool) or not isinstance(self.max_tokens, int):
            raise BadInput(f"max_tokens must be a whole number, but {self.max_tokens!r} was given")
        if not 1 <= self.max_tokens <= MAX_TOKENS_LIMIT:
            raise BadInput(f"max_tokens must lie between 1 and {MAX_TOKENS_LIMIT}, but {self.max_tokens!r} was given")
        if self.seed is not None and not 0 <= self.seed < 2**63:
            raise BadInput(f"seed must lie between 0 and 2**63 - 1, but {self.seed!r} was given")


def as_picture(value: object) -> Picture:
    """Return a picture or a path to one. Raises BadInput for anything else."""
    if isinstance(value, Image.Image):
        return value
    if isinstance(value, (str, PathLike)):
        return Path(value)
    raise BadInput(f"a picture must be a path or a PIL image, but a {type(value).__name__} was given")


@dataclass(frozen=True)
class TextDelta:
    """The next piece of the answer."""

    text: str


@dataclass(frozen=True)
class Usage:
    """Tokens: `image_tokens` are those of `prompt_tokens` that stand for pictures."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    image_tokens: int = 0


@dataclass(frozen=True)
class Timings:
    """Seconds. `first_token_s` counts from the request to the first token; `image_cached` says the features were reused."""

    encode_s: float = 0.0
    prefill_s: float = 0.0
    first_token_s: float = 0.0
    decode_s: float = 0.0
    image_cached: bool = False


@dataclass(frozen=True)
class Done:
    """The end of the answer: `stop` is the model's own end, `length` means that it was cut at `max_tokens`."""

    finish_reason: FinishReason
    usage: Usage = field(default_factory=Usage)
    timings: Timings = field(default_factory=Timings)


Event: TypeAlias = TextDelta | Done


@dataclass(frozen=True)
class ModelInfo:
    """What runs: `revision` is a digest of the weights, `context` the longest sequence in tokens, `memory_bytes` the weights' size."""

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
        """Yield the answer as TextDelta events, then one Done."""
        ...

    def score(self, request: Request, choices: Sequence[str]) -> list[float]:
        """Return the log-probability of each choice as the whole answer."""
        ...
