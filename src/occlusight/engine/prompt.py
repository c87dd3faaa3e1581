"""What the engine reads: token ids, and the patches of the pictures that their pad tokens stand for."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from occlusight.model.rope import Grid


@dataclass(frozen=True)
class Visual:
    """A picture as the model sees it: patches `(N, values)`, fp32, their grid, and a digest of both.

    The digest is of the processed pixels, never of a path: a file that was overwritten is another picture.
    """

    patches: Tensor
    grid: Grid
    digest: str

    @classmethod
    def of(cls, patches: Tensor, grid: Grid) -> Visual:
        """Digest the patches."""
        sha = hashlib.sha256(repr((grid, tuple(patches.shape), str(patches.dtype))).encode())
        sha.update(patches.contiguous().numpy().data)
        return cls(patches, grid, sha.hexdigest())


@dataclass(frozen=True)
class Prompt:
    """Token ids, the pictures in the order of their pads, and for each picture the half-open range of its pads."""

    ids: tuple[int, ...]
    visuals: tuple[Visual, ...] = ()
    spans: tuple[tuple[int, int], ...] = ()

    @classmethod
    def build(cls, ids: Sequence[int], visuals: Sequence[Visual], pads: Collection[int], merge: int) -> Prompt:
        """Find the pads of each picture: `rows * columns / merge**2` ids in a row, all the same one of `pads`.

        Raises:
            ValueError: the pads do not match the pictures.
        """
        spans: list[tuple[int, int]] = []
        at = 0
        for visual in visuals:
            pairs, rows, columns = visual.grid
            count = pairs * rows * columns // merge**2
            start = next((place for place in range(at, len(ids)) if ids[place] in pads), None)
            if start is None:
                raise ValueError(f"no pad tokens are left for picture {len(spans) + 1} of {len(visuals)}")
            at = start + count
            if any(token != ids[start] for token in ids[start:at]) or len(ids) < at:
                raise ValueError(f"picture {len(spans) + 1} needs {count} pad tokens in a row at {start}")
            spans.append((start, at))
        if any(token in pads for token in ids[at:]):
            raise ValueError(f"there are more pad tokens than the {len(visuals)} pictures need")
        return cls(tuple(ids), tuple(visuals), tuple(spans))

    def token_keys(self) -> list[Hashable]:
        """Return what tells each position's content apart: the id, and at a pad the picture and the place in it.

        Token ids alone would take two pictures of equal size for the same.
        """
        token_keys: list[Hashable] = list(self.ids)
        for visual, (start, stop) in zip(self.visuals, self.spans, strict=True):
            token_keys[start:stop] = [(visual.digest, place) for place in range(stop - start)]
        return token_keys

    def whole(self, length: int) -> int:
        """Return `length`, or the start of the picture that it would cut."""
        for start, stop in self.spans:
            if start < length < stop:
                return start
        return length

    @property
    def tensor(self) -> Tensor:
        """The ids, `(T,)` int64."""
        return torch.tensor(self.ids, dtype=torch.int64)

    @property
    def grids(self) -> list[Grid]:
        """The pictures' grids in order."""
        return [visual.grid for visual in self.visuals]

    @property
    def image_tokens(self) -> int:
        """How many ids stand for pictures."""
        return sum(stop - start for start, stop in self.spans)
