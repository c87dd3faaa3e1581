"""The page's parts without a browser."""

from __future__ import annotations

import dataclasses
import json
import string
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from occlusight.backends.protocol import Done, Timings, Usage
from occlusight.backends.scripted import Scripted
from occlusight.errors import BadData
from occlusight.web.answering import Answering
from occlusight.web.desk import Desk, ending, line
from occlusight.web.examples import shipped_examples
from occlusight.web.texts import TEXTS, Texts, preferred


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(Texts)])
def test_both_languages_say_everything(field: str) -> None:
    zh, en = getattr(TEXTS["zh"], field), getattr(TEXTS["en"], field)
    assert zh
    assert en
    assert fields(zh) == fields(en)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-US,en;q=0.9,zh;q=0.8", "en"),
        ("fr, zh-TW", "zh"),
        ("fr", "en"),
        ("", "en"),
        (None, "en"),
    ],
)
def test_the_first_language_is_the_browsers(header: str | None, language: str) -> None:
    assert preferred(header) == language


def asked(desk: Desk, path: str | None, question: str, page: str = "p") -> list[tuple[Any, ...]]:
    request: Any = SimpleNamespace(session_hash=page)
    return list(desk.ask(path, question, 0.0, 1.0, 64.0, "en", request))


def test_an_answer_grows_and_ends_with_its_figures(pictures: list[Path]) -> None:
    backend = Scripted("The lamp post hides the car.", piece=5)
    shown = asked(Desk(backend), str(pictures[0]), "Why?")
    texts = [text for text, *_ in shown if isinstance(text, str)]
    assert texts == sorted(texts, key=len)
    assert texts[-1] == "The lamp post hides the car."
    assert "status done" in shown[-1][1]
    assert backend.requests[0].max_tokens == 64


def test_a_refused_request_is_shown_and_escaped() -> None:
    backend = Scripted({"<b>": "x"})
    status = asked(Desk(backend), "x.png", "<i>?")[-1][1]
    assert "status problem" in status
    assert "<i>" not in status


@pytest.mark.parametrize(
    ("path", "question", "text"), [(None, "q", "choose a picture"), ("x.png", "  ", "write a question")]
)
def test_nothing_to_ask(path: str | None, question: str, text: str) -> None:
    backend = Scripted("x")
    assert text in asked(Desk(backend), path, question)[-1][1]
    assert backend.requests == []


def test_a_second_question_of_a_page_stops_the_first(pictures: list[Path]) -> None:
    desk = Desk(Scripted("one two three four", piece=1))
    request: Any = SimpleNamespace(session_hash="p")
    first = desk.ask(str(pictures[0]), "q", 0.0, 1.0, 64.0, "en", request)
    for _ in range(4):
        next(first)
    assert asked(desk, str(pictures[0]), "q")[-1][0] == "one two three four"
    assert asked(desk, str(pictures[0]), "q", page="another")[-1][0] == "one two three four"
    assert "status stopped" in list(first)[-1][1]


def test_a_replaced_answer_leaves_the_page_to_the_next(pictures: list[Path]) -> None:
    desk = Desk(Scripted("one two three four", piece=1))
    request: Any = SimpleNamespace(session_hash="p")
    first, second = (desk.ask(str(pictures[0]), "q", 0.0, 1.0, 64.0, "en", request) for _ in range(2))
    for answering in (first, second):
        for _ in range(4):
            next(answering)
    assert list(first) == []
    assert "status done" in list(second)[-1][1]


def test_an_unforeseen_failure_leaves_the_page_usable(pictures: list[Path], caplog: pytest.LogCaptureFixture) -> None:
    def fail(request: object) -> str:
        raise RuntimeError("out of memory")

    *_, (_, status, ask, stop) = asked(Desk(Scripted(fail)), str(pictures[0]), "q")
    assert "No answer: RuntimeError" in status
    assert ask["interactive"]
    assert not stop["interactive"]
    assert "out of memory" in caplog.text


def test_a_cut_answer_is_marked() -> None:
    answering = Answering(Scripted("x"), SimpleNamespace())  # type: ignore[arg-type]
    answering.done = Done("length", Usage(10, 5, 4), Timings(0.5, 0.1, 0.7, 2.0, image_cached=True))
    status = ending(TEXTS["en"], answering)
    assert status.startswith(line("Cut at max_tokens · Done · 5 tokens", "done").removesuffix("</div>"))
    assert "2 tokens/s" in status
    assert "picture seen before" in status


def test_shipped_examples_exist() -> None:
    for example in shipped_examples():
        assert example.picture.is_file()
        assert example.zh
        assert example.en


def test_a_wrong_list_of_examples_is_an_error(tmp_path: Path) -> None:
    assert shipped_examples(tmp_path) == []
    (tmp_path / "examples.json").write_text(json.dumps([{"picture": "a.webp", "zh": "?", "en": "?"}]))
    with pytest.raises(BadData, match=r"a\.webp"):
        shipped_examples(tmp_path)
    (tmp_path / "examples.json").write_text(json.dumps([{"picture": "a.webp"}]))
    with pytest.raises(BadData, match="picture, zh and en"):
        shipped_examples(tmp_path)
