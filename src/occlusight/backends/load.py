"""A checkpoint as a model in the numbers that the user wants: as it is, or quantized."""

from __future__ import annotations

import logging
from pathlib import Path

from occlusight.backends.fitting import check_fits
from occlusight.backends.opened import Opened, Tell
from occlusight.errors import BadInput
from occlusight.model.allocator import reuse_freed_memory
from occlusight.model.config import ModelConfig
from occlusight.model.device import Placement
from occlusight.model.fields import read_json
from occlusight.model.quant.plan import TEXT_CHOICES, QuantSettings
from occlusight.model.size import parameters_of
from occlusight.model.weights import dtype_name, load_model

AUTO = "auto"
LARGE = 500_000_000
"""From so many parameters on, a CPU computes in 8 bits unless told: several times as fast, and half of the memory."""

log = logging.getLogger(__name__)


def open_model(
    checkpoint: Path,
    revision: str,
    placement: Placement,
    quantized: QuantSettings | Path | None,
    kv_bytes: int = 0,
    tell: Tell = log.info,
) -> Opened:
    """Load a checkpoint; a quantized one from its stored form, which is named or in the cache directory, where it is
    put first if need be.

    Weights have no second form where that would not fit beside `kv_bytes` of keys and values.

    Raises:
        BadModel: the folder holds no checkpoint that can be loaded, or the named one no stored form of it.
        BadInput: it does not fit into the free memory.
    """
    if placement.device.type == "cpu":
        reuse_freed_memory()
    if quantized is None:
        check_fits(checkpoint, placement, None)
        model = load_model(checkpoint, placement.dtype, placement.device)
        size = sum(p.numel() * p.element_size() for p in model.parameters())
        return Opened(model, dtype_name(placement.dtype), size)
    from occlusight.backends.quantized import open_quantized  # a tenth of a second that most starts do not need

    return open_quantized(checkpoint, revision, placement, quantized, kv_bytes, tell)


def precision_of(
    quantize: str, quantize_vision: str | None, checkpoint: Path, placement: Placement, tell: Tell = log.info
) -> QuantSettings | Path | None:
    """What a user says of bits: settings, the folder of a stored form, or None where nothing is quantized.

    "auto" is int8 for a checkpoint of `LARGE` or more parameters on a CPU, which is told, and none below, on a GPU, and
    where a type of numbers was asked for.

    Raises:
        BadInput: there is no such choice and no such folder, or both a form and the tower's bits are given.
        BadModel: the checkpoint's configuration cannot be read.
    """
    if quantize == AUTO:
        quantize = "none"
        if placement.device.type == "cpu" and placement.chosen:
            size = parameters_of(ModelConfig.from_hf(read_json(checkpoint, "config.json")))
            if size >= LARGE:
                quantize = "int8"
                tell(
                    f"{size / 1e9:.1f} billion parameters on a CPU: computed in 8 bits; --quantize none computes in "
                    f"{dtype_name(placement.dtype)}, --quantize int4 in fewer bits"
                )
    folder = Path(quantize)
    if quantize in TEXT_CHOICES or not folder.is_dir():
        return QuantSettings.of(quantize, quantize_vision)
    if quantize_vision is not None:
        raise BadInput(f"the form in {quantize} has its own bits for the vision tower; leave --quantize-vision out")
    return folder
