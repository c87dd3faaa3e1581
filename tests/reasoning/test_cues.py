"""Words that decide between neighbours move what a reader gave to the wrong one of them, and touch nothing else."""

from __future__ import annotations

import pytest

from occlusight.reasoning.cues import cued

EVEN = {
    "nearest:": 0.1,
    "farthest:": 0.1,
    "behind:1": 0.1,
    "in_front:1": 0.1,
    "who_hides:1": 0.2,
    "hidden_now:1": 0.1,
    "list_all:": 0.2,
    "anything_hidden:": 0.1,
    "hides_anything:1": 0.3,
    "part_hidden:1": 0.1,
    "amount_hidden:1": 0.1,
}


@pytest.mark.parametrize(
    ("text", "read", "meant"),
    [
        ("which one is at the very back", "nearest:", "farthest:"),
        ("离镜头最近的是谁", "farthest:", "nearest:"),
        ("what stands behind x1", "in_front:1", "behind:1"),
        ("x1后面有啥", "in_front:1", "behind:1"),
        ("x1前面有啥", "behind:1", "in_front:1"),
        ("what hides x1 in the last picture", "who_hides:1", "hidden_now:1"),
        ("结尾谁挡住了x1", "who_hides:1", "hidden_now:1"),
        ("which things are seen in full", "list_all:", "anything_hidden:"),
        ("哪些东西没被挡住", "list_all:", "anything_hidden:"),
    ],
)
def test_words_decide(text: str, read: str, meant: str) -> None:
    found = cued(EVEN, text)
    assert (found[read], found[meant]) == (0.0, pytest.approx(EVEN[read] + EVEN[meant]))
    assert sum(found.values()) == pytest.approx(sum(EVEN.values()))


PAIR = {"hides:12": 0.1, "hides:21": 0.2, "hides+why:21": 0.1, "two_in_one:": 0.5, "part_hidden:1": 0.1}


@pytest.mark.parametrize(
    "text",
    ["which part of x1 does x2 hide?", "what bit of x1 is behind x2", "where does x1 hide x2?", "x1挡住了x2的哪一侧?"],
)
def test_which_part_of_one_another_hides_is_one_question(text: str) -> None:
    assert cued(PAIR, text) == {**dict.fromkeys(PAIR, 0.0), "part_hidden:1": pytest.approx(1.0)}


@pytest.mark.parametrize(
    "text",
    ["does x1 hide part of x2?", "is x1 hidden by x2, and which part?", "which part of x1 is hidden", "where is x1"],
)
def test_other_questions_about_parts_stay_what_they_are(text: str) -> None:
    assert cued(PAIR, text) == PAIR


@pytest.mark.parametrize(
    "text",
    [
        "is x1 occluded",
        "is x1 hidden by anything?",
        "is anything hiding x1",
        "does anything cover part of x1?",
        "is any part of x1 hidden?",
        "does something else block the view of x1",
        "x1有没有被遮挡?",
        "x1被别的物体挡住了吗?",
        "有东西遮挡x1吗?",
        "有没有东西挡住x1",
    ],
)
def test_whether_it_is_hidden_is_not_what_it_hides(text: str) -> None:
    found = cued(EVEN, text)
    assert [found[f"{read}:1"] for read in ("hides_anything", "part_hidden", "amount_hidden")] == [0.0, 0.0, 0.0]
    assert found["who_hides:1"] == pytest.approx(0.7)


@pytest.mark.parametrize(
    "text",
    [
        "does x1 hide anything",
        "is x1 hiding something?",
        "is anything hidden by x1",
        "is something partly hidden behind x1?",
        "how much of x1 is hidden",
        "which part of x1 is covered",
        "x1有没有遮挡别的物体?",
        "有东西被x1挡住吗",
        "x1被挡住了多少?",
        "x1的哪一部分被遮挡?",
    ],
)
def test_what_it_hides_and_how_much_of_it_is_hidden_stay_what_they_are(text: str) -> None:
    found = cued(EVEN, text)
    labels = ("hides_anything:1", "part_hidden:1")
    assert [found[label] for label in labels] == [EVEN[label] for label in labels]
    assert found["amount_hidden:1"] >= EVEN["amount_hidden:1"]


@pytest.mark.parametrize("text", ["is more than half of x1 covered", "x1被遮的面积估计一下", "x1被挡住了多少?"])
def test_how_much_of_it_is_hidden_is_not_whether_it_is(text: str) -> None:
    found = cued(EVEN, text)
    assert found["who_hides:1"] == 0.0
    assert found["amount_hidden:1"] >= EVEN["who_hides:1"] + EVEN["amount_hidden:1"]


@pytest.mark.parametrize("text", ["what covers more than half of x1", "x1多半是被谁挡住的"])
def test_who_hides_much_of_it_is_not_how_much(text: str) -> None:
    found = cued(EVEN, text)
    assert found["who_hides:1"] >= EVEN["who_hides:1"]


@pytest.mark.parametrize("text", ["what is there", "图里有什么", "x1 hides what", "the nearest or the farthest"])
def test_other_questions_are_left_as_they_were_read(text: str) -> None:
    assert cued(EVEN, text) == EVEN


def test_what_a_thing_is_behind_is_not_what_is_behind_it() -> None:
    assert cued(EVEN, "what is x1 behind")["in_front:1"] == EVEN["in_front:1"]


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("Without x1, would x2 be seen whole?", "12"),
        ("would x1 be fully visible without the x2", "21"),
        ("if x1 weren't there, could I see all of x2", "12"),
        ("would I see all of x1 if x2 was gone", "21"),
        ("没有x1的话,x2能看全吗", "12"),
        ("如果没有x1,x2会完整吗", "12"),
        ("要是拿走x1,x2能看到全部吗", "12"),
        ("假如x1不在了,x2还会被挡住吗", "12"),
        ("x1能看全吗,如果去掉x2", "21"),
    ],
)
def test_what_would_be_seen_without_a_thing_is_not_whether_it_hides(text: str, gone: str) -> None:
    even = {"hides:12": 0.4, "hides+why:21": 0.2, "remove:12": 0.1, "remove:21": 0.1, "position:12": 0.2}
    found = cued(even, text)
    assert {label: p for label, p in found.items() if p} == {
        f"remove:{gone}": pytest.approx(0.8), "position:12": 0.2
    }  # fmt: skip


@pytest.mark.parametrize("text", ["does x1 hide x2", "can x1 be seen without glasses, or x2", "x1没有挡住x2吗"])
def test_nothing_is_thought_away_where_nothing_says_so(text: str) -> None:
    even = {"hides:12": 0.6, "remove:12": 0.2, "remove:21": 0.2}
    assert cued(even, text) == even


@pytest.mark.parametrize("text", ["x1和x2谁在后面", "x1 and x2, which is further back", "x1跟x2哪个更近"])
def test_which_of_two_is_before_the_other_is_not_what_is_between_them(text: str) -> None:
    even = {"between:12": 0.5, "position:21": 0.3, "nearer:12": 0.2}
    assert cued(even, text) == {"between:12": 0.0, "position:21": 0.0, "nearer:12": pytest.approx(1.0)}
    assert cued(even, "what is between x1 and x2") == even
