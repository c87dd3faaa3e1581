"""What /v1/responses takes and gives: OpenAI's shapes. Every field of OpenAI's stands here; what cannot have an effect
takes its usual value alone."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import ConfigDict, Field, JsonValue

from occlusight.engine.sampling_params import LOGPROBS_LIMIT
from occlusight.serve.api.chat_shapes import LikelyToken, ObjectFormat, TextFormat
from occlusight.serve.api.decision_shapes import InputImage, InputText
from occlusight.serve.api.shapes import (
    PICTURE,
    VIDEO,
    Form,
    Frames,
    FramesPerSecond,
    Member,
    Reply,
    Temperature,
    Times,
    Tokens,
    TopP,
    Unsupported,
)

LOGPROBS = "message.output_text.logprobs"


class EarlierText(Form):
    """A piece of an earlier answer, as it was given."""

    type: Literal["output_text"]
    text: str
    annotations: Annotated[list[Any], Field(max_length=0)] | None = None
    logprobs: list[Any] | None = Field(default=None, description="Those of an earlier answer say nothing to a model.")


class InputVideo(Form):
    """A video: as a data URI, of which frames are taken as Qwen3-VL takes them, or as its frames, with the seconds at
    which they are shown, or so many a second. It comes after the message's pictures and before its text."""

    type: Literal["input_video"]
    video_url: str | None = Field(default=None, json_schema_extra={"examples": [VIDEO]})
    frames: Frames | None = None
    times: Times | None = None
    fps: FramesPerSecond | None = None


UserContent: TypeAlias = Annotated[InputText | InputImage | InputVideo, Field(discriminator="type")]


class UserItem(Form):
    """A question, with the pictures and videos that it is about."""

    role: Literal["user"]
    type: Literal["message"] = "message"
    content: str | Annotated[list[UserContent], Field(min_length=1)]
    id: str | None = None
    status: str | None = None


class SystemItem(Form):
    """What holds for the whole conversation; before all other messages."""

    role: Literal["system", "developer"]
    type: Literal["message"] = "message"
    content: str | Annotated[list[InputText], Field(min_length=1)]


class AssistantItem(Form):
    """An earlier answer."""

    role: Literal["assistant"]
    type: Literal["message"] = "message"
    content: str | Annotated[list[EarlierText], Field(min_length=1)]
    id: str | None = None
    status: str | None = None
    phase: Unsupported = None


Item: TypeAlias = Annotated[UserItem | SystemItem | AssistantItem, Field(discriminator="role")]


class SchemaTextFormat(Form):
    """JSON that satisfies a schema, `strict` or not."""

    model_config = ConfigDict(serialize_by_alias=True)

    type: Literal["json_schema"]
    name: str = Field(max_length=64)
    schema_: dict[str, JsonValue] = Field(alias="schema")
    description: str | None = None
    strict: bool | None = None


class TextConfig(Form):
    """The form of the answer."""

    format: Annotated[TextFormat | ObjectFormat | SchemaTextFormat, Field(discriminator="type")] | None = None
    verbosity: Unsupported = None


class ResponseStreamOptions(Form):
    """Nothing is hidden in streams."""

    include_obfuscation: Literal[False] | None = None


class ResponseRequest(Form):
    """A conversation, and how its next message is made."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "default",
                    "input": [
                        {
                            "role": "user",
                            "content": [
                                {"type": "input_image", "image_url": PICTURE},
                                {"type": "input_text", "text": "Is the red car hidden by anything?"},
                            ],
                        }
                    ],
                }
            ]
        }
    )

    model: str
    input: str | Annotated[list[Item], Field(min_length=1)]
    instructions: str | None = Field(default=None, description="Before all system messages of the input.")
    stream: bool | None = None
    temperature: Temperature | None = None
    top_p: TopP | None = None
    max_output_tokens: Tokens | None = None
    text: TextConfig | None = None
    include: list[Literal["message.output_text.logprobs"]] | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=LOGPROBS_LIMIT)] | None = None
    user: Member | None = None
    safety_identifier: Member | None = None

    store: Literal[False] | None = Field(default=None, description="Nothing is stored.")
    background: Literal[False] | None = None
    truncation: Literal["disabled"] | None = None
    service_tier: Literal["auto", "default"] | None = None
    parallel_tool_calls: bool | None = Field(default=None, description="There are none.")
    tool_choice: Literal["none", "auto"] | None = Field(default=None, description="Either calls none.")
    tools: Annotated[list[Any], Field(max_length=0)] | None = None
    stream_options: ResponseStreamOptions | None = None
    prompt_cache_key: str | None = Field(default=None, description="Prompts of all keys share what they begin with.")

    access_programs: Unsupported = None
    background_options: Unsupported = None
    context_management: Unsupported = None
    conversation: Unsupported = None
    image: Unsupported = None
    max_tool_calls: Unsupported = None
    metadata: Unsupported = None
    moderation: Unsupported = None
    previous_response_id: Unsupported = None
    prompt: Unsupported = None
    prompt_cache_options: Unsupported = None
    prompt_cache_retention: Unsupported = None
    reasoning: Unsupported = None


class OutputPart(Reply):
    """The text of the answer."""

    type: Literal["output_text"] = "output_text"
    text: str
    annotations: list[Any]
    logprobs: list[LikelyToken]


class OutputMessage(Reply):
    """The answer."""

    type: Literal["message"] = "message"
    id: str
    role: Literal["assistant"] = "assistant"
    status: Literal["in_progress", "completed", "incomplete"]
    content: list[OutputPart]


class Cached(Reply):
    """Tokens that were known from earlier requests; pictures' tokens."""

    cached_tokens: int
    image_tokens: int
    cache_write_tokens: int


class Thought(Reply):
    """Thoughts are not told apart from the answer."""

    reasoning_tokens: int


class ResponseUsage(Reply):
    """Tokens."""

    input_tokens: int
    input_tokens_details: Cached
    output_tokens: int
    output_tokens_details: Thought
    total_tokens: int


class Incompleteness(Reply):
    """Why an answer was cut."""

    reason: Literal["max_output_tokens"]


class Failure(Reply):
    """Why there is no answer."""

    code: str
    message: str


class ResponseReply(Reply):
    """An answer, whole or under way."""

    id: str
    object: Literal["response"] = "response"
    created_at: int
    status: Literal["in_progress", "completed", "incomplete", "failed"]
    model: str
    output: list[OutputMessage]
    error: Failure | None = None
    incomplete_details: Incompleteness | None = None
    instructions: str | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    parallel_tool_calls: bool = False
    previous_response_id: None = None
    store: bool = False
    tool_choice: Literal["none"] = "none"
    tools: list[Any] = Field(default_factory=list)
    usage: ResponseUsage | None = None


class ResponseEvent(Reply):
    """A piece of a streamed answer; which fields it has depends on its type."""

    model_config = ConfigDict(extra="allow")

    type: str
    sequence_number: int
