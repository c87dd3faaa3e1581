"""A clip from pictures to events: identities, what is seen, who hid whom, and the document."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.reasoning.observed_scene import Sees
from tests.reasoning.street import thing

from occlusight.api.timeline_rows import rows
from occlusight.backends.protocol import Choice, Request
from occlusight.drawing.timeline_svg import timeline_svg
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph, Relation
from occlusight.occlusion.kinds import KindNames
from occlusight.reasoning.extract import Extractor
from occlusight.reasoning.objects import Seen
from occlusight.reasoning.own_wording import Thing
from occlusight.reasoning.tracking.identity import ByNameAndPlace
from occlusight.reasoning.tracking.track import Track, track
from occlusight.reasoning.tracking.watch import Watcher

FRAMES, GOES, COMES = 12, 4, 8


def frame(number: int) -> Facts:
    """A dog that walks from left to right, behind a car that stands."""
    x = 100 + 60 * number
    car = thing("t1", "car", "red car", "红色的汽车", (350, 300, 650, 700), 3.0)
    dog = thing("t2", "dog", "dog", "狗", (x, 500, x + 120, 680), 6.0)
    bus = thing("t3", "bus", "bus", "公交车", (20, 100, 200, 300), 12.0)
    if GOES <= number < COMES:
        return Facts(Graph(400, 300, (car, bus), (), (("t1",), ("t3",))))
    touching = (Relation("t1", "t2", "partial", 0.4, "right"),) if number in (GOES - 1, COMES) else ()
    return Facts(Graph(400, 300, (car, dog, bus), touching, (("t1",), ("t2",), ("t3",))))


SCENES = {Path(f"{number:02}.webp"): frame(number) for number in range(FRAMES)}


class Looks(Sees):
    """Is asked, too, whether single things can be seen; what it was not told the truth of is not so."""

    def score(self, request: Request, choices: Sequence[Choice], *, whole: bool = True) -> list[float]:
        if request.pictures and (request.pictures[0], request.prompt) not in self.odds:
            return [-self.sure, 0.0]
        return super().score(request, choices, whole=whole)


@pytest.fixture(scope="module")
def found() -> Track:
    frames = [(number / 2, path) for number, path in enumerate(SCENES)]
    return track(Watcher(Extractor(Looks(SCENES))).watch(frames), 2.0, FRAMES / 2)


def test_the_dog_goes_behind_the_car_and_comes_back(found: Track) -> None:
    [event] = [event for event in found.events if event.type == "complete"]
    names = {one.id: one.seen.thing.kind.key for one in found.things}
    assert (names[event.occluder], names[event.occluded]) == ("car", "dog")
    assert (event.start_s, event.end_s) == (GOES / 2, COMES / 2)
    assert event.evidence.en == "The dog goes behind the red car at 2 s and is seen again at 4 s."
    assert event.evidence.zh == "2秒，狗被红色的汽车完全挡住，4秒再次出现。"
    assert event.probability is None  # nobody fitted this model


def test_a_thing_keeps_its_identity_while_it_is_hidden(found: Track) -> None:
    assert len(found.things) == 3
    dog = next(one.id for one in found.things if one.seen.thing.kind.key == "dog")
    car = next(one.id for one in found.things if one.seen.thing.kind.key == "car")
    states = [found.where(t, dog) for t in range(FRAMES)]
    assert states == ["seen"] * GOES + [f"behind {car}"] * (COMES - GOES) + ["seen"] * (FRAMES - COMES)


def test_the_document_is_json_of_the_agreed_shape(found: Track) -> None:
    document = json.loads(json.dumps(found.to_json()))
    assert {"version", "fps", "duration_s", "frames", "objects", "events"} <= document.keys()
    assert [one["t"] for one in document["frames"]] == [number / 2 for number in range(FRAMES)]
    keys = {"occluded", "occluder", "type", "start_s", "end_s", "part", "probability", "evidence"}
    assert all(event.keys() == keys for event in document["events"])
    ids = {one["id"] for one in document["objects"]}
    assert all({o["id"] for o in one["graph"]["objects"]} <= ids for one in document["frames"])


def test_the_timeline_has_a_row_a_thing_and_says_who_is_hidden(found: Track) -> None:
    svg = timeline_svg(rows(found, "zh"), found.duration_s, "<标题>")
    titles = [one.text for one in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}title")]
    assert titles[0] == "<标题>"
    assert "狗: 在红色的汽车后面" in titles


def called(kind: str, colour: str = "", box: tuple[int, int, int, int] | None = None) -> Seen:
    return Seen("", Thing(KindNames(kind, kind, f"{kind}s", kind, "个"), (colour, colour)), box)


RED, BLUE = called("car", "red"), called("car", "blue")


@pytest.mark.parametrize(
    ("frames", "ids"),
    [
        (
            [[called("car", "red"), called("car", "blue")], [called("car", "blue"), called("car", "red")]],
            [[1, 2], [2, 1]],
        ),
        ([[called("dog")], [], [called("dog")]], [[1], [], [1]]),
        ([[RED], [called("car")]], [[1], [1]]),
        ([[called("car")], [RED, BLUE]], [[1], [2, 3]]),
        (
            [
                [called("cup", box=(0, 0, 100, 100)), called("cup", box=(500, 0, 600, 100))],
                [called("cup", box=(480, 0, 580, 100)), called("cup", box=(20, 0, 120, 100))],
            ],
            [[1, 2], [2, 1]],
        ),
    ],
)
def test_things_are_matched_by_place_then_colour_then_kind(frames: list[list[Seen]], ids: list[list[int]]) -> None:
    by = ByNameAndPlace()
    assert [by.update(objects) for objects in frames] == [[f"o{number}" for number in row] for row in ids]
