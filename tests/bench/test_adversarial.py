"""Answers that try to fool a scorer: both sides taken, denials, two languages, nothing, far too much, the right word in
a wrong sentence."""

import time

import numpy as np
import pytest

from occlusight.bench.plausibility import judge
from occlusight.bench.scorers import NO_ANSWER, RIGHT, WRONG, Score, score
from occlusight.occlusion.facts import Facts
from occlusight.questions.programs import execute
from occlusight.questions.question import Question, ask
from occlusight.reading.mentions import Vocabulary


@pytest.fixture(scope="module")
def street(graphs, names) -> tuple[Facts, Vocabulary]:
    facts = Facts(graphs.street())
    return facts, Vocabulary(names, facts)


@pytest.fixture(scope="module")
def say(street):
    """Score a text as the answer to a program's question."""
    facts, words = street

    def scored(template: str, program: list, text: str) -> Score:
        kind = template.split(".")[0]
        question = Question("q", "s", "i", "en", kind, template, "?", program, execute(program, facts), "")
        return score(question, text, "stop", words)

    return scored


HIDES = [["hides", ["o2", "o1"]]]  # the lamp post hides the car: yes
DOES_NOT = [["hides", ["o1", "o2"]]]  # the car hides the lamp post: no


@pytest.mark.parametrize("program", [HIDES, DOES_NOT])
@pytest.mark.parametrize(
    "text",
    [
        "Yes and no.",
        "No and yes, it depends.",
        "Yes or no",
        "Both yes and no.",
        "是也不是。",
        "Yes, 没有遮挡。",
        "没有, yes.",
        "Yes, the lamp post does not hide the car.",
        "是的，没有遮挡。",
        "I cannot tell from this picture.",
        "无法判断。",
        "",
        "   \n",
        "Does the lamp post hide the car?",
        "...",
        "🙂",
    ],
)
def test_who_takes_both_sides_or_none_gets_nothing(say, program, text: str) -> None:
    found = say("occlusion.active", program, text)
    assert found.value == 0.0
    if text != "Does the lamp post hide the car?":
        assert found.outcome == NO_ANSWER, found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("It does not hide it.", "no"),
        ("The lamp post isn't hiding the car.", "no"),
        ("There is nothing in front of the car.", "no"),
        ("The car is not completely hidden.", "yes"),
        ("Not entirely: it covers a part.", "yes"),
        ("没有完全挡住。", "yes"),
        ("轿车并未被路灯挡住。", "no"),
        ("Yes，路灯挡住了 the car。", "yes"),
        ("是的, the lamp post hides it.", "yes"),
        ("不, it does not.", "no"),
        ("The car is unobstructed.", "no"),
    ],
)
def test_denials_and_mixed_languages(say, text: str, said: str) -> None:
    assert say("occlusion.active", HIDES, text).extracted == said


POSITION = [["position", ["o1", "o5"]]]  # the car is left of the person and in front


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("The car is to the left of the person and in front of them.", RIGHT),
        ("The person is to the right of the car and behind it.", RIGHT),
        ("轿车在行人的左前方。", RIGHT),
        ("The car is left of the 行人 and in front.", RIGHT),
        ("The person is to the left of the car and in front of it.", WRONG),
        ("The car is not to the left of the person but to the right, and in front.", WRONG),
        ("轿车不在行人的左边，在行人的右前方。", WRONG),
        ("The car has left. In front there is nothing.", WRONG),
        ("left", WRONG),
    ],
)
def test_the_right_word_in_a_wrong_sentence(say, text: str, outcome: str) -> None:
    assert say("position.relative", POSITION, text).outcome == outcome


@pytest.mark.parametrize(
    ("template", "program", "text", "outcome"),
    [
        ("depth_pair.nearer", [["nearer", ["o1", "o6"]]], "Not the bus but the car.", RIGHT),
        ("depth_pair.nearer", [["nearer", ["o1", "o6"]]], "Not the car but the bus.", WRONG),
        ("depth_pair.nearer", [["nearer", ["o1", "o6"]]], "不是轿车，是公交车。", WRONG),
        ("who_hides.one", [["who_hides", ["o1"]]], "Not the bush, the lamp post.", RIGHT),
        ("who_hides.one", [["who_hides", ["o1"]]], "The lamp post, the bush, the bus and the person.", WRONG),
        ("count.kind", [["recognised", ["car"]], ["count", ["$0", "car"]]], "Not two cars but one.", RIGHT),
        ("count.kind", [["recognised", ["car"]], ["count", ["$0", "car"]]], "There are no cars.", WRONG),
        ("hidden_part.pair", [["hidden_part", ["o2", "o1"]]], "The left, the right, the top and the bottom.", WRONG),
        ("hidden_part.pair", [["hidden_part", ["o2", "o1"]]], "The right side; the left side can be seen.", WRONG),
    ],
)
def test_naming_everything_or_denying(say, template: str, program: list, text: str, outcome: str) -> None:
    assert say(template, program, text).outcome == outcome


def test_three_thousand_words_are_read_quickly(graphs, names, street) -> None:
    """Rambling is no answer, and no pattern takes more than linear time to say so: some 0.05 s."""
    _, words = street
    ramble = " ".join(["the weather is fine and the road goes on"] * 330)
    mentions = " ".join(["the red car and the bus and the lamp post"] * 330)
    pool = [q for seed in range(30) for q in ask(graphs.street(), names, np.random.default_rng(seed), "en")]
    one_each = {q.template: q for q in pool}
    for text in (ramble, ramble.replace(" ", ", "), mentions):
        for template, question in one_each.items():
            begun = time.thread_time()
            found = score(question, text, "stop", words)
            assert time.thread_time() - begun < 0.6, template
            if text == ramble:
                assert found.outcome == NO_ANSWER, (template, found.extracted)


def test_a_reason_that_says_everything_is_not_plausible(street) -> None:
    """Listing every side, both orders and every amount cannot be all true."""
    facts, words = street
    answer = execute(HIDES, facts)
    text = (
        "Yes. The lamp post is in front and the car is in front. The left, right, top and bottom are hidden; "
        "the left can be seen."
    )
    assert not judge(answer, text, words).plausible
