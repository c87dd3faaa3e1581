"""The rows of one pass: tokens of several sequences side by side, each looking at its own sequence alone."""

from __future__ import annotations

from itertools import accumulate

import torch
from torch import Tensor

from occlusight.engine.kernel_table import KernelTable, fits
from occlusight.engine.key_ranges import KeyRange, key_ranges
from occlusight.engine.kv_segments import SequenceKV
from occlusight.model.attention import merge, partial_attention


class PackedBatch:
    """One pass over rows of several sequences: `(kv, how many rows)`, the rows in that order.

    The linear layers see all rows as one sequence. Attention is computed range by range: what several sequences share,
    once for all their rows; each tail for its own rows; and put together by the ranges' logarithmic weights.
    """

    def __init__(self, members: list[tuple[SequenceKV, int]]) -> None:
        ends = list(accumulate((count for _, count in members), initial=0))
        self.total = ends[-1]
        self._rows = {kv: slice(*ends[i : i + 2]) for i, (kv, _) in enumerate(members)}
        self._idle: list[slice] = []
        self._masks: dict[tuple[int, int, int], Tensor] = {}
        self._find_key_ranges()

    def drop(self, kv: SequenceKV) -> None:
        """Let go of a sequence between two layers; its rows go on, but read and write nothing more. One at least must
        be left.
        """
        self._idle.append(self._rows.pop(kv))
        self._find_key_ranges()

    def _find_key_ranges(self) -> None:
        self._key_ranges = list(key_ranges(self._rows))
        self._slots = 1 + max(key_range.slot for key_range in self._key_ranges)
        self._table: KernelTable | None = None

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Write the rows' keys and values `(1, G, R, d)` to the tails; return what the queries `(1, H, R, d)` find."""
        if self._table is None and fits(self._key_ranges, q):
            for kv, own in self._rows.items():
                kv.tail.reserve(kv.tail.length + own.stop - own.start)
            self._table = KernelTable(self._key_ranges, q)
        if self._table is not None:
            return self._table.attend(layer, q, k, v)
        for kv, own in self._rows.items():
            kv.tail.write(layer, k[:, :, own], v[:, :, own])
        if len(self._key_ranges) == 1 and not self._idle:
            return self._over(layer, q, self._key_ranges[0])[0]
        outs = q.new_zeros(self._slots, *q.shape, dtype=torch.float32)
        weights = q.new_full((self._slots, *q.shape[:3]), float("-inf"), dtype=torch.float32)
        for idle in self._idle:
            weights[0, :, :, idle] = 0
        for key_range in self._key_ranges:
            out, weight = self._over(layer, q[:, :, key_range.rows], key_range)
            outs[key_range.slot, :, :, key_range.rows] = out.float()
            weights[key_range.slot, :, :, key_range.rows] = weight
        return merge(outs, weights).to(v.dtype)

    def advance(self, tokens: int) -> None:
        """Count the rows as read."""
        assert tokens == self.total
        for kv, own in self._rows.items():
            kv.tail.advance(own.stop - own.start)

    def _over(self, layer: int, q: Tensor, key_range: KeyRange) -> tuple[Tensor, Tensor]:
        """Attention of a key range's rows over it: result and logarithmic weight. A store may hand it out in pieces."""
        if key_range.seen is None:
            return key_range.store.attend(layer, key_range.begin, key_range.end, q)
        found: list[tuple[Tensor, Tensor]] = []
        for begin, keys, values in key_range.store.pieces(layer, key_range.begin, key_range.end):
            first = max(0, begin + 1 - key_range.seen)  # the rows before see nothing of this piece
            ahead = key_range.seen + first - begin  # keys that row `first` sees
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
