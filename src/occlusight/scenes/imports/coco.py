"""Masks as COCO writes them down: polygons, or run lengths as numbers or as compressed text. Nothing reaches compiled
code unchecked.

What is checked before: that every number is one, how far a polygon reaches and how long its outline is (pycocotools
walks along it five times finer than the pixels are, and takes memory for every step), and that run lengths cover the
picture exactly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlusight.datasets.masks import LARGEST, decode
from occlusight.errors import BadData, BadInput
from occlusight.extras import install
from occlusight.files.text import shown
from occlusight.scenes.imports.fields import whole_number

Mask = NDArray[np.bool_]

MASK_BYTES = 2 << 30
"""What the masks of one picture may take."""
MOST_THINGS = 1000
"""Things outlined in one picture; their pairs are gone through."""
LONGEST_OUTLINE = 2_000_000
"""Pixels that all outlines of one thing are long together: some 250 MB while they are filled."""


def size_of(image: Mapping[str, Any], where: str, things: int = 1) -> tuple[int, int]:
    """Return the (width, height) of an image entry. Raises BadData for one that is too large for the masks of so many
    `things`."""
    width, height = (whole_number(image, key, where) for key in ("width", "height"))
    if width < 1 or height < 1 or width * height > LARGEST:
        raise BadData(
            f"{where}: a picture has from 1 to {LARGEST} pixels, but this one {shown(width)} x {shown(height)}"
        )
    if things > MOST_THINGS or 2 * things * width * height > MASK_BYTES:
        raise BadData(
            f"{where}: {things} things in {width} x {height} pixels are too many; up to {MOST_THINGS} are read, "
            f"and masks of {MASK_BYTES / 1e9:.1f} GB"
        )
    return width, height


def mask_of(shape: Any, size: tuple[int, int], where: str) -> Mask:
    """Return the mask (H, W) of a segmentation in a picture of `size` (width, height).

    Polygons (a list of them, or one flat list x0, y0, x1, y1, ...), run lengths as counts, or as COCO's compressed
    text. Raises BadData for another shape or another picture size, BadInput when pycocotools is not installed.
    """
    try:
        return _runs(shape, size) if isinstance(shape, dict) else _filled(shape, size)
    except ValueError as error:
        if isinstance(error, BadInput) and not isinstance(error, BadData):
            raise
        raise BadData(f"{where}: {error}") from None


def _runs(shape: Mapping[str, Any], size: tuple[int, int]) -> Mask:
    """Return the mask of run lengths. Raises ValueError."""
    width, height = size
    if shape.get("size") != [height, width]:
        raise BadData(f"the mask is for {shown(shape.get('size'))} pixels, but the picture has {[height, width]}")
    counts = shape.get("counts")
    return decode({"size": [height, width], "counts": uncompressed(counts) if isinstance(counts, str) else counts})


def uncompressed(text: str) -> list[int]:
    """Return the run lengths in COCO's compressed text. Raises ValueError for another text.

    Each character holds 5 bits, the lowest first, and a bit that says whether more follow; from the fourth number on,
    it is the difference to the one two before. As in the masks of most tools the numbers are below 2^31.

    >>> uncompressed("52203")
    [5, 2, 2, 2, 5]
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 30:
            raise ValueError(f"the mask cannot be read: {shown(text)} is not COCO's compressed text")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    if shift:
        raise ValueError(
            f"the mask cannot be read: COCO's compressed text {shown(text)} ends in the middle of a number"
        )
    return counts


def _filled(shape: Any, size: tuple[int, int]) -> Mask:
    """Return the mask of polygons. Raises ValueError."""
    polygons = [shape] if isinstance(shape, list) and shape and not isinstance(shape[0], list) else shape
    if not isinstance(polygons, list) or not polygons:
        raise ValueError(
            f"the mask cannot be read: it is neither a list of polygons nor run lengths, but {shown(shape)}"
        )
    length = sum(_outline(polygon, size) for polygon in polygons)
    if length > LONGEST_OUTLINE:
        raise ValueError(f"the mask has outlines of {length:.0f} pixels; up to {LONGEST_OUTLINE} are filled")
    try:
        from pycocotools import mask as coco_mask
    except ImportError:
        raise BadInput(f"reading masks needs pycocotools; {install('annotations')}") from None
    width, height = size
    runs = coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))
    return np.asarray(coco_mask.decode(runs), bool)


def _outline(polygon: Any, size: tuple[int, int]) -> float:
    """Return the length of a polygon's outline in pixels. Raises ValueError where it is none, or not near the
    picture."""
    if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
        raise ValueError("the mask cannot be read: a polygon has at least three points, x0, y0, x1, y1, x2, y2")
    for axis, side in enumerate(size):
        wrong = [v for v in polygon[axis::2] if not _is_number(v) or not -side <= v <= 2 * side]
        if wrong:
            raise ValueError(
                f"the mask cannot be read: the {'xy'[axis]} coordinate {shown(wrong[0])} is no number within "
                f"{side} pixels of the picture"
            )
    points = list(zip(polygon[::2], polygon[1::2], strict=True))
    return math.fsum(max(abs(a - c), abs(b - d)) + 1 for (a, b), (c, d) in pairwise([*points, points[0]]))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
