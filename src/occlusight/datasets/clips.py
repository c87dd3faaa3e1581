"""Clips of a data set: what is visible of each thing in every frame, and when what hides it wholly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from occlusight.errors import BadData
from occlusight.files.json_lines import read_lines
from occlusight.occlusion.graph import Box

CLIP_LINES = "clips.jsonl"


@dataclass(frozen=True)
class Hidden:
    """That a thing is hidden wholly from one frame to another, both included; `by` are ids, none where nobody
    says what hides it."""

    first: int
    last: int
    by: tuple[str, ...]


@dataclass(frozen=True)
class ClipThing:
    """A thing of a clip. `visible` is the visible fraction of it in each frame, None where it is outside; `boxes` are
    around what is seen of it, in thousandths, None where nothing is; empty where they are not known."""

    kind: str
    name: str
    visible: tuple[float | None, ...]
    hidden: tuple[Hidden, ...]
    boxes: tuple[Box | None, ...] = ()


@dataclass(frozen=True)
class ClipLine:
    """A clip and the truth about it: its pictures, the seconds of each, and its things by their ids. One that is a file
    of a video has the file, and no pictures: of it so many frames a second are meant."""

    id: str
    recipe: str
    pictures: tuple[Path, ...]
    seconds: tuple[float, ...]
    things: Mapping[str, ClipThing]
    video: Path | None = None
    per_second: float = 2.0

    def first(self, frames: int) -> ClipLine:
        """Return the first frames of it."""
        things = {
            id: replace(
                thing,
                visible=thing.visible[:frames],
                boxes=thing.boxes[:frames],
                hidden=tuple(
                    replace(one, last=min(one.last, frames - 1)) for one in thing.hidden if one.first < frames
                ),
            )
            for id, thing in self.things.items()
        }
        return replace(self, pictures=self.pictures[:frames], seconds=self.seconds[:frames], things=things)


def read_clips(folder: Path) -> tuple[ClipLine, ...]:
    """Read the clips of a data set. Raises BadData where it has none, or a line that is none."""
    found = []
    scenes = folder / "scenes.jsonl"
    graphs = {line["id"]: line["graph"] for _, line in read_lines(scenes)} if scenes.is_file() else {}
    for where, line in read_lines(folder / CLIP_LINES):
        try:
            found.append(_clip(folder, line, graphs))
        except (KeyError, TypeError, ValueError) as error:
            raise BadData(f"{where} of {folder} is no clip ({type(error).__name__}: {error})") from None
    if not found:
        raise BadData(f"{folder / CLIP_LINES} has no clips; `occlusight scenes make --recipe clip` makes some")
    return tuple(found)


def _clip(folder: Path, line: Mapping[str, Any], graphs: Mapping[str, Any]) -> ClipLine:
    shown = [graphs.get(scene, {"objects": ()})["objects"] for scene in line.get("scenes", ())]
    boxes = [{o["id"]: o["box"] for o in objects if o["visible_fraction"] > 0} for objects in shown]
    things = {
        id: ClipThing(
            o["kind"],
            o["name"],
            tuple(o["visible"]),
            runs_of(o["hidden"]),
            tuple(_box(frame.get(id)) for frame in boxes) if graphs else (),
        )
        for id, o in line["objects"].items()
    }
    pictures = tuple(folder / image for image in line["images"])
    return ClipLine(line["id"], line["recipe"], pictures, tuple(line["times"]), things)


def runs_of(lines: Sequence[Mapping[str, Any]]) -> tuple[Hidden, ...]:
    """What hides a thing from one frame to another; where one goes on after another without its being seen between,
    that is one hiding, by all of them."""
    found: list[Hidden] = []
    for line in lines:
        by = tuple(line["by"])
        if found and found[-1].last + 1 == line["from"]:
            found[-1] = Hidden(found[-1].first, line["to"], tuple(dict.fromkeys((*found[-1].by, *by))))
        else:
            found.append(Hidden(line["from"], line["to"], by))
    return tuple(found)


def _box(given: Any) -> Box | None:
    if given is None:
        return None
    left, top, right, bottom = given
    return left, top, right, bottom
