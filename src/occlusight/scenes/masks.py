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
    """Return the mask (H, W) that `encode` described. Raises BadData when the counts do not fill it."""
    height, width = rle["size"]
    counts = np.asarray(rle["counts"], np.int64)
    if counts.sum() != height * width or (counts < 0).any():
        raise BadData(f"the run lengths add up to {counts.sum()}, but the mask has {height} x {width} pixels")
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape((height, width), order="F")
