"""Trackers of the library `trackers` (an extra), which follow boxes by how they move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from occlusight.errors import BadInput
from occlusight.occlusion.graph import Box

TRACKERS: Mapping[str, str] = {
    "sort": "SORTTracker",
    "bytetrack": "ByteTrackTracker",
    "ocsort": "OCSORTTracker",
    "cbiou": "CBIoUTracker",
}
"""Their classes there. Those that look at pixels, too, are left out: boxes are all that they would be given."""
KEPT_S = 5.0
"""Seconds for which a box that is lost may come back."""
PER_SECOND = 30
"""The rate in which the library counts how long a lost box is kept."""


class LibraryTracker:
    """A `BoxTracker` of the library, for frames so many a second.

    Raises BadInput where there is no such tracker, ImportError where the library is not installed.
    """

    def __init__(self, name: str, fps: float) -> None:
        if name not in TRACKERS:
            raise BadInput(f"there is no tracker {name!r}; there are {', '.join(TRACKERS)}")
        import supervision
        import trackers

        kept = round(KEPT_S * PER_SECOND)
        self._detections: Any = supervision.Detections
        self._tracker: Any = getattr(trackers, TRACKERS[name])(
            lost_track_buffer=kept, frame_rate=fps, minimum_consecutive_frames=1
        )

    def update(self, boxes: Sequence[Box], scores: Sequence[float]) -> list[int | None]:
        """See `BoxTracker`."""
        given = self._detections(
            xyxy=np.array(boxes, float).reshape(-1, 4),
            confidence=np.array(scores, float),
            data={"place": np.arange(len(boxes))},
        )
        found = self._tracker.update(given)
        numbers: list[int | None] = [None] * len(boxes)
        if found.tracker_id is None or not len(found):
            return numbers
        for place, number in zip(found.data["place"].tolist(), found.tracker_id.tolist(), strict=True):
            numbers[place] = number if number >= 0 else None  # below 0: not sure of it yet
        return numbers
