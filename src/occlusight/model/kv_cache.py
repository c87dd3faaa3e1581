"""Keys and values of the tokens that a decoder has already read."""

from collections.abc import Iterator
from typing import Self

import torch
from torch import Tensor

from occlusight.model.attention import merge, partial_attention
from occlusight.model.config import TextConfig

GRAIN = 16
"""Capacity grows in multiples of this many tokens."""


class KVCache:
    """Preallocated keys and values of every layer, `(layers, 2, B, kv_heads, capacity, head_dim)`, growing by doubling.

    A forward pass calls `append` once a layer and `advance` once at its end; `length` counts the tokens that every
    layer holds. All rows of the batch have the same length; rows of different real lengths need a mask.
    """

    def __init__(
        self,
        config: TextConfig,
        batch: int = 1,
        capacity: int = GRAIN,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        self.length = 0
        shape = (config.layers, 2, batch, config.kv_heads, round_up(capacity), config.head_dim)
        self._store = torch.empty(shape, dtype=dtype, device=device)

    @property
    def layers(self) -> int:
        """How many layers it has."""
        return self._store.shape[0]

    @property
    def batch(self) -> int:
        """How many sequences it holds."""
        return self._store.shape[2]

    @property
    def heads(self) -> int:
        """How many heads of keys a layer has."""
        return self._store.shape[3]

    @property
    def capacity(self) -> int:
        """How many tokens fit before it grows."""
        return self._store.shape[4]

    @property
    def kind(self) -> torch.dtype:
        """The type of what it holds."""
        return self._store.dtype

    @property
    def nbytes(self) -> int:
        """Bytes allocated."""
        return self._store.numel() * self._store.element_size()

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Store `(B, kv_heads, T, head_dim)` after the first `length` tokens of `layer`; return views of all
        `length + T` keys and values."""
        self.write(layer, keys, values)
        store = self._store[layer, ..., : self.length + keys.shape[2], :]
        return store[0], store[1]

    def write(self, layer: int, keys: Tensor, values: Tensor) -> None:
        """Store `(B, kv_heads, T, head_dim)` after the first `length` tokens of `layer`."""
        end = self.length + keys.shape[2]
        if end > self.capacity:
            self.reserve(max(end, 2 * self.capacity))
        store = self._store[layer]  # (2, B, kv_heads, capacity, head_dim)
        store[0, :, :, self.length : end] = keys
        store[1, :, :, self.length : end] = values

    def pieces(self, layer: int, begin: int, end: int) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Yield tokens `begin` to `end` of `layer` in pieces: where one begins, its keys and its values,
        `(B, kv_heads, S, head_dim)`.
        """
        store = self._store[layer, ..., begin:end, :]
        yield begin, store[0], store[1]

    def attend(self, layer: int, begin: int, end: int, q: Tensor) -> tuple[Tensor, Tensor]:
        """Attention of queries `(1, H, R, head_dim)` over tokens `begin` to `end` of `layer`, all of which each of them
        sees: what `partial_attention` gives."""
        found = [partial_attention(q, keys, values) for _, keys, values in self.pieces(layer, begin, end)]
        if len(found) == 1:
            return found[0]
        outs, weights = torch.stack([out for out, _ in found]), torch.stack([weight for _, weight in found])
        return merge(outs, weights).to(q.dtype), weights.logsumexp(0)

    def place(self, begin: int) -> tuple[int, int, int, int, int]:
        """Return where token `begin` of the first layer is, for a loop: the address of its first head's key, and how
        many numbers it is from a layer to the next, from keys to values, from a head and from a token to the next. It
        holds until the cache grows."""
        layer, which, _, head, token, _ = self._store.stride()
        return self._store.data_ptr() + begin * token * self._store.element_size(), layer, which, head, token

    def advance(self, tokens: int) -> None:
        """Count `tokens` more as held by every layer."""
        self.length += tokens

    def truncate(self, length: int) -> None:
        """Forget everything after the first `length` tokens.

        Raises:
            ValueError: `length` is negative or more than there is.
        """
        if not 0 <= length <= self.length:
            raise ValueError(f"cannot truncate a cache of {self.length} tokens to {length}")
        self.length = length

    def reserve(self, capacity: int) -> None:
        """Make room for `capacity` tokens."""
        if capacity > self.capacity:
            self._resize(capacity)

    def trim(self) -> None:
        """Give back the room that is not used."""
        if round_up(self.length) < self.capacity:
            self._resize(self.length)

    def _resize(self, capacity: int) -> None:
        wanted = self._store.new_empty((*self._store.shape[:4], round_up(capacity), self._store.shape[5]))
        wanted[..., : self.length, :] = self._store[..., : self.length, :]
        self._store = wanted

    def copy(self, batch: int | None = None) -> Self:
        """A cache of its own with the same tokens; a cache of one sequence can be repeated to `batch`."""
        twin = object.__new__(type(self))
        twin.length = self.length
        store = self._store if batch is None else self._store.expand(-1, -1, batch, -1, -1, -1)
        twin._store = store.clone(memory_format=torch.contiguous_format)
        return twin


def round_up(tokens: int) -> int:
    """Return the capacity that is allocated for so many tokens."""
    return max(1, -(-tokens // GRAIN)) * GRAIN
