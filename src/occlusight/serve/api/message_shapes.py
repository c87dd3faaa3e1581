"""What /v1/messages takes and gives: Anthropic's shapes. Every field of Anthropic's stands here; what cannot have an
effect takes its usual value alone."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import ConfigDict, Field, JsonValue

from occlusight.serve.api.shapes import (
    PICTURE,
    Form,
    Frames,
    FramesPerSecond,
    Reply,
    Temperature,
    Times,
    Tokens,
    TopP,
    Unsupported,
)

STOPS = 16


class CacheControl(Form):
    """Prompts are kept in any case, from their beginning on."""

    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] | None = None


class TextBlock(Form):
    """A piece of text."""

    type: Literal["text"]
    text: str
    cache_control: CacheControl | None = None
    citations: Unsupported = None


class Base64Source(Form):
    """A picture's content."""

    type: Literal["base64"]
    media_type: Literal["image/jpeg", "image/png", "image/gif", "image/webp"]
    data: str


class UrlSource(Form):
    """A picture's address, for servers that fetch pictures."""

    type: Literal["url"]
    url: str


class ImageBlock(Form):
    """A picture; it comes before the message's text, wherever it stands."""

    type: Literal["image"]
    source: Annotated[Base64Source | UrlSource, Field(discriminator="type")]
    cache_control: CacheControl | None = None
    transformations: Unsupported = None


class Base64Video(Form):
    """A video's content, of which frames are taken as Qwen3-VL takes them."""

    type: Literal["base64"]
    media_type: Annotated[str, Field(pattern=r"^video/[A-Za-z0-9_.+-]+$", examples=["video/mp4"])]
    data: str


class FramesSource(Form):
    """A video as its frames, with the seconds at which they are shown, or so many a second."""

    type: Literal["frames"]
    frames: Frames
    times: Times | None = None
    fps: FramesPerSecond | None = None


class VideoBlock(Form):
    """A video, which Anthropic's own API does not take; it comes after the message's pictures and before its text."""

    type: Literal["video"]
    source: Annotated[Base64Video | FramesSource, Field(discriminator="type")]
    cache_control: CacheControl | None = None


Block: TypeAlias = Annotated[TextBlock | ImageBlock | VideoBlock, Field(discriminator="type")]


class UserTurn(Form):
    """A question, with the pictures and videos that it is about."""

    role: Literal["user"]
    content: str | Annotated[list[Block], Field(min_length=1)]


class AssistantTurn(Form):
    """An earlier answer."""

    role: Literal["assistant"]
    content: str | Annotated[list[TextBlock], Field(min_length=1)]


class Metadata(Form):
    """Who asks, of those behind one key: they take turns."""

    user_id: Annotated[str, Field(max_length=512)] | None = None


class NotThinking(Form):
    """The model answers at once, or as its checkpoint does."""

    type: Literal["disabled"]


class SchemaOutput(Form):
    """JSON that satisfies a schema."""

    model_config = ConfigDict(serialize_by_alias=True)

    type: Literal["json_schema"]
    schema_: dict[str, JsonValue] = Field(alias="schema")


class OutputConfig(Form):
    """The form of the answer."""

    format: SchemaOutput | None = None
    effort: Unsupported = None


class MessageRequest(Form):
    """A conversation, and how its next message is made."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "default",
                    "max_tokens": 256,
                    "messages": [
                        {
                            "role": "user",
                            "content": [
                                {
                                    "type": "image",
                                    "source": {
                                        "type": "base64",
                                        "media_type": "image/png",
                                        "data": PICTURE.partition(",")[2],
                                    },
                                },
                                {"type": "text", "text": "Is the red car hidden by anything?"},
                            ],
                        }
                    ],
                }
            ]
        }
    )

    model: str
    max_tokens: Tokens
    messages: Annotated[list[Annotated[UserTurn | AssistantTurn, Field(discriminator="role")]], Field(min_length=1)]
    system: str | list[TextBlock] | None = None
    stream: bool | None = None
    stop_sequences: Annotated[list[Annotated[str, Field(min_length=1)]], Field(max_length=STOPS)] | None = None
    temperature: Temperature | None = None
    top_p: TopP | None = None
    top_k: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = Field(default=None, description="0 takes all.")
    output_config: OutputConfig | None = None
    metadata: Metadata | None = None

    cache_control: CacheControl | None = None
    service_tier: Literal["auto", "standard_only"] | None = None
    speed: Literal["standard"] | None = None
    thinking: NotThinking | None = None
    tools: Annotated[list[Any], Field(max_length=0)] | None = None

    container: Unsupported = None
    diagnostics: Unsupported = None
    inference_geo: Unsupported = None
    tool_choice: Unsupported = None
    user_profile_id: Unsupported = None
    workspace_id: Unsupported = None


class AnsweredText(Reply):
    """The text of the answer."""

    type: Literal["text"] = "text"
    text: str


class MessageUsage(Reply):
    """Tokens: of the prompt those that were read, those that were known from earlier requests, and none that is charged
    for being kept."""

    input_tokens: int
    cache_read_input_tokens: int
    cache_creation_input_tokens: int
    output_tokens: int


class MessageReply(Reply):
    """An answer. `end_turn` is the model's own end, and that by a stop sequence, too."""

    id: str
    type: Literal["message"] = "message"
    role: Literal["assistant"] = "assistant"
    model: str
    content: list[AnsweredText]
    stop_reason: Literal["end_turn", "max_tokens"] | None
    stop_sequence: None = None
    usage: MessageUsage


class MessageEvent(Reply):
    """A piece of a streamed answer; which fields it has depends on its type."""

    model_config = ConfigDict(extra="allow")

    type: str
