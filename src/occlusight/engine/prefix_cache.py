"""Keeps the keys and values of sequences that have ended, for prompts that begin alike."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from occlusight.model.kv_cache import KVCache

SHORTEST = 16
"""A shared beginning of fewer tokens is not worth a copy."""


@dataclass(frozen=True)
class Kept:
    """A sequence's content, cell by cell, and its keys and values."""

    cells: tuple[Hashable, ...]
    cache: KVCache


class PrefixCache:
    """The sequences used last, bounded in bytes.

    Cells are token ids, and at visual tokens the picture's digest with the place in it. A keeper's tensors are never written
    to: `find` leaves them as they are, and whoever goes on from them copies.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._kept: list[Kept] = []  # least recently used first

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(kept.cache.nbytes for kept in self._kept)

    def find(self, cells: Sequence[Hashable]) -> tuple[int, KVCache | None]:
        """Return the longest beginning that a kept sequence shares with `cells`, and that sequence's keys and values."""
        best, found = 0, None
        for kept in self._kept:
            length = shared(kept.cells, cells)
            if length > best:
                best, found = length, kept
        if found is None or best < SHORTEST:
            return 0, None
        self._kept.remove(found)
        self._kept.append(found)
        return best, found.cache

    def put(self, cells: Sequence[Hashable], cache: KVCache) -> None:
        """Keep a sequence, instead of those that it continues. The cache now belongs to the keeper."""
        if cache.nbytes > self.max_bytes:
            return
        cells = tuple(cells)
        self._kept = [kept for kept in self._kept if kept.cells != cells[: len(kept.cells)]]
        self._kept.append(Kept(cells, cache))
        while self.nbytes > self.max_bytes:
            self._kept.pop(0)

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()


def shared(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    """Return the length of the common beginning."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
