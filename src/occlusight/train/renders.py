"""Rendered pictures as training examples: data sets that `occlusight scenes make` wrote, read back with their masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from occlusight.datasets.masks import decode
from occlusight.errors import BadData
from occlusight.files.json_lines import read_lines
from occlusight.occlusion.graph import Graph
from occlusight.scenes.truth.measure import Truth

FIRST_RESERVED_SEED = 1_000_000_000


@dataclass(frozen=True)
class Renders:
    """Scenes of one or more data sets; pictures and masks are read when asked for."""

    folders: tuple[Path, ...]
    lines: tuple[tuple[Path, dict[str, Any]], ...]

    @classmethod
    def open(cls, folders: Sequence[Path]) -> Renders:
        """Raises BadData where a folder is no data set, or holds scenes that are reserved for evaluation."""
        lines = []
        for folder in folders:
            for _, line in read_lines(folder / "scenes.jsonl"):
                if line["seed"] >= FIRST_RESERVED_SEED or line.get("heldout"):
                    raise BadData(f"{folder} is reserved for evaluation (seed {line['seed']}); train on another set")
                lines.append((folder, line))
        return cls(tuple(folders), tuple(lines))

    def example(self, i: int, truth_step: int, size: int) -> tuple[npt.NDArray[np.uint8], Truth]:
        """Return picture `i` in about the area of a square of `size` pixels, and its truth with masks at 1 /
        `truth_step` of that."""
        folder, line = self.lines[i]
        with Image.open(folder / line["image"]) as opened:
            picture = opened.convert("RGB")
        factor = 2 * size / (picture.width + picture.height)
        width, height = (round(side * factor / 32) * 32 for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.BICUBIC)
        graph = Graph.from_json(line["graph"])
        rows = (np.arange(height // truth_step) * graph.height * truth_step) // height
        columns = (np.arange(width // truth_step) * graph.width * truth_step) // width
        masks = line["masks"]

        def stack(which: str) -> npt.NDArray[np.bool_]:
            return np.stack([decode(masks[o.id][which])[rows][:, columns] for o in graph.objects])

        visible, amodal = stack("visible"), stack("amodal")
        distance = np.array([o.distance or np.nan for o in graph.objects], np.float32)
        depth = np.where(amodal, distance[:, None, None], np.inf).astype(np.float32)
        return np.asarray(picture), Truth(graph, amodal, visible, depth)
