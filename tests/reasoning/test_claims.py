"""What a question wants a yes or a no to, and answers that say it."""

from __future__ import annotations

import pytest

from occlusight.occlusion.kinds import Lang
from occlusight.reasoning.claims import claimed, decided
from occlusight.reasoning.names import named
from occlusight.reasoning.vocabulary import shipped_words


@pytest.mark.parametrize(
    ("op", "text", "claim"),
    [
        ("position", "Is x1 behind x2?", "behind"),
        ("position", "is x1 to the left of x2 and behind it", "behind left"),
        ("position", "x1是不是在x2的右前方", "front right"),
        ("position", "is x1 behind x2 or in front of it", ""),
        ("position", "where is x1 relative to x2", ""),
        ("position", "x1在x2的前面还是后面", ""),
        ("position", "x1 is right there, where is x2", ""),
        ("nearer", "is x1 nearer than x2", "first"),
        ("nearer", "which is nearer, x1 or x2", ""),
        ("farther", "x1比x2远吗", "first"),
        ("nearer", "相比x1,x2近吗", ""),
        ("remove", "if x1 was gone, would x2 still be hidden", "hidden"),
        ("remove", "x1不在了,x2还会被挡住吗", "hidden"),
        ("remove", "would x2 be unobstructed without x1", ""),
        ("remove", "拿走x1,x2就不再被挡住了吗", ""),
        ("hides", "does x1 hide x2", ""),
    ],
)
def test_a_claim_is_read(op: str, text: str, claim: str) -> None:
    assert claimed(op, text) == claim


@pytest.mark.parametrize(
    ("told", "claim", "lang", "begins"),
    [
        ("The dog is to the right of the red car and behind it.", "behind", "en", "Yes. The dog"),
        ("The dog is to the right of the red car and behind it.", "front right", "en", "No. The dog"),
        ("The dog is to the right of the red car.", "behind", "en", "No. The dog"),
        ("狗在红色的汽车的右后方。", "behind", "zh", "是的。狗"),
        ("狗在红色的汽车的右后方。", "left", "zh", "不是。狗"),
        ("The two are side by side.", "behind", "en", "The two"),
        ("The dog is nearer than the tree.", "first", "en", "Yes. The dog"),
        ("树比狗更近。", "first", "zh", "不是。树"),
        ("The brown dog is nearer than the white dog.", "first", "en", "The brown"),
        ("Yes. Only the tree hides the dog.", "hidden", "en", "No. Only"),
        ("不会。灌木丛也遮挡了狗。", "hidden", "zh", "会。灌木丛"),
        ("Nothing hides the dog.", "hidden", "en", "Nothing"),
    ],
)
def test_an_answer_decides_what_is_claimed(told: str, claim: str, lang: Lang, begins: str) -> None:
    dog = named("the dog").names[0]
    assert decided(told, claim, dog, lang, shipped_words()).startswith(begins)
