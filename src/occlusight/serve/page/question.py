"""A question as the page sends it: what its fields can hold, and nothing else."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

LONGEST_QUESTION = 20_000
LONGEST_ANSWER = 2048
"""In tokens."""
MOST_PICTURES = 8
MOST_TURNS = 32
"""Earlier questions and answers that go with a question."""

Name = Annotated[str, Field(max_length=250)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class Turn(BaseModel):
    """An earlier question, or its answer."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    role: Literal["user", "assistant"]
    text: str = Field(max_length=LONGEST_QUESTION)


class Claim(BaseModel):
    """An answer to a question about one picture, to be held against the picture's graph; `history` are the questions
    before it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    question: str = Field(min_length=1, max_length=LONGEST_QUESTION)
    answer: str = Field(max_length=LONGEST_QUESTION)
    picture: Name
    history: tuple[Annotated[str, Field(max_length=LONGEST_QUESTION)], ...] = Field(default=(), max_length=MOST_TURNS)


class Wanted(BaseModel):
    """A video whose things are to be followed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    video: Name


class Question(BaseModel):
    """A question about pictures that `Uploads` names, and how it is to be answered; `max_pixels` is as in `Request`."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    question: str = Field(min_length=1, max_length=LONGEST_QUESTION)
    pictures: tuple[Name, ...] = Field(min_length=1, max_length=MOST_PICTURES)
    history: tuple[Turn, ...] = Field(default=(), max_length=MOST_TURNS)
    system: str | None = Field(default=None, max_length=LONGEST_QUESTION)
    temperature: Number = Field(default=0.0, ge=0, le=2)
    top_p: Number = Field(default=1.0, ge=0.05, le=1)
    max_tokens: int = Field(default=512, ge=1, le=LONGEST_ANSWER)
    seed: int | None = Field(default=None, ge=0, lt=2**31)
    max_pixels: int | None = Field(default=None, ge=1024, le=2**24)
