"""What /v1/chat/completions takes and gives: OpenAI's shapes, and settings of vLLM's that OpenAI's lack.

Every field of OpenAI's stands here. One that can mean nothing but its usual value takes that alone.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import ConfigDict, Field, JsonValue

from occlusight.engine.sampling_params import LOGPROBS_LIMIT
from occlusight.serve.api.shapes import (
    PICTURE,
    VIDEO,
    Form,
    Frames,
    FramesPerSecond,
    Member,
    PictureRead,
    Reply,
    Temperature,
    Times,
    Tokens,
    TopP,
    Unsupported,
)

STOPS = 16
StopString: TypeAlias = Annotated[str, Field(min_length=1)]


class TextPart(Form):
    """A piece of text."""

    type: Literal["text"]
    text: str


class ImageUrl(Form):
    """A picture as a data URI. `detail`: `low` reads at most 512x512 pixels of it, `high` as many as the model can,
    `auto` as the server was started."""

    url: str = Field(json_schema_extra={"examples": [PICTURE]})
    detail: Literal["auto", "low", "high"] | None = None


class ImagePart(Form):
    """A picture; it comes before the message's text, wherever it stands."""

    type: Literal["image_url"]
    image_url: ImageUrl


class VideoUrl(Form):
    """A video as a data URI, of which frames are taken as Qwen3-VL takes them."""

    url: str = Field(json_schema_extra={"examples": [VIDEO]})


class VideoUrlPart(Form):
    """A video; it comes after the message's pictures and before its text, wherever it stands."""

    type: Literal["video_url"]
    video_url: VideoUrl


class VideoPart(Form):
    """A video as its frames, each a data URI of a picture, with the seconds at which they are shown, or so many a
    second."""

    type: Literal["video"]
    video: Frames
    times: Times | None = None
    fps: FramesPerSecond | None = None


class SystemMessage(Form):
    """What holds for the whole conversation; before all other messages."""

    role: Literal["system", "developer"]
    content: str | Annotated[list[TextPart], Field(min_length=1)]
    name: Unsupported = None


UserPart: TypeAlias = Annotated[TextPart | ImagePart | VideoUrlPart | VideoPart, Field(discriminator="type")]


class UserMessage(Form):
    """A question, with the pictures and videos that it is about."""

    role: Literal["user"]
    content: str | Annotated[list[UserPart], Field(min_length=1)]
    name: Unsupported = None


class AssistantMessage(Form):
    """An earlier answer. `reasoning_content` is left out of the prompt, as checkpoints that think want it."""

    role: Literal["assistant"]
    content: str | Annotated[list[TextPart], Field(min_length=1)]
    reasoning_content: str | None = None
    name: Unsupported = None
    refusal: Unsupported = None
    audio: Unsupported = None
    annotations: Annotated[list[Any], Field(max_length=0)] | None = None
    function_call: Unsupported = None
    tool_calls: Unsupported = None


ChatMessage: TypeAlias = Annotated[SystemMessage | UserMessage | AssistantMessage, Field(discriminator="role")]


class TextFormat(Form):
    """Any text."""

    type: Literal["text"]


class ObjectFormat(Form):
    """Any JSON object."""

    type: Literal["json_object"]


class JsonSchema(Form):
    """A schema that the answer satisfies, `strict` or not; name and description are for the caller."""

    model_config = ConfigDict(serialize_by_alias=True)

    name: str = Field(max_length=64)
    description: str | None = None
    schema_: dict[str, JsonValue] = Field(alias="schema")
    strict: bool | None = None


class SchemaFormat(Form):
    """JSON that satisfies a schema."""

    type: Literal["json_schema"]
    json_schema: JsonSchema


ResponseFormat: TypeAlias = Annotated[TextFormat | ObjectFormat | SchemaFormat, Field(discriminator="type")]


class StreamOptions(Form):
    """`include_usage` sends a last piece with the usage."""

    include_usage: bool | None = None
    include_obfuscation: Literal[False] | None = None


class StructuredOutputs(Form):
    """vLLM's: the answer matches a regular expression as a whole."""

    regex: str = Field(min_length=1)


class ChatRequest(Form):
    """A conversation, and how its next message is made."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "default",
                    "messages": [
                        {
                            "role": "user",
                            "content": [
                                {"type": "image_url", "image_url": {"url": PICTURE}},
                                {"type": "text", "text": "Is the red car hidden by anything?"},
                            ],
                        }
                    ],
                }
            ]
        }
    )

    model: str
    messages: Annotated[list[ChatMessage], Field(min_length=1)]

    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Temperature | None = None
    top_p: TopP | None = None
    max_completion_tokens: Tokens | None = None
    max_tokens: Tokens | None = Field(default=None, description="The older name of max_completion_tokens.")
    stop: StopString | Annotated[list[StopString], Field(max_length=STOPS)] | None = None
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    response_format: ResponseFormat | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=LOGPROBS_LIMIT)] | None = None
    user: Member | None = None
    safety_identifier: Member | None = None

    top_k: Annotated[int, Field(ge=-1, le=2**31 - 1)] | None = Field(default=None, description="-1 and 0 take all.")
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    repetition_penalty: Annotated[float, Field(ge=0.1, le=10)] | None = None
    structured_outputs: StructuredOutputs | None = None
    max_pixels: Annotated[int, Field(ge=1, le=2**40)] | None = Field(
        default=None, description="Pictures with more pixels are reduced to so many."
    )
    min_pixels: Annotated[int, Field(ge=1, le=2**40)] | None = Field(
        default=None, description="Pictures with fewer pixels are enlarged to so many."
    )

    n: Annotated[int, Field(ge=1, le=1)] | None = Field(default=None, description="One answer at a time.")
    frequency_penalty: Annotated[float, Field(ge=0, le=0)] | None = Field(default=None, description="0 alone.")
    modalities: Annotated[list[Literal["text"]], Field(min_length=1, max_length=1)] | None = None
    store: Literal[False] | None = Field(default=None, description="Nothing is stored.")
    service_tier: Literal["auto", "default"] | None = None
    tools: Annotated[list[Any], Field(max_length=0)] | None = Field(default=None, description="None are called.")
    tool_choice: Literal["none", "auto"] | None = Field(default=None, description="Either calls none.")
    parallel_tool_calls: bool | None = Field(default=None, description="There are none.")
    prompt_cache_key: str | None = Field(default=None, description="Prompts of all keys share what they begin with.")

    audio: Unsupported = None
    function_call: Unsupported = None
    functions: Unsupported = None
    logit_bias: Unsupported = None
    metadata: Unsupported = None
    moderation: Unsupported = None
    prediction: Unsupported = None
    prompt_cache_options: Unsupported = None
    prompt_cache_retention: Unsupported = None
    reasoning_effort: Unsupported = None
    verbosity: Unsupported = None
    web_search_options: Unsupported = None


class Likely(Reply):
    """A token with its log-probability."""

    token: str
    logprob: float
    bytes: list[int]


class LikelyToken(Likely):
    """A token of the answer, and those that were likeliest in its place."""

    top_logprobs: list[Likely]


class Logprobs(Reply):
    """Those of all tokens of a piece."""

    content: list[LikelyToken]
    refusal: None


class ChatReply(Reply):
    """The answer; `reasoning_content` is what a checkpoint that thinks said to itself before."""

    role: Literal["assistant"]
    content: str
    reasoning_content: str = ""
    refusal: None


class Delta(Reply):
    """A piece of the answer."""

    role: Literal["assistant"] = "assistant"
    content: str = ""
    reasoning_content: str = ""


FinishReason: TypeAlias = Literal["stop", "length"]


class ChatChoice(Reply):
    """The one answer."""

    index: Literal[0]
    message: ChatReply
    logprobs: Logprobs | None
    finish_reason: FinishReason


class DeltaChoice(Reply):
    """The next piece of the one answer."""

    index: Literal[0]
    delta: Delta
    logprobs: Logprobs | None
    finish_reason: FinishReason | None


class PromptDetails(Reply):
    """Of the prompt: tokens known from earlier requests, tokens of pictures, and how each picture was read."""

    cached_tokens: int
    image_tokens: int
    pictures: list[PictureRead]


class ChatUsage(Reply):
    """Tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails


class UnderstoodAs(Reply):
    """What a question was taken to mean: whether pictures of things can tell it, as steps over names, in which
    language, how probably (null: plain words of time decided); and how probably the picture is of the world that the
    model knows (null: nobody knows)."""

    scope: Literal["inside", "outside", "unclear"]
    program: list[tuple[str, list[str]]]
    lang: str
    probability: float | None
    domain: float | None


class ChatCompletion(Reply):
    """An answer. `created` is in seconds since 1970, `system_fingerprint` a digest of the weights; `understood` is
    there where a question is understood before it is answered."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    system_fingerprint: str
    choices: list[ChatChoice]
    usage: ChatUsage
    understood: UnderstoodAs | None = None


class ChatChunk(Reply):
    """A piece of an answer, as it comes."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    system_fingerprint: str
    choices: list[DeltaChoice]
    usage: ChatUsage | None = None
    understood: UnderstoodAs | None = None
