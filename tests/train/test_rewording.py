"""Wordings said in other ways: what is meant stays."""

from __future__ import annotations

from random import Random

import pytest

from occlusight.datasets.wordings import SLOT, read_wordings
from occlusight.train.rewording import other_voice, reworded, with_synonyms
from occlusight.train.wording_set import wordings_folder

VOICES = [
    ("en", "Does {A} cover {B}?", "is {B} covered by {A}?"),
    ("en", "so is {B} hiding {A}", "so is {A} being hidden by {B}"),
    ("en", "Is {A} partly blocked by {B}?", "is {B} partly blocking {A}?"),
    ("en", "I think {A} obscures {B}", "I think {B} is obscured by {A}"),
    ("en", "{A} is hidden by {B}, right?", "{B} hides {A}, right?"),
    ("zh", "{A}是不是挡住了{B}", "{B}是不是被{A}挡住了"),
    ("zh", "{B}有没有被{A}给遮住", "{A}有没有把{B}遮住"),
    ("zh", "{A}把{B}盖住了吗", "{B}被{A}盖住了吗"),
]


@pytest.mark.parametrize(("lang", "text", "turned"), VOICES)
def test_the_voice_is_turned_with_the_slots(lang: str, text: str, turned: str) -> None:
    assert other_voice(text, lang).replace("  ", " ") == turned


@pytest.mark.parametrize("text", ["what hides {A}", "where is {A}, seen from {B}?"])
def test_what_is_said_in_no_voice_stays(text: str) -> None:
    assert other_voice(text, "en") == text


def test_synonyms_are_whole_words_and_never_names() -> None:
    draw = Random(1)
    said = {with_synonyms("is {A} hidden in the picture of hiders", "en", draw) for _ in range(60)}
    assert len(said) > 10
    assert all(text.startswith("is {A} ") and text.endswith(" of hiders") for text in said)
    assert {with_synonyms("{A}在图里吗", "zh", draw) for _ in range(60)} >= {"{A}在图里吗", "{A}在画面里吗"}


def test_no_slot_is_lost_or_made_up() -> None:
    draw = Random(2)
    changed = 0
    for wording in draw.sample(read_wordings([wordings_folder()]), 1500):
        text = reworded(wording.text, wording.lang, draw)
        assert sorted(SLOT.findall(text)) == sorted(SLOT.findall(wording.text)), (wording.text, text)
        assert text.strip()
        changed += text != wording.text
    assert changed > 700
