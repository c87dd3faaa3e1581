"""The oracle is right about everything, its opposite about nothing, and silence is not an error."""

from dataclasses import replace

import numpy as np
import pytest

from occlusight.bench.plausibility import amount_fits, judge
from occlusight.bench.scorers import CUT, ERROR, NO_ANSWER, RIGHT, SCORERS, WRONG, score
from occlusight.occlusion.facts import Facts
from occlusight.questions.phrases import OPPOSITE, Wording
from occlusight.questions.programs import execute
from occlusight.questions.question import KINDS, Question, ask, reply
from occlusight.questions.registry import templates
from occlusight.reading.mentions import Vocabulary


@pytest.fixture(scope="module")
def asked(graphs, names) -> list[tuple[Facts, Vocabulary, Question]]:
    found = []
    for seed in range(60):
        facts = Facts(graphs.random_graph(np.random.default_rng(seed)))
        words = Vocabulary(names, facts)
        for lang in ("en", "zh"):
            rng = np.random.default_rng(seed)
            found += [(facts, words, q) for q in ask(facts, names, rng, lang, per_kind=4, scene=str(seed))]
    return found


def opposite(q: Question, facts: Facts, names) -> str:
    """A sentence of the same template that says the wrong thing."""
    answer, words = q.answer, Wording(facts, names, q.lang)
    ids = list(facts.objects)
    if answer["value"] in ("yes", "no"):
        return {"en": {"yes": "No.", "no": "Yes."}, "zh": {"yes": "没有。", "no": "是的。"}}[q.lang][answer["value"]]
    if q.template == "recognition.list":
        absent = [k for k in names if k not in {o.kind for o in facts.objects.values()}]
        return names[absent[0]].en if q.lang == "en" else names[absent[0]].zh
    if q.template == "position.relative":
        return reply(q.template, {**answer, "value": {k: OPPOSITE[v] for k, v in answer["value"].items()}}, words)
    if q.template in ("position.count", "count.kind"):
        return reply("count.kind", {"kind": answer["kind"], "value": answer["value"] + 1}, words)
    if q.template == "hidden_part.pair":
        part = "top" if answer["value"] != "top" else "left"
        return reply(q.template, {**answer, "hidden_part": part, "amount": "part"}, words)
    if q.template == "who_hides.one":
        wrong = [] if answer["value"] else [next(id for id in ids if id != answer["occluded"])]
        return reply(q.template, {**answer, "value": wrong}, words)
    if q.template.startswith("depth_pair"):
        return reply(q.template, {**answer, "value": answer["other"], "other": answer["value"]}, words)
    wrong_id = next(id for id in ids if id != answer["value"] and facts.objects[id].unique)
    return reply(q.template, {**answer, "value": wrong_id}, words)


def test_the_oracle_is_always_right(asked) -> None:
    seen = set()
    for _, words, q in asked:
        found = score(q, q.reply, "stop", words)
        assert found.outcome == RIGHT, (q.template, q.reply, found)
        assert found.value == 1.0
        assert found.details.get("plausible", True), (q.reply, found)
        seen.add((q.template, q.lang))
    free = {t.name for t in templates().values() if t.kind in KINDS}  # others are asked only where they are asked for
    assert seen == {(template, lang) for template in free for lang in ("en", "zh")}
    assert set(SCORERS) == {t.read for t in templates().values()}


def test_the_opposite_is_always_wrong(asked, names) -> None:
    for facts, words, q in asked:
        text = opposite(q, facts, names)
        found = score(q, text, "stop", words)
        assert found.outcome == WRONG, (q.template, q.text, text, q.answer, found)
        assert found.value == 0.0


@pytest.mark.parametrize("text", ["", "banana banana", "今天天气真好"])
def test_silence_is_no_answer(asked, text: str) -> None:
    assert {score(q, text, "stop", words).outcome for _, words, q in asked[:400]} == {NO_ANSWER}


def test_cut_and_failed_answers_are_not_wrong(asked) -> None:
    for _, words, q in asked[:50]:
        assert score(q, q.reply, "length", words).outcome == CUT
        assert score(q, q.reply, "cancelled", words).outcome == CUT
        failed = score(q, "", "error", words)
        assert (failed.outcome, failed.value) == (ERROR, None)


def test_recognition_is_an_f1_of_kinds(graphs, names) -> None:
    facts = Facts(graphs.street())
    q = ask(facts, names, np.random.default_rng(0), "en", ["recognition"])[0]
    found = score(q, "A car, a street light, a bike and an umbrella", "stop", Vocabulary(names, facts))
    assert found.details == {"hits": 3, "extra": 1, "missed": 3}
    assert found.value == pytest.approx(6 / 10)
    assert "extra: umbrella" in found.reason


@pytest.fixture
def car_behind_post(graphs, names):
    facts = Facts(graphs.street())
    return execute([["hides", ["o2", "o1"]]], facts), Vocabulary(names, facts)


@pytest.mark.parametrize(
    ("text", "plausible"),
    [
        ("Yes. The lamp post is in front of the car.", False),
        ("Yes. The lamp post is in front of the car, whose left side it hides.", True),
        ("Yes, the lamp post stands before it and hides a small part on the left.", True),
        ("Yes.", False),
        ("Yes. The car is in front of the lamp post.", False),
        ("Yes. The lamp post hides the right side of the car.", False),
        ("Yes. The lamp post hides almost all of the car.", False),
        ("是的，路灯在轿车前面，挡住了它左侧的一小部分。", True),
        ("是的，因为轿车离我们更近。", False),
    ],
)
def test_a_reason_must_be_true(car_behind_post, text: str, plausible: bool) -> None:
    answer, words = car_behind_post
    assert judge(answer, text, words).plausible is plausible


@pytest.mark.parametrize(
    ("text", "plausible"),
    [
        ("No. It is the lamp post that hides the red car.", False),
        ("No. It is the lamp post that hides the red car, as it is nearer.", True),
        ("No. It is the lamp post that hides the blue car, as it is nearer.", False),
        ("No. They do not overlap.", False),
        ("No. The red car is in front of the lamp post.", False),
        ("没有，是路灯挡住了轿车，路灯更近。", True),
        ("没有，轿车在路灯的左边。", False),
    ],
)
def test_a_reason_for_no_must_be_true(graphs, names, text: str, plausible: bool) -> None:
    facts = Facts(graphs.street())
    answer = execute([["hides", ["o1", "o2"]]], facts)
    assert judge(answer, text, Vocabulary(names, facts)).plausible is plausible


def test_amounts_have_slack() -> None:
    assert amount_fits("small", 0.32)
    assert not amount_fits("small", 0.34)
    assert amount_fits("most", 0.73)


def test_other_models_are_read(graphs, names) -> None:
    facts = Facts(graphs.street())
    words = Vocabulary(names, facts)
    pool = [q for seed in range(200) for q in ask(facts, names, np.random.default_rng(seed), "en", per_kind=4)]

    def outcome(template: str, text: str, **answer: object) -> str:
        q = next(q for q in pool if q.template == template and answer.items() <= q.answer.items())
        return score(replace(q, lang="en"), text, "stop", words).outcome

    assert outcome("farthest.all", "The object farthest from the camera is the coach.") == RIGHT
    assert outcome("farthest.all", "the bush") == WRONG
    assert (
        outcome("depth_pair.nearer", "Of the red car and the bus, the car is nearer.", value="o1", other="o6") == RIGHT
    )
    assert outcome("depth_pair.nearer", "The bus.", value="o1", other="o6") == WRONG
    assert outcome("depth_pair.nearer", "汽车离镜头更近", value="o1", other="o6") == RIGHT
    assert outcome("who_hides.one", "It is hidden by a shrub.", occluded="o3") == RIGHT
    assert outcome("who_hides.one", "Nothing.", occluded="o3") == WRONG
    assert outcome("hidden_part.pair", "The lower left part.", occluded="o3") == RIGHT
    assert outcome("hidden_part.pair", "The front wheel.", occluded="o3") == NO_ANSWER
    assert outcome("count.kind", "1", kind="car") == RIGHT
    assert outcome("remove.one", "Yes, it would be completely visible.", removed="o2", occluded="o1") == RIGHT
