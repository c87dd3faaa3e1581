"""Whether a model fits into the memory that is free, before anything of it is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from occlusight.errors import BadInput
from occlusight.model.config import ModelConfig
from occlusight.model.device import Placement
from occlusight.model.fields import read_json
from occlusight.model.memory import GB, available_bytes
from occlusight.model.quant.plan import QuantSettings
from occlusight.model.size import parameters_of, quantized_bytes, quantizing_bytes
from occlusight.model.weights import dtype_name

BYTES = {"none": 2.0, "int8": 1.0, "int4": 1.63}
"""Bytes a number in memory; layers in 4 bits have 8 for prompts too."""
LEAN_INT4 = 0.63
ROOM_TOKENS = 2048
"""Keys and values of so many tokens must fit beside the weights, else nothing could be asked."""


@dataclass(frozen=True)
class Need:
    """Bytes that loading a model takes at most at a time, and what they are for."""

    bytes: int
    words: str


def need_of(
    config: ModelConfig, placement: Placement, quantized: QuantSettings | None, stored: bool, int4_only: bool
) -> Need:
    """Return what loading a checkpoint takes; `stored` says that its quantized form is there already."""
    if quantized is None:
        size = parameters_of(config) * placement.dtype.itemsize
        words = f"weights in {dtype_name(placement.dtype)} {size / GB:.1f} GB"
    else:
        text = LEAN_INT4 if int4_only and quantized.text == "int4" else BYTES[quantized.text]
        size = quantized_bytes(config, text, BYTES[quantized.vision])
        words = f"weights in {quantized.label} {size / GB:.1f} GB"
    cells = 4 * config.text.layers * config.text.kv_heads * config.text.head_dim * ROOM_TOKENS
    whole = Need(size + cells, f"{words}, keys and values of {ROOM_TOKENS} tokens {cells / GB:.1f} GB")
    making = quantizing_bytes(config) if quantized is not None and not stored else 0
    return (
        whole if making <= whole.bytes else Need(making, f"quantizing, once, {making / GB:.1f} GB; then {whole.words}")
    )


def check_fits(
    checkpoint: Path,
    placement: Placement,
    quantized: QuantSettings | None,
    stored: bool = True,
    int4_only: bool = False,
) -> None:
    """Refuse a model that does not fit into the free memory. (What a GPU has free, its own allocator tells.)

    Raises:
        BadInput: it does not fit; the message has the numbers and what to do.
    """
    if placement.device.type != "cpu":
        return
    config = ModelConfig.from_hf(read_json(checkpoint, "config.json"))
    need, free = need_of(config, placement, quantized, stored, int4_only), available_bytes()
    if need.bytes <= free:
        return
    smaller = need_of(config, placement, QuantSettings.of("int8"), True, True)
    if quantized is None and smaller.bytes <= free:
        advice = f"--quantize int8 takes {smaller.bytes / GB:.1f} GB"
    elif quantized is not None and smaller.bytes <= free:
        advice = (
            "quantize it on a machine with more memory (occlusight models quantize) and give the folder: "
            "--quantize FOLDER"
        )
    else:
        advice = "close other programs, raise the limit of this container, or take a smaller model"
    raise BadInput(
        f"this model does not fit into memory: it takes {need.bytes / GB:.1f} GB ({need.words}), but {free / GB:.1f} "
        f"GB are free; {advice}"
    )
