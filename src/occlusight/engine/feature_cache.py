"""Keeps what the vision tower computed, so that a picture is encoded once for several questions."""

from __future__ import annotations

from collections import OrderedDict

from occlusight.model.vision import VisionFeatures


class FeatureCache:
    """The features used last, DeepStack's taps included, bounded in bytes. Keys are digests of processed pixels and
    model.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.nbytes = 0
        self._kept: OrderedDict[str, VisionFeatures] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: str) -> VisionFeatures | None:
        """Return the features and count them as used."""
        features = self._kept.get(key)
        if features is not None:
            self._kept.move_to_end(key)
        return features

    def put(self, key: str, features: VisionFeatures) -> None:
        """Keep the features, without the patches' own; evict those not used for longest. Too large ones are not
        kept.
        """
        features = features.without_patches()
        size = bytes_of(features)
        if key in self._kept or size > self.max_bytes:
            return
        self._kept[key] = features
        self.nbytes += size
        while self.nbytes > self.max_bytes:
            _, oldest = self._kept.popitem(last=False)
            self.nbytes -= bytes_of(oldest)

    def clear(self) -> None:
        """Evict everything."""
        self._kept.clear()
        self.nbytes = 0


def bytes_of(features: VisionFeatures) -> int:
    """Return the size of the tensors in bytes."""
    return sum(t.numel() * t.element_size() for t in (features.embeds, *features.taps, features.patches))
