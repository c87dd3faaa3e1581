"""What /v1/occlusion/read takes and gives: the text in a picture."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from occlusight.serve.api.occlusion_shapes import DataUri, Pixels
from occlusight.serve.api.shapes import PICTURE, Form, Member, Reply, Tokens


class ReadRequest(Form):
    """A picture with text; `json_schema` names the fields that are wanted instead of lines, `lang` is the language in
    which the model is asked."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"image": PICTURE}]})

    image: DataUri
    json_schema: dict[str, Any] | None = None
    lang: Literal["en", "zh"] | None = None
    max_tokens: Tokens | None = Field(default=None, description="4096 unless given.")
    max_pixels: Pixels | None = None
    min_pixels: Pixels | None = None
    user: Member | None = None


class ReadLine(Reply):
    """A line of text, and a box (x0, y0, x1, y1) around it in thousandths of the picture, where the model tells one."""

    text: str
    box: tuple[int, int, int, int] | None


class ReadReply(Reply):
    """The lines of a picture of `size` (width, height) in pixels, in the order in which they were read; or `fields`, as
    the schema of the request describes them, and `lines` is null."""

    lines: list[ReadLine] | None
    size: tuple[int, int] | None
    fields: Any
    model: str
