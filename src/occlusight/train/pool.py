"""Pictures that were made so far, in a folder, so that what is shown again comes much later, and a run that resumes
need not make them anew."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from occlusight.files.whole import replacing
from occlusight.occlusion.graph import Graph
from occlusight.questions.album import Album
from occlusight.train.examples import Dense

MOST = 40_000
"""Examples that a pool holds, 5 GB; the oldest make room."""


@dataclass(frozen=True)
class Example:
    """K pictures that are shown together: rgb (K, H, W, 3), uint8; what is asked about them; dense targets of each."""

    rgb: npt.NDArray[np.uint8]
    about: Graph | Album
    dense: tuple[Dense, ...]


@dataclass(frozen=True)
class Cell:
    """Examples that may stand in one batch: of a source, at a nominal size, of K pictures of one shape."""

    source: str
    size: int
    pictures: int
    height: int
    width: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """What all rows of a batch have in common."""
        return self.pictures, self.height, self.width


class Pool:
    """Examples in files of their own, found by cell and number.

    Args:
        folder: of one worker of one run; only files that the run itself wrote are opened (they are pickles).
        most: examples that it holds.
    """

    def __init__(self, folder: Path, most: int = MOST) -> None:
        self.folder, self.most = folder, most
        self.numbers: dict[Cell, list[int]] = {}
        folder.mkdir(parents=True, exist_ok=True)
        found = (_named(path) for path in folder.glob("*.example") if "." not in path.stem)  # drafts have one
        self._order = sorted((number, cell) for cell, number in found)
        for number, cell in self._order:
            self.numbers.setdefault(cell, []).append(number)

    @property
    def next(self) -> int:
        """A number higher than those of all examples."""
        return self._order[-1][0] + 1 if self._order else 0

    def add(self, source: str, size: int, number: int, example: Example) -> None:
        """Keep an example; its number is higher than that of each before. Raises Unwritable."""
        cell = Cell(source, size, *example.rgb.shape[:3])
        with replacing(self._path(cell, number)) as draft:
            draft.write_bytes(zlib.compress(pickle.dumps(example, protocol=5), 1))
        self.numbers.setdefault(cell, []).append(number)
        self._order.append((number, cell))
        if len(self._order) > self.most:
            oldest, of = self._order.pop(0)
            self.numbers[of].remove(oldest)
            self._path(of, oldest).unlink(missing_ok=True)

    def held(self, source: str, sizes: Sequence[int]) -> int:
        """How many examples it has of a source at these sizes."""
        return sum(len(numbers) for c, numbers in self.numbers.items() if c.source == source and c.size in sizes)

    def draw(
        self, shares: Mapping[str, float], sizes: Sequence[int], batch: int, rng: np.random.Generator
    ) -> list[Example] | None:
        """Return examples of one shape, `batch` pictures in all (one example, where it has more), drawn with the
        sources' shares and none twice; None where there are not enough of any shape."""
        cells = [cell for cell in self.numbers if cell.source in shares and cell.size in sizes]
        weights = {}  # of an example
        for cell in cells:
            weights[cell] = shares[cell.source] / max(1, self.held(cell.source, sizes))
        by_shape: dict[tuple[int, int, int], list[tuple[Cell, int]]] = {}
        for cell in cells:
            by_shape.setdefault(cell.shape, []).extend((cell, number) for number in self.numbers[cell])
        enough = {shape: items for shape, items in by_shape.items() if len(items) >= max(1, batch // shape[0])}
        if not enough:
            return None
        rows = {shape: max(1, batch // shape[0]) for shape in enough}
        each = {shape: np.array([weights[cell] for cell, _ in items]) for shape, items in enough.items()}
        shapes = list(enough)
        likely = np.array([each[shape].sum() / rows[shape] for shape in shapes])
        shape = shapes[int(rng.choice(len(shapes), p=likely / likely.sum()))]
        taken = rng.choice(len(enough[shape]), rows[shape], replace=False, p=each[shape] / each[shape].sum())
        return [self._read(*enough[shape][i]) for i in taken]

    def _path(self, cell: Cell, number: int) -> Path:
        return self.folder / f"{cell.source}_{cell.size}_{'x'.join(map(str, cell.shape))}_{number:08d}.example"

    def _read(self, cell: Cell, number: int) -> Example:
        found = pickle.loads(zlib.decompress(self._path(cell, number).read_bytes()))
        assert isinstance(found, Example)
        return found


def _named(path: Path) -> tuple[Cell, int]:
    source, size, shape, number = path.stem.split("_")
    return Cell(source, int(size), *map(int, shape.split("x"))), int(number)
