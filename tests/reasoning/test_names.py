"""Names in questions: known and unknown ones, with slips of the pen, colours and places, in both languages."""

from __future__ import annotations

import json
import random
import re
from functools import cache
from pathlib import Path

import pytest

import occlusight.train
from occlusight.occlusion.kinds import pluralize
from occlusight.reasoning.names import LONGEST, named
from occlusight.reasoning.vocabulary import misspelt, normalised, shipped_words
from occlusight.scenes.meshes.catalogue import whole_catalogue
from occlusight.scenes.meshes.names import names_of

WORDINGS = Path(occlusight.train.__file__).parent / "wordings"
FOREIGN = {
    "en": ("elephant", "giraffe", "helicopter", "pineapple", "zebra", "violin", "tractor", "penguin", "surfboard"),
    "zh": ("大象", "长颈鹿", "直升机", "菠萝", "斑马", "小提琴", "拖拉机", "企鹅", "冲浪板", "恐龙"),
}
COLOURS = {"en": ("red ", "blue ", "black "), "zh": ("红色的", "蓝色", "黑")}


@cache
def wordings(lang: str) -> list[str]:
    files = [path.read_text("utf-8") for path in WORDINGS.glob(f"*.{lang}.jsonl")]
    texts = [json.loads(line)["text"] for text in files for line in text.splitlines()]
    return sorted(text for text in texts if "{" in text)


def filled(text: str, lang: str, draw: random.Random, foreign: bool) -> tuple[str, list[str]]:
    """A wording with names in its slots, and the names."""
    kinds = draw.sample(list(shipped_words().kinds.values()), 3)
    strange = draw.sample(FOREIGN[lang], 3)
    names = {"S": "red" if lang == "en" else "红色"}
    for slot, kind, other in zip("ABC", kinds, strange, strict=True):
        own = (kind.en, *kind.aliases_en) if lang == "en" else (kind.zh, *kind.aliases_zh)
        name = other if foreign else draw.choice(own)
        if draw.random() < 0.3 and slot != "C":
            name = draw.choice(COLOURS[lang]) + name
        names |= {slot: name, f"{slot}S": pluralize(name) if lang == "en" else name}
    if lang == "en":
        text = re.sub(r"(?<!the )(?<!The )(?<!\ba )(?<!\ban )\{([AB])\}", r"the {\1}", text)
    else:
        text = text.replace("个{C}", kinds[2].measure + "{C}")
    used = [names[slot] for slot in re.findall(r"\{(\w+)\}", text) if slot != "S"]
    return re.sub(r"\{(\w+)\}", lambda slot: names[slot[1]], text), used


@pytest.mark.parametrize(
    ("lang", "foreign", "target"), [("en", False, 0.99), ("zh", False, 0.99), ("en", True, 0.97), ("zh", True, 0.8)]
)
def test_names_in_wordings_are_found(lang: str, foreign: bool, target: float) -> None:
    draw = random.Random(7)
    missed, wanted = [], 0
    for text in draw.sample(wordings(lang), 200):
        question, names = filled(text, lang, draw, foreign)
        found = [m.text.lower() for m in named(question).mentions]
        for name in names:
            wanted += 1
            if not any(normalised(name).lower() in (one, one[-len(name) :], one[: len(name)]) for one in found):
                missed.append((name, question, found))
    assert len(missed) <= (1 - target) * wanted, missed


@pytest.mark.parametrize(
    ("question", "without", "names"),
    [
        ("Is the red car hidden by the lamp post?", "Is x1 hidden by x2?", ["red car", "lamp post"]),
        ("which is nearest to the camera", "which is nearest to the camera", []),
        ("Is the elephant hidden?", "Is x1 hidden?", ["elephant"]),
        ("大象被挡住了吗", "x1被挡住了吗", ["大象"]),
        ("有几只长颈鹿", "有几只x1", ["长颈鹿"]),
        ("斑马在哪", "x1在哪", ["斑马"]),
        ("is the bicylce behind the refridgerator", "is x1 behind x2", ["bicylce", "refridgerator"]),
        ("那輛公車擋住 the red car 了嗎？", "x1挡住 x2 了吗?", ["公车", "red car"]),
        ("ｃａｒ挡住了公交车吗", "x1挡住了x2吗", ["car", "公交车"]),
        ("左边那辆车被路灯挡住了吗", "x1被x2挡住了吗", ["左边车", "路灯"]),
        ("what hides the left one", "what hides x1", ["left one"]),
        ("Is the left car hidden by the box on the right?", "Is x1 hidden by x2?", ["left car", "box on the right"]),
        ("Is the car on the left?", "Is x1 on the left?", ["car"]),
        ("What's on the left of the car?", "What's on the left of x1?", ["car"]),
        ("狗左边的车是什么颜色", "x1左边的x2是什么颜色", ["狗", "车"]),
        ("the dog, does the dog hide the cat", "x1, does x1 hide x2", ["dog", "cat"]),
        ("有没有红色的车", "有没有x1", ["红色的车"]),
        ("How many cups are there?", "How many x1 are there?", ["cups"]),
        ("人行道上有什么", "人行道上有什么", []),
        ("What is in the picture?", "What is in the picture?", []),
    ],
)
def test_a_question_without_its_names(question: str, without: str, names: list[str]) -> None:
    found = named(question)
    kept = found.only([name for name in found.names if name.noun not in ("camera", "人")])
    assert (kept.without(), [name.text for name in kept.names]) == (without, names)


def test_a_name_says_what_it_can_mean() -> None:
    car, lamp, one = named("the blue car, a lamp and the second red one").names
    assert (car.kinds, car.colour) == (("car",), "blue")
    assert set(lamp.kinds) >= {"table_lamp", "floor_lamp", "street_lamp"}
    assert (one.kinds, one.colour, one.noun) == ((), "red", "")
    assert named("the elephant").names[0].kinds == ()


def test_a_name_that_may_belong_to_the_question_is_not_sure() -> None:
    assert [n.sure for n in named("can you see the dog in the mirror").names] == [True, False]
    assert [n.sure for n in named("does the red box hide it").names] == [True]


@pytest.mark.parametrize(
    ("word", "right", "slip"),
    [
        ("botle", "bottle", True),
        ("chiar", "chair", True),
        ("sofaa", "sofa", True),
        ("telephine", "telephone", True),
        ("house", "horse", False),
        ("tool", "stool", False),
        ("cat", "cart", False),
    ],
)
def test_slips_of_the_pen(word: str, right: str, slip: bool) -> None:
    assert misspelt(word, right) == slip


def test_the_vocabulary_is_the_catalogues() -> None:
    catalogue = whole_catalogue()
    words = shipped_words()
    names = names_of(catalogue)
    assert set(words.kinds) == set(names)
    for key, kind in names.items():
        own = words.kinds[key]
        assert (own.en, own.plural, own.zh, own.measure) == (kind.en, kind.plural, kind.zh, kind.measure)
        assert (own.aliases_en, own.aliases_zh) == (kind.aliases_en, kind.aliases_zh)
    assert words.colours == {key: (colour.en, colour.zh) for key, colour in catalogue.colours.items()}


def test_names_are_looked_for_in_the_beginning_of_what_is_very_long() -> None:
    found = named("the red car and the dog, " * 100_000)
    assert len(found.text) <= LONGEST
    assert [name.text for name in found.names] == ["red car", "dog"]
    assert found.without().startswith("x1 and x2, x1 and x2, ")


def test_a_word_that_tells_a_thing_from_its_like_is_no_name() -> None:
    assert [name.text for name in named("is the garden bench behind the crocodile").names] == ["bench", "crocodile"]
    assert [name.kinds for name in named("which is nearer, the sofa or the coffee table").names][1] == ("table",)


def test_an_unknown_thing_is_named_beside_a_known_one() -> None:
    assert [name.text for name in named("沙发和鳄鱼谁在前面").names if name.sure] == ["沙发", "鳄鱼"]
    assert [name.text for name in named("妈妈谁排第一").names if name.sure] == []
