"""A quantized model by its checkpoint and settings: from the cache, or made now."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from occlusight.errors import BadModel
from occlusight.model.quant.load import load_stored
from occlusight.model.quant.plan import Plan, QuantSettings
from occlusight.model.quant.quantizer import Progress, Quantizer, Sample
from occlusight.model.quant.stored import StoreReader, stored_folder
from occlusight.model.qwen3vl import Qwen3VL

log = logging.getLogger(__name__)


def load_quantized(
    checkpoint: Path,
    digest: str,
    settings: QuantSettings,
    calibration: Callable[[], Sequence[Sample]],
    progress: Progress | None = None,
) -> tuple[Qwen3VL, Plan]:
    """Load the stored form; make it first where there is none, or where it is damaged or of an earlier format.

    `digest` tells the checkpoint's content; `calibration` is called only to make it.
    """
    folder = stored_folder(digest, settings)
    if folder.is_dir():
        try:
            reader = StoreReader(folder)
            return load_stored(checkpoint, reader), reader.plan
        except BadModel as error:
            log.warning("%s; it is made again", error)
    Quantizer(checkpoint, settings).run(calibration(), folder, progress)
    reader = StoreReader(folder)
    return load_stored(checkpoint, reader), reader.plan
