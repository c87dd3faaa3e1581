"""What a caller may say: how a model is opened (`EngineOptions`), how an answer is drawn (`SamplingParams`, which the
engine takes as it is) and how large pictures are read."""

from __future__ import annotations

from dataclasses import dataclass, field
from os import PathLike
from typing import Literal, TypeAlias, TypedDict

from occlusight.checks import by, check_fields, number, received, text, truth, whole
from occlusight.engine.sampling_params import SamplingParams
from occlusight.errors import BadInput

__all__ = [
    "PIXELS_LIMIT",
    "EngineKeywords",
    "EngineOptions",
    "MaxPixels",
    "SamplingParams",
    "as_max_pixels",
    "in_order",
]

MaxPixels: TypeAlias = int | Literal["model"] | None
"""A limit of pixels; "model" leaves it to the checkpoint, None to whoever is asked."""

PIXELS_LIMIT = 1 << 40


def as_max_pixels(name: str, value: object) -> int | Literal["model"]:
    """Return a number of pixels, or "model"."""
    if isinstance(value, str):
        if value != "model":
            raise BadInput(f"{name} takes a number of pixels, or 'model', but {received(value)} was given")
        return "model"
    return whole(name, value, 1, PIXELS_LIMIT)


def as_path(name: str, value: object) -> str:
    """Return as text what is a name or a folder."""
    return text(name, str(value) if isinstance(value, PathLike) else value)


def in_order(max_pixels: MaxPixels, min_pixels: int | None) -> None:
    """Raise BadInput where the lower limit is above the upper one."""
    if isinstance(max_pixels, int) and min_pixels is not None and min_pixels > max_pixels:
        raise BadInput(f"min_pixels ({min_pixels}) must not be above max_pixels ({max_pixels})")


@dataclass(frozen=True)
class EngineOptions:
    """Who answers, and with what: one record, from the command line to the backend. Raises BadInput when built with a
    value outside its range.

    Each backend declares which of these it takes; any other that is asked for is refused by name.

    Args:
        backend: local (our engine), openai (any server that speaks OpenAI's chat API) or transformers (any image-text
            model of it).
        base_url: the server's address, for openai.
        served_checkpoint: what that server runs, where it is a model that knows its own wordings alone ('default' or a
            checkpoint folder): it is then asked in those, and its calibration holds.
        trust_remote_code: run the Python code that a checkpoint brings, for transformers.
        device: auto, cpu, cuda or cuda:N.
        dtype: auto, float32, bfloat16 or float16.
        quantize: none, int8 or int4: the bits of the decoder's weights; or the folder of a stored form. auto is int8
            for half a billion parameters or more on a CPU, unless a dtype is given, else none.
        quantize_vision: none or int8 for the vision tower; follows `quantize` unless given.
        max_pixels: pictures with more pixels are reduced to so many; "model" takes the checkpoint's own limit, None at
            most 1,048,576 on a CPU. A request may say otherwise.
        min_pixels: pictures with fewer pixels are enlarged to so many.
        context: the most tokens of a prompt and its answer; the model's own context unless given, and stretched beyond
            it.
        int8_kv: keys and values in a byte a number.
        kv_gb: the memory in 10^9 bytes that keys and values may take; a quarter of the machine's unless given.
        prompt_lookup: guess tokens from the text so far and check several in one pass; answers are the same without.
        offline: of models on a hub take what was downloaded, and ask the hub for nothing.
        steady: read prompts in the same chunks however busy the machine is, so that not even the rounding changes from
            run to run.
    """

    backend: str = field(default="local", metadata=by(text))
    base_url: str | None = field(default=None, metadata=by(text))
    served_checkpoint: str | PathLike[str] | None = field(default=None, metadata=by(as_path))
    trust_remote_code: bool = field(default=False, metadata=by(truth))
    device: str = field(default="auto", metadata=by(text))
    dtype: str = field(default="auto", metadata=by(text))
    quantize: str | PathLike[str] = field(default="auto", metadata=by(as_path))
    quantize_vision: str | None = field(default=None, metadata=by(text))
    max_pixels: MaxPixels = field(default=None, metadata=by(as_max_pixels))
    min_pixels: int | None = field(default=None, metadata=by(whole, low=1, high=PIXELS_LIMIT))
    context: int | None = field(default=None, metadata=by(whole, low=1, high=2**31 - 1))
    int8_kv: bool = field(default=False, metadata=by(truth))
    kv_gb: float | None = field(default=None, metadata=by(number, low=1e-3, high=1e6))
    prompt_lookup: bool = field(default=True, metadata=by(truth))
    steady: bool = field(default=False, metadata=by(truth))
    offline: bool = field(default=False, metadata=by(truth))

    def __post_init__(self) -> None:
        check_fields(self)
        in_order(self.max_pixels, self.min_pixels)


class EngineKeywords(TypedDict, total=False):
    """The fields of `EngineOptions` as keywords of a call that forwards them; a test holds the two together."""

    backend: str
    base_url: str | None
    served_checkpoint: str | PathLike[str] | None
    trust_remote_code: bool
    device: str
    dtype: str
    quantize: str | PathLike[str]
    quantize_vision: str | None
    max_pixels: MaxPixels
    min_pixels: int | None
    context: int | None
    int8_kv: bool
    kv_gb: float | None
    prompt_lookup: bool
    steady: bool
    offline: bool
