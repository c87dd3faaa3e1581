"""The vision tower of Qwen3-VL: patches in, one token for each merged block of patches out, and DeepStack's taps.

Patches come in the order of the processor: block after block of `merge_size` x `merge_size`, raster order within a
block and among blocks. Attention stays within one frame pair. Frames of equal size run as one dense batch.
"""

import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from occlusight.errors import BadInput
from occlusight.model.attention import Attention, fused_attention
from occlusight.model.config import VisionConfig
from occlusight.model.grids import GridCache, GridTables
from occlusight.model.rope import Grid, rotate
from occlusight.model.steps import finished

EPS = 1e-6
PIECE = 1024
"""Patches that are computed together in inference: those of a 512x512 picture."""
CHUNK = 256
"""Those that go through an MLP together: what lies between its layers stays in the cache."""


@dataclass(frozen=True)
class VisionFeatures:
    """What the decoder needs of M visual tokens, and what dense training losses need of their patches.

    embeds: `(M, D)`; taps: one `(M, D)` for each DeepStack tap; patches: `(M * merge_size**2, vision hidden)`, the
    last block's output before the merger, in the processor's order, or empty once dropped.
    """

    embeds: Tensor
    taps: tuple[Tensor, ...]
    patches: Tensor

    def __len__(self) -> int:
        return self.embeds.shape[0]

    def slice(self, start: int, stop: int) -> Self:
        """Tokens `start` to `stop`, taps and patches alike: for a chunk of prefill that splits a picture."""
        per = self.patches.shape[0] // max(1, len(self))
        return replace(
            self,
            embeds=self.embeds[start:stop],
            taps=tuple(tap[start:stop] for tap in self.taps),
            patches=self.patches[start * per : stop * per],
        )

    def without_patches(self) -> Self:
        """The same without `patches`: what a cache should keep."""
        return replace(self, patches=self.patches.new_empty(0, self.patches.shape[1]))

    @classmethod
    def cat(cls, parts: Sequence[Self]) -> Self:
        """Several pictures' features one after the other."""
        return cls(
            embeds=torch.cat([part.embeds for part in parts]),
            taps=tuple(torch.cat(taps) for taps in zip(*(part.taps for part in parts), strict=True)),
            patches=torch.cat([part.patches for part in parts]),
        )


class PatchProjection(nn.Module):
    """The patch embedding: a matrix product whose weight is stored in the shape of a 3-D convolution."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        patch = (3, config.temporal_patch_size, config.patch_size, config.patch_size)
        self.weight = nn.Parameter(torch.empty(config.hidden_size, *patch))
        self.bias = nn.Parameter(torch.zeros(config.hidden_size))
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, patches: Tensor) -> Tensor:
        return F.linear(patches.to(self.weight.dtype), self.weight.flatten(1), self.bias)


class PatchEmbed(nn.Module):
    """Holds the projection under the name that checkpoints give it."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.proj = PatchProjection(config)

    def forward(self, patches: Tensor) -> Tensor:
        out: Tensor = self.proj(patches)
        return out


class VisionAttention(nn.Module):
    """Attention among all patches of a frame."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.heads, self.head_dim = config.heads, config.head_dim
        self.attend: Attention = fused_attention
        self.qkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.proj = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, x: Tensor, tables: GridTables) -> Tensor:
        return self.mix(*self.project(x, tables))

    def project(self, x: Tensor, tables: GridTables) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values `(F, heads, L, head_dim)` of `(F, L, D)`."""
        qkv = self.qkv(x).view(*x.shape[:2], 3, self.heads, self.head_dim).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        q, k = rotate(q, tables.cos, tables.sin).to(v.dtype), rotate(k, tables.cos, tables.sin).to(v.dtype)
        return q, k, v

    def mix(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """What queries find, `(F, L, D)`; they may be some of the frame's patches, keys and values are of all."""
        out: Tensor = self.proj(self.attend(q, k, v, None, False).transpose(1, 2).flatten(2))
        return out


class VisionMLP(nn.Module):
    """Two linear layers around a tanh-approximated GELU."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.linear_fc1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.linear_fc2 = nn.Linear(config.intermediate_size, config.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.linear_fc2(F.gelu(self.linear_fc1(x), approximate="tanh"))
        return out


class VisionBlock(nn.Module):
    """One transformer block."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.hidden_size, eps=EPS)
        self.norm2 = nn.LayerNorm(config.hidden_size, eps=EPS)
        self.attn = VisionAttention(config)
        self.mlp = VisionMLP(config)

    def forward(self, x: Tensor, tables: GridTables) -> Tensor:
        x = x + self.attn(self.norm1(x), tables)
        out: Tensor = x + self.mlp(self.norm2(x))
        return out

    def steps(self, x: Tensor, tables: GridTables) -> Generator[None, None, Tensor]:
        """`forward` in place and some `PIECE` patches at a time, for inference: yields between the pieces."""
        q, k, v = self.attn.project(self.norm1(x), tables)
        yield
        for frames, rows in pieces(*x.shape[:2]):
            part = x[frames, rows]
            part += self.attn.mix(q[frames, :, rows], k[frames], v[frames])
            yield
            for some in torch.split(part.view(-1, x.shape[-1]), CHUNK):
                some += self.mlp(self.norm2(some))
            yield
        return x


def pieces(frames: int, length: int) -> Iterator[tuple[slice, slice]]:
    """Frames, and rows of each, that make about `PIECE` patches together."""
    together = max(1, PIECE // length)
    for first in range(0, frames, together):
        for row in range(0, length, PIECE):
            yield slice(first, first + together), slice(row, row + PIECE)


def steps_for(config: VisionConfig, frames: int, length: int) -> int:
    """How often `VisionTower.steps` yields for frames of one size of `length` patches."""
    return config.layers * (2 + 2 * len(list(pieces(frames, length))))


class Merger(nn.Module):
    """Turns each block of `merge_size` x `merge_size` patches into one token of the decoder's width.

    The main merger normalises every patch before joining them (`norm_joined` false); DeepStack's mergers normalise
    the joined vector. The GELU is the exact one (erf), unlike the blocks'.
    """

    def __init__(self, config: VisionConfig, norm_joined: bool) -> None:
        super().__init__()
        self.joined = config.hidden_size * config.merge_size**2
        self.norm_joined = norm_joined
        self.norm = nn.LayerNorm(self.joined if norm_joined else config.hidden_size, eps=EPS)
        self.linear_fc1 = nn.Linear(self.joined, self.joined)
        self.linear_fc2 = nn.Linear(self.joined, config.out_size)

    def forward(self, x: Tensor) -> Tensor:
        """`(.., L, hidden)` to `(.., L / merge**2, D)`."""
        shape = (*x.shape[:-2], -1, self.joined)
        x = self.norm(x.reshape(shape)) if self.norm_joined else self.norm(x).reshape(shape)
        out: Tensor = self.linear_fc2(F.gelu(self.linear_fc1(x)))
        return out


class VisionTower(nn.Module):
    """Patch embedding, interpolated position embeddings, blocks, mergers."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        self.patch_embed = PatchEmbed(config)
        self.pos_embed = nn.Embedding(config.position_embeddings, config.hidden_size)
        self.blocks = nn.ModuleList(VisionBlock(config) for _ in range(config.layers))
        self.merger = Merger(config, norm_joined=False)
        self.deepstack_merger_list = nn.ModuleList(Merger(config, norm_joined=True) for _ in config.taps)
        self._tables = GridCache(config)

    def forward(self, patches: Tensor, grids: Sequence[Grid]) -> VisionFeatures:
        """Features of patches `(N, 3 * 2 * P * P)` of pictures and clips with the given grids, in their order.

        Raises:
            BadInput: the patches do not match the grids or the configuration.
        """
        return finished(self.steps(patches, grids, whole=True))

    def steps(
        self, patches: Tensor, grids: Sequence[Grid], whole: bool = False
    ) -> Generator[None, None, VisionFeatures]:
        """`forward` in pieces: yields within and after every block, so that one may do something else meanwhile, or
        stop.

        With `whole` blocks are not cut: what `forward` does, which gradients go through.
        """
        self._check(patches, grids)
        frames = [(rows, columns) for count, rows, columns in grids for _ in range(count)]
        x = self.patch_embed(patches)  # (N, hidden)
        sizes = list(dict.fromkeys(frames))
        if len(sizes) == 1:
            return (yield from self._encode(x.view(len(frames), -1, x.shape[-1]), sizes[0], whole))
        parts = x.split([rows * columns for rows, columns in frames])
        features: dict[int, VisionFeatures] = {}
        for size in sizes:
            members = [index for index, frame in enumerate(frames) if frame == size]
            together = yield from self._encode(torch.stack([parts[index] for index in members]), size, whole)
            tokens = len(together) // len(members)
            features |= {index: together.slice(i * tokens, (i + 1) * tokens) for i, index in enumerate(members)}
        return VisionFeatures.cat([features[index] for index in range(len(frames))])

    def _encode(self, x: Tensor, size: tuple[int, int], whole: bool) -> Generator[None, None, VisionFeatures]:
        """Features of F frames of one size, `(F, L, hidden)`."""
        x, tables = self.placed(x, size)
        taps = []
        mergers = iter(self.deepstack_merger_list)
        for index, block in enumerate(self.blocks):
            assert isinstance(block, VisionBlock)
            x = block(x, tables) if whole else (yield from block.steps(x, tables))
            if index in self.config.taps:
                taps.append(next(mergers)(x).flatten(0, 1))
            yield
        return VisionFeatures(self.merger(x).flatten(0, 1), tuple(taps), x.flatten(0, 1))

    def placed(self, x: Tensor, size: tuple[int, int]) -> tuple[Tensor, GridTables]:
        """Embedded patches `(F, L, hidden)` with their position embeddings, and the tables of their grid."""
        tables = self._tables.get(size, x.device)
        known = self.pos_embed.weight
        place = F.embedding_bag(tables.corners, known, mode="sum", per_sample_weights=tables.weights.to(known.dtype))
        return x + place.to(x.dtype), tables

    def _check(self, patches: Tensor, grids: Sequence[Grid]) -> None:
        merge, values = self.config.merge_size, self.config.patch_values
        for grid in grids:
            if len(grid) != 3 or min(grid) < 1 or grid[1] % merge or grid[2] % merge:
                raise BadInput(f"a grid is (frame pairs, rows, columns), rows and columns multiples of {merge}: {grid}")
        wanted = (sum(math.prod(grid) for grid in grids), values)
        if not grids or tuple(patches.shape) != wanted:
            raise BadInput(f"grids {list(grids)} need patches of shape {wanted}, got {tuple(patches.shape)}")
