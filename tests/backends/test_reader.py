"""Questions read through `open_reader`."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from tests.tiny_reader import LABELS, tiny_reader

from occlusight.backends.open import open_reader
from occlusight.errors import BadModel
from occlusight.model.text_encoder import save_reader


def test_readings_are_probabilities_in_the_order_of_the_questions(tmp_path: Path) -> None:
    save_reader(tmp_path, *tiny_reader())
    read = open_reader(tmp_path)
    readings = read(["does x1 hide x2?", "how many x1?", "x1被x2挡住吗"])
    assert [tuple(reading.labels) for reading in readings] == [LABELS] * 3
    for reading, alone in zip(
        readings, map(read, (["does x1 hide x2?"], ["how many x1?"], ["x1被x2挡住吗"])), strict=True
    ):
        assert math.isclose(sum(reading.labels.values()), 1, abs_tol=1e-5)
        assert 0 < reading.hides < 1
        assert 0 < reading.inside < 1
        assert math.isclose(reading.hides, alone[0].hides, abs_tol=1e-5)
    assert read([]) == ()


def test_a_temperature_makes_it_less_sure(tmp_path: Path) -> None:
    model, tokenizer = tiny_reader()
    save_reader(tmp_path, model, tokenizer)
    (tmp_path / "config.json").write_text(
        (tmp_path / "config.json").read_text("utf-8").replace('"label_temperature": 2.0', '"label_temperature": 20.0'),
        "utf-8",
    )
    flat = max(open_reader(tmp_path)(["how many x1?"])[0].labels.values())
    save_reader(tmp_path, model, tokenizer)
    assert flat < max(open_reader(tmp_path)(["how many x1?"])[0].labels.values())


def test_a_folder_that_is_no_reader_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="not the checkpoint of a reader"):
        open_reader(tmp_path)
