"""The reader of questions that ships: small, quick to open, and it reads plain questions rightly."""

from __future__ import annotations

import pytest

from occlusight.backends.open import SHIPPED_READER, open_reader
from occlusight.backends.reader import Reader
from occlusight.reasoning.labels import LABELS


@pytest.fixture(scope="module")
def read() -> Reader:
    return open_reader()


def test_it_takes_at_most_25_megabytes() -> None:
    assert sum(path.stat().st_size for path in SHIPPED_READER.iterdir()) <= 25_000_000


@pytest.mark.parametrize(
    ("question", "label"),
    [
        ("Does x1 hide x2?", "hides:12"),
        ("Is x1 hidden by x2?", "hides:21"),
        ("x1挡住x2了吗?", "hides:12"),
        ("x1被x2挡住了吗?", "hides:21"),
        ("What is hiding x1?", "who_hides:1"),
        ("x1被什么挡住了?", "who_hides:1"),
        ("How many x1 are there?", "count:1"),
        ("图里有几辆x1?", "count:1"),
        ("What is in the picture?", "list_all:"),
        ("哪个物体离我们最近?", "nearest:"),
    ],
)
def test_plain_questions_are_read_rightly(read: Reader, question: str, label: str) -> None:
    reading = read([question])[0]
    assert set(reading.labels) <= set(LABELS)
    assert max(reading.labels, key=lambda name: reading.labels[name]) == label
    assert reading.inside > 0.5
    direction = LABELS[label].direction
    if direction is not None:
        assert (reading.hides > 0.5) is direction


@pytest.mark.parametrize("question", ["Write me a poem about the sea", "今天股票行情怎么样"])
def test_what_no_picture_tells_is_outside(read: Reader, question: str) -> None:
    assert read([question])[0].inside < 0.5
