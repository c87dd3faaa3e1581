"""COCO's way of writing annotations down: one JSON document, masks as polygons or run lengths, categories and images by number."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlusight.errors import BadData, BadInput

Mask = NDArray[np.bool_]


def read_document(path: Path) -> dict[str, Any]:
    """Read a JSON document. Raises BadData that names the file, and the line of a mistake in the JSON."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadData(f"{path}: there is no such file") from None
    except OSError as error:
        raise BadData(f"{path} cannot be read ({error.strerror})") from None
    except json.JSONDecodeError as error:
        raise BadData(f"{path}, line {error.lineno}, column {error.colno} is not JSON ({error.msg})") from None
    except ValueError as error:
        raise BadData(f"{path} is not JSON ({error})") from None
    if not isinstance(found, dict):
        raise BadData(f"{path} must hold one JSON object, but holds a {type(found).__name__}")
    return found


def entry(holder: Any, key: str | int, where: str) -> Any:
    """Return a field. Raises BadData that says where it is missing."""
    try:
        return holder[key]
    except (KeyError, IndexError, TypeError):
        there = ", ".join(map(str, holder)) if isinstance(holder, dict) else type(holder).__name__
        raise BadData(f"{where}: the field {key!r} is missing (there: {there})") from None


def listed(document: Mapping[str, Any], key: str, path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Return the objects of a list with their places ("file.json: annotations[3]"). Raises BadData."""
    found = entry(document, key, str(path))
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise BadData(f"{path}: {key} must be a list of objects")
    return [(f"{path}: {key}[{i}]", one) for i, one in enumerate(found)]


def by_id(document: Mapping[str, Any], key: str, path: Path) -> dict[int, dict[str, Any]]:
    """Return the objects of a list by their `id`. Raises BadData."""
    return {entry(one, "id", where): one for where, one in listed(document, key, path)}


def size_of(image: Mapping[str, Any], where: str) -> tuple[int, int]:
    """Return the (width, height) of an image entry. Raises BadData."""
    return whole_number(image, "width", where), whole_number(image, "height", where)


def whole_number(holder: Any, key: str, where: str) -> int:
    """Return a field that is a whole number. Raises BadData."""
    value = entry(holder, key, where)
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadData(f"{where}: {key} must be a whole number, but is {value!r}")
    return value


def mask_of(shape: Any, size: tuple[int, int], where: str) -> Mask:
    """Return the mask (H, W) of a segmentation in a picture of `size` (width, height).

    Polygons (a list of them, or one flat list x0, y0, x1, y1, ...), run lengths as counts, or as COCO's compressed text.
    Raises BadData for another shape or another picture size, BadInput when pycocotools is not installed.
    """
    try:
        from pycocotools import mask as coco_mask
    except ImportError:
        raise BadInput(
            "reading masks needs pycocotools; install it with: pip install 'occlusight[annotations]'"
        ) from None
    width, height = size
    try:
        if isinstance(shape, dict):
            if list(shape["size"]) != [height, width]:
                raise BadData(f"{where}: the mask is for {shape['size']} pixels, but the picture has {[height, width]}")
            counts = shape["counts"]
            runs = coco_mask.frPyObjects(shape, height, width) if isinstance(counts, list) else shape
            return np.asarray(coco_mask.decode(runs), bool)
        polygons = [shape] if _flat(shape) else list(shape)
        if not polygons or not all(_flat(p) and len(p) >= 6 and len(p) % 2 == 0 for p in polygons):
            raise ValueError("a polygon has at least three points, x0, y0, x1, y1, x2, y2")
        return np.asarray(coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))), bool)
    except BadData:
        raise
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise BadData(f"{where}: the mask cannot be read ({type(error).__name__}: {error})") from None


def _flat(shape: Any) -> bool:
    return isinstance(shape, Sequence) and bool(shape) and all(isinstance(v, int | float) for v in shape)
