"""What /v1/systemone takes and gives: TypeSafe's shapes as llama.cpp and vLLM serve them, with pictures, and whether
the probabilities are calibrated.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import ConfigDict, Field, JsonValue

from occlusight.serve.api.decision_shapes import CHOICES, LEVELS, QUESTIONS
from occlusight.serve.api.shapes import PICTURE, Form, Reply

Named: TypeAlias = Annotated[str, Field(min_length=1)]
Said: TypeAlias = Named | Annotated[list[JsonValue], Field(min_length=1)] | dict[Named, JsonValue]
Uris: TypeAlias = Annotated[list[str], Field(json_schema_extra={"examples": [[PICTURE]]})]


class Noul(Form):
    """How likely is it that this is so? `criteria` says more of it, or what `true` and `false` mean."""

    type: Literal["noul"]
    instructions: Said
    criteria: str | dict[str, JsonValue] | None = None


class Choice(Form):
    """Which of these is it? `criteria` has each option with its description, or null."""

    type: Literal["choice"]
    instructions: Said
    criteria: Annotated[dict[Named, JsonValue], Field(min_length=2, max_length=CHOICES)]


class Score(Form):
    """Where on this scale is it? `criteria` has the levels from the lowest to the highest."""

    type: Literal["score"]
    instructions: Said
    criteria: Annotated[list[JsonValue], Field(min_length=2, max_length=LEVELS)]


Question: TypeAlias = Annotated[Noul | Choice | Score, Field(discriminator="type")]


class SystemOneRequest(Form):
    """What is given, and what is asked about it by name: every question by itself, about the same state.

    `state` is a text, any JSON, parts (`text`, `image_url`) or messages of a chat. Pictures are data URIs: of
    `images` or `files`, which are one, and of `state`, in this order.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "images": [PICTURE],
                    "questions": {
                        "hidden": {"type": "noul", "instructions": "Is the red car hidden by anything?"},
                        "nearer": {
                            "type": "choice",
                            "instructions": "Which is nearer, the lamp post or the red car?",
                            "criteria": {"lamp post": "by the road", "red car": ""},
                        },
                    },
                }
            ]
        }
    )

    model: str | None = Field(default=None, description="The model that answers here, unless it is named.")
    state: JsonValue = None
    images: Uris = Field(default_factory=list)
    files: Uris = Field(default_factory=list)
    questions: Annotated[dict[Named, Question], Field(min_length=1, max_length=QUESTIONS)]


class NoulAnswer(Reply):
    """The probability that it is so."""

    type: Literal["noul"]
    noul: float
    calibrated: bool


class ChoiceAnswer(Reply):
    """The likeliest option and the probabilities of all. `confidence` is 0 where all are alike and 1 where one is
    certain."""

    type: Literal["choice"]
    choice: str
    confidence: float
    probabilities: dict[str, float]
    calibrated: bool


class ScoreAnswer(Reply):
    """The expected place on the scale, from 0; the levels (`legend`) and their probabilities by place. `confidence`
    as of a choice."""

    type: Literal["score"]
    score: float
    confidence: float
    legend: dict[str, str]
    probabilities: dict[str, float]
    calibrated: bool


Answer: TypeAlias = NoulAnswer | ChoiceAnswer | ScoreAnswer


class SystemOneUsage(Reply):
    """Tokens of all questions' prompts, pictures included; none is answered."""

    input_tokens: int
    output_tokens: int


class SystemOne(Reply):
    """The answers by the names of their questions. `calibrated`: see /v1/decisions."""

    model: str
    answers: dict[str, Answer]
    usage: SystemOneUsage
    calibrated: bool
