"""What is offered to be asked where there is no graph: of a picture that nobody has looked at, and of a foreign one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.serve.conftest import serving
from tests.serve.test_accessibility import violations
from tests.serve.test_graph import known

from occlusight.backends.scripted import Scripted
from occlusight.serve.page.examples import shipped_examples
from occlusight.serve.page.words import all_words

EN = all_words()["en"]


@pytest.mark.page
def test_own_pictures_are_offered_what_any_can_be_asked_and_foreign_ones_the_scenes_that_are_known(
    monkeypatch: pytest.MonkeyPatch, open_tab: Callable[..., Any], pictures: list[Path]
) -> None:
    examples = tuple(shipped_examples())
    see = lambda path: known(path if path.with_suffix(".json").exists() else examples[0].picture, 0.02)  # noqa: E731
    monkeypatch.setattr("occlusight.serve.page.page.seeing", lambda backend: see)
    with serving(Scripted("It is hidden."), examples) as address:
        tab = open_tab(address)
        tab.asked("Is it hidden?")
        tab.add(pictures[0])
        offered = tab.page.locator("#suggestions button, .next button").all_inner_texts()
        assert len(offered) == len(set(offered)) >= 5
        assert {EN["ask_what"], EN["ask_nearest"], EN["ask_hidden"]} <= set(offered)
        tab.page.click("#look")
        tab.page.wait_for_selector("#under .note b")
        assert EN["photograph"].format(share="98 %") in tab.page.inner_text("#under")
        assert tab.page.locator("#suggestions button").count() == 0
        assert tab.page.locator(".known .example").count() == len(examples) - 1  # one of them is here already
        assert violations(tab) == []
        tab.page.click(".known .example >> nth=1")
        assert tab.ended() == "It is hidden."
        assert tab.problems == []
