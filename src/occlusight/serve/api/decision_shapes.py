"""What /v1/decisions takes and gives: OpenAI's shapes, and whether the probabilities are calibrated."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import ConfigDict, Field, JsonValue

from occlusight.serve.api.shapes import PICTURE, Form, Member, Reply, Unsupported

QUESTIONS, CHOICES, LEVELS = 400, 255, 10


class InputText(Form):
    """A piece of text."""

    type: Literal["input_text"]
    text: str
    prompt_cache_breakpoint: Unsupported = None


class InputImage(Form):
    """A picture as a data URI. `detail`: see /v1/chat/completions; `original` is `high`."""

    type: Literal["input_image"]
    image_url: str = Field(json_schema_extra={"examples": [PICTURE]})
    detail: Literal["auto", "low", "high", "original"] | None = None
    prompt_cache_breakpoint: Unsupported = None


class InputJson(Form):
    """An object, or several, which become text."""

    type: Literal["input_json"]
    data: dict[str, JsonValue] | list[dict[str, JsonValue]]


class OutputText(Form):
    """A piece of an earlier answer."""

    type: Literal["output_text"]
    text: str


Part: TypeAlias = Annotated[InputText | InputImage | InputJson, Field(discriminator="type")]
Instructions: TypeAlias = Annotated[str, Field(min_length=1)] | Annotated[list[Part], Field(min_length=1)]


class UserInput(Form):
    """What the questions are about: pictures, text, JSON."""

    role: Literal["user"]
    type: Literal["message"] = "message"
    content: str | Annotated[list[Part], Field(min_length=1)]


class SystemInput(Form):
    """What holds for all questions; before all other messages."""

    role: Literal["system", "developer"]
    type: Literal["message"] = "message"
    content: str | Annotated[list[InputText], Field(min_length=1)]


class AssistantInput(Form):
    """An earlier answer."""

    role: Literal["assistant"]
    type: Literal["message"] = "message"
    content: str | Annotated[list[OutputText], Field(min_length=1)]
    phase: Unsupported = None


Input: TypeAlias = Annotated[UserInput | SystemInput | AssistantInput, Field(discriminator="role")]


class Predicate(Form):
    """How likely is it that this is so? A question, or a statement."""

    type: Literal["predicate"]
    name: str | None = None
    instructions: Instructions


class Option(Form):
    """One of the choices; text and truth values of the same name are different."""

    value: Annotated[str, Field(min_length=1)] | bool
    description: str | None = None


class Choice(Form):
    """Which of these is it?"""

    type: Literal["choice"]
    name: str | None = None
    instructions: Instructions
    choices: Annotated[list[Option], Field(min_length=2, max_length=CHOICES)]


class Level(Form):
    """One level of a scale."""

    label: str = Field(min_length=1)
    description: str | None = None


class Score(Form):
    """Where on this scale is it, from the lowest level to the highest?"""

    type: Literal["score"]
    name: str | None = None
    instructions: Instructions
    levels: Annotated[list[Level], Field(min_length=2, max_length=LEVELS)]


Question: TypeAlias = Annotated[Predicate | Choice | Score, Field(discriminator="type")]


class DecisionRequest(Form):
    """What is given, and what is asked about it: every question by itself, about the same input."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "default",
                    "input": [{"role": "user", "content": [{"type": "input_image", "image_url": PICTURE}]}],
                    "questions": [
                        {"type": "predicate", "name": "hidden", "instructions": "Is the red car hidden by anything?"},
                        {
                            "type": "choice",
                            "name": "nearer",
                            "instructions": "Which is nearer, the lamp post or the red car?",
                            "choices": [{"value": "lamp post"}, {"value": "red car"}],
                        },
                    ],
                }
            ]
        }
    )

    model: str
    input: str | Annotated[list[Input], Field(min_length=1)]
    questions: Annotated[list[Question], Field(min_length=1, max_length=QUESTIONS)]
    safety_identifier: Member | None = None
    prompt_cache_key: str | None = Field(default=None, description="Prompts of all keys share what they begin with.")
    prompt_cache_options: Unsupported = None


class PredicateAnswer(Reply):
    """The probability that it is so."""

    type: Literal["predicate"]
    name: str | None
    probability: float
    calibrated: bool


class OptionProbability(Reply):
    """The probability of one choice."""

    value: str | bool
    probability: float


class ChoiceAnswer(Reply):
    """The likeliest choice, its probability (`confidence`), and those of all."""

    type: Literal["choice"]
    name: str | None
    choice: str | bool
    confidence: float
    probabilities: list[OptionProbability]
    calibrated: bool


class LevelProbability(Reply):
    """The probability of one level; `value` is its place, from 0."""

    value: int
    label: str
    probability: float


class ScoreAnswer(Reply):
    """The expected place on the scale, from 0; the likeliest level's probability (`confidence`), and those of all."""

    type: Literal["score"]
    name: str | None
    score: float
    confidence: float
    probabilities: list[LevelProbability]
    calibrated: bool


class InputDetails(Reply):
    """Tokens that were known from earlier requests and questions; nothing is charged for writing."""

    cached_tokens: int
    cache_write_tokens: int


class OutputDetails(Reply):
    """Nothing is thought."""

    reasoning_tokens: int


class DecisionUsage(Reply):
    """Tokens of all questions' prompts, pictures included; none is answered. 0 where a backend does not tell them."""

    input_tokens: int
    input_tokens_details: InputDetails
    output_tokens: int
    output_tokens_details: OutputDetails
    total_tokens: int


class Decision(Reply):
    """The answers, in the order of the questions. `calibrated`, of each: whether its probabilities were fitted to how
    often they are right, or are the model's own; of the whole, whether all were."""

    model: str
    answers: list[PredicateAnswer | ChoiceAnswer | ScoreAnswer]
    usage: DecisionUsage
    calibrated: bool
