"""Reading boxes with labels, as Qwen's models write them: `[{"bbox_2d": [x0, y0, x1, y1], "label": "red car"}]`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from occlusight.occlusion.parse import without_thoughts

_ENTRY = re.compile(r"\{[^{}]*\}", re.S)
_BOXES = ("bbox_2d", "bbox", "box")
_LABELS = ("label", "name", "object", "category")


@dataclass(frozen=True)
class Detection:
    """A box (x0, y0, x1, y1) in thousandths, its corners in order, and what it is said to be around."""

    box: tuple[float, float, float, float]
    label: str


def detections(text: str) -> list[Detection] | None:
    """Return the entries that can be read, in their order; None where the text holds no JSON of such.

    Entries without four numbers and a label are passed over; several boxes of one entry are an entry each.

    >>> detections('```json\\n[{"bbox_2d": [1, 2, 30, 40], "label": "cup"}]\\n```')
    [Detection(box=(1.0, 2.0, 30.0, 40.0), label='cup')]
    """
    text = without_thoughts(text)
    found = [one for match in _ENTRY.finditer(text) for one in _entry(match.group(0))]
    return found if found or re.search(r"\[\s*\]", text) else None


def _entry(text: str) -> Iterator[Detection]:
    try:
        body: dict[str, Any] = json.loads(text)
    except ValueError:
        return
    label = next((body[key] for key in _LABELS if isinstance(body.get(key), str)), None)
    numbers = next((body[key] for key in _BOXES if isinstance(body.get(key), list)), None)
    if label is None or numbers is None:
        return
    for box in numbers if numbers and isinstance(numbers[0], list) else [numbers]:
        if len(box) == 4 and all(isinstance(n, int | float) and not isinstance(n, bool) for n in box):
            x, y = sorted(map(float, box[0::2])), sorted(map(float, box[1::2]))
            yield Detection((x[0], y[0], x[1], y[1]), label)
