"""The rows of one pass: tokens of several sequences side by side, each looking at its own sequence alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from occlusight.engine.chain import Chain, Segment
from occlusight.model.attention import merge, partial_attention
from occlusight.model.kv_cache import KVCache


@dataclass(frozen=True)
class Stretch:
    """Tokens `begin` to `end` of a store, and the rows that look at them.

    `slot` counts the stretches before it in each of these rows' sequences. Where the rows are themselves among the keys, the first one
    sees the store's first `seen` tokens, the next one more, and so on; None: every row sees all of it.
    """

    store: KVCache
    begin: int
    end: int
    rows: slice | Tensor
    slot: int
    seen: int | None = None


class Rows:
    """One pass over rows of several chains: `(chain, how many rows)`, the rows in that order.

    The linear layers see all rows as one sequence. Attention is computed stretch by stretch: what several sequences share, once for
    all their rows; each tail for its own rows; and put together by the stretches' logarithmic weights.
    """

    def __init__(self, members: list[tuple[Chain, int]]) -> None:
        ends = list(accumulate((count for _, count in members), initial=0))
        self.total = ends[-1]
        self._places = {chain: slice(*ends[i : i + 2]) for i, (chain, _) in enumerate(members)}
        self._idle: list[slice] = []
        self._masks: dict[tuple[int, int, int], Tensor] = {}
        self._look()

    def drop(self, chain: Chain) -> None:
        """Let go of a chain between two layers; its rows go on, but read and write nothing more. One at least must be left."""
        self._idle.append(self._places.pop(chain))
        self._look()

    def _look(self) -> None:
        self._stretches = list(stretches(self._places))
        self._slots = 1 + max(stretch.slot for stretch in self._stretches)

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Write the rows' keys and values `(1, G, R, d)` to the tails; return what the queries `(1, H, R, d)` find."""
        for chain, own in self._places.items():
            chain.tail.write(layer, k[:, :, own], v[:, :, own])
        if len(self._stretches) == 1 and not self._idle:
            return self._over(layer, q, self._stretches[0])[0]
        outs = q.new_zeros(self._slots, *q.shape, dtype=torch.float32)
        weights = q.new_full((self._slots, *q.shape[:3]), float("-inf"), dtype=torch.float32)
        for idle in self._idle:
            weights[0, :, :, idle] = 0
        for stretch in self._stretches:
            out, weight = self._over(layer, q[:, :, stretch.rows], stretch)
            outs[stretch.slot, :, :, stretch.rows] = out.float()
            weights[stretch.slot, :, :, stretch.rows] = weight
        return merge(outs, weights).to(v.dtype)

    def advance(self, tokens: int) -> None:
        """Count the rows as read."""
        assert tokens == self.total
        for chain, own in self._places.items():
            chain.tail.advance(own.stop - own.start)

    def _over(self, layer: int, q: Tensor, stretch: Stretch) -> tuple[Tensor, Tensor]:
        """Attention of a stretch's rows over it: result and logarithmic weight. A store may hand it out in pieces."""
        if stretch.seen is None:
            return stretch.store.attend(layer, stretch.begin, stretch.end, q)
        found: list[tuple[Tensor, Tensor]] = []
        for begin, keys, values in stretch.store.pieces(layer, stretch.begin, stretch.end):
            first = max(0, begin + 1 - stretch.seen)  # the rows before see nothing of this piece
            ahead = stretch.seen + first - begin  # keys that row `first` sees
            mask = self._mask(q.shape[2] - first, keys.shape[2], ahead, q)
            out, weight = partial_attention(q[:, :, first:], keys, values, mask)
            if first:
                out = torch.cat((torch.zeros_like(q[:, :, :first]), out), 2)
                weight = torch.cat((weight.new_full((*weight.shape[:2], first), float("-inf")), weight), 2)
            found.append((out, weight))
        if len(found) == 1:
            return found[0]
        outs, weights = torch.stack([out for out, _ in found]), torch.stack([weight for _, weight in found])
        return merge(outs, weights).to(q.dtype), weights.logsumexp(0)

    def _mask(self, rows: int, keys: int, ahead: int, like: Tensor) -> Tensor | None:
        """Additive mask `(rows, keys)`: the first row sees `ahead` keys, the next one more. None where all see all."""
        if ahead >= keys:
            return None
        size = (rows, keys, ahead)
        if size not in self._masks:
            self._masks[size] = like.new_full((rows, keys), float("-inf")).triu(ahead)
        return self._masks[size]


def stretches(places: Mapping[Chain, slice]) -> Iterator[Stretch]:
    """Yield what the rows of each chain look at: pieces of shared segments, then each tail.

    A segment is cut where some member's part of it ends, so that the same rows look at the whole of a piece: parts of 5 and of 9 tokens
    of one segment give 0..5 for the rows of both, and 5..9 for those of the second.
    """
    ends: dict[Segment, set[int]] = {}
    for chain in places:
        for part in chain.parts:
            ends.setdefault(part.segment, {0}).add(part.length)
    slots: dict[tuple[Segment, int, int], int] = {}  # the same for whoever looks at it: a segment has one past
    rows: dict[tuple[Segment, int, int], list[int]] = {}
    tails: list[Stretch] = []
    for chain, own in places.items():
        slot = 0
        for part in chain.parts:
            for begin, end in pairwise(sorted(end for end in ends[part.segment] if end <= part.length)):
                slots[part.segment, begin, end] = slot
                rows.setdefault((part.segment, begin, end), []).extend(range(own.start, own.stop))
                slot += 1
        old, count = chain.tail.length, own.stop - own.start
        seen = old + 1 if count > 1 else None
        tails.append(Stretch(chain.tail, 0, old + count, own, slot, seen))
    for (segment, begin, end), which in rows.items():
        yield Stretch(segment.store, begin, end, row_index(which), slots[segment, begin, end])
    yield from tails


def row_index(rows: list[int]) -> slice | Tensor:
    """Return rising row numbers as a slice where they are consecutive."""
    if rows[-1] - rows[0] + 1 == len(rows):
        return slice(rows[0], rows[-1] + 1)
    return torch.tensor(rows)
