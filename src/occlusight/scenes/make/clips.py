"""Clips in a data set: every frame is a scene with its own line, truth and questions; `clips.jsonl` follows each thing through them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from occlusight.errors import BadData
from occlusight.files.json_lines import Line, all_lines
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.kinds import Lang, Names
from occlusight.questions.question import Question
from occlusight.randomness import stream
from occlusight.scenes.description import Scene
from occlusight.scenes.make.quiz import ask_alike
from occlusight.scenes.make.slot import Slot
from occlusight.scenes.make.targeted_line import StagedScene, staged_line
from occlusight.scenes.meshes.catalogue import whole_catalogue
from occlusight.scenes.recipes.clips import CLIPS, FAMILY, SEEN, choose_clip
from occlusight.scenes.truth.targeted import measure_staged

CLIP_LINES = "clips.jsonl"
PER_FRAME: Mapping[str, int] = {"occlusion": 2, "explanation": 2, "recognition": 1, "position": 2, "who_hides": 1}


@dataclass(frozen=True, eq=False)
class Frame(StagedScene):
    """A frame to keep; `first` is the scene of the clip's first frame."""

    first: Scene


def clip_frame(slot: Slot, frames: int) -> Frame:
    """Return the frame of a slot, whose clip has so many `frames`.

    Raises BadInput for an unknown recipe, BadData when a mesh is not imported.
    """
    catalogue = whole_catalogue()
    clip = choose_clip(slot.recipe, slot.seed, slot.base, frames, slot.turn, slot.width, slot.heldout)
    k = slot.member
    scene = clip.frame(k)
    truth = measure_staged(scene, catalogue)
    gone = truth.graph.object(clip.focus[1]).visible_fraction == 0
    line = staged_line(
        slot,
        scene,
        truth,
        clip.focus,
        catalogue,
        type="complete" if gone else "partial",
        family=FAMILY,
        drawing=clip.drawing,
    )
    line["clip"] = {
        "id": slot.base_id,
        "frame": k,
        "frames": frames,
        "time": round(k * clip.step, 4),
        "path": clip.path,
    }
    return Frame(scene, truth.graph, line, clip.frame(0))


def clip_quiz(facts: Facts, names: Names, slot: Slot, langs: tuple[Lang, ...]) -> list[Question]:
    """Ask about a frame as about a picture; every language is asked the same things."""
    draws = partial(stream, "clips questions", slot.seed, slot.base, CLIPS.index(slot.recipe), slot.member)
    return ask_alike(facts, names, draws, langs, PER_FRAME, scene=slot.id, image=slot.image)


def clip_lines(frames: Sequence[Line]) -> list[Line]:
    """Return a line a clip from the lines of its frames: what of each thing is visible in every frame, and when what hides it wholly."""
    clips: dict[str, list[Line]] = {}
    for line in frames:
        clips.setdefault(line["clip"]["id"], []).append(line)
    return [_clip_line(id, sorted(lines, key=lambda line: line["clip"]["frame"])) for id, lines in clips.items()]


def _clip_line(id: str, lines: Sequence[Line]) -> Line:
    first = lines[0]
    objects: dict[str, Any] = {}
    for p in first["placed"]:
        shares, hidden = [], list[dict[str, Any]]()
        for k, line in enumerate(lines):
            o = next((o for o in line["graph"]["objects"] if o["id"] == p["id"]), None)
            shares.append(None if o is None else o["visible_fraction"])
            if o is None or o["visible_fraction"] > 0:
                continue
            by = [r["occluder"] for r in line["graph"]["relations"] if r["occluded"] == p["id"]]
            if hidden and hidden[-1]["to"] == k - 1 and hidden[-1]["by"] == by:
                hidden[-1]["to"] = k
            else:
                hidden.append({"from": k, "to": k, "by": by})
        shown = next(o for line in lines for o in line["graph"]["objects"] if o["id"] == p["id"])
        objects[p["id"]] = {
            "kind": p["kind"],
            "name": shown["name"],
            "name_zh": shown["name_zh"],
            "visible": shares,
            "hidden": hidden,
        }
    return {
        "id": id,
        "recipe": first["recipe"],
        "seed": first["seed"],
        "path": first["clip"]["path"],
        "occluder": first["focus"][0],
        "mover": first["focus"][1],
        "scenes": [line["id"] for line in lines],
        "images": [line["image"] for line in lines],
        "times": [line["clip"]["time"] for line in lines],
        "objects": objects,
    }


def clip_failures(folder: Path, frames: Sequence[Line]) -> Iterator[str]:
    """Prove that `clips.jsonl` says what the frames say, that ids keep their thing, and that one thing alone moves and comes back."""
    try:
        stored = all_lines(folder / CLIP_LINES)
    except BadData as error:
        yield str(error)
        return
    if stored != clip_lines(frames):
        yield f"{CLIP_LINES} does not say what the frames say"
    by_id = {line["id"]: line for line in frames}
    for clip in stored:
        lines = [by_id[id] for id in clip["scenes"] if id in by_id]
        if (
            not lines
            or len(lines) != lines[0]["clip"]["frames"]
            or [line["clip"]["frame"] for line in lines] != list(range(len(lines)))
        ):
            yield f"clip {clip['id']} has not all of its frames, in order"
            continue
        for one, two in pairwise(lines):
            yield from (f"clip {clip['id']}: {failure}" for failure in _changed(one, two, clip["mover"]))
        shares = clip["objects"][clip["mover"]]["visible"]
        gone = [k for k, share in enumerate(shares) if share == 0]
        if not gone or min(shares[0], shares[-1]) < SEEN or len(clip["objects"][clip["mover"]]["hidden"]) != 1:
            yield f"clip {clip['id']}: {clip['mover']} is not seen, then hidden once, then seen again"


def _changed(one: Line, two: Line, mover: str) -> Iterator[str]:
    """What differs from one frame to the next and should not."""
    if one["camera"] != two["camera"] or one["light"] != two["light"]:
        yield f"camera or light differ between {one['id']} and {two['id']}"
    before, after = ({p["id"]: p for p in line["placed"]} for line in (one, two))
    if before.keys() != after.keys():
        yield f"{one['id']} and {two['id']} have other things"
        return
    for id, p in before.items():
        same = ("kind", "mesh", "scale", "colour", "rgb") + (() if id == mover else ("position", "yaw"))
        if any(p[name] != after[id][name] for name in same):
            yield f"{id} is another thing, or moves, between {one['id']} and {two['id']}"
