"""How many there are, and where, by a model that counts otherwise when it is asked for the number alone."""

from __future__ import annotations

import pytest

from occlusight.occlusion.kinds import Lang
from occlusight.reasoning.counted_places import counted_places
from occlusight.reasoning.own_wording import Thing
from occlusight.reasoning.vocabulary import shipped_words

KINDS = shipped_words().kinds
THINGS = {"车": Thing(KINDS["car"]), "灯": Thing(KINDS["street_lamp"])}
BOTH = {"en": "There are two cars. The red car is behind it.", "zh": "图中有两辆汽车。红色的汽车在路灯的后面。"}
PLACE = {"en": "The car is behind the street lamp.", "zh": "汽车在路灯的后面。"}


@pytest.mark.parametrize(
    ("lang", "alone", "said"),
    [
        ("en", "One car.", "One car. The car is behind the street lamp."),
        ("zh", "一辆汽车。", "一辆汽车。汽车在路灯的后面。"),
        ("en", "Two cars.", BOTH["en"]),
        ("zh", "三辆汽车。", BOTH["zh"]),
        ("en", "None.", BOTH["en"]),
    ],
)
def test_one_that_is_counted_is_not_told_as_two(lang: Lang, alone: str, said: str) -> None:
    def whole(question: str) -> str:
        if "where" in question.lower() or "哪" in question or "位置" in question:
            several = "How many" in question or "几" in question
            return (BOTH if several else PLACE)[lang]
        return alone

    learnt = ("count", "position", "count_position")
    assert counted_places(whole, learnt, ["$0", "车", "灯"], THINGS, lang) == said
    assert counted_places(whole, ("count_position",), ["$0", "车", "灯"], THINGS, lang) == BOTH[lang]
