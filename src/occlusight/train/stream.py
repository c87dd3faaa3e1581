"""An endless stream of training batches, made in worker processes: scenes, composed or rendered, with their
questions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from occlusight.model.config import ModelConfig
from occlusight.randomness import stream
from occlusight.scenes.meshes.catalogue import Catalogue, whole_catalogue
from occlusight.scenes.meshes.names import names_of
from occlusight.scenes.recipes.free import make_scene
from occlusight.scenes.render.composite import compose
from occlusight.scenes.render.sprites import SpriteBank
from occlusight.scenes.truth.measure import Truth, graph_from_depths
from occlusight.train.augment import mirrored, relit
from occlusight.train.examples import Dense, Packed, Packer, dense_targets, questions_of
from occlusight.train.recipe import UNIT, TrainRecipe
from occlusight.train.renders import Renders
from occlusight.train.staged import staged_example

STAGED = "staged"
SHARES = {"street": 0.31, "desk": 0.18, "room": 0.18, STAGED: 0.33}
TRUTH_STEP = 2  # masks are measured at half the picture's resolution


@dataclass(frozen=True)
class Batch:
    """B pictures of one shape. rgb: (B, H, W, 3) uint8; the rest as in `Packed` and `Dense`, stacked."""

    rgb: Tensor
    packed: dict[str, Tensor]
    dense: dict[str, Tensor]


@dataclass(frozen=True)
class Sources:
    """Where pictures come from: a bank of sprites to compose, and data sets that were rendered (none, one or more)."""

    bank: Path
    renders: tuple[Path, ...] = ()


@dataclass
class _Bucket:
    rgb: list[npt.NDArray[np.uint8]] = field(default_factory=list)
    packed: list[Packed] = field(default_factory=list)
    dense: list[Dense] = field(default_factory=list)


class Pictures(IterableDataset[Batch]):
    """Batches from number `start` on; each worker makes its own, from (seed, worker, count) alone."""

    def __init__(
        self, sources: Sources, tokenizer: Tokenizer, config: ModelConfig, recipe: TrainRecipe, start: int
    ) -> None:
        self.sources, self.tokenizer, self.config, self.recipe, self.start = sources, tokenizer, config, recipe, start

    def __iter__(self) -> Iterator[Batch]:
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        torch.set_num_threads(1)
        catalogue = whole_catalogue()
        names, kinds = names_of(catalogue), tuple(catalogue.kinds)
        bank = SpriteBank.load(self.sources.bank)
        renders = Renders.open(self.sources.renders)
        packer = Packer(self.tokenizer, self.config, self.recipe)
        patch = self.config.vision.patch_size // TRUTH_STEP
        buckets: dict[tuple[int, ...], _Bucket] = {}
        index = self.start + worker
        while True:
            rng = stream("training examples", self.recipe.seed, index)
            if renders.lines and rng.random() < self.recipe.render_share:
                rgb, truth = renders.example(int(rng.integers(len(renders.lines))), TRUTH_STEP)
            else:
                rgb, truth = composite_example(index, self.recipe.seed, catalogue, bank, rng)
            if rng.random() < 0.5:
                rgb, truth = mirrored(rgb, truth)
            index += workers
            if len(truth.graph.objects) < 2:
                continue
            bucket = buckets.setdefault(rgb.shape, _Bucket())
            dense = dense_targets(truth, catalogue, kinds, patch)
            for _ in range(self.recipe.replay):
                bucket.rgb.append(relit(rgb, rng))
                bucket.packed.append(packer.pack(questions_of(truth, names, rng), truth.graph))
                bucket.dense.append(dense)
            # A picture's replays end up in different batches: the bucket is emitted shuffled once it holds four
            # batches.
            if len(bucket.rgb) >= 4 * self.recipe.batch:
                order = rng.permutation(len(bucket.rgb))
                for at in range(4):
                    yield _collate(bucket, order[at * self.recipe.batch : (at + 1) * self.recipe.batch])
                buckets[rgb.shape] = _Bucket()


def composite_example(
    index: int, seed: int, catalogue: Catalogue, bank: SpriteBank, rng: np.random.Generator
) -> tuple[npt.NDArray[np.uint8], Truth]:
    """Picture and truth number `index` of the stream with this seed; the catalogue is the whole one, since a third are
    of targeted scenes."""
    recipe = str(rng.choice(list(SHARES), p=list(SHARES.values())))
    if recipe == STAGED:
        return staged_example(index, seed, catalogue, bank, rng, UNIT, TRUTH_STEP)
    scene = make_scene(recipe, seed, index, catalogue, width=UNIT)
    picture = compose(scene, bank, rng)
    depths = np.ascontiguousarray(picture.depths[:, ::TRUTH_STEP, ::TRUTH_STEP])
    return picture.rgb, graph_from_depths(depths, picture.objects, catalogue)


def corpus(bank: Path, pictures: int, seed: int = 0) -> Iterator[str]:
    """Questions and replies about so many composites: what the tokenizer is trained on."""
    catalogue = whole_catalogue()
    names, sprites = names_of(catalogue), SpriteBank.load(bank)
    for index in range(pictures):
        rng = stream("tokenizer corpus", seed, index)
        _, truth = composite_example(index, seed, catalogue, sprites, rng)
        for question in questions_of(truth, names, rng):
            yield question.text
            yield question.reply


def _collate(bucket: _Bucket, order: npt.NDArray[np.int64]) -> Batch:
    def stack(items: list[Packed] | list[Dense]) -> dict[str, Tensor]:
        first = items[0]
        return {
            name: torch.from_numpy(np.stack([getattr(items[i], name) for i in order]))
            for name in first.__dataclass_fields__
        }

    return Batch(torch.from_numpy(np.stack([bucket.rgb[i] for i in order])), stack(bucket.packed), stack(bucket.dense))


def batches(
    sources: Sources, tokenizer: Tokenizer, config: ModelConfig, recipe: TrainRecipe, start: int, workers: int
) -> Iterator[Batch]:
    """Batches made by `workers` processes (0: in this one)."""
    data = Pictures(sources, tokenizer, config, recipe, start)
    loader: DataLoader[Batch] = DataLoader(
        data, batch_size=None, num_workers=workers, prefetch_factor=4 if workers else None
    )
    yield from loader
