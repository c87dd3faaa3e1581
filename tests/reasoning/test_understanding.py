"""Understanding: names and a reader's probabilities make the program that is meant, and none that makes no sense."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from occlusight.reasoning.labels import LABELS
from occlusight.reasoning.names import named
from occlusight.reasoning.parting import parts, points_back, with_name
from occlusight.reasoning.understanding import (
    LONGEST_QUESTION,
    MOST_BEFORE,
    MOST_CUTS,
    MOST_NAMES,
    Understanding,
    language,
)


@dataclass(frozen=True)
class Read:
    labels: Mapping[str, float]
    hides: float = 0.5
    inside: float = 0.99


def sure(label: str, p: float = 0.9, hides: float = 0.5, inside: float = 0.99, second: str = "") -> Read:
    """A reading of a label, with the rest over all others, or half of it over a second one."""
    rest = (1 - p) / len(LABELS)
    labels = {one: rest + (p if one == label else 0.0) for one in LABELS}
    if second:
        labels = dict.fromkeys(LABELS, 0.001) | {label: p, second: 0.99 - p}
    return Read(labels, hides, inside)


@dataclass
class Script:
    """Reads what it knows; everything else could be anything. `asked` keeps what it was given."""

    known: Mapping[str, Read]
    asked: list[str] = field(default_factory=list)

    def __call__(self, questions: Sequence[str]) -> Sequence[Read]:
        self.asked += questions
        unknown = Read(dict.fromkeys(LABELS, 1 / len(LABELS)))
        return [self.known.get(question, unknown) for question in questions]


def understood(question: str, known: Mapping[str, Read], history: Sequence[str] = ()):
    return Understanding(Script(known)).of(question, history)


@pytest.mark.parametrize(
    ("question", "read", "label", "hides", "program"),
    [
        ("Does the post hide the red car?", "Does x1 hide x2?", "hides:12", 0.97, [["hides", ["post", "red car"]]]),
        ("Is the car hidden by the box?", "Is x1 hidden by x2?", "hides:21", 0.02, [["hides", ["box", "car"]]]),
        ("有几只狗", "有几只x1", "count:1", 0.5, [["recognised", ["狗"]], ["count", ["$0", "狗"]]]),
        ("is there a blue cup", "is there a x1", "exists:1", 0.5, [["exists_coloured", ["cup", "blue"]]]),
        ("有蓝色的杯子吗", "有x1吗", "exists:1", 0.5, [["exists_coloured", ["杯子", "蓝色"]]]),
        ("is there a cup", "is there a x1", "exists:1", 0.5, [["exists", ["cup"]]]),
        ("cup or vase, what is closer", "x1 or x2, what is closer", "nearer:12", 0.5, [["nearer", ["cup", "vase"]]]),
        ("cup or vase further?", "x1 or x2 further?", "nearer:12", 0.5, [["farther", ["cup", "vase"]]]),
        ("describe it all", "describe it all", "list_all:", 0.5, [["recognised", []], ["describe", ["$0"]]]),
        ("what is here", "what is here", "list_all:", 0.5, [["recognised", []], ["list_all", ["$0"]]]),
        ("what part of the cup does the vase hide", "what part of x1 does x2 hide", "part_hidden:1", 0.1,
         [["hidden_part", ["vase", "cup"]]]),
        ("is the dog in the mirror", "is x1 in the mirror", "mirrored:1", 0.5, [["mirrored", ["mirror", "dog"]]]),
        ("can I see the dog through the window", "can I see x1 through x2", "through:1", 0.5,
         [["through", ["window", "dog"]]]),
        ("is the elephant hidden", "is x1 hidden", "who_hides:1", 0.5, [["anything_hides", ["elephant"]]]),
        ("what hides the elephant", "what hides x1", "who_hides:1", 0.5, [["who_hides", ["elephant"]]]),
    ],
)  # fmt: skip
def test_label_names_and_words_make_the_program(
    question: str, read: str, label: str, hides: float, program: list
) -> None:
    found = understood(question, {read: sure(label, hides=hides)})
    assert (found.scope, found.program) == ("inside", program)
    assert found.probability > 0.8
    assert not found.both_ways


def test_the_grammar_lets_no_label_through_that_the_names_do_not_fit() -> None:
    wrong = sure("hides:12", p=0.7, hides=0.9)  # of one name
    wrong = Read({**wrong.labels, "who_hides:1": 0.2})
    found = understood("what hides the car", {"what hides x1": wrong})
    assert found.program == [["who_hides", ["car"]]]


def test_a_name_of_the_question_alone_is_left_in_it() -> None:
    known = {"what is nearest to the camera": sure("nearest:"), "what is nearest to x1": sure("behind:1", p=0.3)}
    assert understood("what is nearest to the glass", {}).scope == "unclear"
    assert understood("what would a person see", {"what would a person see": sure("list_all:")}).names == ()
    assert understood("what is nearest to the camera", known).program[-1] == ["nearest", ["$0"]]


def test_out_of_scope_is_declined() -> None:
    found = understood("how old is the man", {"how old is x1": sure("colour:1", inside=0.03)})
    assert (found.scope, found.program) == ("outside", ())
    assert found.probability > 0.9


@pytest.mark.parametrize(("hides", "both"), [(0.99, False), (0.4, True), (0.02, True)])
def test_where_the_direction_is_unsure_both_are_wanted(hides: float, both: bool) -> None:
    found = understood("does the post hide the car", {"does x1 hide x2": sure("hides:12", hides=hides)})
    assert found.both_ways == both
    assert {*found.program[0][1]} == {"post", "car"}


def test_why_is_asked_for_or_not() -> None:
    known = {"why does x1 hide x2": sure("hides+why:12", hides=0.95), "does x1 hide x2": sure("hides:12", hides=0.95)}
    assert understood("why does the post hide the car", known).why
    assert not understood("does the post hide the car", known).why


def test_two_meanings_are_asked_back_about() -> None:
    read = sure("behind:1", p=0.4, second="hides_what:1")
    read = Read({**read.labels, "behind:1": 0.35, "hides_what:1": 0.34, "in_front:1": 0.29})
    found = understood("and past the car?", {"and past x1?": read})
    assert found.scope == "unclear"
    assert [found.program, found.other] == [[["behind", ["car"]]], [["hides_what", ["car"]]]]


def test_a_followup_asks_the_question_before_about_another_thing() -> None:
    known = {
        "车被谁挡住了": sure("list_all:"),
        "x1被谁挡住了": sure("who_hides:1"),
        "那x1呢?": sure("followup:1"),
        "is x1 hidden by x2": sure("hides:21", hides=0.03),
        "and x1?": sure("followup:1"),
    }
    assert understood("那狗呢?", known, ["车被谁挡住了"]).program == [["who_hides", ["狗"]]]
    assert understood("and the dog?", known, ["is the car hidden by the post"]).program == [["hides", ["post", "dog"]]]
    again = understood("and the cat?", known, ["is the car hidden by the post", "and the dog?"])
    assert again.program == [["hides", ["post", "cat"]]]
    assert understood("and the dog?", known).scope == "unclear"


def test_it_is_what_the_question_before_was_about() -> None:
    known = {"what colour is x1": sure("colour:1"), "what hides x1": sure("who_hides:1")}
    assert understood("what hides it", known, ["what colour is the car"]).program == [["who_hides", ["car"]]]


def test_two_questions_in_one_are_parted() -> None:
    known = {
        "what hides x1, and what colour is it": sure("two_in_one:"),
        "what hides x1": sure("who_hides:1"),
        "what colour is x1": sure("colour:1"),
    }
    found = understood("what hides the car, and what colour is it", known)
    assert [part.program for part in found.parts] == [[["who_hides", ["car"]]], [["colour", ["car"]]]]
    assert found.program == found.parts[0].program


def test_the_first_question_may_leave_out_what_the_second_names() -> None:
    known = {
        "what is left and right of x1": sure("two_in_one:"),
        "what is left": sure("list_all:", 0.5),
        "what is left of x1": sure("left_of:1"),
        "right of x1": sure("right_of:1"),
    }
    found = understood("what is left and right of the car", known)
    assert [part.program for part in found.parts] == [[["left_of", ["car"]]], [["right_of", ["car"]]]]


def test_the_second_question_may_leave_out_what_the_first_names() -> None:
    known = {
        "x1被谁挡了,挡掉多少": sure("two_in_one:"),
        "x1被谁挡了": sure("who_hides:1"),
        "x1挡掉多少": sure("amount_hidden:1"),
    }
    found = understood("车被谁挡了,挡掉多少", known)
    assert [part.program for part in found.parts] == [[["who_hides", ["车"]]], [["amount_hidden", ["车"]]]]


def test_words_that_were_taken_for_names_tell_that_no_picture_can_say() -> None:
    known = {
        "tell me about x1": sure("colour:1", inside=0.7),
        "tell me about my Instagram": sure("who_hides:1", inside=0.01),
    }
    assert understood("tell me about my Instagram", known).scope == "outside"


def test_programs_are_shown_as_json() -> None:
    found = understood("does the post hide the car", {"does x1 hide x2": sure("hides:12", hides=0.97)})
    shown = found.to_json()
    assert shown == {
        "scope": "inside",
        "program": [["hides", ["post", "car"]]],
        "lang": "en",
        "probability": pytest.approx(found.probability, abs=1e-4),
    }


@pytest.mark.parametrize(
    ("question", "lang"),
    [
        ("Does the 汽车 hide the 狗?", "en"),
        ("red car 挡住 the dog 了吗", "zh"),
        ("汽车", "zh"),
        ("car?", "en"),
        ("explain to me 怎么 the car covers the dog", "en"),
        ("", "en"),
    ],
)
def test_the_language_is_that_of_the_frame(question: str, lang: str) -> None:
    assert language(named(question)) == lang


def test_texts_are_cut_and_point_back() -> None:
    assert ("what hides x", "how much") in [*parts("what hides x, and how much?")]
    assert ("有没有狗", "几只") in [*parts("有没有狗,几只")]
    assert ("最近的是什么", "最远的是什么") in [*parts("最近的是什么最远的是什么")]
    assert ("从前到后的顺序", "谁挡住了车") in [*parts("从前到后的顺序以及谁挡住了车")]
    assert ("the order", "what hides x") in [*parts("the order as well as what hides x")]
    assert points_back("它被挡住了吗")
    assert not points_back("with what")
    assert with_name("its colour?", "dog") == "the dog's colour?"


def test_all_ways_to_read_a_question_are_read_at_once() -> None:
    script = Script({})
    Understanding(script).of("is the dog in the mirror")
    assert sorted(script.asked) == ["is the dog in x1", "is x1 in the mirror", "is x1 in x2"]


@pytest.mark.parametrize(("word", "lang"), [("car ", "en"), ("汽车", "zh")])
def test_what_is_too_long_for_a_question_is_none_and_costs_nothing(word: str, lang: str) -> None:
    reader = Script({})
    found = Understanding(reader).of(word * 1_000_000)
    assert (found.scope, list(found.program), found.lang, found.probability) == ("unclear", [], lang, 0.0)
    assert reader.asked == []
    longest = (word * LONGEST_QUESTION)[:LONGEST_QUESTION]
    Understanding(reader).of(longest)
    assert reader.asked


def test_a_question_points_back_through_so_many_others_and_no_more() -> None:
    reader = Script({})
    Understanding(reader).of("and it?", ["and it?"] * 5000)
    assert len(reader.asked) <= 2 * (MOST_BEFORE + 1)


def test_a_question_of_very_many_names_or_parts_is_read_in_few_ways() -> None:
    reader = Script({})
    names = [f"{colour} {kind}" for colour in ("red", "blue", "green") for kind in ("car", "dog", "cup", "bench")]
    assert len(names) > MOST_NAMES
    Understanding(reader).of(f"Is there a {', a '.join(names)}?")
    assert len(reader.asked) < 80
    reader = Script({})
    Understanding(reader).of("where is a car? " * (MOST_CUTS + 4))
    assert len(reader.asked) < 2 * MOST_CUTS


@pytest.mark.parametrize(
    ("question", "programs"),
    [
        ("What hides the car? And the dog?", [[["who_hides", ["car"]]], [["who_hides", ["dog"]]]]),
        ("What hides the car? What about the red cup?", [[["who_hides", ["car"]]], [["who_hides", ["red cup"]]]]),
        ("what hides the car and the dog", [[["who_hides", ["car"]]], [["who_hides", ["dog"]]]]),
        ("谁挡住了车?那狗呢", [[["who_hides", ["车"]]], [["who_hides", ["狗"]]]]),
        ("谁挡住了车,狗呢?", [[["who_hides", ["车"]]], [["who_hides", ["狗"]]]]),
        ("what is between the car and the dog", []),
        ("What hides the car? And what colour is the dog?", []),
    ],
)
def test_what_is_named_after_a_question_is_asked_about_alike(question: str, programs: list) -> None:
    known = {
        "What hides x1": sure("who_hides:1"),
        "what hides x1": sure("who_hides:1"),
        "谁挡住了x1": sure("who_hides:1"),
        "what is between x1": sure("who_hides:1", p=0.5),
        "what is between x1 and x2": sure("between:12"),
        "What hides x1? And what colour is x2?": sure("hides:12", hides=0.95),
    }
    assert [part.program for part in understood(question, known).parts] == programs


def test_after_two_questions_the_last_is_asked_again() -> None:
    known = {
        "what hides x1": sure("who_hides:1"),
        "what colour is x1? what hides x2?": sure("two_in_one:"),
        "what colour is x1": sure("colour:1"),
        "and x1?": sure("followup:1"),
    }
    found = understood("and the cup?", known, ["what colour is the car? what hides the dog?"])
    assert (found.program, found.parts) == ([["who_hides", ["cup"]]], ())


def test_it_is_what_the_answer_named_where_the_question_names_the_rest() -> None:
    known = {
        "what hides x1": sure("who_hides:1"),
        "is it behind x1": sure("behind:1"),
        "is x1 behind x2": sure("position:12"),
        "is it possible to see x1": sure("exists:1"),
        "what is nearest": sure("nearest:"),
        "does it hide x1": sure("who_hides:1", p=0.6),
        "does x1 hide x2": sure("hides:12", hides=0.95),
    }
    understanding, said = Understanding(Script(known)), "The street lamp hides part of the red car."
    found = understanding.of("is it behind the red car", ["what hides the red car"], said)
    assert (found.program, found.claim) == ([["position", ["street lamp", "red car"]]], "behind")
    assert understanding.of("is it possible to see the red car", ["what hides the red car"], said).program == [
        ["exists_coloured", ["car", "red"]]
    ]
    nearest = understanding.of("does it hide the car", ["what is nearest"], "The street lamp is nearest to us.")
    assert nearest.program == [["hides", ["street lamp", "car"]]]
    unsure = understanding.of("does it hide the car", ["what is nearest"], "The street lamp and the dog.")
    assert unsure.program[-1][0] != "hides"


@pytest.mark.parametrize(
    ("question", "read", "label", "program", "names", "within"),
    [
        ("how many cups are on the table", "how many x1 are on x2", "count_position:12",
         [["recognised", ["cups"]], ["count", ["$0", "cups"]]], ["cups"], "place"),
        ("书架里有几本书", "x1里有几本x2", "count_position:21",
         [["recognised", ["书"]], ["count", ["$0", "书"]]], ["书"], "place"),
        ("how many wheels does the bicycle have", "how many x1 does x2 have", "count_position:12",
         [["recognised", ["wheels"]], ["count", ["$0", "wheels"]]], ["wheels"], "part"),
        ("自行车有几个窗户", "x1有几个x2", "count_position:21",
         [["recognised", ["窗户"]], ["count", ["$0", "窗户"]]], ["窗户"], "part"),
        ("how many books does the bookcase have", "how many x1 does x2 have", "count_position:12",
         [["recognised", ["books"]], ["count", ["$0", "books"]]], ["books"], "place"),
        ("how many cups are on the table, and where", "how many x1 are on x2, and where", "count_position:12",
         [["recognised", ["cups"]], ["count_position", ["$0", "cups", "table"]]], ["cups", "table"], ""),
    ],
)  # fmt: skip
def test_where_things_are_counted_is_not_looked_for(
    question: str, read: str, label: str, program: list, names: list[str], within: str
) -> None:
    found = understood(question, {read: sure(label)})
    assert (found.program, [name.text for name in found.names], found.within) == (program, names, within)
