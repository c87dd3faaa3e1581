"""A street of procedural shapes only, so that data sets can be made without importing meshes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from occlusight.files.whole import sha256
from occlusight.scenes.make.dataset import MAKING, Made, begin, make_set, part_path
from occlusight.scenes.make.plan import DatasetPlan
from occlusight.scenes.meshes.catalogue import PROCEDURAL, Catalogue, load_catalogue
from occlusight.scenes.recipes.free import RECIPES, SETTINGS

CAST = ("billboard", "parasol", "stop_sign", "traffic_light", "street_lamp", "suitcase")


def procedural_catalogue() -> Catalogue:
    """The shipped catalogue with procedural meshes alone."""
    whole = load_catalogue()
    infos = {id: m for id, m in whole.mesh_infos.items() if m.library == PROCEDURAL}
    kinds = {k: replace(v, meshes=tuple(m for m in v.meshes if m in infos)) for k, v in whole.kinds.items()}
    return Catalogue({k: v for k, v in kinds.items() if v.meshes}, infos, whole.colours)


@contextmanager
def procedural_street() -> Iterator[None]:
    """Let the street recipe draw from CAST."""
    with patch.dict(RECIPES, street=replace(SETTINGS["street"], cast=CAST)):
        yield


def plan(count: int = 3, **changes: Any) -> DatasetPlan:
    """A small plan."""
    return DatasetPlan(**{"recipes": ("street",), "seed": 7, "count": count, "size": 64, "samples": 2, **changes})


def make(out: Path, count: int = 3, progress: Callable[[int, int], None] | None = None, **changes: Any) -> Made:
    """Make a small set."""
    with procedural_street():
        return make_set(plan(count, **changes), out, progress=progress, catalogue=procedural_catalogue())


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, by its path."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def take_back(folder: Path, plan: DatasetPlan, first: int) -> None:
    """Leave of a finished set what a run leaves that is killed while it makes scene `first`."""
    begin(plan, folder)
    for path in folder.iterdir():
        if path.is_file():
            path.unlink()
    for index in range(first, plan.count):
        part_path(folder, index).unlink()
        (folder / plan.image(index)).unlink()
    (folder / MAKING / f"{first:05d}.webp").write_bytes(b"RIFF, half written")


def rewrite(folder: Path, name: str, change: Callable[[list[dict[str, Any]]], None], sign: bool = True) -> None:
    """Change the lines of a file; with `sign` the manifest gets the new digest, so that only the proofs can tell."""
    path = folder / name
    lines = [json.loads(text) for text in path.read_text("utf-8").splitlines()]
    change(lines)
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")
    if sign:
        resign(folder, name)


def resign(folder: Path, name: str) -> None:
    """Put the present digest of a file into the manifest."""
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    manifest["files"][name] = sha256(folder / name)
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
