"""A quantized model by its checkpoint and settings: from the cache, or made now."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from occlusight.errors import BadModel
from occlusight.model.quant.load import load_stored
from occlusight.model.quant.plan import Plan
from occlusight.model.quant.quantizer import Progress, Quantizer, Sample
from occlusight.model.quant.stored import Origin, StoreReader
from occlusight.model.qwen3vl import Qwen3VL

log = logging.getLogger(__name__)


def load_quantized(
    checkpoint: Path,
    origin: Origin,
    calibration: Callable[[], Sequence[Sample]],
    progress: Progress | None = None,
    lean: bool = False,
    device: torch.device | str = "cpu",
) -> tuple[Qwen3VL, Plan]:
    """Load the stored form; make it first where there is none, or where it is damaged or of an earlier format.

    `calibration` is called only to make it, which is done on the CPU. `lean`, `device`: see `load_stored`.
    """
    folder = origin.folder
    if os.path.lexists(folder):
        try:
            reader = StoreReader(folder)
            return load_stored(checkpoint, reader, lean, device), reader.plan
        except BadModel as error:
            log.warning("%s; it is made again", error)
    Quantizer(checkpoint, origin.settings, origin.checkpoint).run(calibration(), folder, progress)
    reader = StoreReader(folder)
    return load_stored(checkpoint, reader, lean, device), reader.plan


def load_form(
    checkpoint: Path, digest: str, folder: Path, lean: bool = False, device: torch.device | str = "cpu"
) -> tuple[Qwen3VL, Plan]:
    """Load a stored form that somebody names.

    Raises:
        BadModel: it is damaged, or was made from another checkpoint than the one with this digest.
    """
    reader = StoreReader(folder)
    if reader.checkpoint != digest:
        raise BadModel(
            f"{folder} was made from another checkpoint than {checkpoint}; make one: occlusight models quantize {checkpoint}"
        )
    return load_stored(checkpoint, reader, lean, device), reader.plan
