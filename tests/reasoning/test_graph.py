"""Relation graphs: objects from any model's answer, pairs asked both ways in two wordings, probabilities that were
fitted or are said not to be, and answers that are executed on the graph."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.reasoning.observed_scene import Sees

from occlusight.errors import BadData, BadInput
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph, Object, Relation
from occlusight.reading.detections import Detection
from occlusight.reasoning.calibration import Calibration, Example, Logistic, expected_error, fit, is_said, least_sure
from occlusight.reasoning.extract import Extractor
from occlusight.reasoning.graph_answers import GraphAnswers, SeenGraph
from occlusight.reasoning.matching import match
from occlusight.reasoning.names import named
from occlusight.reasoning.objects import numbered, overlap, placed, unplaced
from occlusight.reasoning.pairs import MOST_NEARER, MOST_PAIRS, hiding
from occlusight.reasoning.relations import describe
from occlusight.reasoning.understanding import Understanding, Understood
from occlusight.reasoning.vocabulary import shipped_words

WORDS = shipped_words()
PICTURE = Path("street.webp")


def thing(id: str, kind: str, name: str, name_zh: str, box: tuple[int, int, int, int], distance: float) -> Object:
    area = (box[2] - box[0]) * (box[3] - box[1]) / 1e6
    return Object(id, kind, name, name_zh, box, box, 0.9, area=area, distance=distance)


STREET = Graph(
    400,
    300,
    (
        thing("t1", "street_lamp", "street lamp", "路灯", (300, 100, 360, 800), 3.0),
        thing("t2", "car", "red car", "红色的汽车", (320, 400, 700, 780), 5.0),
        thing("t3", "dog", "dog", "狗", (650, 600, 800, 850), 4.0),
        thing("t4", "bus", "bus", "公交车", (20, 300, 250, 600), 9.0),
    ),
    (
        Relation("t1", "t2", "partial", 0.1, "left"),
        Relation("t3", "t2", "partial", 0.2, "right"),
    ),
    (("t1",), ("t3",), ("t2",), ("t4",)),
)
FITTED = Calibration(
    "abc123",
    "renders",
    {
        "hides.en": Logistic((0.5, 0.0, 0.0, 0.0), 0.0, (0.8, 0.8), 100, 10),
        "nearer.en": Logistic((0.5, 0.0), 0.0, (0.8, 0.8), 100, 10),
    },
    {"en": 0.97},
)


def sees(**how: object) -> Sees:
    return Sees({PICTURE: Facts(STREET)}, **how)  # type: ignore[arg-type]


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


def synthetic(seed: int, n: int = 150) -> Iterator[Example]:
    """Statements of scenes by a model that leans to no, and is twice as sure as it should be."""
    rng = np.random.default_rng(seed)
    for scene in range(n):
        for _ in range(12):
            odds = rng.normal(-1, 4)
            true = rng.random() < 1 / (1 + math.exp(-odds))
            forward = 2 * odds - 1.5 + rng.normal(0, 0.2)
            yield Example(f"s{scene}", (forward, rng.normal(), forward - 1, rng.normal()), bool(true))


def test_a_fit_makes_probabilities_mean_what_they_say_on_other_scenes() -> None:
    fitted = fit([*synthetic(1)])
    fresh = [*synthetic(2)]
    raw = [(1 / (1 + math.exp(-e.features[0])), e.true) for e in fresh]
    meant = [(fitted(e.features), e.true) for e in fresh]
    assert expected_error(raw) > 0.06 > 0.03 > expected_error(meant)
    for side in (True, False):
        said = [true == side for p, true in meant if is_said(p, fitted.sure) and (p >= 0.5) == side]
        assert len(said) > 0.03 * len(meant)
        assert sum(said) / len(said) > 0.92  # what is said is right


def test_one_scene_with_many_pairs_does_not_outweigh_the_others() -> None:
    few = [Example(f"s{i}", (1.0, 0.0, 0.0, 0.0), i % 4 != 0) for i in range(40)]
    many = [Example("crowd", (1.0, 0.0, 0.0, 0.0), False)] * 400
    assert fit([*few, *many])((1.0, 0.0, 0.0, 0.0)) == pytest.approx(30 / 41, abs=0.01)


def test_nothing_to_tell_apart_is_refused() -> None:
    with pytest.raises(BadData, match="all or none"):
        fit([Example("s", (1.0, 0.0, 0.0, 0.0), True)] * 9)


def test_the_threshold_is_the_least_that_is_right_often_enough() -> None:
    assert least_sure([(0.9, True), (0.8, True), (0.7, False), (0.2, False)], 0.9) == 0.8
    assert least_sure([(0.9, False)], 0.95) == 1.0


def test_a_calibration_is_read_as_it_was_written_and_another_versions_is_refused() -> None:
    text = json.dumps(FITTED.to_json())
    assert Calibration.from_json(text, "f.json") == FITTED
    with pytest.raises(BadData, match=r"f\.json"):
        Calibration.from_json(text.replace('"version": 1', '"version": 0'), "f.json")
    with pytest.raises(BadData, match=r"f\.json"):
        Calibration.from_json("{}", "f.json")


def test_a_server_that_tells_first_tokens_alone_can_tell_every_choice_apart() -> None:
    backend = sees(scores_of="first token")
    describe(Extractor(backend), PICTURE)
    assert any(len(choices) > 2 for choices in backend.choices)  # the details, too
    for choices in backend.choices:
        first = [{word.split()[0] for word in words} for words in choices]
        assert all(not one & other for one, other in combinations(first, 2)), choices


def test_a_graph_holds_what_the_model_said_with_calibrated_probabilities() -> None:
    found = describe(Extractor(sees()), PICTURE, FITTED)
    names = {o.id: o.name for o in found.graph.objects}
    told = {(names[r.occluder], names[r.occluded]): r for r in found.graph.relations}
    assert told.keys() == {("street lamp", "red car"), ("dog", "red car")}
    for relation in told.values():
        assert relation.raw_probability == pytest.approx(1 / (1 + math.exp(-5)), abs=1e-4)
        assert relation.probability is not None
        assert 0.85 < relation.probability < 0.999
        assert relation.evidence is not None
        assert "red car" in relation.evidence.en
    assert found.certainty.calibrated
    assert found.certainty.on == "renders"
    assert {o.probability for o in found.graph.objects} == {0.97}
    json.dumps(found.to_json())


@pytest.mark.parametrize(
    ("calibration", "world", "why"),
    [
        (None, None, "calibrate"),
        (replace(FITTED, revision="other"), None, "revision"),
        (FITTED, 0.02, "renders"),
        (replace(FITTED, fits={}), None, "language"),
    ],
)
def test_a_fit_of_something_else_is_not_used_and_that_is_said(
    calibration: Calibration | None, world: float | None, why: str
) -> None:
    found = describe(Extractor(sees(world=world)), PICTURE, calibration)
    assert not found.certainty.calibrated
    assert why in str(found.certainty.why_not)
    assert all(r.probability is None and r.raw_probability is not None for r in found.graph.relations)
    assert len(found.graph.relations) == 2


def test_pairs_that_are_not_sure_are_told_as_unknown() -> None:
    found = describe(Extractor(sees(sure=1.0)), PICTURE, FITTED)
    assert {pair for u in found.graph.unknown if len(pair := u.about) == 2} == set(found.asked)


def test_what_contradicts_itself_leaves_no_graph() -> None:
    backend = sees()
    lamp, car = "Does the street lamp hide the red car?", "Does the red car hide the street lamp?"
    back = "Is the street lamp hidden by the red car?"
    for text in (car, back):
        backend.odds[PICTURE, text] = backend.odds[PICTURE, lamp] - 1
    found = describe(Extractor(backend), PICTURE, FITTED)
    names = {o.id: o.name for o in found.graph.objects}
    assert {(names[r.occluder], names[r.occluded]) for r in found.graph.relations} == {
        ("street lamp", "red car"),
        ("dog", "red car"),
    }


def nobody_reads(questions: Sequence[str]) -> Sequence[object]:
    raise AssertionError("what was understood is given")


UNDERSTANDING = Understanding(nobody_reads)  # type: ignore[arg-type]


def answers(**how: object) -> GraphAnswers:
    return GraphAnswers(describe(Extractor(sees(**how)), PICTURE, FITTED), UNDERSTANDING)


def asked(text: str, program: list[list[object]], lang: str = "en") -> Understood:
    return Understood("inside", program, lang, 0.9, named(text, WORDS).names)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("question", "program", "lang", "said"),
    [
        ("does the lamp post hide the car", [["hides", ["lamp post", "car"]]], "en", "Yes. The street lamp stands"),
        ("does the car hide the lamp post", [["hides", ["car", "lamp post"]]], "en", "No. The red car is behind"),
        ("does the dog hide the bus", [["hides", ["dog", "bus"]]], "en", "No. The dog does not hide the bus."),
        ("what hides the car", [["who_hides", ["car"]]], "en", "The street lamp and the dog hide part of the red car."),
        ("what hides the dog", [["who_hides", ["dog"]]], "en", "Nothing hides the dog."),
        ("what does the dog hide", [["hides_what", ["dog"]]], "en", "The red car."),
        ("is there a dog", [["exists", ["dog"]]], "en", "Yes. There is a dog."),
        ("is there a cat", [["exists", ["cat"]]], "en", "No. There is no cat."),
        ("what hides the cat", [["who_hides", ["cat"]]], "en", "There is no cat in the graph of this picture; it has"),
        ("what is nearest", [["recognised", []], ["nearest", ["$0"]]], "en", "The street lamp is nearest to us."),
        ("car or bus nearer", [["nearer", ["car", "bus"]]], "en", "The red car is nearer than the bus."),
        ("狗遮挡了车吗", [["hides", ["狗", "车"]]], "zh", "是的。狗在红色的汽车的前面"),
        ("什么挡住了狗", [["who_hides", ["狗"]]], "zh", "没有物体遮挡狗。"),
    ],
)
def test_answers_are_executed_on_the_graph(question: str, program: list[list[object]], lang: str, said: str) -> None:
    answer = answers().of(asked(question, program, lang), lang)  # type: ignore[arg-type]
    assert answer.text.startswith(said)


def test_an_answer_rests_on_relations_and_has_their_probability() -> None:
    by = answers()
    yes = by.of(asked("does the dog hide the car", [["hides", ["dog", "car"]]]), "en")
    assert len(yes.relations) == 1
    assert yes.probability == pytest.approx(yes.relations[0].probability, abs=1e-4)
    assert yes.evidence is not None
    assert yes.evidence.en
    assert yes.evidence.zh
    both = by.of(asked("what hides the car", [["who_hides", ["car"]]]), "en")
    assert len(both.relations) == 2
    assert both.probability is not None
    assert both.probability < yes.probability
    no = by.of(asked("does the car hide the dog", [["hides", ["car", "dog"]]]), "en")
    assert no.relations == ()
    assert no.probability is not None
    assert no.probability > 0.9
    assert json.loads(json.dumps(yes.to_json()))["program"] == [["hides", [*by_names(by, "dog", "red car")]]]


def by_names(by: GraphAnswers, *names: str) -> list[str]:
    return [next(o.id for o in by.facts.objects.values() if o.name == name) for name in names]


def test_what_is_not_sure_is_said_not_to_be() -> None:
    answer = answers(sure=0.5).of(asked("does the dog hide the car", [["hides", ["dog", "car"]]]), "en")
    assert answer.text.startswith("Yes. The dog")
    assert answer.text.endswith("That is not sure: 56%.")


def test_who_asks_why_is_told_why() -> None:
    by = answers()

    def why(text: str, pair: list[object]) -> str:
        return by.of(replace(asked(text, [["hides", pair]]), why=True), "en").text

    assert why("does the dog hide the car, and why", ["dog", "car"]).endswith("can still be seen.")
    assert why("does the bus hide the dog, and why", ["bus", "dog"]) == (
        "No. The bus does not hide the dog, which is nearer."
    )
    assert why("does the dog hide the bus, and why", ["dog", "bus"]) == (
        "No. The dog is nearer, but they do not overlap in the picture."
    )


def test_what_no_graph_holds_is_left_to_others() -> None:
    answer = answers().of(asked("what colour is the dog", [["colour", ["dog"]]]), "en")
    assert not answer.from_graph
    assert answer.program


def test_places_need_boxes() -> None:
    where = asked("where is the dog relative to the bus", [["position", ["dog", "bus"]]])
    assert answers().of(where, "en").text.startswith("The dog is to the right of the bus")
    assert not answers(learnt=("list_all", "hides", "nearer")).of(where, "en").from_graph


def test_no_two_answers_on_a_graph_contradict_each_other() -> None:
    rng = np.random.default_rng(3)
    by = answers(sure=0.3, noise=lambda: float(rng.normal(0, 4)))
    for a in by.facts.objects:
        for b in by.facts.objects:
            if a != b:
                hides = not by.executed([["hides", [a, b]]], "en").text.startswith("No")
                assert hides == (b in by.facts.objects and a in by.facts.occluders(b))
                assert not (hides and by.facts.hides(b, a))


def test_a_seen_graph_answers_and_is_the_document_of_its_description() -> None:
    found = describe(Extractor(sees()), PICTURE, FITTED)
    graph = SeenGraph.of(found, lambda: UNDERSTANDING)
    assert graph == found.graph or graph.relations == found.graph.relations
    assert graph.to_json() == found.to_json()


def test_objects_are_matched_by_place_and_without_boxes_by_name() -> None:
    words = "I see a street lamp, a blue car, a dog and a cat."
    seen = numbered(unplaced(words, WORDS))
    found = match(seen, STREET)
    named_ = {one.thing.called("en"): found.truth.get(one.id) for one in seen}
    assert named_ == {"street lamp": "t1", "blue car": "t2", "dog": "t3", "cat": None}
    boxed = numbered(placed([Detection((300.0, 110.0, 365.0, 790.0), "pole")], WORDS))
    assert match(boxed, STREET).truth == {"o1": "t1"}
