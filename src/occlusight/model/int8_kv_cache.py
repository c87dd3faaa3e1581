"""Keys and values in a byte a number: half of bf16's memory, a quarter of fp32's, for long contexts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import torch
from torch import Tensor

from occlusight.model.attention import KEY_BOUND_ROWS
from occlusight.model.config import TextConfig
from occlusight.model.kv_cache import GRAIN, KVCache

STEPS = 127
PIECE = 4096
"""Tokens that are turned back into floating point at a time."""
SMALL_PIECE = 512
"""The same for a few queries: what 8 heads' keys take in fp32 stays in a core's cache."""


class Int8KVCache(KVCache):
    """A `KVCache` that holds int8 numbers and a bf16 scale for each token and head.

    A token of Qwen3-VL-2B takes 57,344 + 896 bytes. What comes out is what `rounded` gives, in `dtype`; it is at most
    half a step from what went in, and a step is 1/127 of the head's largest value or up to 0.6 % more.
    """

    def __init__(
        self,
        config: TextConfig,
        batch: int = 1,
        capacity: int = GRAIN,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(config, batch, capacity, torch.int8, device)
        self._scales = torch.empty(self._store.shape[:-1], dtype=torch.bfloat16, device=device)
        self.dtype = dtype

    @property
    def nbytes(self) -> int:
        """Bytes allocated."""
        return super().nbytes + self._scales.numel() * self._scales.element_size()

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Store `(B, kv_heads, T, head_dim)`; return all keys and values of the layer, turned back at once."""
        self.write(layer, keys, values)
        _, known, said = next(self._pieces(layer, 0, self.length + keys.shape[2], self.capacity))
        return known, said

    def write(self, layer: int, keys: Tensor, values: Tensor) -> None:
        """Store `(B, kv_heads, T, head_dim)` after the first `length` tokens of `layer`."""
        end = self.length + keys.shape[2]
        if end > self.capacity:
            self.reserve(max(end, 2 * self.capacity))
        for which, found in enumerate((keys, values)):
            numbers, scales = quantize(found)
            self._store[layer, which, :, :, self.length : end] = numbers
            self._scales[layer, which, :, :, self.length : end] = scales

    def pieces(self, layer: int, begin: int, end: int) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Yield tokens `begin` to `end` of `layer`, `PIECE` at a time: where one begins, its keys and its values."""
        return self._pieces(layer, begin, end, PIECE)

    def attend(self, layer: int, begin: int, end: int, q: Tensor) -> tuple[Tensor, Tensor]:
        """See `KVCache.attend`. A few queries are multiplied with the numbers as they are, and what comes out with
        their scales: one pass over each number instead of four."""
        if q.device.type != "cpu" or q.shape[2] > KEY_BOUND_ROWS:
            return super().attend(layer, begin, end, q)
        return self._attend_few(layer, begin, end, q)

    def copy(self, batch: int | None = None) -> Self:
        """A cache of its own with the same tokens; a cache of one sequence can be repeated to `batch`."""
        twin = super().copy(batch)
        scales = self._scales if batch is None else self._scales.expand(-1, -1, batch, -1, -1)
        twin._scales = scales.clone(memory_format=torch.contiguous_format)
        twin.dtype = self.dtype
        return twin

    def _pieces(self, layer: int, begin: int, end: int, size: int) -> Iterator[tuple[int, Tensor, Tensor]]:
        for first in range(begin, end, size):
            part = slice(first, min(first + size, end))
            scales = self._scales[layer, :, :, :, part, None].to(self.dtype)
            found = self._store[layer, :, :, :, part].to(self.dtype).mul_(scales)  # (2, B, kv_heads, S, head_dim)
            yield first, found[0], found[1]

    def _attend_few(self, layer: int, begin: int, end: int, q: Tensor) -> tuple[Tensor, Tensor]:
        _, heads, rows, width = q.shape
        (keys, values), scales = self._store[layer, :, 0, :, begin:end], self._scales[layer, :, 0, :, None, begin:end]
        groups, tokens, _ = keys.shape
        queries = (q.float() * width**-0.5).reshape(
            groups, -1, width
        )  # those that share a head of keys are rows of one product
        scores = queries.new_empty(groups, queries.shape[1], tokens)
        out = torch.zeros_like(queries)
        wide = queries.new_empty(groups, min(SMALL_PIECE, tokens), width)
        parts = [slice(first, min(first + SMALL_PIECE, tokens)) for first in range(0, tokens, SMALL_PIECE)]
        for part in parts:
            piece = wide[:, : part.stop - part.start].copy_(keys[:, part])
            scores[..., part] = queries @ piece.transpose(1, 2)
        weight = scores.mul_(scales[0]).logsumexp(-1)
        shares = scores.sub_(weight[..., None]).exp_().mul_(scales[1])
        for part in parts:
            out.baddbmm_(shares[..., part], wide[:, : part.stop - part.start].copy_(values[:, part]))
        return out.view(1, heads, rows, width).to(q.dtype), weight.view(1, heads, rows)

    def _resize(self, capacity: int) -> None:
        super()._resize(capacity)
        wanted = self._scales.new_empty(self._store.shape[:-1])
        wanted[..., : self.length] = self._scales[..., : self.length]
        self._scales = wanted


def quantize(x: Tensor) -> tuple[Tensor, Tensor]:
    """`(.., d)` as int8 `(.., d)` and bf16 scales `(..)`, rounded up, so that the largest value is 127 steps at
    most.
    """
    wide = x.float()
    scales = (wide.abs().amax(-1) * (1 + 2**-8) / STEPS).to(torch.bfloat16).clamp_(torch.finfo(torch.bfloat16).tiny)
    numbers = (wide / scales.float()[..., None]).round_()
    return numbers.to(torch.int8), scales


def rounded(x: Tensor) -> Tensor:
    """The plain twin: `x` as it comes out of the cache, in the type of `x`."""
    numbers, scales = quantize(x)
    return numbers.to(x.dtype) * scales[..., None].to(x.dtype)
