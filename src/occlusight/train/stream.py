"""An endless stream of training batches, made in worker processes: pictures of scenes with their questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from occlusight.errors import BadInput
from occlusight.model.config import ModelConfig
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph
from occlusight.occlusion.kinds import Names
from occlusight.questions.album import Album
from occlusight.randomness import stream
from occlusight.scenes.description import Scene
from occlusight.scenes.meshes.catalogue import wide_catalogue
from occlusight.scenes.meshes.names import names_of
from occlusight.scenes.render.rasterizer import Rasterizer
from occlusight.scenes.truth.measure import Truth
from occlusight.train.augment import mirrored, relit
from occlusight.train.examples import Dense, Packed, Packer, dense_targets, questions_of
from occlusight.train.pool import Example, Pool
from occlusight.train.recipe import Stage, TrainRecipe, default_shares
from occlusight.train.renders import Renders
from occlusight.train.scenes import CLIPS, RENDERS, STILLS, draw, draw_clip_frames, measure

TRUTH_STEP = 2  # masks are measured at half the picture's resolution
CORPUS_SIZE = 192  # pixels of the side at which scenes of the corpus are measured
FIRST = 16  # batches' worth of pictures that are made before the first batch is drawn
PROBES = 4  # batches of pictures that are never trained on, drawn from twice as many
PROBE_NUMBERS = 500_000_000  # examples from here up are theirs


@dataclass(frozen=True)
class Batch:
    """B rows of K pictures of one shape. rgb: (B, K, H, W, 3) uint8; the rest as in `Packed`, stacked (B, ...), and
    `Dense`, stacked (B, K, ...)."""

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


class Pictures(IterableDataset[Batch]):
    """Batches of a stage from picture number `start` of the run on, drawn from a pool that grows as they are shown.

    Each worker makes its own pictures, from (seed, number) alone, in a folder of its own below `pool`.
    """

    def __init__(
        self,
        renders: Sequence[Path],
        tokenizer: Tokenizer,
        config: ModelConfig,
        recipe: TrainRecipe,
        stage: Stage,
        start: int,
        pool: Path,
    ) -> None:
        self.renders, self.tokenizer, self.config = renders, tokenizer, config
        self.recipe, self.stage, self.start, self.pool = recipe, stage, start, pool

    def __iter__(self) -> Iterator[Batch]:
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        torch.set_num_threads(1)
        stage = self.stage
        packer = Packer(self.tokenizer, self.config, self.recipe) if stage.learns == "answers" else None
        maker = _Maker(self.recipe.seed, stage, self.renders, self.config.vision.patch_size // TRUTH_STEP)
        pool = Pool(self.pool / f"{worker}-of-{workers}")
        rng = stream("training batches", self.recipe.seed, self.start + worker)
        number = max(self.start, pool.next)
        number += (worker - number) % workers  # no two workers make the same
        due = 0.0  # examples to be made before the next batch
        while True:
            wanted = maker.lacking(pool, FIRST)
            if wanted or due >= 1:
                own = stream("training examples", self.recipe.seed, number)
                source, size = wanted or maker.drawn(own)
                example = maker.make(source, size, number, own)
                if example is not None:
                    pool.add(source, size, number, example)
                    due = max(0.0, due - 1)
                number += workers
            elif examples := pool.draw(maker.shares, stage.sizes, stage.batch, rng):
                due += len(examples) / stage.replay
                yield _batch(examples, packer, maker.names, rng)
            else:
                due += 1  # there are not enough of any shape yet


class _Maker:
    """Makes examples of a stage."""

    def __init__(self, seed: int, stage: Stage, renders: Sequence[Path], patch: int) -> None:
        self.seed, self.stage, self.patch = seed, stage, patch
        self.rasterizer, self.renders = Rasterizer(), Renders.open(renders)
        self.catalogue = wide_catalogue()
        self.names, self.kinds = names_of(self.catalogue), tuple(self.catalogue.kinds)
        self.shares = {name: share for name, share in stage.shares.items() if name != RENDERS or renders}

    def lacking(self, pool: Pool, batches: int) -> tuple[str, int] | None:
        """A source, and a size of it, of which the pool has fewer than its share of so many batches."""
        first, total, sizes = batches * self.stage.batch, sum(self.shares.values()), self.stage.sizes
        for source, share in self.shares.items():
            if pool.held(source, sizes) < int(first * share / total):
                return source, min(sizes, key=lambda size: pool.held(source, (size,)))
        return None

    def drawn(self, rng: np.random.Generator) -> tuple[str, int]:
        """A source and a size, by the stage's shares."""
        return self._source(rng, self.shares), int(rng.choice(self.stage.sizes))

    def make(self, source: str, size: int, index: int, rng: np.random.Generator) -> Example | None:
        """Example number `index`, None where its picture shows too little."""
        if source == CLIPS:
            frames = draw_clip_frames(index, self.seed, self.catalogue, rng, size)
            return self._example([self._pictured(frame, source) for frame in frames], clip=True)
        if source != STILLS:
            one = self._one(source, index, rng, size)
            return self._example([mirrored(*one) if rng.random() < 0.5 else one])
        single = {name: share for name, share in self.shares.items() if name not in (STILLS, CLIPS)}
        pair = [self._one(self._source(rng, single), index, rng, size)]
        while len(pair) < 2:
            other = self._one(self._source(rng, single), index, rng, size)
            if other[0].shape == pair[0][0].shape:
                pair.append(other)
        return self._example(pair)

    def _source(self, rng: np.random.Generator, shares: Mapping[str, float]) -> str:
        weights = np.array(list(shares.values()))
        return str(rng.choice(list(shares), p=weights / weights.sum()))

    def _one(self, source: str, index: int, rng: np.random.Generator, size: int) -> tuple[npt.NDArray[np.uint8], Truth]:
        if source == RENDERS:
            return self.renders.example(int(rng.integers(len(self.renders.lines))), TRUTH_STEP, size)
        scene = draw(source, index, self.seed, self.catalogue, rng, size, self.stage.varied)
        return self._pictured(scene, source)

    def _pictured(self, scene: Scene, source: str) -> tuple[npt.NDArray[np.uint8], Truth]:
        return self.rasterizer.render(scene), measure(scene, source, self.catalogue, TRUTH_STEP)

    def _example(self, shown: Sequence[tuple[npt.NDArray[np.uint8], Truth]], clip: bool = False) -> Example | None:
        graphs = [truth.graph for _, truth in shown]
        if any(len(graph.objects) < 2 for graph in graphs):
            return None
        about = graphs[0] if len(graphs) == 1 else Album(tuple(map(Facts, graphs)), clip)
        dense = tuple(dense_targets(truth, self.catalogue, self.kinds, self.patch) for _, truth in shown)
        return Example(np.stack([rgb for rgb, _ in shown]), about, dense)


def _batch(examples: list[Example], packer: Packer | None, names: Names, rng: np.random.Generator) -> Batch:
    """A batch, with questions where there is a packer."""
    packed = []
    if packer is not None:
        for e in examples:
            graph = e.about if isinstance(e.about, Graph) else None
            packed.append(packer.pack(questions_of(e.about, names, rng), graph))
    rgb = np.stack([relit(picture, rng) for e in examples for picture in e.rgb])
    dense = _stacked([one for e in examples for one in e.dense])
    rows = len(examples)
    return Batch(
        _rows(torch.from_numpy(rgb), rows),
        _stacked(packed),
        {name: _rows(tensor, rows) for name, tensor in dense.items()},
    )


def _rows(tensor: Tensor, rows: int) -> Tensor:
    """Those of a row together: (rows * K, ...) as (rows, K, ...)."""
    return tensor.view(rows, -1, *tensor.shape[1:])


def _stacked(items: Sequence[Packed] | Sequence[Dense]) -> dict[str, Tensor]:
    names = items[0].__dataclass_fields__ if items else ()
    return {name: torch.from_numpy(np.stack([getattr(item, name) for item in items])) for name in names}


def corpus(count: int, seed: int = 0) -> Iterator[str]:
    """Questions and replies about `count` scenes, about a tenth of them together with others: what the tokenizer is
    trained on."""
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
            shown = [Facts(measure(frame, CLIPS, catalogue, TRUTH_STEP).graph) for frame in frames]
            about += [Album((Facts(before), Facts(graph))), Album(tuple(shown), clip=True)]
        before = graph
        for one in about:
            for question in questions_of(one, names, rng):
                yield question.text
                yield question.reply


def probes(renders: Sequence[Path], config: ModelConfig, recipe: TrainRecipe, stage: Stage, pool: Path) -> list[Batch]:
    """Batches of pictures of a stage, without questions, that are never trained on: always the same, kept in a folder
    `pool`."""
    maker = _Maker(recipe.seed, stage, renders, config.vision.patch_size // TRUTH_STEP)
    kept = Pool(pool / "probes")
    number = max(PROBE_NUMBERS, kept.next)
    while wanted := maker.lacking(kept, 2 * PROBES):
        example = maker.make(*wanted, number, stream("training examples", recipe.seed, number))
        if example is not None:
            kept.add(*wanted, number, example)
        number += 1
    rng = stream("probes", recipe.seed)
    drawn = (kept.draw(maker.shares, stage.sizes, stage.batch, rng) for _ in range(PROBES))
    return [_batch(examples, None, maker.names, rng) for examples in drawn if examples]


def batches(
    renders: Sequence[Path],
    tokenizer: Tokenizer,
    config: ModelConfig,
    recipe: TrainRecipe,
    stage: Stage,
    start: int,
    pool: Path,
    workers: int,
    pinned: bool = False,
) -> Iterator[Batch]:
    """Batches made by `workers` processes (0: in this one), which keep their pictures in a folder `pool`.

    `pinned` lays batches into memory from which a GPU copies at once.
    Raises BadInput where the stage shows nothing but renders, and there are none.
    """
    if not renders and set(stage.shares) == {RENDERS}:
        raise BadInput(f"stage {stage.name!r} shows renders alone; give data sets of `occlusight scenes make`")
    data = Pictures(renders, tokenizer, config, recipe, stage, start, pool)
    # Workers are begun anew: one that is forked after its parent drew with OpenGL waits for its locks for ever.
    loader: DataLoader[Batch] = DataLoader(
        data,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        pin_memory=pinned,
        multiprocessing_context="spawn" if workers else None,
    )
    yield from loader
