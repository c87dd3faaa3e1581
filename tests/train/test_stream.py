"""The stream of batches: made from (seed, number) alone, pictures shown a few times, several of them as an album."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.train.conftest import tiny_config
from tokenizers import Tokenizer

from occlusight.errors import BadInput
from occlusight.randomness import stream as random_stream
from occlusight.scenes.meshes.catalogue import wide_catalogue
from occlusight.scenes.render.rasterizer import Rasterizer
from occlusight.train import stream
from occlusight.train.examples import IGNORE
from occlusight.train.recipe import Stage, TrainRecipe, default_shares
from occlusight.train.scenes import draw, draw_clip_frames
from occlusight.train.stream import Batch, batches

pytestmark = pytest.mark.usefixtures("rasterizer", "quick_scenes")


def made(tokenizer: Tokenizer, stage: Stage, start: int = 0, renders: tuple[Path, ...] = ()) -> Iterator[Batch]:
    return batches(renders, tokenizer, tiny_config(tokenizer), TrainRecipe((stage,)), stage, start, workers=0)


def small(**settings: object) -> Stage:
    return Stage("one", 100, **{"shares": {"desk": 1.0}, "sizes": (64,), "batch": 2, **settings})  # type: ignore[arg-type]


def test_the_same_seed_and_number_give_the_same_batch(tokenizer: Tokenizer) -> None:
    one, other = (next(made(tokenizer, small())) for _ in range(2))
    assert torch.equal(one.rgb, other.rgb)
    for tensors, same in ((one.packed, other.packed), (one.dense, other.dense)):
        assert all(torch.equal(tensors[name].nan_to_num(), same[name].nan_to_num()) for name in tensors)
    assert not torch.equal(one.rgb, next(made(tokenizer, small(), start=100)).rgb)


def test_a_picture_is_shown_a_few_times_and_not_in_one_batch(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "relit", lambda picture, rng: picture)
    shown: Counter[bytes] = Counter()
    for batch in islice(made(tokenizer, small(replay=3, learns="tower")), 9):
        pictures = [row.numpy().tobytes() for row in batch.rgb]
        assert len(set(pictures)) == len(pictures)
        shown.update(pictures)
    assert set(shown.values()) == {1, 2, 3}


def test_what_is_shown_again_is_asked_other_questions_in_another_light(tokenizer: Tokenizer) -> None:
    asked = [(row.numpy().tobytes(), ids.tolist()) for b in islice(made(tokenizer, small(replay=3)), 4)
             for row, ids in zip(b.rgb, b.packed["ids"], strict=True)]  # fmt: skip
    assert len({picture for picture, _ in asked}) == len(asked)
    assert len({tuple(ids) for _, ids in asked}) == len(asked)


def test_stills_and_clips_are_several_pictures_together(tokenizer: Tokenizer) -> None:
    for shares, counts in (({"stills": 9.0, "desk": 1e-9}, {2}), ({"clips": 1.0}, {3})):
        batch = next(made(tokenizer, small(shares=shares, batch=2)))
        rows, pictures = batch.rgb.shape[:2]
        assert pictures in counts
        assert rows == max(1, 2 // pictures)
        assert batch.dense["kind"].shape[:2] == (rows, pictures)
        assert (batch.packed["labels"] != IGNORE).any(1).all()
        assert torch.isnan(batch.packed["places"]).all()  # of several pictures nobody says where things are
        assert not torch.equal(batch.rgb[:, 0], batch.rgb[:, 1])


def test_a_batch_moves_whole(tokenizer: Tokenizer) -> None:
    batch = next(made(tokenizer, small())).to(torch.device("meta"))
    assert {t.device.type for t in (batch.rgb, *batch.packed.values(), *batch.dense.values())} == {"meta"}


@pytest.mark.parametrize("size", [64, 320])
@pytest.mark.usefixtures("assets")
def test_sides_of_pictures_are_whole_blocks_of_patches(size: int) -> None:
    catalogue = wide_catalogue()
    scenes = [draw(one, 3, 1, catalogue, random_stream("training examples", 1, 3), size) for one in default_shares()]
    scenes += draw_clip_frames(3, 1, catalogue, random_stream("training examples", 1, 3), size)
    sides = np.array([(scene.camera.width, scene.camera.height) for scene in scenes])
    assert (sides % 32 == 0).all()
    assert (np.abs(sides.prod(1) / size**2 - 1) < 0.3).all()


def test_sources_that_are_not_there_are_said(tokenizer: Tokenizer) -> None:
    with pytest.raises(BadInput, match="'sea' is no source of scenes; they are street"):
        draw("sea", 0, 1, wide_catalogue(), random_stream("training examples", 1, 0), 64)
    with pytest.raises(BadInput, match="'one' shows renders alone; give data sets"):
        next(made(tokenizer, small(shares={"renders": 1.0})))


def test_a_process_draws_with_one_context() -> None:
    one, other = Rasterizer(), Rasterizer()
    assert one.context is other.context
