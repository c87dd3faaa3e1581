"""Clips in a data set: every frame is a scene with its own line, truth and questions; `clips.jsonl` follows each thing
through them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from occlusight.errors import BadData
from occlusight.files.json_lines import Line, all_lines
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.kinds import Lang, Names
from occlusight.questions.question import Question
from occlusight.randomness import stream
from occlusight.scenes.check.targeted_proofs import measured_again, targeted_failures
from occlusight.scenes.make.family import CardText, MeasuredScene, SceneFamily
from occlusight.scenes.make.quiz import ask_alike
from occlusight.scenes.make.slot import Slot
from occlusight.scenes.make.targeted_line import targeted_line
from occlusight.scenes.meshes.catalogue import Catalogue, whole_catalogue
from occlusight.scenes.recipes.clips import RECIPES, SEEN, TYPE, choose_clip
from occlusight.scenes.recipes.film import Film
from occlusight.scenes.render.exposure import render_frame
from occlusight.scenes.truth.targeted import measure_targeted

CLIP_LINES = "clips.jsonl"
PER_FRAME: Mapping[str, int] = {"occlusion": 2, "explanation": 2, "recognition": 1, "position": 2, "who_hides": 1}


Choose: TypeAlias = Callable[[str, int, int, int, int, int, bool], Film]
"""Search for the clip of a recipe, a seed, an index, so many frames, a turn, a width, and whether meshes are held out;
what was found is kept from frame to frame, and so is drawn from the whole catalogue."""
Untold: TypeAlias = Callable[[Line, Line], str | None]
"""Say what a clip does not show, by its line and that of its first frame."""
MoreOfFrame: TypeAlias = Callable[[Film, int], Mapping[str, Any]]
"""Return what more the line of a clip's frame says of the clip."""


def clip_family(
    name: str,
    recipes: tuple[str, ...],
    named: Mapping[str, tuple[str, ...]],
    choose: Choose,
    untold: Untold,
    card: CardText,
    *,
    version: int,
    digest_before: str = "",
    more: MoreOfFrame = lambda film, k: {},
    remeasure: Callable[[Line, Facts], Iterator[str]] = measured_again,
) -> SceneFamily:
    """Return a family of clips: whatever these show, every frame is drawn, measured and asked about as a picture is."""

    def draw(slot: Slot, catalogue: Catalogue) -> MeasuredScene:
        film = choose(slot.recipe, slot.seed, slot.base, slot.group_size, slot.rotation_index, slot.width, slot.heldout)
        return frame_of(slot, film, catalogue, more(film, slot.group_member))

    def ask(facts: Facts, names: Names, slot: Slot, langs: Sequence[Lang]) -> list[Question]:
        place = (slot.seed, slot.base, recipes.index(slot.recipe), slot.group_member)
        draws = partial(stream, f"{name} questions", *place)
        return ask_alike(facts, names, draws, langs, PER_FRAME, scene=slot.id, image=slot.image)

    return SceneFamily(
        name=name,
        recipes=recipes,
        named=named,
        version=version,
        digest_before=digest_before,
        catalogue=whole_catalogue,
        draw=draw,
        render=render_clip_frame,
        ask=ask,
        prove=targeted_failures,
        remeasure=remeasure,
        prove_set=lambda folder, lines, facts: clip_failures(folder, lines, untold),
        further=lambda frames: {CLIP_LINES: clip_lines(frames)},
        frames=(8, 64),
        card=card,
    )


def frame_of(slot: Slot, clip: Film, catalogue: Catalogue, more: Mapping[str, Any]) -> MeasuredScene:
    """Return the frame of a slot, measured; `more` goes into its line's `clip`."""
    k = slot.group_member
    scene = clip.frame(k)
    truth = measure_targeted(scene, catalogue)
    gone = truth.graph.object(clip.focus[1]).visible_fraction == 0
    line = targeted_line(
        slot,
        scene,
        truth,
        clip.focus,
        catalogue,
        type="complete" if gone else "partial",
        family=TYPE,
        attempt=clip.attempt,
    )
    line["clip"] = {
        "id": slot.base_id,
        "frame": k,
        "frames": slot.group_size,
        "time": round(k * clip.step, 4),
        "path": clip.path,
        **more,
    }
    return MeasuredScene(scene, truth.graph, line, exposed_as=clip.frame(0))


def render_clip_frame(made: MeasuredScene, samples: int) -> NDArray[np.uint8]:
    return render_frame(made.scene, made.exposed_as or made.scene, samples)


def clip_lines(frames: Sequence[Line]) -> list[Line]:
    """Return a line a clip from its frames' lines: what of each thing is visible in every frame, and when what hides it
    wholly."""
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


def clip_failures(folder: Path, frames: Sequence[Line], untold: Untold) -> Iterator[str]:
    """Prove that `clips.jsonl` says what the frames say, that ids keep their thing, that only what is said to moves,
    and that clips show what they are about: `untold` says of a clip, and its first frame, what they do not."""
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
        failure = untold(clip, lines[0])
        if failure is not None:
            yield f"clip {clip['id']}: {failure}"


def _not_back(clip: Line, first: Line) -> str | None:
    shares = clip["objects"][clip["mover"]]["visible"]
    gone = [k for k, share in enumerate(shares) if share == 0]
    if not gone or min(shares[0], shares[-1]) < SEEN or len(clip["objects"][clip["mover"]]["hidden"]) != 1:
        return f"{clip['mover']} is not seen, then hidden once, then seen again"
    return None


def _changed(one: Line, two: Line, mover: str) -> Iterator[str]:
    """What differs from one frame to the next and should not."""
    movers = one["clip"].get("movers", [mover])
    if (one["camera"] != two["camera"] and not one["clip"].get("camera_moves")) or one["light"] != two["light"]:
        yield f"camera or light differ between {one['id']} and {two['id']}"
    before, after = ({p["id"]: p for p in line["placed"]} for line in (one, two))
    if before.keys() != after.keys():
        yield f"{one['id']} and {two['id']} have other things"
        return
    for id, p in before.items():
        same = ("kind", "mesh", "scale", "colour", "rgb") + (() if id in movers else ("position", "yaw"))
        if any(p[name] != after[id][name] for name in same):
            yield f"{id} is another thing, or moves, between {one['id']} and {two['id']}"


CLIPS = clip_family(
    "clips",
    RECIPES,
    {TYPE: RECIPES},
    choose_clip,
    _not_back,
    version=1,
    digest_before="d889a650dd6990e9518c56503d06f124aeda78370c00edf819a1b260b3c84199",
    card=CardText(
        title="A set of clips",
        subject="clips in which a thing moves behind a board and comes back",
        about="""- **Clips**: every frame is a scene of its own, with its truth and its questions; `clips.jsonl` has \
a line a clip: its frames and their times,
  and for each thing what of it is visible in every frame, from which frame to which it is hidden wholly, and by \
what. Ids keep their thing.
- **Motion**: one thing moves along a line at a steady speed, people and animals without moving their limbs; the \
camera stands still.""",
    ),
)
