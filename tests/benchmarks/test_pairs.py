"""The cost of pairs: questions are counted, each picture is new, answers without a picture are asked once."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.pairs import listed, measure, mirrored

from occlusight.bench.speed import open_for_timing
from occlusight.datasets.dataset import open_set
from occlusight.errors import BadInput


def test_pairs_are_timed_beside_a_first_token(tiny_checkpoint: Path) -> None:
    scenes = [scene for scene in open_set("occlusion-50").scenes.values() if listed(scene, 4) is not None]
    assert len(scenes) > 2
    found = measure(open_for_timing(str(tiny_checkpoint)), scenes, objects=4, side=64, runs=2)
    assert [row["blind_known"] for row in found["rows"]] == [False, True, False, True]
    assert {row["questions"] for row in found["rows"]} <= {6 + 4 * pairs for pairs in range(7)}  # nearer, and both ways
    assert found["pairs_per_first_token"] > 0 < found["pairs_first_time_s"]
    with pytest.raises(BadInput, match="no scene of this set shows 40 things"):
        measure(open_for_timing(str(tiny_checkpoint)), scenes, objects=40)


def test_a_mirrored_list_is_that_of_the_mirrored_picture() -> None:
    scene = next(iter(open_set("occlusion-50").scenes.values()))
    things = listed(scene, 2)
    assert things is not None
    twice = mirrored(mirrored(things))
    assert [one.box for one in twice.objects] == [one.box for one in things.objects]
    assert [one.box for one in mirrored(things).objects] != [one.box for one in things.objects]
