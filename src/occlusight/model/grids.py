"""Tables that depend on a picture's grid alone: how to interpolate the position embeddings, and the rotary angles."""

from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor

from occlusight.model.config import VisionConfig
from occlusight.model.rope import inverse_frequencies

CACHED_PATCHES = 1 << 17
"""How many patches' tables are kept: 70 MB for heads of 64."""


@dataclass(frozen=True)
class GridTables:
    """Tables of one frame of L patches, in the processor's order.

    corners: `(L, 4)` int64, the four entries of the position table around each patch; weights: `(L, 4)` fp32, their
    bilinear weights; cos, sin: `(L, head_dim / 2)` fp32.
    """

    corners: Tensor
    weights: Tensor
    cos: Tensor
    sin: Tensor


class GridCache:
    """Tables of the grids used last, at most `CACHED_PATCHES` patches of them."""

    def __init__(self, config: VisionConfig) -> None:
        self._config = config
        self._kept: OrderedDict[tuple[tuple[int, int], torch.device], GridTables] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, size: tuple[int, int], device: torch.device) -> GridTables:
        """Tables of a frame of (rows, columns) patches."""
        key = (size, device)
        tables = self._kept.pop(key, None)
        if tables is None:
            tables = grid_tables(self._config, *size, device)
        self._kept[key] = tables
        while len(self._kept) > 1 and sum(rows * columns for (rows, columns), _ in self._kept) > CACHED_PATCHES:
            self._kept.popitem(last=False)
        return tables


def grid_tables(config: VisionConfig, rows: int, columns: int, device: torch.device) -> GridTables:
    """Build the tables of one grid.

    The square table of embeddings is stretched over the picture with its corners on the picture's corner patches
    (bilinear, `align_corners=True`).
    """
    row, column = block_order(rows, columns, config.merge_size, device)
    low_y, high_y, far_y = _neighbours(row, rows, config.side)
    low_x, high_x, far_x = _neighbours(column, columns, config.side)
    corners = [y * config.side + x for y in (low_y, high_y) for x in (low_x, high_x)]
    weights = [wy * wx for wy in (1 - far_y, far_y) for wx in (1 - far_x, far_x)]
    frequencies = inverse_frequencies(config.head_dim // 2, config.rope_theta, device)  # (head_dim / 4,)
    angles = torch.cat((row[:, None] * frequencies, column[:, None] * frequencies), dim=-1)
    return GridTables(torch.stack(corners, -1), torch.stack(weights, -1), angles.cos(), angles.sin())


def block_order(rows: int, columns: int, merge: int, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """Row and column `(rows * columns,)` of every patch in the processor's order.

    2 x 4 patches, merge 2: rows 0 0 1 1 0 0 1 1, columns 0 1 0 1 2 3 2 3.
    """
    raster = torch.arange(rows * columns, device=device).view(rows // merge, merge, columns // merge, merge)
    order = raster.transpose(1, 2).flatten()
    return order // columns, order % columns


def _neighbours(index: Tensor, count: int, side: int) -> tuple[Tensor, Tensor, Tensor]:
    """Entries of a `side`-long axis below and above each place of a `count`-long one, and how far towards the upper."""
    place = index.float() * (side - 1) / max(count - 1, 1)
    low = place.floor()
    return low.long(), (low.long() + 1).clamp(max=side - 1), place - low
