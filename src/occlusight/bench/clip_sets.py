"""Other people's data sets of clips, read from the user's own copy as clips of ours: TAO-Amodal and CATER, of whose
videos LA-CATER is made. Nothing of them is shipped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from occlusight.datasets.clips import ClipLine, ClipThing, Hidden, read_clips
from occlusight.errors import BadData, BadInput
from occlusight.files.text import parsed, read_text, shown
from occlusight.occlusion.graph import Box
from occlusight.reasoning.names import named
from occlusight.reasoning.vocabulary import Words, shipped_words

CATER_RATE, CATER_FRAMES = 24, 300
PER_SECOND = 2.0
"""Frames of a CATER video that are looked at, a second."""
SNITCH = "spl"
VISIBLE_SNITCH = Path("containment_and_occlusions") / "visibility_rate_gt_0.txt"
UNFIT = (LookupError, TypeError, ValueError, AttributeError)
"""What reading data of another shape raises."""


@dataclass(frozen=True)
class ClipSet:
    """`read` reads a folder, `needs` is a file pattern that shows whether the data is there, `source` where it is."""

    read: Callable[[Path], Sequence[ClipLine]]
    needs: str
    source: str


def read_clip_set(name: str, folder: Path) -> Sequence[ClipLine]:
    """Read the clips of a folder in a format. Raises BadInput for an unknown format, BadData with the source for data
    that is not there, or of another shape."""
    if name not in FORMATS:
        raise BadInput(f"--format takes {', '.join(FORMATS)}, but {name!r} was given")
    one = FORMATS[name]
    if not folder.is_dir() or not any(folder.glob(one.needs)):
        raise BadData(f"{folder} does not hold {name} (no {one.needs}); its data is to be had from {one.source}")
    try:
        clips = one.read(folder)
    except UNFIT as error:
        raise BadData(
            f"{folder}: not the format of {name} ({type(error).__name__}: {shown(str(error))}); get it from "
            f"{one.source}"
        ) from error
    if not clips:
        raise BadData(f"{folder} holds no clip of {name}; get it from {one.source}")
    return clips


def tao_amodal(folder: Path) -> list[ClipLine]:
    """Read TAO-Amodal: the frames that are annotated, one a second, with boxes and visibility of each thing. Who hides
    whom it does not say."""
    found = []
    words = shipped_words()
    for path in sorted(folder.glob("amodal_annotations/*.json")):
        if path.stem.endswith("_lvis_v1"):
            continue  # the same clips again, with other categories
        document = parsed(read_text(path))
        kinds = {one["id"]: kind_called(one["name"], words) for one in document["categories"]}
        images: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for image in document["images"]:
            images[image["video_id"]].append(image)
        tracks: dict[int, dict[int, dict[int, Any]]] = defaultdict(lambda: defaultdict(dict))
        for one in document["annotations"]:
            tracks[one["video_id"]][one["track_id"]][one["image_id"]] = one
        for video in document["videos"]:
            shown_in = sorted(images[video["id"]], key=lambda image: image["frame_index"])
            if not shown_in:
                continue
            things = {
                f"o{track}": _tao_thing([(image, seen.get(image["id"])) for image in shown_in], kinds)
                for track, seen in sorted(tracks[video["id"]].items())
            }
            pictures = tuple(folder / "frames" / image["file_name"] for image in shown_in)
            seconds = tuple(float(k) for k in range(len(shown_in)))
            found.append(ClipLine(video["name"], "tao-amodal", pictures, seconds, things))
    return found


def _tao_thing(frames: Sequence[tuple[Mapping[str, Any], Any]], kinds: Mapping[int, str]) -> ClipThing:
    shares: list[float | None] = []
    boxes: list[Box | None] = []
    for image, one in frames:
        size = image["width"], image["height"]
        outside = one is None or not _in_picture(one["amodal_bbox"], size)
        share = None if outside else float(one["visibility"])
        shares.append(share)
        boxes.append(_thousandths(one["bbox"], size) if share else None)
    first = next(one for _, one in frames if one is not None)
    kind = kinds[first["category_id"]]
    return ClipThing(kind, kind, tuple(shares), _hidden(shares, [()] * len(shares)), tuple(boxes))


def _in_picture(box: Sequence[float], size: tuple[int, int]) -> bool:
    x, y, w, h = box
    return x < size[0] and y < size[1] and x + w > 0 and y + h > 0


def _thousandths(box: Sequence[float], size: tuple[int, int]) -> Box:
    x, y, w, h = box
    edges = (x / size[0], y / size[1], (x + w) / size[0], (y + h) / size[1])
    left, top, right, bottom = (round(1000 * min(1.0, max(0.0, edge))) for edge in edges)
    return left, top, right, bottom


def cater(folder: Path) -> list[ClipLine]:
    """Read CATER: what is put under which cone, and when it is taken out; and of LA-CATER, where its file is there, in
    which frames nothing of the snitch is seen."""
    words = shipped_words()
    listed = _visible_snitch(folder / VISIBLE_SNITCH)
    step = round(CATER_RATE / PER_SECOND)
    frames = range(0, CATER_FRAMES, step)
    found = []
    for path in sorted(folder.glob("scenes/*.json")):
        scene = parsed(read_text(path))
        inside = contained(scene["movements"])
        things = {}
        for one in scene["objects"]:
            id, shape = one["instance"], one["shape"]
            by = [inside.get(id, {}).get(frame, ()) for frame in frames]
            hides = [bool(cones) for cones in by]
            if shape == SNITCH and path.stem in listed:
                hides = [frame not in listed[path.stem] for frame in frames]
            shares = [0.0 if hidden else 1.0 for hidden in hides]
            kind = "snitch" if shape == SNITCH else kind_called(shape, words)
            things[id] = ClipThing(kind, f"{one['color']} {kind}", tuple(shares), _hidden(shares, by))
        seconds = tuple(frame / CATER_RATE for frame in frames)
        video = folder / "videos" / f"{path.stem}.avi"
        found.append(ClipLine(path.stem, "cater", (), seconds, things, video, PER_SECOND))
    return found


def contained(movements: Mapping[str, Sequence[Sequence[Any]]]) -> dict[str, dict[int, tuple[str, ...]]]:
    """Return by which cones each thing is covered in each frame: from where a cone's `_contain` ends to where its next
    `_pick_place` begins; what is under a cone that is itself covered is under both."""
    direct: dict[str, dict[int, str]] = defaultdict(dict)
    for cone, actions in movements.items():
        for number, (action, what, _, end) in enumerate(actions):
            if action != "_contain":
                continue
            after = (begin for later, _, begin, _ in actions[number + 1 :] if later == "_pick_place")
            for frame in range(end, next(after, CATER_FRAMES)):
                direct[what][frame] = cone
    found: dict[str, dict[int, tuple[str, ...]]] = defaultdict(dict)
    for what, by_frame in direct.items():
        for frame, cone in by_frame.items():
            cones = [cone]
            while (outer := direct.get(cones[-1], {}).get(frame)) is not None and outer not in cones:
                cones.append(outer)
            found[what][frame] = tuple(cones)
    return found


def _visible_snitch(path: Path) -> dict[str, frozenset[int]]:
    """The frames in which something of the snitch is seen, by video: a name, a tab, and frames with commas a line."""
    if not path.is_file():
        return {}
    rows = (line.partition("\t") for line in read_text(path).splitlines() if line.strip())
    return {Path(name).stem: frozenset(int(frame) for frame in told.split(",") if frame) for name, _, told in rows}


def _hidden(shares: Sequence[float | None], by: Sequence[tuple[str, ...]]) -> tuple[Hidden, ...]:
    """The runs of frames in which nothing of a thing is seen, each as long as the same things hide it."""
    found: list[Hidden] = []
    for t, share in enumerate(shares):
        if share != 0:
            continue
        if found and found[-1].last == t - 1 and found[-1].by == by[t]:
            found[-1] = Hidden(found[-1].first, t, by[t])
        else:
            found.append(Hidden(t, t, by[t]))
    return tuple(found)


def kind_called(name: str, words: Words) -> str:
    """Return the key of the kind that a name means, or the name where it is none of ours.

    >>> kind_called("car_(automobile)", shipped_words()), kind_called("cylinder", shipped_words())
    ('car', 'cylinder')
    """
    plain = name.partition("_(")[0].replace("_", " ").strip()
    found = named(plain, words).names
    return found[0].kinds[0] if len(found) == 1 and found[0].kinds and found[0].text == plain else plain


FORMATS: Mapping[str, ClipSet] = {
    "clips": ClipSet(read_clips, "clips.jsonl", "`occlusight scenes make --recipe clip`, which makes some"),
    "tao-amodal": ClipSet(
        tao_amodal, "amodal_annotations/*.json", "https://huggingface.co/datasets/chengyenhsieh/TAO-Amodal"
    ),
    "la-cater": ClipSet(
        cater,
        "scenes/*.json",
        "https://github.com/ofrikleinfeld/ObjectPermanence and https://rohitgirdhar.github.io/CATER",
    ),
}
