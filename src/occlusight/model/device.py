"""Where a model runs and in what numbers, unless the user says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from occlusight.errors import BadInput
from occlusight.model.memory import memory_bytes
from occlusight.model.weight_files import shards

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
SHARE = 0.6
"""A model in fp32 may take this share of the machine's memory."""


@dataclass(frozen=True)
class Placement:
    """A device and the type that weights are converted to; `chosen` says that nobody asked for this type."""

    device: torch.device
    dtype: torch.dtype
    chosen: bool = False

    @classmethod
    def choose(cls, checkpoint: Path, device: str = "auto", dtype: str = "auto") -> Placement:
        """Settle what is "auto": a GPU where there is one, in bfloat16; else the CPU in float32, in bfloat16 if that is
        too large.

        (Without matrix units for bfloat16, a CPU multiplies it more slowly than float32.)

        Raises:
            BadInput: the device or type does not exist here.
        """
        if dtype != "auto" and dtype not in DTYPES:
            raise BadInput(f"dtype takes auto, {', '.join(DTYPES)}, but {dtype!r} was given")
        place = device_of(device)
        if dtype != "auto":
            return cls(place, DTYPES[dtype])
        if place.type != "cpu":
            return cls(place, torch.bfloat16, chosen=True)
        fits = 2 * weights_bytes(checkpoint) <= SHARE * memory_bytes()  # checkpoints hold 2 bytes a number
        return cls(place, torch.float32 if fits else torch.bfloat16, chosen=True)


def device_of(name: str) -> torch.device:
    """Return a device by its name; auto is a GPU where there is one, else the CPU. Raises BadInput where it does not
    exist here."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        place = torch.device(name)
    except RuntimeError as error:
        raise BadInput(f"device takes auto, cpu, cuda or cuda:N, but {name!r} was given") from error
    if place.type == "cuda" and not torch.cuda.is_available():
        raise BadInput(f"device {name!r} was asked for, but this machine or this PyTorch has no CUDA; use cpu")
    return place


def weights_bytes(checkpoint: Path) -> int:
    """Return the size of a checkpoint's weights on disk."""
    return sum(path.stat().st_size for path in shards(checkpoint))
