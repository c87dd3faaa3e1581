"""Labels: every wording has one, every step of programs is meant by one, and label and names make the program."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path

import pytest

import occlusight.train
from occlusight.errors import BadInput
from occlusight.questions import registry
from occlusight.reasoning.labels import (
    FOLLOWUP,
    FORMS,
    LABELS,
    OTHER_WORDS,
    TWO_IN_ONE,
    UNLABELLED,
    UNREAD,
    Label,
    label_of,
)

TRAINED = Path(occlusight.train.__file__).parent / "wordings"
HELD_OUT = Path(__file__).parent / "wordings"
WORDINGS = [
    json.loads(line)
    for path in (*TRAINED.glob("*.jsonl"), *(HELD_OUT / f"{lang}.jsonl" for lang in ("en", "zh")))
    for line in path.read_text(encoding="utf-8").splitlines()
]
ABOUT_OTHERS = (FOLLOWUP, TWO_IN_ONE)


def slots_of(text: str) -> list[str]:
    found = re.findall(r"\{(\w*)\}", text)
    return list(dict.fromkeys(slot.replace("CS", "C") for slot in found if slot != "S"))


def test_every_wording_has_a_label_and_every_label_a_wording() -> None:
    found = set()
    for line in WORDINGS:
        slots = slots_of(line["text"])
        label = label_of(line["kind"], slots)
        assert (label is None) == (line["kind"] in UNLABELLED)
        if label is not None:
            assert label.text in LABELS
            assert label.fits(len(slots)) or label.form.op == TWO_IN_ONE
            found.add(label.text)
            if label.form.slots and not label.form.symmetric:  # names are numbered in another order in another wording
                found.add(label.reversed.text)
    assert found == set(LABELS)


def test_every_step_is_meant_by_a_label() -> None:
    meant = {form.op for form in FORMS} - {*ABOUT_OTHERS}
    other = {op for ops in OTHER_WORDS.values() for op in ops}
    assert not meant & other
    assert meant | other | set(UNREAD) == set(registry.steps())


def test_programs_have_the_arguments_of_their_steps() -> None:
    about_any = {("remove", 1), ("through", 1), ("mirrored", 1)}  # the rest is everything, or any mirror
    for label in LABELS.values():
        if label.form.op in ABOUT_OTHERS:
            continue
        program = label.program([f"x{i + 1}" for i in range(len(label.form.slots))])
        for op, arguments in program:
            if (op, len(arguments)) not in about_any:
                inspect.signature(registry.steps()[op]).bind(None, *arguments)


@pytest.mark.parametrize(
    ("kind", "slots", "label"),
    [
        ("occl", "AB", "hides:12"),
        ("occl", "BA", "hides:21"),
        ("occl_passive", "AB", "hides:21"),
        ("occl_passive", "BA", "hides:12"),
        ("occl_why", "BA", "hides+why:21"),
        ("position", "BA", "position:21"),
        ("depth_pair", "BA", "nearer:12"),
        ("seed_like", "CA", "count_position:12"),
        ("remove", "A", "remove:1"),
        ("remove", "BA", "remove:21"),
        ("visible_all", "", "anything_hidden:"),
        ("describe", "", "list_all:"),
        ("two_in_one", "CA", "two_in_one:"),
    ],
)
def test_a_wordings_label(kind: str, slots: str, label: str) -> None:
    found = label_of(kind, list(slots))
    assert found is not None
    assert found.text == label
    assert Label.parse(label) == found


@pytest.mark.parametrize(
    ("label", "names", "program"),
    [
        ("hides:12", ["post", "car"], [["hides", ["post", "car"]]]),
        ("hides+why:21", ["car", "post"], [["hides", ["post", "car"]]]),
        ("count:1", ["dog"], [["recognised", ["dog"]], ["count", ["$0", "dog"]]]),
        (
            "count_position:21",
            ["sofa", "chair"],
            [["recognised", ["chair"]], ["count_position", ["$0", "chair", "sofa"]]],
        ),
        ("nearest:", [], [["recognised", []], ["nearest", ["$0"]]]),
        ("anything_hidden:", [], [["anything_hidden", []]]),
    ],
)
def test_label_and_names_make_the_program(label: str, names: list[str], program: list) -> None:
    assert Label.parse(label).program(names) == program


def test_a_label_needs_as_many_names_as_it_has_slots() -> None:
    label = Label.parse("hides:12")
    assert label.fits(2)
    assert not label.fits(1)
    with pytest.raises(BadInput, match="needs 2 names, but 1 were given"):
        label.program(["car"])
    with pytest.raises(BadInput, match="no program"):
        Label.parse("followup:1").program(["car"])


def test_an_unknown_label_or_wording_is_refused() -> None:
    with pytest.raises(BadInput, match="must be one of hides:12"):
        Label.parse("hides:13")
    with pytest.raises(BadInput, match="name A"):
        label_of("occl", ["A"])
    with pytest.raises(BadInput, match="'sing'"):
        label_of("sing", [])


def test_who_hides_whom_is_said_by_the_order() -> None:
    assert Label.parse("hides:12").direction is True
    assert Label.parse("hides+why:21").direction is False
    assert Label.parse("position:21").direction is None
    assert Label.parse("hides:12").reversed == Label.parse("hides:21")
