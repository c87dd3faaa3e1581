"""Rules and knowledge of a user's own, and what is said of those that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.reasoning.rules.observations import dropped, found, observed, thing

from occlusight.errors import BadData, BadInput
from occlusight.reasoning.rules.check import check
from occlusight.reasoning.rules.ruleset import load_rules, shipped_rules, with_more

A, B = thing("a", kind="car"), thing("b", kind="hedgehog")


def test_a_file_adds_rules_and_knowledge(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(
        """
[is]
porous = ["hedgehog"]
prickly = ["hedgehog"]
[is_not]
porous = ["bush"]
[height_m]
hedgehog = [0.1, 0.2]
[rules.prickly_first]
never = 'hides(A, B), is(B, "prickly")'
en = "nothing hides what is prickly"
zh = "没有东西挡住带刺的"
""",
        encoding="utf-8",
    )
    rules = load_rules(path)
    assert dropped(observed(A, B, a_b=0.9, b_a=0.8), rules) == {"a_b": ("prickly_first",)}
    (change,) = check(observed(A, B, a_b=0.9), rules).changes
    assert "nothing hides what is prickly" in change.why.en
    assert "没有东西挡住带刺的" in change.why.zh
    assert rules.knowledge.height("Hedgehog") == (0.1, 0.2)
    assert "porous" not in rules.knowledge.of_kind("bush")
    assert "porous" in shipped_rules().knowledge.of_kind("bush")


def test_a_rule_with_a_weight_may_be_outweighed() -> None:
    rules = with_more(shipped_rules(), "[rules.r]\nnever = 'hides(A, B)'\nweight = 2\n", "own.toml")
    assert dropped(observed(A, B, a_b=0.8), rules) == {"a_b": ("r",)}
    assert found(observed(A, B, a_b=0.95), rules) == {"a_b": ()}


def test_a_rule_can_ask_for_a_relation_that_nobody_asked_about() -> None:
    rules = with_more(
        shipped_rules(), "[rules.r]\nnever = 'is(A, \"car\"), not hides(A, B), meets(A, B)'\n", "own.toml"
    )
    checked = check(observed(A, B), rules)
    (relation,) = checked.graph.relations
    assert (relation.probability, relation.raw_probability, relation.changed_by) == (None, None, ("r",))
    assert checked.changes[0].why.en.startswith(
        "The model does not say that the a hides part of the b, but it follows:"
    )


def test_common_sense_can_be_left_out() -> None:
    near, far = thing("near", (0, 300, 500, 800)), thing("far", (200, 200, 600, 500))
    rules = with_more(shipped_rules(), 'off = ["ground_contact"]', "own.toml")
    assert dropped(observed(near, far, far_near=0.9)) == {"far_near": ("ground_contact",)}
    assert dropped(observed(near, far, far_near=0.9), rules) == {}


def test_rules_that_contradict_each_other_are_named_and_no_others() -> None:
    rules = with_more(
        shipped_rules(),
        """
[rules.innocent]
never = 'hides(A, B), is(A, "cat")'
[rules.cars_hide]
never = 'is(A, "car"), meets(A, B), not hides(A, B)'
en = "cars hide what they meet"
[rules.cars_do_not]
never = 'is(A, "car"), hides(A, B)'
en = "cars hide nothing"
""",
        "own.toml",
    )
    with pytest.raises(BadInput) as error:
        check(observed(A, B), rules)
    assert str(error.value) == (
        "no picture like this can be true by these rules together: cars_hide (cars hide what they meet); "
        "cars_do_not (cars hide nothing); take out or weaken one of yours (cars_hide, cars_do_not), or give it a weight"
    )
    assert found(observed(B), rules) == {}, "of other pictures they say nothing"


def test_a_rule_that_contradicts_one_of_ours_is_named_with_it() -> None:
    both = "[rules.both]\nnever = 'meets(A, B), not hides(A, B)'\nen = 'what meets hides'\n"
    with pytest.raises(
        BadInput, match=r"one_direction \(of two.*both \(what meets hides\); take out .* yours \(both\)"
    ):
        check(observed(A, B), with_more(shipped_rules(), both, "own.toml"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = [", "own.toml is not TOML"),
        ("tags = 1", "'tags' is not known here; a file of rules has is, is_not, height_m"),
        ("is = 3", "is must be a table"),
        ("[is]\nporous = 'bush'", "is.porous must be a list of kinds"),
        ("[height_m]\ncar = [2, 1]", r"height_m.car must be two heights in metres, .* it is \[2, 1\]"),
        ("off = ['overlap']", "off must list rules among within_mirror, may_carry"),
        ("rules = 3", "rules must be tables"),
        ("[rules.overlap]\nnever = 'hides(A, B)'", "a rule 'overlap' is there already"),
        ("[rules.r]\nen = 'x'", "rules.r needs what must never hold"),
        (
            "[rules.r]\nnever = 'hides(A, B)'\nweigth = 1",
            "rules.r: 'weigth' is not known here; a rule has never, weight",
        ),
        ("[rules.r]\nnever = 'hides(A, B)'\nweight = 0", "weight must lie above 0"),
        ("[rules.r]\nnever = 'hides(A, B)'\nen = 3", "en and zh must be sentences"),
        ("[rules.r]\nnever = 'hides(A B)'", "cannot be read .*syntax error"),
        ("[rules.r]\nnever = 'hide(A, B)'", r"hide\(A,B\) cannot be asked; a condition knows object, is"),
        ("[rules.r]\nnever = 'hides(A)'", r"hides\(A\) cannot be asked"),
        ("[rules.r]\nnever = 'not hides(A, B)'", "unsafe"),
        ("[rules.r]\nnever = 'hides(A, B). hides(A, A)'", "one condition, without a full stop"),
        ("[rules.r]\nnever = 'is(A, @f(1))'", "calls a program"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(BadData, match=said):
        with_more(shipped_rules(), text, "own.toml")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"none\.toml"):
        load_rules(tmp_path / "none.toml")
