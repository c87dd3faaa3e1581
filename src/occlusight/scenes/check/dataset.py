"""Checking a data set: files against the manifest, and the proofs about scenes, questions and truth."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from occlusight.errors import BadData, BadPicture
from occlusight.files.json_lines import Line, all_lines
from occlusight.files.whole import sha256
from occlusight.model.picture import open_picture
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph
from occlusight.scenes.check.proofs import (
    SCENE_FIELDS,
    imported_failures,
    is_imported,
    question_failures,
    set_failures,
)
from occlusight.scenes.make.dataset import LINES, MAKING, MANIFEST
from occlusight.scenes.make.families import FAMILIES
from occlusight.scenes.make.family import SceneFamily
from occlusight.scenes.make.plan import FORMAT_VERSION
from occlusight.scenes.truth.distractors import Census, census, distractors

FLAT, DARK, BRIGHT = 3.0, 8.0, 247.0  # a picture's deviation and mean, of 255, below or above which it shows nothing

Progress = Callable[[int, int], None]  # proofs done, proofs in all


@dataclass
class Report:
    """What was checked, and a line for each proof that failed."""

    scenes: int = 0
    pairs: int = 0
    questions: int = 0
    remeasured: int = 0
    distractors: dict[str, Census] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def check_set(folder: Path, remeasure: int = 10, progress: Progress | None = None) -> Report:
    """Check a data set; the truth of `remeasure` scenes, spread over the set, is measured again from their
    descriptions.

    Raises BadData when there is no data set, or a mesh that is needed for measuring is not imported.
    """
    manifest = read_manifest(folder)
    report = Report()
    found = report.failures
    found += _file_failures(folder, manifest)
    lines = _read(folder / LINES[0], found), _read(folder / LINES[1], found)
    total = len(lines[0]) + min(remeasure, len(lines[0])) + 1
    show = progress or (lambda done, total: None)
    scenes: dict[str, tuple[Line, Facts]] = {}
    for i, line in enumerate(lines[0]):
        show(i, total)
        facts = _facts(line, scenes, found)
        if facts is None:
            continue
        scenes[line["id"]] = line, facts
        found += [f"scene {line['id']} {failure}" for failure in _guarded(_proofs(line, facts))]
        found += [f"scene {line['id']} {failure}" for failure in _picture_failures(folder, line, facts.graph)]
        report.scenes += 1
        report.pairs += len(facts.objects) * (len(facts.objects) - 1)
    found += _manifest_failures(manifest, [line for line, _ in scenes.values()])
    for family in FAMILIES:
        of_family = [(line, facts) for line, facts in scenes.values() if _family(line) is family]
        if of_family:
            found += _guarded(family.prove_set(folder, *zip(*of_family, strict=True)))
    ids: set[Any] = set()
    for line in lines[1]:
        failures = list(_guarded(question_failures(line, scenes)))
        if line.get("id") in ids:
            failures.append("has an id that another question has")
        ids.add(line.get("id"))
        found += [f"question {line.get('id')} {failure}" for failure in failures]
        report.questions += 1
    described = [line for line, _ in scenes.values() if not is_imported(line)]
    if not found:  # of broken lines nothing can be said about the whole
        found += set_failures(lines[1], scenes)
        report.distractors = census(distractors(scenes[line["id"]][1], line["placed"]) for line in described)
    if not lines[1]:
        found.append(f"{LINES[1]} holds no question")
    for n, line in enumerate(_sample(described, remeasure)):
        show(len(lines[0]) + n, total)
        facts = scenes[line["id"]][1]
        measured = _family(line)
        if measured is not None:
            found += [f"scene {line['id']} {failure}" for failure in _guarded(measured.remeasure(line, facts))]
        report.remeasured += 1
    show(total, total)
    return report


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a finished set. Raises BadData."""
    if not folder.is_dir():
        raise BadData(f"there is no folder {folder}; give that of a data set")
    if (folder / MAKING).is_dir():
        raise BadData(f"{folder} is not finished; run the `occlusight scenes make` that began it again")
    path = folder / MANIFEST
    if not path.is_file():
        raise BadData(f"{folder} is not a data set: it has no {MANIFEST}")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadData(f"{path} is not JSON ({error})") from None
    if not isinstance(manifest, dict) or manifest.get("version") != FORMAT_VERSION:
        raise BadData(f"{path} is not a manifest of version {FORMAT_VERSION}, the one that this program reads")
    return manifest


def _file_failures(folder: Path, manifest: dict[str, Any]) -> Iterator[str]:
    listed = manifest.get("files", {})
    for name, digest in listed.items():
        if not (folder / name).is_file():
            yield f"{name} is in the manifest, but not in the folder"
        elif sha256(folder / name) != digest:
            yield f"{name} is not the file that the manifest lists: its SHA-256 differs"
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    yield from (f"{name} is in the folder, but not in the manifest" for name in sorted(there - {*listed, MANIFEST}))


def _manifest_failures(manifest: dict[str, Any], scenes: Sequence[Line]) -> Iterator[str]:
    if manifest.get("count") != len(scenes):
        yield f"{MANIFEST} counts {manifest.get('count')} scenes, but {len(scenes)} can be read"
    recipes, seeds = {line["recipe"] for line in scenes}, {line["seed"] for line in scenes}
    if recipes - set(manifest.get("recipes", ())) or seeds - {manifest.get("seed")}:
        yield f"{MANIFEST} names other recipes or another seed than the scenes"
    if sorted(line["index"] for line in scenes) != list(range(len(scenes))):
        yield "the scenes' indices are not 0, 1, 2, ... each once"


def _proofs(line: Line, facts: Facts) -> Iterator[str]:
    """The proofs about one scene: those of its family, or of a picture that was brought."""
    family = _family(line)
    if is_imported(line):
        yield from imported_failures(line, facts)
    elif family is None:
        yield f"is of no recipe that there is: {line['recipe']!r}"
    else:
        yield from family.prove(line, facts)


def _family(line: Line) -> SceneFamily | None:
    return next((family for family in FAMILIES if line["recipe"] in family.recipes), None)


def _guarded(failures: Iterator[str]) -> Iterator[str]:
    """Pass failures on; what is of so strange a shape that a proof cannot read it is one more."""
    try:
        yield from failures
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        yield f"is not of the format's shape ({error!r})"


def _read(path: Path, found: list[str]) -> list[Line]:
    try:
        return all_lines(path)
    except BadData as error:
        found.append(str(error))
        return []


def _facts(line: Line, scenes: dict[str, tuple[Line, Facts]], found: list[str]) -> Facts | None:
    """Read the graph of a scene; what is wrong with the line goes to `found`."""
    absent = [name for name in SCENE_FIELDS if name not in line]
    if absent:
        found.append(f"scene {line.get('id')} lacks {', '.join(absent)}")
    elif line["id"] in scenes:
        found.append(f"scene {line['id']} appears twice")
    else:
        try:
            return Facts(Graph.from_json(line["graph"]))
        except (KeyError, TypeError, ValueError) as error:
            found.append(f"scene {line['id']} has a graph that cannot be read ({error})")
    return None


def _picture_failures(folder: Path, line: Line, graph: Graph) -> Iterator[str]:
    try:
        pixels = np.asarray(open_picture(folder / line["image"]), np.float32)
    except BadPicture as error:
        yield f"has a picture that cannot be opened ({error})"
        return
    if pixels.shape[:2] != (graph.height, graph.width):
        yield f"has a picture of {pixels.shape[1]} x {pixels.shape[0]} pixels, not {graph.width} x {graph.height}"
    if pixels.std() < FLAT or not DARK < pixels.mean() < BRIGHT:
        yield f"has a picture that shows nothing (mean {pixels.mean():.0f}, deviation {pixels.std():.1f})"


def _sample(lines: Sequence[Line], n: int) -> list[Line]:
    """Return `n` of the lines, evenly spread."""
    n = min(n, len(lines))
    return [lines[i * len(lines) // n] for i in range(n)]
