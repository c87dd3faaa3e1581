"""The hand-written wordings of questions in `train/wordings/`, and which of them training never sees."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from occlusight.datasets.wordings import SLOT, Wording, slots_in_order

OUT_OF_SCOPE = "out_of_scope"


@dataclass(frozen=True)
class Split:
    """Wordings to train on, to calibrate with, and to measure with."""

    train: tuple[Wording, ...]
    calibration: tuple[Wording, ...]
    held_out: tuple[Wording, ...]


def wordings_folder() -> Path:
    """Return the folder of the package's own wordings."""
    return Path(str(files("occlusight.train").joinpath("wordings")))


def split(wordings: Iterable[Wording], seed: int, held_out: float = 0.15, calibration: float = 0.05) -> Split:
    """Divide wordings by a hash of seed and id, so that lines added later move none of the others."""
    parts: tuple[list[Wording], list[Wording], list[Wording]] = ([], [], [])
    for wording in wordings:
        share = int.from_bytes(hashlib.sha256(f"{seed} {wording.id}".encode()).digest()[:4], "big") / 2**32
        parts[2 if share < held_out else 1 if share < held_out + calibration else 0].append(wording)
    return Split(*map(tuple, parts))


def without_names(text: str, order: Sequence[str] | None = None) -> str:
    """Return a wording with x1, x2 ... for its names, as the reader is given it; a colour belongs to its name.

    >>> without_names("is there a {S} {C} behind {A}")
    'is there a x1 behind x2'
    """
    order = slots_in_order(text) if order is None else order
    text = re.sub(r"\{S\}\s?", "", text)
    return SLOT.sub(lambda match: f"x{order.index(match[1].replace('CS', 'C')) + 1}", text)
