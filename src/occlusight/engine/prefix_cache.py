"""Keeps what sequences have read, for prompts that begin alike: a tree of segments."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import count, takewhile

from occlusight.engine.kv_segments import KVSegment, SegmentSlice

SHORTEST = 8
"""A shared beginning of fewer tokens is read again rather than shared: every part costs a call of attention in every
layer.
"""


class PrefixCache:
    """The segments used last, bounded in bytes.

    Cells are token ids, and at visual tokens the picture's digest with the place in it. `find` and `hold` go together:
    what a running sequence holds is not evicted, nor what a kept segment goes on from. `evicted_bytes` counts all that
    ever was.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.nbytes = 0
        self.evicted_bytes = 0
        self._kept: list[KVSegment] = []
        self._roots: list[KVSegment] = []
        self._clock = count(1)

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def held_bytes(self) -> int:
        """Bytes of what running sequences hold."""
        return sum(segment.store.nbytes for segment in self._kept if not self._idle(segment))

    def find(self, token_keys: Sequence[Hashable]) -> tuple[SegmentSlice, ...]:
        """Return the parts that hold the longest known beginning of `token_keys`."""
        parts = self._longest(self._roots, tuple(token_keys), 0)
        return parts if sum(part.length for part in parts) >= SHORTEST else ()

    def hold(self, parts: Sequence[SegmentSlice]) -> None:
        """Keep what these parts are of until they are let go; they count as used."""
        for part in parts:
            part.segment.users += 1
            part.segment.used = next(self._clock)

    def let_go(self, parts: Sequence[SegmentSlice]) -> None:
        """A sequence does not need these any more."""
        for part in parts:
            part.segment.users -= 1
        self.shrink(self.max_bytes)

    def add(self, segment: KVSegment) -> None:
        """Keep a segment whose parent is kept."""
        segment.used = next(self._clock)
        (self._roots if segment.parent is None else segment.parent.children).append(segment)
        self._kept.append(segment)
        self.nbytes += segment.store.nbytes

    def shrink(self, max_bytes: int) -> None:
        """Evict what was not used for longest until `max_bytes` are held, or all that is left is in use."""
        while self.nbytes > max_bytes:
            idle = [segment for segment in self._kept if not segment.users and not segment.children]
            if not idle:
                return
            self._drop(min(idle, key=lambda segment: segment.used))

    def clear(self) -> None:
        """Evict everything that is not in use."""
        self.shrink(0)

    def _drop(self, segment: KVSegment) -> None:
        (self._roots if segment.parent is None else segment.parent.children).remove(segment)
        self._kept.remove(segment)
        self.nbytes -= segment.store.nbytes
        self.evicted_bytes += segment.store.nbytes

    def _idle(self, segment: KVSegment) -> bool:
        return not segment.users and all(self._idle(child) for child in segment.children)

    def _longest(
        self, segments: Sequence[KVSegment], token_keys: Sequence[Hashable], least: int
    ) -> tuple[SegmentSlice, ...]:
        """Return the parts, after those of the parent, that reach furthest beyond the first `least` keys, which
        agree.
        """
        best: tuple[SegmentSlice, ...] = ()
        reach = least
        for segment in segments:
            length = shared(segment.token_keys, token_keys[segment.at : segment.end])
            own = segment.at + length
            further = self._longest([c for c in segment.children if c.at <= own], token_keys, own)
            end = further[-1].segment.at + further[-1].length if further else own
            if end > reach:
                taken = further[0].segment.at - segment.at if further else length
                best, reach = (SegmentSlice(segment, taken), *further), end
        return best


def shared(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    """Return the length of the common beginning."""
    if one == other:
        return len(one)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
