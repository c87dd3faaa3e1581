"""What any model is asked about a picture: objects from its answer, pairs both ways in two wordings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.reasoning.observed_scene import Sees
from tests.reasoning.street import PICTURE, STREET, WORDS, sees

from occlusight.errors import BadInput
from occlusight.occlusion.facts import Facts
from occlusight.reading.detections import Detection
from occlusight.reasoning.extract import Extractor
from occlusight.reasoning.matching import match
from occlusight.reasoning.objects import numbered, overlap, placed, unplaced
from occlusight.reasoning.pairs import MOST_NEARER, MOST_PAIRS, hiding


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(*[st.integers(-50, 3000)] * 4), max_size=8))
def test_boxes_are_clamped_and_never_empty(corners: list[tuple[int, int, int, int]]) -> None:
    boxes = [Detection((min(a, c), min(b, d), max(a, c), max(b, d)), "cup") for a, b, c, d in corners]
    for _, box in placed(boxes, WORDS, (640, 480)):
        assert box is not None
        assert 0 <= box[0] < box[2] <= 1000
        assert 0 <= box[1] < box[3] <= 1000


def test_boxes_in_pixels_are_mapped_back_through_the_resize() -> None:
    boxes = [Detection((0.0, 0.0, 1200.0, 600.0), "red car"), Detection((600.0, 300.0, 1200.0, 600.0), "dog")]
    assert [box for _, box in placed(boxes, WORDS, (1200, 600))] == [(0, 0, 1000, 1000), (500, 500, 1000, 1000)]


def test_what_is_named_twice_is_one_object() -> None:
    boxes = [
        Detection((100.0, 100.0, 300.0, 300.0), "red car"),
        Detection((105.0, 100.0, 305.0, 300.0), "red car"),
        Detection((105.0, 100.0, 305.0, 300.0), "dog"),
        Detection((600.0, 100.0, 800.0, 300.0), "red car"),
    ]
    seen = numbered(placed(boxes, WORDS))
    assert [(one.thing.called("en"), one.box, one.alone) for one in seen] == [
        ("red car", (100, 100, 300, 300), False),
        ("dog", (105, 100, 305, 300), True),
        ("red car", (600, 100, 800, 300), False),
    ]
    assert seen[0].the("en") != seen[2].the("en")  # by their places
    told = numbered(unplaced("I see a red car, a dog, a red car and a blue car.", WORDS))
    assert [one.the("en") for one in told] == ["the red car", "the dog", "the blue car"]


def test_a_label_of_no_known_kind_is_a_kind_of_its_own() -> None:
    ((found, _),) = placed([Detection((1.0, 1.0, 90.0, 90.0), "Xylophone stand")], WORDS)
    assert (found.kind.key, found.the("en"), found.the("zh")) == (
        "xylophone_stand",
        "the Xylophone stand",
        "Xylophone stand",
    )


def test_overlap_is_symmetric_and_whole_for_the_same() -> None:
    a, b = (0, 0, 100, 100), (50, 0, 150, 100)
    assert overlap(a, b) == overlap(b, a) == pytest.approx(1 / 3)
    assert overlap(a, a) == 1
    assert overlap(a, (200, 0, 300, 100)) == 0


def test_a_backend_without_scores_is_refused() -> None:
    with pytest.raises(BadInput, match="log-probabilities"):
        Extractor(sees(scores_of=None))


def test_things_that_were_overlooked_are_taken_in_and_asked_about_alone() -> None:
    backend = sees(learnt=("list_all", "hides", "nearer"))
    extractor = Extractor(backend)
    whole = extractor.of(PICTURE)
    fewer = replace(whole.listed, objects=whole.objects[:-1])
    known = extractor.about(PICTURE, fewer)
    backend.asked.clear()
    grown = extractor.also(known, [whole.objects[-1].thing], PICTURE)
    assert (grown.objects, grown.hides, grown.nearer) == (whole.objects, whole.hides, whole.nearer)
    assert all("bus" in text for text, _ in backend.asked)


def test_pairs_that_meet_are_asked_both_ways_in_two_wordings_and_far_ones_for_depth_alone() -> None:
    backend = sees()
    found = Extractor(backend).of(PICTURE)
    names = {one.id: one.thing.called("en") for one in found.objects}
    pairs = {frozenset((names[a], names[b])) for a, b in found.hides}
    assert pairs == {frozenset(("street lamp", "red car")), frozenset(("red car", "dog"))}
    assert all((b, a) in found.hides for a, b in found.hides)
    assert all(len(odds.seen) == len(odds.blind) == 2 for odds in found.hides.values())
    assert len(found.nearer) == 6 <= MOST_NEARER
    assert backend.calls == 1  # in one batch
    assert found.listed.size == (400, 300)


def test_of_many_pairs_those_that_overlap_most_are_asked() -> None:
    boxes = [Detection((10.0 * i, 0.0, 10.0 * i + 500, 500.0), f"thing {chr(97 + i)}") for i in range(26)]
    seen = numbered(placed(boxes, WORDS))
    asked = {one.pair for one in hiding(seen, "en", (("y",), ("n",)))}
    assert len(asked) == 2 * MOST_PAIRS
    assert ("o1", "o2") in asked
    assert ("o2", "o1") in asked
    assert ("o1", "o26") not in asked


def test_without_boxes_every_pair_is_asked() -> None:
    found = Extractor(sees(learnt=("list_all", "hides", "nearer"))).of(PICTURE)
    assert len(found.hides) == 12
    assert all(one.box is None for one in found.objects)


def test_a_model_that_learnt_boxes_is_asked_for_them_in_its_own_words() -> None:
    found = Extractor(sees(learnt=("detect", "hides", "nearer"))).of(PICTURE)
    assert [one.box for one in found.objects] == [o.box for o in sorted(STREET.objects, key=lambda o: o.distance or 0)]
    assert len(found.hides) == 4


def test_what_one_name_means_twice_is_no_question_for_a_model_that_knows_its_own_wordings_alone() -> None:
    twins = replace(STREET, objects=(*STREET.objects[:3], replace(STREET.objects[3], kind="dog", name="dog")))
    backend = Sees({PICTURE: Facts(twins)}, learnt=("detect", "hides", "nearer"))
    found = Extractor(backend).of(PICTURE)
    assert len(found.objects) == 4
    assert all(" at [" not in text for text, _ in backend.asked)
    assert {id for pair in found.hides for id in pair} == {"o1", "o3"}


@pytest.mark.parametrize(("orientation", "size"), [(1, (40, 30)), (6, (30, 40))])
def test_the_size_is_that_of_the_upright_picture_where_the_backend_does_not_tell_it(
    orientation: int, size: tuple[int, int], tmp_path: Path
) -> None:
    path = tmp_path / "picture.jpg"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (40, 30)).save(path, exif=exif)
    backend = Sees({path: Facts(STREET)}, tells_size=False)
    assert Extractor(backend).of(path).listed.size == size


def test_blind_answers_are_kept_by_their_text() -> None:
    backend = sees()
    extractor = Extractor(backend)
    first = extractor.of(PICTURE)
    blind = [text for text, with_picture in backend.asked if not with_picture]
    backend.asked.clear()
    assert extractor.of(PICTURE) == first
    assert blind
    assert all(with_picture for _, with_picture in backend.asked)


def test_objects_are_matched_by_place_and_without_boxes_by_name() -> None:
    words = "I see a street lamp, a blue car, a dog and a cat."
    seen = numbered(unplaced(words, WORDS))
    found = match(seen, STREET)
    named_ = {one.thing.called("en"): found.truth.get(one.id) for one in seen}
    assert named_ == {"street lamp": "t1", "blue car": "t2", "dog": "t3", "cat": None}
    boxed = numbered(placed([Detection((300.0, 110.0, 365.0, 790.0), "pole")], WORDS))
    assert match(boxed, STREET).truth == {"o1": "t1"}
