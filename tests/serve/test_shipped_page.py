"""The page as it ships, with the shipped model, in a real browser: the picture build/page.png shows it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from occlusight.api import in_any_words
from occlusight.backends import open_backend
from occlusight.backends.hub import shipped
from occlusight.errors import BadModel
from occlusight.serve.page.examples import shipped_examples


@pytest.mark.page
def test_the_shipped_model_answers_the_first_example(serve: Callable[..., str], open_tab: Callable[..., Any]) -> None:
    try:
        shipped("default")
    except BadModel:
        pytest.skip("this checkout has no shipped model")
    examples = tuple(shipped_examples())
    if not examples:
        pytest.skip("this checkout has no examples")
    tab = open_tab(serve(in_any_words(open_backend("default")), examples), "zh-CN")
    tab.page.click(".example >> nth=0")
    answer = tab.ended()
    tab.shoot("page.png")
    assert "截断" not in tab.status
    assert re.search("一辆(红色的)?汽车", answer)
    assert "路灯" in answer


@pytest.mark.page
@pytest.mark.slow
def test_the_shipped_model_says_what_hides_what_in_the_first_example(
    serve: Callable[..., str], open_tab: Callable[..., Any]
) -> None:
    tab = open_tab(serve(open_backend("default"), tuple(shipped_examples())))
    tab.page.wait_for_selector(".card", timeout=120_000)
    card = tab.page.inner_text(".card")
    assert "street lamp" in card
    assert "red car" in card
    assert " %" in card
