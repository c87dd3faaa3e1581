"""Making a data set: a folder of pictures, `scenes.jsonl`, `questions.jsonl` and `manifest.json`.

Every finished scene is kept as one file in `.making/` until all are there; then the files of lines and the manifest are
written in the order of the indices. So a run that was killed resumes where it was, to the same bytes.

    DIR/.making/plan.json        whose scenes these are
    DIR/.making/00012.json       a finished scene: its line, its questions, its picture's SHA-256
    DIR/images/*.webp            pictures, moved here when they are whole; those of clips in frames/CLIP/
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import Any

from PIL import Image

from occlusight.errors import BadInput, OcclusightError
from occlusight.files.json_lines import Line, all_lines, dumped
from occlusight.files.whole import sha256, write_whole
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph
from occlusight.occlusion.kinds import Names
from occlusight.questions.question import Question
from occlusight.scenes.make.balanced_quiz import balanced_quiz
from occlusight.scenes.make.data_card import CARD, data_card
from occlusight.scenes.make.plan import DatasetPlan, differences
from occlusight.scenes.make.sight_quiz import sight_quiz
from occlusight.scenes.meshes.catalogue import Catalogue
from occlusight.scenes.meshes.names import names_of
from occlusight.scenes.truth.distractors import Pairs, census

MAKING = ".making"
LINES = ("scenes.jsonl", "questions.jsonl")
MANIFEST = "manifest.json"
OTHER = "give another --out, or delete that folder"

Progress = Callable[[int, int], None]  # scenes done, scenes in all


@dataclass(frozen=True)
class Made:
    """How many scenes a run made, and how many were there already."""

    made: int
    skipped: int


def make_set(
    plan: DatasetPlan,
    out: Path,
    *,
    workers: int = 1,
    progress: Progress | None = None,
    catalogue: Catalogue | None = None,
) -> Made:
    """Make a data set in the folder `out`, or resume one that was begun there; a finished one can grow.

    The bytes depend on the plan alone, on one machine type: not on `workers`, nor on how often the run was interrupted.
    Raises BadInput when the folder holds something else, BadData when a mesh is not imported.
    """
    begin(plan, out)
    parts = {i: part for i in range(plan.count) if (part := read_part(plan, out, i)) is not None}
    todo = [i for i in range(plan.count) if i not in parts]
    report = progress or (lambda done, total: None)
    report(len(parts), plan.count)
    for done, _ in enumerate(_each(plan, out, todo, workers, catalogue), len(parts) + 1):
        report(done, plan.count)
    assemble(plan, out, catalogue or plan.family.catalogue())
    return Made(len(todo), len(parts))


def begin(plan: DatasetPlan, out: Path) -> None:
    """Make the folder ready for the scenes of a plan. Raises BadInput when it holds another set, or anything else."""
    if out.exists() and not out.is_dir():
        raise BadInput(f"--out {out} is a file; give a folder")
    making, manifest = out / MAKING, out / MANIFEST
    record = making / "plan.json"
    source = record if record.is_file() else manifest
    if source.is_file():
        held = _refuse_other(plan, source).get("count", 0)
        held = max([held, *(int(p.stem) + 1 for p in making.glob("*.json") if p.stem.isdigit())])
        if held > plan.count:
            raise BadInput(f"{out} holds {held} scenes, more than --count {plan.count}; {OTHER}")
        if source is manifest:
            reopen(out)
    elif out.is_dir() and any(p.name != MAKING for p in out.iterdir()):
        raise BadInput(f"{out} is not empty and holds no data set; give a new or an empty folder")
    try:
        making.mkdir(parents=True, exist_ok=True)
        if not record.is_file():
            write_whole(record, json.dumps(plan.identity()).encode())
        manifest.unlink(missing_ok=True)  # what is here is unfinished until it is written again
    except OSError as error:
        raise BadInput(f"--out {out} cannot be written ({error.strerror}); give another folder") from None


def _refuse_other(plan: DatasetPlan, source: Path) -> dict[str, Any]:
    """Return the record of the set that is there. Raises BadInput when it is not the plan's."""
    try:
        found = json.loads(source.read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise BadInput(f"{source} is not a record of a data set; {OTHER}")
    unlike = differences(found, plan)
    if unlike:
        folder = source.parent.parent if source.parent.name == MAKING else source.parent
        raise BadInput(f"{folder} holds another data set ({'; '.join(unlike)}); {OTHER}")
    return found


def reopen(out: Path) -> None:
    """Turn a finished set back into finished scenes, so that more can be added. Raises BadInput when it was changed."""
    digests = json.loads((out / MANIFEST).read_text(encoding="utf-8")).get("files", {})
    for name in LINES:
        if not (out / name).is_file() or sha256(out / name) != digests.get(name):
            raise BadInput(f"{out / name} has been changed since it was made; {OTHER}")
    questions: dict[str, list[Line]] = {}
    for line in all_lines(out / LINES[1]):
        questions.setdefault(line["scene"], []).append(line)
    (out / MAKING).mkdir(exist_ok=True)
    for scene in all_lines(out / LINES[0]):
        part = {
            "image_sha256": digests.get(scene["image"]),
            "scene": scene,
            "questions": questions.get(scene["id"], []),
        }
        write_whole(part_path(out, scene["index"]), dumped(part).encode())


def part_path(out: Path, index: int) -> Path:
    """Return where a finished scene is kept."""
    return out / MAKING / f"{index:05d}.json"


def read_part(plan: DatasetPlan, out: Path, index: int) -> dict[str, Any] | None:
    """Return a finished scene, None where it is not there or its picture is not the one that was rendered."""
    try:
        part: dict[str, Any] = json.loads(part_path(out, index).read_text(encoding="utf-8"))
        whole = part["image_sha256"] == sha256(out / plan.image(index)) and part["scene"]["index"] == index
    except (OSError, ValueError, KeyError):
        return None
    return part if whole else None


def _each(
    plan: DatasetPlan, out: Path, todo: Sequence[int], workers: int, catalogue: Catalogue | None
) -> Iterator[int]:
    """Make the scenes and yield each one's index when it is done."""
    if workers <= 1 or len(todo) < 2:
        for index in todo:
            yield make_one(plan, out, index, catalogue)
        return
    threads = max(1, (os.cpu_count() or 1) // workers)
    with ProcessPoolExecutor(workers, get_context("spawn"), _prepare, (threads,)) as pool:
        futures: list[Future[int]] = [pool.submit(make_one, plan, out, index, catalogue) for index in todo]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool:
            raise OcclusightError(
                "a worker process died, perhaps for want of memory; run the same command again with fewer --workers"
            ) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _prepare(threads: int) -> None:
    """Set up a worker process: the main one handles interruptions, the workers share the cores and end when it ends."""
    import signal

    import drjit

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    drjit.set_thread_count(threads)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Wait for the main process to end, however it ends (killed, it can tell nobody), then end this one."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def make_one(plan: DatasetPlan, out: Path, index: int, catalogue: Catalogue | None = None) -> int:
    """Draw, measure, render and question one scene, and keep it; return its index."""
    family, slot = plan.family, plan.slot(index)
    known = catalogue or family.catalogue()
    made = family.draw(slot, known)
    of_family = plan.questions == "standard"  # others are asked when all scenes are there
    questions = family.ask(Facts(made.graph), names_of(known), slot, plan.langs) if of_family else []
    picture = Image.fromarray(family.render(made, plan.samples))
    draft = out / MAKING / f"{index:05d}.webp"
    picture.save(draft, lossless=True, method=4)
    digest = sha256(draft)
    (out / slot.image).parent.mkdir(parents=True, exist_ok=True)
    os.replace(draft, out / slot.image)
    part = {"image_sha256": digest, "scene": made.line, "questions": [q.to_json() for q in questions]}
    write_whole(part_path(out, index), dumped(part).encode())
    return index


def assemble(plan: DatasetPlan, out: Path, catalogue: Catalogue) -> None:
    """Write the files of lines and the manifest from the finished scenes, and clear them away."""
    digests: dict[str, str] = {}
    counts: dict[str, Any] = {"objects": 0, "pairs": 0, "questions": Counter[str]()}
    shown: list[Line] = []
    misleading: list[Pairs] = []
    whole = plan.balanced or plan.questions != "standard"
    matched = _matched(plan, out, names_of(catalogue)) if whole else None
    drafts = {name: out / MAKING / f"{name}.draft" for name in LINES}
    with drafts[LINES[0]].open("wb") as scenes, drafts[LINES[1]].open("wb") as questions:
        for index in range(plan.count):
            part = json.loads(part_path(out, index).read_text(encoding="utf-8"))
            if matched is not None:
                part["questions"] = [q.to_json() for q in matched[index]]
            digests[plan.image(index)] = part["image_sha256"]
            scenes.write(dumped(part["scene"]).encode())
            questions.writelines(dumped(q).encode() for q in part["questions"])
            misleading.append(part["scene"].get("cues", {}))
            shown.append({name: part["scene"].get(name) for name in ("index", "family")})
            n = len(part["scene"]["graph"]["objects"])
            counts["objects"] += n
            counts["pairs"] += n * (n - 1)
            counts["questions"].update(q["kind"] for q in part["questions"])
    for name, draft in drafts.items():
        digests[name] = sha256(draft)
        os.replace(draft, out / name)
    counts["questions"] = dict(sorted(counts["questions"].items()))
    further = plan.family.further
    for name, lines in further(all_lines(out / LINES[0])).items() if further else ():
        write_whole(out / name, "".join(map(dumped, lines)).encode(), out / MAKING)
        digests[name] = sha256(out / name)
        counts[Path(name).stem] = len(lines)
    manifest = plan.manifest(digests, counts, catalogue)
    if plan.family.card is not None:
        about = data_card(plan, plan.family.card, shown, counts["questions"], manifest, census(misleading), plan.name)
        write_whole(out / CARD, about.encode(), out / MAKING)
        digests[CARD] = sha256(out / CARD)
        manifest = plan.manifest(digests, counts, catalogue)
    text = json.dumps(manifest, ensure_ascii=False, indent=1) + "\n"
    write_whole(out / MANIFEST, text.encode(), out / MAKING)
    shutil.rmtree(out / MAKING)


def _matched(plan: DatasetPlan, out: Path, names: Names) -> list[list[Question]]:
    """Return the questions about each scene of a matched set: all its scenes decide what is asked about one."""
    lines, facts = [], []
    for index in range(plan.count):
        line = json.loads(part_path(out, index).read_text(encoding="utf-8"))["scene"]
        lines.append({name: line.get(name) for name in ("id", "focus")})
        facts.append(Facts(Graph.from_json(line["graph"])))
    if plan.questions == "eyes":
        return sight_quiz(plan, lines, facts, names)
    return balanced_quiz(plan, range(plan.count), facts, names)
