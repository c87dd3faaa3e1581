"""Recipes of training: what is in a file, what is wrong in one, and the learning rate of a stage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from occlusight.errors import BadInput
from occlusight.train.recipe import Stage, TrainRecipe, load_recipe, shipped_recipes

STAGE = '[[stage]]\nname = "one"\npictures = 100\n'


def test_the_shipped_recipes_can_be_read() -> None:
    recipes = {name: load_recipe(name) for name in shipped_recipes()}
    assert recipes["blind"].blind
    assert not recipes["eyes"].blind
    assert recipes["eyes"].stages[0].learns == "tower"
    assert {"transparent", "reflective", "partial"} <= set(recipes["eyes"].stages[0].shares)


def test_a_file_says_all_that_a_recipe_holds(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        'seed = 4\nslots = 3\n[[stage]]\nname = "one"\npictures = 90\nbatch = 8\nlearns = "tower"\nsizes = [256, 320]\n'
        'shares = { partial = 0.5, clips = 0.5 }\n[[stage]]\nname = "two"\npictures = 7\n'
    )
    recipe = load_recipe(str(tmp_path / "mine.toml"))
    one = Stage("one", 90, "tower", {"partial": 0.5, "clips": 0.5}, (256, 320), 8)
    assert recipe == TrainRecipe((one, Stage("two", 7)), seed=4, slots=3)
    assert (one.steps, recipe.pictures) == (12, 12 * 8 + 48)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (STAGE + "epochs = 3\n", r"stage one says epochs; known are .*replay"),
        ("lr = 1\n" + STAGE, r"says lr; known are .*seed"),
        ("seed = ", r"is no TOML \(.+\)"),
        ("seed = 1\n", "needs stages"),
        (STAGE + STAGE, "a name of its own"),
        ('[[stage]]\nname = "one"\n', r"cannot be read .*pictures"),
        (STAGE.replace("100", '"many"'), "cannot be read"),
        (STAGE.replace("100", "0"), "pictures of stage 'one' must be 1 or more, but 0 was given"),
        (STAGE + 'learns = "heads"\n', "tower or answers, but 'heads' was given"),
        (STAGE + "sizes = [250]\n", r"multiples of 32 from 64 up, but \(250,\) was given"),
        (STAGE + "shares = { sea = 1 }\n", r"'one' shows sea; there are street.*renders, stills, clips"),
        (STAGE + "shares = { partial = 0 }\n", "must be positive"),
        (STAGE + "shares = { stills = 1 }\n", "give one beside them"),
        (STAGE + "varied = 2\n", "varied of stage 'one' must be from 0 to 1, but 2 was given"),
        ("seed = 1000000000\n" + STAGE, "seed must be from 0 to 999999999"),
        ("averaged = 3\n" + STAGE, "averaged must be from 1 to 2, one more than there are stages, but 3 was given"),
        (STAGE.replace('"one"', '"beginning"'), "none called 'beginning'"),
    ],
)
def test_what_is_wrong_in_a_file_is_said(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(BadInput, match=said):
        load_recipe(str(tmp_path / "mine.toml"))


def test_a_recipe_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(BadInput, match="takes blind, eyes, varied or a TOML file, but 'nose' was given"):
        load_recipe("nose")


def test_a_stage_is_known_by_all_that_is_in_it() -> None:
    stage = Stage("one", 100)
    assert stage.digest == Stage("one", 100).digest
    others = [{"pictures": 101}, {"learns": "tower"}, {"shares": {"partial": 1.0}}, {"sizes": (320,)}, {"replay": 1}]
    assert len({stage.digest, *(replace(stage, **other).digest for other in others)}) == 6


def test_the_rate_rises_stays_and_falls() -> None:
    stage = Stage("one", 1000, batch=10, learning_rate=2.0, warmup=10, decay=0.5, floor=0.1)
    assert [stage.rate(step) for step in (0, 4, 9, 30, 50)] == pytest.approx([0.2, 1.0, 2.0, 2.0, 2.0])
    assert [stage.rate(step) for step in (75, 99, 100)] == pytest.approx([1.1, 0.236, 0.2])
    steady = replace(stage, decay=0.0, warmup=0)
    assert {steady.rate(step) for step in (0, 50, 99)} == {2.0}
