"""The tower: batches of frames, caches of tables, features and their slices."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from occlusight.errors import BadInput
from occlusight.model import grids, vision
from occlusight.model.grids import GridCache, block_order, grid_tables
from occlusight.model.rope import Grid
from occlusight.model.steps import finished
from occlusight.model.vision import VisionFeatures

CPU = torch.device("cpu")


def test_patches_run_block_after_block() -> None:
    rows, columns = block_order(2, 4, 2)
    assert rows.tolist() == [0, 0, 1, 1, 0, 0, 1, 1]
    assert columns.tolist() == [0, 1, 0, 1, 2, 3, 2, 3]


def test_the_position_table_is_stretched_corner_to_corner(make_config: Any) -> None:
    """The naive twin: PyTorch's own interpolation of the whole table."""
    config = make_config().vision
    table = torch.randn(config.position_embeddings, 5)
    tables = grid_tables(config, 10, 6, CPU)
    own = (table[tables.corners] * tables.weights[:, :, None]).sum(1)
    square = table.T.reshape(1, 5, config.side, config.side)
    resized = torch.nn.functional.interpolate(square, size=(10, 6), mode="bilinear", align_corners=True)
    row, column = block_order(10, 6, 2)
    torch.testing.assert_close(own, resized[0, :, row, column].T, atol=1e-5, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("sizes", [[(1, 4, 6)] * 3, [(1, 4, 6), (2, 6, 4), (1, 4, 6), (1, 2, 2)]])
def test_pictures_together_equal_pictures_alone(twins: Any, sizes: list[Grid]) -> None:
    tower = twins.model.vision
    counts = [pairs * rows * columns for pairs, rows, columns in sizes]
    patches = torch.randn(sum(counts), tower.config.patch_values)
    together = tower(patches, sizes)
    alone = VisionFeatures.cat([tower(part, [size]) for part, size in zip(patches.split(counts), sizes, strict=True)])
    for one, other in [
        (together.embeds, alone.embeds),
        (together.patches, alone.patches),
        *zip(together.taps, alone.taps, strict=True),
    ]:
        torch.testing.assert_close(one, other, atol=1e-4, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("piece", [1, 10, 24, 50, 1000])
@pytest.mark.parametrize("sizes", [[(1, 4, 6)], [(3, 4, 6)], [(5, 2, 2), (2, 6, 4)]])
def test_blocks_in_pieces_equal_whole_ones(
    twins: Any, sizes: list[Grid], piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures and clips, pieces of a frame and of several; and no piece of a block has more patches than it may."""
    tower = twins.model.vision
    patches = torch.randn(sum(pairs * rows * columns for pairs, rows, columns in sizes), tower.config.patch_values)
    whole = tower(patches, sizes)
    monkeypatch.setattr(vision, "PIECE", piece)
    monkeypatch.setattr(vision, "CHUNK", 7)
    at_once: list[int] = []
    handles = [
        block.mlp.register_forward_hook(lambda _, given, __: at_once.append(given[0].shape[:-1].numel()))
        for block in tower.blocks
    ]
    cut = finished(tower.steps(patches, sizes))
    for handle in handles:
        handle.remove()
    assert max(at_once) <= min(piece, vision.CHUNK)
    assert sum(at_once) == len(tower.blocks) * len(patches)
    torch.testing.assert_close(cut.embeds, whole.embeds, atol=1e-4, rtol=0)
    for one, other in zip(cut.taps, whole.taps, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=0)


@torch.no_grad()
def test_a_slice_takes_taps_and_patches_alike(twins: Any) -> None:
    case = twins.cases["image"]
    features = twins.model.encode(case.patches, case.grids)
    part = features.slice(3, 7)
    assert (len(features), len(part)) == (15, 4)
    assert torch.equal(part.embeds, features.embeds[3:7])
    assert torch.equal(part.taps[1], features.taps[1][3:7])
    assert torch.equal(part.patches, features.patches[12:28])
    bare = features.without_patches()
    assert bare.patches.numel() == 0
    assert bare.slice(3, 7).patches.numel() == 0
    assert torch.equal(bare.slice(3, 7).embeds, part.embeds)


def test_tables_are_kept_and_bounded(make_config: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grids, "CACHED_PATCHES", 50)
    cache = GridCache(make_config().vision)
    first = cache.get((4, 4), CPU)
    assert cache.get((4, 4), CPU) is first
    cache.get((4, 6), CPU)
    cache.get((4, 4), CPU)
    cache.get((2, 8), CPU)  # 56 patches: the grid used longest ago, 4 x 6, goes
    assert len(cache) == 2
    assert cache.get((4, 4), CPU) is first
    cache.get((20, 20), CPU)  # larger than the bound, but needed now
    assert len(cache) == 1


@pytest.mark.parametrize(
    ("count", "grid"), [(24, (1, 4, 5)), (20, (1, 4, 6)), (24, (0, 4, 6)), (6, (1, 3, 2)), (24, (4, 6))]
)
def test_patches_that_do_not_match_the_grid_are_refused(twins: Any, count: int, grid: Any) -> None:
    with pytest.raises(BadInput, match="grid"):
        twins.model.encode(torch.zeros(count, twins.model.config.vision.patch_values), [grid])


def test_no_pictures_are_refused(twins: Any) -> None:
    with pytest.raises(BadInput, match="need patches"):
        twins.model.encode(torch.zeros(0, twins.model.config.vision.patch_values), [])
