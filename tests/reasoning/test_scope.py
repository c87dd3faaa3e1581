"""Whether pictures can tell a question: whether something is there they can, whatever it is."""

from __future__ import annotations

import pytest

from occlusight.reasoning.names import named
from occlusight.reasoning.scope import scope_of


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("is there an elephant", True),
        ("Are there any zebras in the picture?", True),
        ("有大象吗", True),
        ("图里有没有大象?", True),
        ("is there an elephant that can fly", False),
        ("has the elephant been to school", False),
    ],
)
def test_of_what_is_not_known_it_is_only_told_whether_it_is_there(question: str, told: bool) -> None:
    found = named(question)
    assert not any(name.kinds for name in found.names)
    assert (scope_of(0.9, 0.9, found.names, found.without()) > 0.5) == told
