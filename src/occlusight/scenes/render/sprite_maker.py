"""Fills a bank of sprites by rendering every mesh of the recipes from many sides."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from occlusight.files.journal import Journal, read_journal
from occlusight.files.lock import only_writer
from occlusight.randomness import stream
from occlusight.scenes.description import RGB
from occlusight.scenes.meshes.catalogue import Catalogue
from occlusight.scenes.recipes.free import RECIPES, SETTINGS
from occlusight.scenes.render.lighting import sample_light
from occlusight.scenes.render.path_tracer import render_sprite
from occlusight.scenes.render.sprites import BLOCK, INDEX, SpriteInfo

ELEVATIONS = {"street": (2.0, 32.0), "desk": (12.0, 48.0), "room": (6.0, 36.0)}  # degrees above the horizon
SIZE = 144  # pixels


def build_bank(
    folder: Path,
    catalogue: Catalogue,
    recipes: Iterable[str] = tuple(SETTINGS),
    *,
    seed: int = 0,
    per_mesh: int = 36,
    samples: int = 8,
    worker: int = 0,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Render `per_mesh` sprites of every mesh of these free recipes that training may see; resumes where it stopped.
    Returns how many are new.

    A bank for wide recipes is `build_bank(folder, wide_catalogue(), WIDE_SETTINGS)`.

    Several processes may share the work: each takes the meshes whose number is `worker` modulo `workers`, into a folder
    of its own (see `merge_banks`).
    """
    folder.mkdir(parents=True, exist_ok=True)
    index, data = folder / INDEX, folder / "pixels.bin"
    cast = dict.fromkeys(kind.key for recipe in recipes for kind in RECIPES[recipe].kinds(catalogue))
    meshes = [m for key in cast for m in catalogue.meshes(key)][worker::workers]
    # In rounds of four of a mesh: an unfinished bank has every mesh, and the renderer's cache of shapes is used.
    jobs = [(m, i + j) for i in range(0, per_mesh, 4) for m in meshes for j in range(4)]
    with only_writer(folder), Journal(index) as journal, data.open("ab") as pixels:
        last = journal.lines[-1] if journal.lines else None
        done = last["job"] + 1 if last else 0
        if last:
            pixels.truncate(last["offset"] + last["width"] * last["height"] * BLOCK)
            pixels.seek(0, 2)
        for n, (mesh, i) in enumerate(jobs[done:], done):
            rng = stream("sprites", seed, n, worker)
            kind = catalogue.kinds[mesh.kind]
            setting = kind.settings[int(rng.integers(len(kind.settings)))]
            low, high = ELEVATIONS[setting]
            elevation, yaw = float(rng.uniform(low, high)), float(rng.uniform(0, 360))
            colour: str | None = None
            rgb: RGB | None = None
            if kind.paintable:
                colour = list(catalogue.colours)[(i + n) % len(catalogue.colours)]
                rgb = catalogue.colours[colour].sample(rng)
            sprite = render_sprite(mesh.id, rgb, yaw, elevation, sample_light(rng, setting == "street"), SIZE, samples)
            rgba, depth = sprite.rgba, sprite.depth.astype(np.float16)
            rows, columns = np.nonzero(rgba[..., 3] > 8)
            if rows.size < 16:
                continue
            top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
            offset = pixels.tell()
            pixels.write(np.ascontiguousarray(rgba[top:bottom, left:right]).tobytes())
            pixels.write(np.ascontiguousarray(depth[top:bottom, left:right]).tobytes())
            pixels.flush()
            info = SpriteInfo(
                mesh.id,
                colour,
                elevation,
                yaw,
                float(sprite.scale),
                (float(sprite.anchor[0] - left), float(sprite.anchor[1] - top)),
                int(right - left),
                int(bottom - top),
                offset,
                n,
            )
            journal.append(asdict(info))
            if progress is not None:
                progress(n + 1, len(jobs))
    return len(jobs) - done


def merge_banks(parts: list[Path], folder: Path) -> None:
    """Join banks that several processes made into one."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / INDEX).open("w") as lines, (folder / "pixels.bin").open("wb") as pixels:
        for part in parts:
            start = pixels.tell()
            for record in read_journal(part / INDEX):
                record["offset"] += start
                lines.write(json.dumps(record) + "\n")
            pixels.write((part / "pixels.bin").read_bytes())
