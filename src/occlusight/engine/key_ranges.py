"""What the rows of a pass look at: ranges of keys that one or several sequences hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from occlusight.engine.kv_segments import KVSegment, SequenceKV
from occlusight.model.kv_cache import KVCache


@dataclass(frozen=True)
class KeyRange:
    """Tokens `begin` to `end` of a store, and the rows that look at them.

    `slot` counts the key ranges before it in each of these rows' sequences. Where the rows are themselves among the
    keys, the first one sees the store's first `seen` tokens, the next one more, and so on; None: every row sees all of
    it. `own` says that the rows are the range's last tokens, a tail's.
    """

    store: KVCache
    begin: int
    end: int
    rows: slice | Tensor
    slot: int
    seen: int | None = None
    own: bool = False


def key_ranges(rows_of: Mapping[SequenceKV, slice]) -> Iterator[KeyRange]:
    """Yield what the rows of each sequence look at: pieces of shared segments, then each tail.

    A segment is cut where some member's part of it ends, so that the same rows look at the whole of a piece: parts of 5
    and of 9 tokens of one segment give 0..5 for the rows of both, and 5..9 for those of the second.
    """
    ends: dict[KVSegment, set[int]] = {}
    for kv in rows_of:
        for part in kv.parts:
            ends.setdefault(part.segment, {0}).add(part.length)
    slots: dict[tuple[KVSegment, int, int], int] = {}  # the same for whoever looks at it: a segment has one past
    rows: dict[tuple[KVSegment, int, int], list[int]] = {}
    tails: list[KeyRange] = []
    for kv, own in rows_of.items():
        slot = 0
        for part in kv.parts:
            for begin, end in pairwise(sorted(end for end in ends[part.segment] if end <= part.length)):
                slots[part.segment, begin, end] = slot
                rows.setdefault((part.segment, begin, end), []).extend(range(own.start, own.stop))
                slot += 1
        old, count = kv.tail.length, own.stop - own.start
        seen = old + 1 if count > 1 else None
        tails.append(KeyRange(kv.tail, 0, old + count, own, slot, seen, own=True))
    for (segment, begin, end), which in rows.items():
        yield KeyRange(segment.store, begin, end, row_index(which), slots[segment, begin, end])
    yield from tails


def row_index(rows: list[int]) -> slice | Tensor:
    """Return rising row numbers as a slice where they are consecutive."""
    if rows[-1] - rows[0] + 1 == len(rows):
        return slice(rows[0], rows[-1] + 1)
    return torch.tensor(rows)
