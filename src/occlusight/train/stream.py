"""An endless stream of training batches, made in worker processes: pictures of scenes with their questions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from occlusight.model.config import ModelConfig
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph
from occlusight.occlusion.kinds import Names
from occlusight.questions.album import Album
from occlusight.randomness import stream
from occlusight.scenes.meshes.catalogue import Catalogue, load_catalogue, wide_catalogue
from occlusight.scenes.meshes.names import names_of
from occlusight.scenes.recipes.clips import TYPE
from occlusight.scenes.render.rasterizer import Rasterizer
from occlusight.scenes.truth.measure import Truth
from occlusight.train.augment import mirrored, relit
from occlusight.train.examples import Dense, Packed, Packer, dense_targets, questions_of
from occlusight.train.recipe import Stage, TrainRecipe, default_shares
from occlusight.train.renders import Renders
from occlusight.train.scenes import draw, draw_clip_frames, example, measure

TRUTH_STEP = 2  # masks are measured at half the picture's resolution
RENDERS = "renders"
CORPUS_SIZE = 192  # pixels of the side at which scenes of the corpus are measured
KEPT = 4  # batches' worth of pictures of one shape that lie ready, so that what is shown again comes later


@dataclass(frozen=True)
class Batch:
    """B rows of K pictures of one shape. rgb: (B, K, H, W, 3) uint8; the rest as in `Packed`, stacked (B, ...), and `Dense`,
    stacked (B, K, ...)."""

    rgb: Tensor
    packed: dict[str, Tensor]
    dense: dict[str, Tensor]

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""

        def moved(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
            return {name: tensor.to(device, non_blocking=True) for name, tensor in tensors.items()}

        return Batch(self.rgb.to(device, non_blocking=True), moved(self.packed), moved(self.dense))

    def pin_memory(self) -> Batch:
        """The same in memory from which a GPU copies without waiting: what a DataLoader calls."""

        def pinned(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
            return {name: tensor.pin_memory() for name, tensor in tensors.items()}

        return Batch(self.rgb.pin_memory(), pinned(self.packed), pinned(self.dense))


@dataclass
class _Example:
    """A picture that is shown `left` more times."""

    rgb: npt.NDArray[np.uint8]
    truth: Truth
    dense: Dense
    left: int


class Pictures(IterableDataset[Batch]):
    """Batches of a stage from picture number `start` of the run on; each worker makes its own, from (seed, number) alone."""

    def __init__(
        self,
        renders: Sequence[Path],
        tokenizer: Tokenizer,
        config: ModelConfig,
        recipe: TrainRecipe,
        stage: Stage,
        start: int,
    ) -> None:
        self.renders, self.tokenizer, self.config = renders, tokenizer, config
        self.recipe, self.stage, self.start = recipe, stage, start

    def __iter__(self) -> Iterator[Batch]:
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        torch.set_num_threads(1)
        stage, seed = self.stage, self.recipe.seed
        catalogue = wide_catalogue()
        names, kinds = names_of(catalogue), tuple(catalogue.kinds)
        rasterizer, renders = Rasterizer(), Renders.open(self.renders)
        shares = {name: share for name, share in stage.shares.items() if name != RENDERS or renders.lines}
        packer = Packer(self.tokenizer, self.config, self.recipe)
        patch = self.config.vision.patch_size // TRUTH_STEP
        kept: dict[tuple[int, ...], list[_Example]] = {}
        for index in itertools.count(self.start + worker, workers):
            rng = stream("training examples", seed, index)
            source = str(rng.choice(list(shares), p=np.array(list(shares.values())) / sum(shares.values())))
            size = int(rng.choice(stage.sizes))
            if source == RENDERS:
                rgb, truth = renders.example(int(rng.integers(len(renders.lines))), TRUTH_STEP, size)
            else:
                rgb, truth = example(source, index, seed, catalogue, rasterizer, rng, size, TRUTH_STEP)
            if rng.random() < 0.5:
                rgb, truth = mirrored(rgb, truth)
            if len(truth.graph.objects) < 2:
                continue
            same = kept.setdefault(rgb.shape, [])
            same.append(_Example(rgb, truth, dense_targets(truth, catalogue, kinds, patch), stage.replay))
            while len(same) >= KEPT * stage.batch:
                yield _batch(_taken(same, stage.batch, rng), packer, names, rng, stage.learns == "answers")


def _taken(kept: list[_Example], count: int, rng: np.random.Generator) -> list[_Example]:
    """So many examples, drawn at random; those that were shown often enough are dropped."""
    found = [kept[i] for i in rng.choice(len(kept), count, replace=False)]
    for example in found:
        example.left -= 1
    kept[:] = [example for example in kept if example.left]
    return found


def _batch(examples: list[_Example], packer: Packer, names: Names, rng: np.random.Generator, asked: bool) -> Batch:
    packed = [packer.pack(questions_of(e.truth.graph, names, rng), e.truth.graph) for e in examples] if asked else []
    return Batch(
        torch.from_numpy(np.stack([relit(e.rgb, rng) for e in examples]))[:, None],
        _stacked(packed),
        {name: tensor[:, None] for name, tensor in _stacked([e.dense for e in examples]).items()},
    )


def _stacked(items: Sequence[Packed] | Sequence[Dense]) -> dict[str, Tensor]:
    names = items[0].__dataclass_fields__ if items else ()
    return {name: torch.from_numpy(np.stack([getattr(item, name) for item in items])) for name in names}


def corpus(count: int, seed: int = 0) -> Iterator[str]:
    """Questions and replies about so many scenes, a tenth of them several together: what the tokenizer is trained on."""
    catalogue, shares = wide_catalogue(), default_shares()
    names = names_of(catalogue)
    before: Graph | None = None
    for index in range(count):
        rng = stream("tokenizer corpus", seed, index)
        source = str(rng.choice(list(shares), p=np.array(list(shares.values())) / sum(shares.values())))
        graph = measure(draw(source, index, seed, catalogue, rng, CORPUS_SIZE), source, catalogue, TRUTH_STEP).graph
        about: list[Graph | Album] = [graph]
        if index % 10 == 9 and before is not None:
            frames = draw_clip_frames(index, seed, catalogue, rng, CORPUS_SIZE)
            shown = [Facts(measure(frame, TYPE, catalogue, TRUTH_STEP).graph) for frame in frames]
            about += [Album((Facts(before), Facts(graph))), Album(tuple(shown), clip=True)]
        before = graph
        for one in about:
            for question in questions_of(one, names, rng):
                yield question.text
                yield question.reply


def batches(
    renders: Sequence[Path],
    tokenizer: Tokenizer,
    config: ModelConfig,
    recipe: TrainRecipe,
    stage: Stage,
    start: int,
    workers: int,
    pinned: bool = False,
) -> Iterator[Batch]:
    """Batches made by `workers` processes (0: in this one); `pinned` lays them into memory from which a GPU copies at once."""
    data = Pictures(renders, tokenizer, config, recipe, stage, start)
    loader: DataLoader[Batch] = DataLoader(
        data, batch_size=None, num_workers=workers, prefetch_factor=4 if workers else None, pin_memory=pinned
    )
    yield from loader
