"""What the shapes of all families share."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from occlusight.engine.sampling_params import MAX_TOKENS_LIMIT, TEMPERATURE_LIMIT

PICTURE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAACAAAAAgCAIAAAD8GO2jAAAA"
    "LUlEQVR4nGM8YaPBQEvARFPTRy0YtWDUglELRi0YtWDUglELRi0YtWDUAioCAMTJAWz4VixiAAAAAElFTkSuQmCC"
)
"""The smallest example of a picture: 32x32 pixels of red."""


class Form(BaseModel):
    """What comes in: unknown fields are refused, and so is what Python could only take for the right type."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Reply(BaseModel):
    """What goes out: fields that were not set are left out."""

    model_config = ConfigDict(extra="forbid")


Unsupported: TypeAlias = Annotated[None, Field(description="Not supported: leave it out, or null.")]
Temperature: TypeAlias = Annotated[
    float, Field(ge=0, le=TEMPERATURE_LIMIT, description="0, the default, takes the likeliest token each time.")
]
TopP: TypeAlias = Annotated[float, Field(gt=0, le=1)]
Tokens: TypeAlias = Annotated[int, Field(ge=1, le=MAX_TOKENS_LIMIT)]
Member: TypeAlias = Annotated[
    str, Field(max_length=512, description="Who asks, of those behind one key: they take turns.")
]

VIDEO = "data:video/mp4;base64,AAAA"
Frames: TypeAlias = Annotated[list[str], Field(min_length=1)]
"""Of a video: each a data URI of a picture."""
Times: TypeAlias = list[Annotated[float, Field(ge=0, le=1e6)]]
"""The seconds at which frames are shown."""
FramesPerSecond: TypeAlias = Annotated[float, Field(ge=0.001, le=1000, description="2 unless there are times.")]


class CachedTokens(Reply):
    """How many tokens of the prompt were known from earlier requests."""

    cached_tokens: int


class PictureRead(Reply):
    """How a picture was read: the grid of its tokens, its size and the size at which it was read, in pixels."""

    rows: int
    columns: int
    tokens: int
    size: tuple[int, int]
    read_size: tuple[int, int]
    reduced_by: str | None


def event_stream(shape: str, description: str, done: str | None = None) -> dict[str, Any]:
    """Describe a response of server-sent events, as OpenAPI does from 3.2 on: the data of each is a document of a
    shape; that of the last may be `done` instead."""
    document = {"contentMediaType": "application/json", "contentSchema": {"$ref": f"#/components/schemas/{shape}"}}
    data = {"type": "string", **document}
    item = {
        "type": "object",
        "properties": {
            "data": data if done is None else {"anyOf": [{"const": done}, data]},
            "event": {"type": "string"},
        },
        "required": ["data"],
    }
    return {"content": {"text/event-stream": {"itemSchema": item}}, "description": description}
