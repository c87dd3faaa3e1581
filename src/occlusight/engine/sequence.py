"""A prompt being answered."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from torch import Tensor

from occlusight.model.kv_cache import KVCache


@dataclass
class Sequence:
    """What has been read so far, and what comes next.

    `cells` tell the content of each position that `cache` holds; `delta` added to an index gives its rotary position (it belongs
    to the sequence, never to the model); `logits` `(V,)` are those of the next token. `encode_s` and `prefill_s` are seconds;
    `reused` counts prompt tokens that a kept prefix spared; `image_cached` says that no picture had to be encoded.
    """

    cells: list[Hashable]
    cache: KVCache
    delta: int
    logits: Tensor
    encode_s: float = 0.0
    prefill_s: float = 0.0
    reused: int = 0
    image_cached: bool = False

    def __len__(self) -> int:
        return len(self.cells)
