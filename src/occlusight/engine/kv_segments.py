"""Keys and values of a sequence: segments that it shares with others, and a tail of its own. Sharing copies nothing."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

import torch

from occlusight.model.kv_cache import KVCache


@dataclass(eq=False)
class KVSegment:
    """A finished piece of a sequence; nobody writes to it any more.

    It goes on from the first `at` tokens of its parent's sequence, so that several segments can leave one at different
    places:

        S (at 0)   [user] [picture x 256] is the car hidden? Yes.
        T (at 257)                        is the bicycle hidden? No.

    `token_keys` tell its content, one each token; `users` counts the sequences that hold on to it, `used` tells when it
    was last found.
    """

    token_keys: tuple[Hashable, ...]
    store: KVCache
    parent: KVSegment | None
    at: int
    children: list[KVSegment] = field(default_factory=list, repr=False)
    users: int = 0
    used: int = 0

    @property
    def end(self) -> int:
        """Where it ends in its sequence."""
        return self.at + len(self.token_keys)


@dataclass(frozen=True)
class SegmentSlice:
    """The first `length` tokens of a segment, as a sequence uses them."""

    segment: KVSegment
    length: int


class SequenceKV:
    """What a sequence has read: parts of segments, then its own tail."""

    def __init__(self, parts: tuple[SegmentSlice, ...], tail: KVCache) -> None:
        self.parts = parts
        self.tail = tail

    @property
    def base(self) -> int:
        """Tokens before the tail."""
        return sum(part.length for part in self.parts)

    def __len__(self) -> int:
        return self.base + self.tail.length

    def freeze(self, token_keys: tuple[Hashable, ...], tail: KVCache) -> KVSegment:
        """Make the tail, whose content `token_keys` tell, a segment that others may share, and go on with a new
        tail.
        """
        assert len(token_keys) == self.tail.length
        parent = self.parts[-1].segment if self.parts else None
        segment = KVSegment(token_keys, self.tail, parent, self.base)
        self.parts = (*self.parts, SegmentSlice(segment, len(token_keys)))
        self.tail = tail
        return segment

    def gather(self, tail: KVCache) -> None:
        """Copy everything into one tail: too many parts cost more than the copy."""
        for part in self.parts:
            for layer in range(tail.layers):
                _, keys, values = zip(*part.segment.store.pieces(layer, 0, part.length), strict=True)
                tail.write(layer, torch.cat(keys, 2), torch.cat(values, 2))
            tail.advance(part.length)
        self.parts = ()
        self.tail = tail
