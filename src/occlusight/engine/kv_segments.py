"""Keys and values of a sequence: stretches that it shares with others, and a tail of its own. Sharing copies nothing."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

import torch

from occlusight.model.kv_cache import KVCache


@dataclass(eq=False)
class Segment:
    """A finished stretch of a sequence; nobody writes to it any more.

    It goes on from the first `at` tokens of its parent's sequence, so that several stretches can leave one at different places:

        S (at 0)   [user] [picture x 256] is the car hidden? Yes.
        T (at 257)                        is the bicycle hidden? No.

    `cells` tell its content, one each token; `users` counts the sequences that hold on to it, `used` tells when it was last found.
    """

    cells: tuple[Hashable, ...]
    store: KVCache
    parent: Segment | None
    at: int
    children: list[Segment] = field(default_factory=list, repr=False)
    users: int = 0
    used: int = 0

    @property
    def end(self) -> int:
        """Where it ends in its sequence."""
        return self.at + len(self.cells)


@dataclass(frozen=True)
class Part:
    """The first `length` tokens of a segment, as a sequence uses them."""

    segment: Segment
    length: int


class Chain:
    """What a sequence has read: parts of segments, then its own tail."""

    def __init__(self, parts: tuple[Part, ...], tail: KVCache) -> None:
        self.parts = parts
        self.tail = tail

    @property
    def base(self) -> int:
        """Tokens before the tail."""
        return sum(part.length for part in self.parts)

    def __len__(self) -> int:
        return self.base + self.tail.length

    def freeze(self, cells: tuple[Hashable, ...], tail: KVCache) -> Segment:
        """Make the tail, whose content `cells` tell, a segment that others may share, and go on with a new tail."""
        assert len(cells) == self.tail.length
        parent = self.parts[-1].segment if self.parts else None
        segment = Segment(cells, self.tail, parent, self.base)
        self.parts = (*self.parts, Part(segment, len(cells)))
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
