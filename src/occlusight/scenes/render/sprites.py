"""A bank of sprites: single objects rendered once from many sides, to be composed into many training pictures.

Files of a bank: `sprites.jsonl` (a line a sprite) and `pixels.bin`, where a sprite's RGBA bytes are followed by its
depth (float16, metres behind the object's centre, seen along the view axis; inf where the object is not).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from occlusight.errors import BadData
from occlusight.files.journal import read_journal

INDEX = "sprites.jsonl"
BLOCK = 6  # bytes a pixel: RGBA and a float16


@dataclass(frozen=True)
class SpriteInfo:
    """One sprite, cropped to the object: `anchor` is the pixel (x, y) of the centre of the object's base, which may lie
    outside; `scale` is in pixels per metre at the distance of the object's centre; `offset` is a byte position."""

    mesh: str
    colour: str | None
    elevation: float
    yaw: float
    scale: float
    anchor: tuple[float, float]
    width: int
    height: int
    offset: int
    job: int


@dataclass(frozen=True)
class SpriteBank:
    """All sprites of a folder; pixels are memory-mapped."""

    infos: tuple[SpriteInfo, ...]
    pixels: npt.NDArray[np.uint8]
    by_mesh: Mapping[str, tuple[int, ...]]

    @classmethod
    def load(cls, folder: Path) -> SpriteBank:
        """Open a bank. Raises BadData where there is none."""
        index = folder / INDEX
        if not index.exists():
            raise BadData(
                f"there is no sprite bank in {folder}; make one with `occlusight train sprites --out {folder}`"
            )
        infos = []
        for record in read_journal(index):
            infos.append(SpriteInfo(**{**record, "anchor": tuple(record["anchor"])}))
        by_mesh: dict[str, list[int]] = {}
        for i, info in enumerate(infos):
            by_mesh.setdefault(info.mesh, []).append(i)
        pixels = np.memmap(folder / "pixels.bin", dtype=np.uint8, mode="r")
        return cls(tuple(infos), pixels, {mesh: tuple(ids) for mesh, ids in by_mesh.items()})

    def image(self, i: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float16]]:
        """RGBA (H, W, 4) and depth (H, W) of sprite `i`."""
        s = self.infos[i]
        count = s.width * s.height
        block = self.pixels[s.offset : s.offset + count * BLOCK]
        rgba = block[: 4 * count].reshape(s.height, s.width, 4)
        return rgba, block[4 * count :].view(np.float16).reshape(s.height, s.width)
