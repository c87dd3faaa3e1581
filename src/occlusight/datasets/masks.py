"""Masks as COCO run lengths: counts of 0s and 1s in turn, down the columns, beginning with 0s.

>>> encode(np.array([[0, 1], [1, 1]], bool))
{'size': [2, 2], 'counts': [1, 3]}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlusight.errors import BadData
from occlusight.files.text import shown

LARGEST = 80_000_000
"""Pixels of the largest mask."""


def encode(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Return the uncompressed COCO run lengths of a mask (H, W)."""
    flat = np.asarray(mask, bool).ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    edges = np.concatenate([[0], changes, [flat.size]])
    counts = np.diff(edges).tolist()
    if flat.size and flat[0]:
        counts.insert(0, 0)
    return {"size": [int(mask.shape[0]), int(mask.shape[1])], "counts": counts}


def decode(rle: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Return the mask (H, W) that `encode` described. Raises BadData when the counts are no run lengths, or do not fill
    it."""
    size, counts = rle.get("size"), rle.get("counts")
    if not isinstance(size, list | tuple) or len(size) != 2 or not all(map(_is_length, size)):
        raise BadData(f"the size of a mask is [height, width], not {shown(size)}")
    height, width = size
    if height * width > LARGEST:
        raise BadData(f"a mask has up to {LARGEST} pixels, but this one {height} x {width}")
    if not isinstance(counts, list | tuple):
        raise BadData(f"run lengths are a list, not {shown(counts)}")
    if wrong := [count for count in counts if not _is_length(count)]:
        raise BadData(f"a run length is a whole number from 0 on, not {shown(wrong[0])}")
    if sum(counts) != height * width:
        raise BadData(
            f"the run lengths add up to {shown(sum(counts))}, but the mask has {height} x {width} = "
            f"{height * width} pixels"
        )
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, np.asarray(counts, np.int64)).reshape((height, width), order="F")


def _is_length(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
