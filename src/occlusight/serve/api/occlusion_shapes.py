"""What /v1/occlusion takes and gives: relation graphs, and answers from them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from occlusight.serve.api.shapes import PICTURE, Form, Member, Reply

DataUri = Annotated[str, Field(description="A picture as a data URI, or its address where the server fetches those.")]
Pixels = Annotated[int, Field(ge=1, le=2**40)]


class AskRequest(Form):
    """A question about one picture, in any words, Chinese or English. `lang` is the language of answers from the graph;
    the question's own unless given."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"image": PICTURE, "question": "Is the red car hidden by anything?"}]}
    )

    image: DataUri
    question: str = Field(min_length=1)
    lang: Literal["en", "zh"] | None = None
    max_pixels: Pixels | None = None
    min_pixels: Pixels | None = None
    user: Member | None = None


class GraphRequest(Form):
    """A picture; `lang` is the language in which the model is asked."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"image": PICTURE}]})

    image: DataUri
    lang: Literal["en", "zh"] | None = None
    max_pixels: Pixels | None = None
    min_pixels: Pixels | None = None
    user: Member | None = None


class Said(Reply):
    """The same in both languages."""

    en: str
    zh: str


class Ground(Reply):
    """A relation that an answer rests on, with the probability that it holds."""

    occluder: str
    occluded: str
    probability: float | None


class AskReply(Reply):
    """An answer.

    `scope`: whether pictures of things can tell it (`inside`, `outside`, `unclear`), and `program`: what was
    understood, as steps over names; null where the model takes any words. `probability`: that the answer is right,
    calibrated; null where nobody knows. `domain`: that the picture is of the world that the model knows. `from_graph`:
    whether the relation graph answers, or the model itself. `concerns`: what speaks against the picture: that it moves,
    and its first frame alone is looked at.
    """

    answer: str
    scope: Literal["inside", "outside", "unclear"] | None
    program: list[tuple[str, list[str]]] | None
    probability: float | None
    evidence: Said | None
    relations: list[Ground]
    domain: float | None
    from_graph: bool
    model: str
    concerns: list[Said] = Field(default_factory=list)


class GraphReply(Reply):
    """The relation graph, as docs/graph.md tells, with how its probabilities came about; `concerns`: what speaks
    against the picture: that it moves, and its first frame alone is looked at."""

    model_config = ConfigDict(extra="allow")

    version: int
    image: dict[str, int]
    objects: list[dict[str, Any]]
    relations: list[dict[str, Any]]
    depth_order: list[list[str]]
    unknown: list[dict[str, Any]]
    concerns: list[Said] = Field(default_factory=list)
