"""The numbers of tracked clips: right, late, missed and invented events, by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.reasoning.tracking.test_track import COMES, FRAMES, GOES, SCENES, Looks

from occlusight.bench.video import Judged, Told, hits, measure, same, watched
from occlusight.datasets.clips import ClipLine, ClipThing, Hidden, read_clips
from occlusight.errors import BadData
from occlusight.reasoning.extract import Extractor
from occlusight.reasoning.tracking.watch import Watcher

SHOWN = tuple(0.0 if GOES <= t < COMES else 1.0 for t in range(FRAMES))
CLIP = ClipLine(
    "c1",
    "clip-street",
    tuple(SCENES),
    tuple(t / 2 for t in range(FRAMES)),
    {
        "o1": ClipThing("car", "red car", (1.0,) * FRAMES, ()),
        "o2": ClipThing("dog", "dog", SHOWN, (Hidden(GOES, COMES - 1, ("o1",)),)),
    },
)


def told(*events: tuple[str, str, int, int]) -> Told:
    always = [True] * FRAMES
    return Told({"a": "car", "b": "dog", "c": "bus"}, {"a": always, "b": [v > 0 for v in SHOWN], "c": always}, events)


@pytest.mark.parametrize(
    ("event", "right"),
    [
        (("a", "b", GOES, COMES - 1), 1),
        (("a", "b", GOES + 1, COMES + 1), 1),
        (("a", "b", COMES, FRAMES - 1), 0),
        (("c", "b", GOES, COMES - 1), 0),
        (("a", "c", GOES, COMES - 1), 0),
    ],
)
def test_an_event_is_right_about_the_same_things_at_about_the_same_time(
    event: tuple[str, str, int, int], right: int
) -> None:
    assert len(hits(CLIP, told(event))) == right


def test_a_true_event_is_told_once() -> None:
    assert len(hits(CLIP, told(("a", "b", GOES, COMES - 1), ("a", "b", GOES, COMES)))) == 1


def test_of_several_of_a_kind_the_one_that_fits_best_is_meant() -> None:
    said = Told({"x": "dog", "y": "dog"}, {"x": [True] * FRAMES, "y": [v > 0 for v in SHOWN]}, ())
    assert same(CLIP.things["o2"], said) == "y"
    assert same(ClipThing("bus", "bus", SHOWN, ()), said) is None


def test_a_model_that_sees_all_has_all_right() -> None:
    document = measure(watched(Watcher(Extractor(Looks(SCENES))), [CLIP]))
    assert document["n_frames"] == FRAMES
    for name in ("event_f1", "event_precision", "event_recall", "visibility_f1", "identity_after_hiding"):
        assert document[name] == 1.0
    assert document["time_error_s"] == 0.0
    assert document["question_accuracy"] == 1.0
    assert (document["idf1"], document["hota"]) == (None, None)  # nobody tells the clip's boxes
    assert document["last_seen"]["event_f1"] == 1.0
    assert document["no_rules"]["visibility_f1"] == 1.0
    assert document["no_rules"]["event_f1"] < 1.0  # no frame says what hides a thing that it does not show
    blind = document["blind"]
    assert (blind["event_recall"], blind["visibility_f1"]) == (0.0, 0.9091)
    assert 0 < blind["question_accuracy"] < 1


def test_boxes_are_judged_where_both_sides_tell_them() -> None:
    [one] = watched(Watcher(Extractor(Looks(SCENES))), [CLIP])
    pytest.importorskip("scipy")
    boxes = {
        id: tuple(
            next((o.box for o in SCENES[path].graph.objects if o.kind == thing.kind), None) for path in CLIP.pictures
        )
        for id, thing in CLIP.things.items()
    }
    things = {id: replace(thing, boxes=boxes[id]) for id, thing in CLIP.things.items()}
    document = measure([Judged(replace(CLIP, things=things), one.watched)])
    assert document["idf1"] == 0.7692  # 2 * 20 of 2 * 20 + 12 boxes: the bus is not in this clip's truth
    assert 0.7 < document["hota"] < 1


def test_flickers_are_events_to_the_baseline_alone() -> None:
    [one] = watched(Watcher(Extractor(Looks(SCENES))), [CLIP])
    sightings = list(one.watched.sightings)
    dog = next(thing.id for thing in one.watched.things if thing.seen.thing.kind.key == "dog")
    for t in (1, 10):
        sightings[t] = type(sightings[t])(sightings[t].seconds, {**sightings[t].seen, dog: 0.4}, sightings[t].hides)
    flickering = type(one.watched)(one.watched.things, tuple(sightings), one.watched.graphs)
    document = measure([Judged(CLIP, flickering)])
    assert document["event_precision"] == 1.0
    assert document["last_seen"]["event_precision"] < 1.0


def test_clips_are_read_as_they_are_written(tmp_path: Path) -> None:
    hidden = {"from": 1, "to": 1, "by": ["o2"]}
    line = {
        "id": "c1",
        "recipe": "clip-street",
        "images": ["images/a.webp", "images/b.webp"],
        "times": [0.0, 0.5],
        "objects": {"o1": {"kind": "car", "name": "car", "visible": [1.0, None], "hidden": [hidden]}},
    }
    (tmp_path / "clips.jsonl").write_text(json.dumps(line) + "\n")
    [clip] = read_clips(tmp_path)
    assert clip.pictures == (tmp_path / "images/a.webp", tmp_path / "images/b.webp")
    assert clip.things["o1"].hidden == (Hidden(1, 1, ("o2",)),)
    (tmp_path / "clips.jsonl").write_text('{"id": "c1"}\n')
    with pytest.raises(BadData, match="line 1"):
        read_clips(tmp_path)
    (tmp_path / "clips.jsonl").write_text("")
    with pytest.raises(BadData, match="no clips"):
        read_clips(tmp_path)
