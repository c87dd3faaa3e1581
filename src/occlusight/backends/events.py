"""What comes out of a backend: how far it is, text piece by piece, and at the end how it ended and what it took."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from occlusight.occlusion.graph import Relation, Text

FinishReason: TypeAlias = Literal["stop", "length", "cancelled"]


@dataclass(frozen=True)
class TokenLogprob:
    """A token as text, its log-probability before any sampling setting, and the likeliest tokens in its place with
    theirs.

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

    `encoding`: `done` of `total` blocks of the vision tower, for all pictures that are not known; `reading`: tokens of
        the prompt.
    `seconds_left` is about what is left until the first token, from this machine's own speed; None where nothing is
    known of it.
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
    """Tokens: `image_tokens` are those of `prompt_tokens` that stand for pictures; `pictures` tells of each how it was
    read, where the backend knows it."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    image_tokens: int = 0
    pictures: tuple[PictureUse, ...] = ()


@dataclass(frozen=True)
class Saved:
    """Tokens that cost less than others: of the prompt, `reused` were known from earlier answers and not read again; of
    the answer, `forced` had no alternative under its schema, and `guessed` were guessed rightly, and either were read
    several at a time."""

    reused: int = 0
    forced: int = 0
    guessed: int = 0


@dataclass(frozen=True)
class Timings:
    """Seconds. `first_token_s` counts from the request to the first token; `image_cached` says the features were
    reused.

    `wait_s` is the time before the engine began, `encode_s` what the pictures' encoding took, `prefill_s` from the
    beginning to the first token without that.
    """

    encode_s: float = 0.0
    prefill_s: float = 0.0
    first_token_s: float = 0.0
    decode_s: float = 0.0
    image_cached: bool = False
    wait_s: float = 0.0


@dataclass(frozen=True)
class Asked:
    """What a question was taken to mean, where it was understood before it was answered.

    Args:
        scope: whether pictures of things can tell it: `inside`, `outside`, or `unclear` where its meaning is not sure.
        program: its steps, with names as they were said; empty where there are none.
        lang: the language of its frame, in which it is answered.
        probability: that this is meant; None where plain words decided, which tell none.
        domain: the probability that the pictures are of the world that the model knows; None where that is not known.
    """

    scope: Literal["inside", "outside", "unclear"]
    program: tuple[tuple[str, tuple[str, ...]], ...]
    lang: str
    probability: float | None
    domain: float | None = None


@dataclass(frozen=True)
class Grounds:
    """What an answer from a relation graph rests on.

    Args:
        probability: that the answer is right; None where the graph's probabilities are not calibrated, or none bears on
            it.
        evidence: of its relations, in both languages; None without any.
        relations: those that it rests on, with ids of the graph.
    """

    probability: float | None = None
    evidence: Text | None = None
    relations: tuple[Relation, ...] = ()


@dataclass(frozen=True)
class Done:
    """The end of the answer: `stop` is the model's own end, `length` means that it was cut at `max_tokens`; `asked`
    says what was understood, where that came first, and `grounds` on what an answer from a relation graph rests."""

    finish_reason: FinishReason
    usage: Usage = field(default_factory=Usage)
    timings: Timings = field(default_factory=Timings)
    saved: Saved = field(default_factory=Saved)
    asked: Asked | None = None
    grounds: Grounds | None = None


Event: TypeAlias = Progress | TextDelta | ThoughtDelta | Done
