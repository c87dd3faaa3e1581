"""Clips of other people's data sets, in small files of their formats written by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from occlusight.bench.clip_sets import contained, kind_called, read_clip_set
from occlusight.bench.video import pictures_of
from occlusight.datasets.clips import Hidden
from occlusight.errors import BadData, BadInput
from occlusight.reasoning.vocabulary import shipped_words


def annotation(id: int, image: int, track: int, box: list[int], whole: list[int], visibility: float) -> dict[str, Any]:
    """A box of a track in a picture, as TAO-Amodal writes it."""
    of = {"id": id, "image_id": image, "track_id": track, "category_id": 1 + track, "video_id": 7, "area": 1.0}
    return {**of, "bbox": box, "amodal_bbox": whole, "amodal_is_uncertain": False, "visibility": visibility}


@pytest.fixture
def tao(tmp_path: Path) -> Path:
    """A clip of four frames: a dog that goes behind a car, and a car that leaves to the left at the end."""
    images = [
        {"id": n, "video_id": 7, "file_name": f"val/a/{n}.jpg", "width": 200, "height": 100, "frame_index": 30 * n}
        for n in (2, 1, 3, 4)
    ]
    annotations = [
        annotation(1, 1, 1, [100, 50, 40, 20], [100, 50, 40, 20], 1.0),
        annotation(2, 2, 1, [60, 50, 40, 20], [60, 50, 40, 20], 0.0),
        annotation(3, 3, 1, [60, 50, 40, 20], [60, 50, 40, 20], 0.0),
        annotation(4, 4, 1, [0, 50, 20, 20], [-20, 50, 40, 20], 0.5),
        annotation(5, 1, 0, [40, 20, 80, 60], [40, 20, 80, 60], 1.0),
        annotation(6, 4, 0, [0, 0, 0, 0], [-90, 20, 80, 60], 0.0),
    ]
    document = {
        "videos": [{"id": 7, "name": "val/a"}, {"id": 8, "name": "val/empty"}],
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "car_(automobile)"}, {"id": 2, "name": "dog"}],
    }
    (tmp_path / "amodal_annotations").mkdir()
    (tmp_path / "amodal_annotations" / "validation.json").write_text(json.dumps(document))
    (tmp_path / "amodal_annotations" / "validation_lvis_v1.json").write_text("{}")
    return tmp_path


def test_tao_amodal_tells_boxes_and_what_is_seen(tao: Path) -> None:
    [clip] = read_clip_set("tao-amodal", tao)
    assert (clip.id, clip.seconds) == ("val/a", (0.0, 1.0, 2.0, 3.0))
    assert [path.name for path in clip.pictures] == ["1.jpg", "2.jpg", "3.jpg", "4.jpg"]
    dog, car = clip.things["o1"], clip.things["o0"]
    assert (dog.kind, dog.visible) == ("dog", (1.0, 0.0, 0.0, 0.5))
    assert dog.hidden == (Hidden(1, 2, ()),)
    assert dog.boxes == ((500, 500, 700, 700), None, None, (0, 500, 100, 700))
    assert (car.kind, car.visible, car.hidden) == ("car", (1.0, None, None, None), ())


@pytest.fixture
def la_cater(tmp_path: Path) -> Path:
    """A scene of CATER in which a cone covers the snitch and goes off, and a second cone covers the first."""
    objects = [
        {"instance": "Spl_0", "shape": "spl", "size": "small", "color": "gold", "material": "metal"},
        {"instance": "Cone_0", "shape": "cone", "size": "medium", "color": "red", "material": "rubber"},
        {"instance": "Cone_1", "shape": "cone", "size": "large", "color": "blue", "material": "rubber"},
    ]
    movements = {
        "Spl_0": [["_slide", None, 3, 20]],
        "Cone_0": [["_contain", "Spl_0", 30, 48], ["_slide", None, 60, 80], ["_pick_place", None, 240, 260]],
        "Cone_1": [["_contain", "Cone_0", 90, 120], ["_pick_place", None, 180, 200]],
    }
    (tmp_path / "scenes").mkdir()
    (tmp_path / "scenes" / "CATER_1.json").write_text(json.dumps({"objects": objects, "movements": movements}))
    return tmp_path


def test_la_cater_tells_what_is_under_which_cone(la_cater: Path) -> None:
    [clip] = read_clip_set("la-cater", la_cater)
    assert (len(clip.seconds), clip.seconds[1], clip.per_second) == (25, 0.5, 2.0)
    assert clip.video == la_cater / "videos" / "CATER_1.avi"
    snitch, inner = clip.things["Spl_0"], clip.things["Cone_0"]
    assert snitch.hidden == (
        Hidden(4, 9, ("Cone_0",)),
        Hidden(10, 14, ("Cone_0", "Cone_1")),
        Hidden(15, 19, ("Cone_0",)),
    )
    assert inner.hidden == (Hidden(10, 14, ("Cone_1",)),)
    assert (snitch.kind, inner.kind) == ("snitch", "cone")
    (la_cater / "containment_and_occlusions").mkdir()
    seen = ",".join(str(frame) for frame in range(300) if not 264 <= frame < 276 and not 48 <= frame < 240)
    (la_cater / "containment_and_occlusions" / "visibility_rate_gt_0.txt").write_text(f"CATER_1.avi\t{seen}\n")
    [clip] = read_clip_set("la-cater", la_cater)
    assert clip.things["Spl_0"].hidden[-1] == Hidden(22, 22, ())  # behind something, nobody says what


def test_what_goes_under_a_cone_that_is_covered_is_under_both() -> None:
    found = contained({"a": [["_contain", "s", 0, 10]], "b": [["_contain", "a", 20, 30]]})
    assert found["s"][10] == ("a",)
    assert found["s"][299] == ("a", "b")
    assert 9 not in found["s"]


def test_a_clip_of_a_video_has_as_many_frames_as_the_video(la_cater: Path) -> None:
    pytest.importorskip("av")
    from fractions import Fraction

    from tests.images.test_film import every, write

    (la_cater / "videos").mkdir()
    (la_cater / "videos" / "CATER_1.avi").write_bytes(
        write(la_cater / "short.mp4", every(Fraction(1, 8), 24)).read_bytes()
    )
    clip, frames = pictures_of(read_clip_set("la-cater", la_cater)[0])
    assert [seconds for seconds, _ in frames] == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]
    assert isinstance(frames[0][1], Image.Image)
    assert (len(clip.seconds), clip.things["Spl_0"].hidden) == (6, (Hidden(4, 5, ("Cone_0",)),))


def test_names_of_others_mean_kinds_of_ours_where_there_are_such() -> None:
    words = shipped_words()
    names = ("car_(automobile)", "traffic_light", "zebra", "cone")
    assert [kind_called(name, words) for name in names] == ["car", "traffic_light", "zebra", "cone"]


def test_what_is_no_copy_is_refused_with_its_source(tmp_path: Path, tao: Path) -> None:
    with pytest.raises(BadInput, match="--format takes clips, tao-amodal, la-cater, but 'mot' was given"):
        read_clip_set("mot", tmp_path)
    with pytest.raises(BadData, match=r"does not hold la-cater .*ObjectPermanence"):
        read_clip_set("la-cater", tmp_path / "nothing")
    (tao / "amodal_annotations" / "validation.json").write_text('{"videos": []}')
    with pytest.raises(BadData, match=r"not the format of tao-amodal .KeyError"):
        read_clip_set("tao-amodal", tao)
    (tao / "amodal_annotations" / "validation.json").write_text(
        '{"videos": [], "images": [], "annotations": [], "categories": []}'
    )
    with pytest.raises(BadData, match="holds no clip of tao-amodal"):
        read_clip_set("tao-amodal", tao)
