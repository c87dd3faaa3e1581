"""Training a reader: its examples, a short run, its report."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import torch
from tests.tiny_reader import LABELS, tiny_reader

from occlusight.datasets.wordings import Wording, read_wordings
from occlusight.errors import BadData
from occlusight.model.text_encoder import ReaderConfig, ReaderLogits
from occlusight.scenes.meshes.catalogue import whole_catalogue
from occlusight.train.reader import ReaderRecipe, calibrated, fit, read
from occlusight.train.reader_examples import Example, Examples
from occlusight.train.reader_report import report
from occlusight.train.wording_set import split, without_names

HIDES = Wording("en.1", "en", "occl", "does {A} hide {B}")
HIDDEN = Wording("en.2", "en", "occl_passive", "is {A} hidden by {B}")
COUNT = Wording("en.3", "en", "count", "how many {CS}")
OUTSIDE = Wording("en.4", "en", "out_of_scope", "who is driving the car")


@pytest.mark.parametrize(
    ("kind", "text", "label", "hides"),
    [
        ("occl", "does {A} hide {B}", "hides:12", True),
        ("occl_why", "is {B} behind {A}, unseen, and why", "hides+why:21", False),
        ("occl_passive", "is {A} hidden by {B}", "hides:21", False),
        ("position", "seen from {B}, where is {A}", "position:21", None),
        ("exists_coloured", "is there a {S} {C}", "exists:1", None),
        ("out_of_scope", "who are you", None, None),
    ],
)
def test_an_example_has_the_label_of_its_slots_in_their_order(
    kind: str, text: str, label: str | None, hides: bool | None
) -> None:
    examples = Examples((HIDES,), whole_catalogue(), Random(0))
    example = examples.plain(Wording("x", "en", kind, text))
    assert (example.label, example.hides, example.inside) == (label, hides, kind != "out_of_scope")


def test_names_are_cut_in_the_order_of_their_mention() -> None:
    assert (
        without_names("is there a {S} {C} behind {A}, or {A} behind it") == "is there a x1 behind x2, or x2 behind it"
    )


def test_a_split_moves_no_wording_when_others_are_added() -> None:
    wordings = [Wording(f"en.{i}", "en", "count", "?") for i in range(2000)]
    half, whole = split(wordings[::2], 7), split(wordings, 7)
    assert set(half.held_out) == set(whole.held_out) & set(wordings[::2])
    assert 0.12 < len(whole.held_out) / 2000 < 0.18
    assert 0.03 < len(whole.calibration) / 2000 < 0.07
    assert not {*whole.train} & {*whole.held_out, *whole.calibration}
    assert split(wordings, 8).held_out != whole.held_out


def test_a_line_without_a_field_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.en.jsonl").write_text('{"id": "en.1", "lang": "en", "kind": "count"}\n', "utf-8")
    with pytest.raises(BadData, match=r"mine\.en\.jsonl, line 1 has no field 'text'"):
        read_wordings([tmp_path])
    with pytest.raises(BadData, match="no wordings"):
        read_wordings([tmp_path / "none"])


def test_examples_keep_direction_and_label_in_step() -> None:
    examples = Examples((HIDES, HIDDEN, COUNT, OUTSIDE), whole_catalogue(), Random(4))
    seen = [examples.draw() for _ in range(400)]
    hiding = [e for e in seen if e.hides is not None]
    assert {e.hides for e in hiding} == {True, False}
    assert all(e.label == ("hides:12" if e.hides else "hides:21") for e in hiding)
    assert any("x1" not in e.text and e.kind == "occl" for e in seen)  # some keep their names
    outside = {e.text for e in seen if not e.inside}
    assert any("x1" in text for text in outside)
    assert all(e.label is None for e in seen if not e.inside)


def test_two_questions_in_one_are_put_together_from_any_two() -> None:
    both = Wording("en.5", "en", "two_in_one", "how many {CS}, and does {A} hide {B}", ("count", "occl"))
    seen = [Examples((HIDES, HIDDEN, both), whole_catalogue(), Random(i)).draw() for i in range(200)]
    twice = [e.text for e in seen if e.kind == "two_in_one"]
    assert {e.label for e in seen if e.kind == "two_in_one"} == {"two_in_one:"}
    assert any("how many" in text.lower() for text in twice)
    assert any(text.lower().count("is x") + text.lower().count("does x") == 2 for text in twice)
    assert any(" it" in text for text in twice)


def test_a_short_run_learns_what_it_is_shown() -> None:
    wordings = (HIDES, COUNT, OUTSIDE)
    examples = Examples(wordings, whole_catalogue(), Random(5))
    model, tokenizer = tiny_reader(LABELS)
    model.config = ReaderConfig(model.config.encoder, LABELS, head=8)
    recipe = ReaderRecipe(draws=320, batch=8, learning_rate=3e-3, head_rate=2e-2, frozen=1, dropout=0.0)
    told: list[str] = []
    torch.manual_seed(0)
    fit(model, tokenizer, examples, recipe, lambda what, done, total: told.append(f"{what} {done}/{total}"))
    assert told[-1].endswith("40/40")
    plain = [examples.plain(wording) for wording in wordings]
    logits = read(model, tokenizer, [example.text for example in plain])
    said = [LABELS[i] for i in logits.labels.argmax(-1).tolist()]
    assert said[0].startswith("hides:")
    assert said[1] == "count:1"


def test_calibration_makes_a_reader_that_is_right_surer_and_one_that_is_wrong_less_sure() -> None:
    examples = Examples((HIDES, COUNT, OUTSIDE), whole_catalogue(), Random(6))
    model, tokenizer = tiny_reader(LABELS)
    plain = [examples.plain(wording) for wording in (HIDES, COUNT)]
    logits = read(model, tokenizer, [example.text for example in plain])
    best, worst = (
        [replace(e, label=LABELS[i]) for e, i in zip(plain, chosen.tolist(), strict=True)]
        for chosen in (logits.labels.argmax(-1), logits.labels.argmin(-1))
    )
    assert calibrated(model, tokenizer, best).label_temperature < 0.5
    assert calibrated(model, tokenizer, worst).label_temperature > 5


def test_a_report_counts_programs_directions_and_scope() -> None:
    config = ReaderConfig(tiny_reader()[0].config.encoder, ("count:1", "hides:12", "hides:21"))
    examples = [
        Example("does x1 hide x2", "hides:12", True, True, "en", "occl"),
        Example("is x1 hidden by x2", "hides:21", False, True, "en", "occl_passive"),
        Example("x1有几个", "count:1", None, True, "zh", "count"),
        Example("hello", None, None, False, "en", "out_of_scope"),
        Example("and you", None, None, False, "en", "out_of_scope"),
    ]
    labels = torch.tensor([[0.0, 9, 0], [0, 9, 0], [9, 0, 0], [0, 0, 0], [0, 0, 0]])
    logits = ReaderLogits(labels, torch.tensor([9.0, 9, 0, 0, 0]), torch.tensor([9.0, 9, -9, -9, 9]))
    figures = report(examples, logits, config).figures
    assert math.isclose(figures["program"], 2 / 3)
    assert figures["program_zh"] == 1
    assert figures["reversed_by_head"] == figures["reversed_where_sure"] == 0.5
    assert figures["reversed_by_label"] == 0.5
    assert figures["both_directions"] == 0
    assert math.isclose(figures["scope_auroc"], 3.5 / 6, rel_tol=1e-6)
    assert figures["outside_declined"] == 0.5
    assert math.isclose(figures["good_declined"], 1 / 3)
    assert figures["confusions"] == [["hides:21", "hides:12", 1]]
    assert "| occl_passive | 0/1 | 0/0 |" in report(examples, logits, config).text
