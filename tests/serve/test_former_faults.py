"""What was wrong with the first page, each shown to be gone. Of these, other files show:

- a bad upload, a video or a failed paste told in English, with a server's path, or not at all, and too few formats
  named: `test_bringing.py`;
- an answer left beside a new picture: `test_conversation.py`;
- examples below the fold on a phone, and an answer out of sight after a tap: `test_page.py`;
- weak grey in the dark: `test_accessibility.py` and `test_room.py`, by axe-core;
- half of the start after the model is loaded: `test_starting.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.serve.replies import EN_WORDS, ZH_WORDS, Replies

from occlusight.serve.page.examples import shipped_examples

pytestmark = [pytest.mark.page, pytest.mark.usefixtures("no_graphs")]
BOXES = """names => names.map((name) => [...document.querySelectorAll(name)].map((e) => {
  const { left, top, right, bottom } = e.getBoundingClientRect();
  return [left, top, right, bottom];
}))"""


WRITTEN = """(e) => {
  const range = document.createRange();
  range.selectNodeContents(e);
  return [...range.getClientRects()].map((box) => box.right);
}"""


def test_no_setting_can_be_emptied_so_that_one_token_is_all_that_is_said(
    serve: Callable[..., str], open_tab: Callable[..., Any], pictures: list[Path]
) -> None:
    backend = Replies()
    tab = open_tab(serve(backend))
    tab.add(pictures[0])
    assert tab.page.locator("#settings input:is([type=number], [type=text])").count() == 0
    slider = tab.page.locator("#set-max_tokens")
    slider.focus()
    tab.page.keyboard.press("Home")
    slider.evaluate("(e) => { e.value = ''; e.dispatchEvent(new Event('input')); }")  # a slider falls back to a number
    tab.asked("Is it hidden?")
    assert backend.requests[-1].sampling.max_tokens >= 16
    tab.page.fill("#set-system", " ")
    tab.page.press("#set-system", "Tab")
    tab.asked("Is it hidden?")
    assert backend.requests[-1].system is None


@pytest.mark.parametrize("width", [1400, 390])
def test_a_broken_picture_with_a_long_name_stays_in_its_column(
    serve: Callable[..., str], open_tab: Callable[..., Any], pictures: list[Path], tmp_path: Path, width: int
) -> None:
    tab = open_tab(serve(Replies()), "zh-CN", width)
    broken = tmp_path / ("w" * 200 + ".png")
    broken.write_bytes(pictures[0].read_bytes()[:60])
    said = tab.refused(broken)
    assert "/" not in said
    assert said.strip() == ZH_WORDS["e_broken"].format(name=broken.name)
    ((left, _, right, _),), ((note_left, _, note_right, _),) = tab.page.evaluate(BOXES, [".ask", "#say"])
    assert left <= note_left < note_right <= right <= width
    ends = tab.page.eval_on_selector("#say span", WRITTEN)
    assert max(ends) <= note_right


@pytest.mark.parametrize(("locale", "words"), [("en-US", EN_WORDS), ("zh-CN", ZH_WORDS)])
def test_nothing_on_the_page_is_jargon(
    serve: Callable[..., str], open_tab: Callable[..., Any], pictures: list[Path], locale: str, words: dict[str, str]
) -> None:
    tab = open_tab(serve(Replies(), tuple(shipped_examples())), locale)
    tab.add(pictures[0])
    tab.asked("Is it hidden?")
    assert words["in"].split("{")[0].strip() in tab.status
    shown = tab.page.inner_text("#app")
    assert "0.4" in shown  # the seconds that it looked
    assert not re.search(r"token|piece|prompt|prefill|词元|令牌|提示词", shown, re.IGNORECASE)
    said = " ".join(words.values())
    assert not re.search(r"\btokens?\b|\bpieces?\b|\bprompt\b|prefill|词元|令牌|提示词", said, re.IGNORECASE)


def test_the_columns_fill_the_page_and_no_label_covers_an_example(
    serve: Callable[..., str], open_tab: Callable[..., Any]
) -> None:
    examples = tuple(shipped_examples())
    tab = open_tab(serve(Replies(), examples))
    tab.page.wait_for_function("[...document.querySelectorAll('.example img')].every((one) => one.naturalWidth > 0)")
    columns, labels, pictures, cards = tab.page.evaluate(
        BOXES, [".frame > *", ".first h2, .first .example span", ".first .example img", ".first .example"]
    )
    assert [round(box[0]) for box in columns] == [0, *(round(box[2]) for box in columns[:-1])]
    assert round(columns[-1][2]) == 1400
    for left, top, right, bottom in labels:
        assert not [p for p in pictures if left < p[2] and p[0] < right and top < p[3] and p[1] < bottom]
    assert len(cards) == len(examples)
    rows = {round(box[1]) for box in cards}
    for row in rows:  # each row goes to the end of its column
        assert max(box[2] for box in cards if round(box[1]) == row) == pytest.approx(columns[-1][2] - 16, abs=2)
