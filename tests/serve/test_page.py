"""The page in a real browser: it answers, stops, speaks both languages, and asks no other host for anything."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

from occlusight.backends.local import LocalBackend
from occlusight.backends.protocol import (
    Backend,
    CancelCheck,
    Done,
    Event,
    ModelInfo,
    Request,
    TextDelta,
    Timings,
    Usage,
)
from occlusight.serve.page.examples import Example
from occlusight.serve.page.texts import TEXTS

pytestmark = pytest.mark.page
ZH = "图中有几辆车?它们与路灯杆的位置关系是什么?"
EN = "How many cars are there, and where are they relative to the lamp post?"
REPLIES = {
    ZH: "图中有一辆红色轿车,它在路灯杆后面。路灯杆遮挡了它的中间部分,所以路灯杆更近。",
    EN: "There is one red car, behind the lamp post. The post hides part of its middle, so the post is nearer.",
}


class Replies(Backend):
    """Known answers, a character at a time."""

    info = ModelInfo("default", "r", 4096, dtype="float32")

    def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
        text = REPLIES.get(request.prompt, "?")
        for character in text:
            time.sleep(0.005)
            yield TextDelta(character)
        yield Done("stop", Usage(280, len(text), 256), Timings(0.42, 0.1, 0.52, len(text) * 0.005))


@pytest.fixture
def examples(pictures: list[Path]) -> tuple[Example, ...]:
    return (Example(pictures[3], ZH, EN), Example(pictures[1], "自行车是否被遮挡?", "Is the bicycle hidden?"))


@pytest.mark.parametrize(
    ("locale", "question", "width"),
    [
        ("zh-CN", ZH, 1280),
        ("en-US", EN, 390),
        pytest.param("en-US", EN, 1280, marks=pytest.mark.slow),
        pytest.param("zh-CN", ZH, 390, marks=pytest.mark.slow),
    ],
)
def test_one_click_on_an_example_asks_it(
    serve: Callable[..., str],
    open_tab: Callable[..., Any],
    examples: tuple[Example, ...],
    locale: str,
    question: str,
    width: int,
) -> None:
    address = serve(Replies(), examples)
    tab = open_tab(address, locale, width)
    t = TEXTS["zh" if locale == "zh-CN" else "en"]
    tab.page.wait_for_selector(f"#ask:has-text('{t.ask}')")
    assert t.renders in tab.page.inner_text("#note")
    assert "occlusight serve --model Qwen/Qwen3-VL-2B-Instruct" in tab.page.inner_text("#note")
    tab.page.click("#examples .thumbnail-item >> nth=0")
    status = tab.status("done")
    assert tab.answer == REPLIES[question]
    assert "256" in status
    assert tab.page.input_value("#question textarea") == question
    assert tab.page.locator("#picture img").count() == 1
    shot = tab.shoot(f"page_{locale[:2]}_{width}.png")
    with Image.open(shot) as image:
        assert image.width == width  # nothing sticks out at the side
    assert {urlsplit(url).netloc for url in tab.requests if not url.startswith(("data:", "blob:"))} == {
        urlsplit(address).netloc
    }
    assert tab.problems == []


def test_an_uploaded_picture_is_answered_by_the_engine_as_in_python(
    serve: Callable[..., str], open_tab: Callable[..., Any], tiny_checkpoint: Path, pictures: list[Path]
) -> None:
    tab = open_tab(serve(LocalBackend(tiny_checkpoint)))
    tab.limit(24)
    tab.fill("Is it hidden?", pictures[1])
    tab.page.press("#question textarea", "Enter")
    tab.status("done")
    assert tab.answer.split() == in_python(tiny_checkpoint, pictures[1], 24)


def in_python(checkpoint: Path, picture: Path, tokens: int) -> list[str]:
    """Return the words of the answer to the question that is asked here."""
    request = Request("Is it hidden?", (picture,), max_tokens=tokens)
    events = LocalBackend(checkpoint).generate(request)
    return "".join(e.text for e in events if isinstance(e, TextDelta)).split()


def slow(backend: LocalBackend) -> list[float]:
    """Make every pass through the first decoder layer take 30 ms; returns when each happened."""
    passes: list[float] = []

    def hold(*_: Any) -> None:
        passes.append(time.monotonic())
        time.sleep(0.03)

    backend.engine.model.text.layers[0].register_forward_hook(hold)
    return passes


def settled(passes: list[float]) -> bool:
    """Return whether the model has stopped running."""
    count = len(passes)
    time.sleep(0.4)
    return len(passes) == count


def test_the_stop_button_stops_the_computation(
    serve: Callable[..., str], open_tab: Callable[..., Any], tiny_checkpoint: Path, pictures: list[Path]
) -> None:
    backend = LocalBackend(tiny_checkpoint)
    passes = slow(backend)
    tab = open_tab(serve(backend))
    tab.fill("Is it hidden?", pictures[0])
    assert tab.page.is_disabled("#stop")
    tab.ask()
    tab.page.wait_for_function("document.querySelector('#answer textarea').value.length > 3")
    assert tab.page.is_disabled("#ask")
    tab.page.click("#stop")
    assert tab.status("stopped").startswith("Stopped")
    assert settled(passes)
    assert len(passes) < 512
    assert tab.page.is_disabled("#stop")
    assert tab.answer  # what came before the stop stays
    backend.engine.model.text.layers[0]._forward_hooks.clear()
    tab.ask()  # and the page is ready for more
    tab.status("done")


def test_closing_the_page_stops_the_computation(
    serve: Callable[..., str], open_tab: Callable[..., Any], tiny_checkpoint: Path, pictures: list[Path]
) -> None:
    backend = LocalBackend(tiny_checkpoint)
    passes = slow(backend)
    tab = open_tab(serve(backend))
    tab.fill("Is it hidden?", pictures[0])
    tab.ask()
    tab.page.wait_for_function("document.querySelector('#answer textarea').value.length > 3")
    tab.page.close()
    end = time.monotonic() + 10
    while not settled(passes):
        assert time.monotonic() < end
    assert len(passes) < 512


def test_what_cannot_be_asked_is_said_on_the_page(
    serve: Callable[..., str], open_tab: Callable[..., Any], tiny_checkpoint: Path, pictures: list[Path], tmp_path: Path
) -> None:
    tab = open_tab(serve(LocalBackend(tiny_checkpoint)), "zh-CN")
    tab.ask()
    assert tab.status("problem") == TEXTS["zh"].no_picture
    broken = tmp_path / "broken.png"
    broken.write_bytes(pictures[0].read_bytes()[:60])
    tab.page.set_input_files("#picture input[type=file]", str(broken))
    tab.page.wait_for_selector("#picture img", state="attached")
    tab.ask()
    tab.page.wait_for_function(f"document.querySelector('.status.problem')?.innerText == {TEXTS['zh'].no_question!r}")
    tab.page.fill("#question textarea", "有几辆车?")
    tab.ask()
    tab.page.wait_for_function("document.querySelector('.status.problem')?.innerText.includes('broken.png')")
    assert not tab.page.is_disabled("#ask")


def test_the_language_can_be_switched(
    serve: Callable[..., str], open_tab: Callable[..., Any], examples: tuple[Example, ...]
) -> None:
    tab = open_tab(serve(Replies(), examples, language="zh"))
    assert tab.page.inner_text("#ask") == "提问"
    tab.page.click("#language label:has-text('English')")
    tab.page.wait_for_function("document.querySelector('#ask').innerText == 'Ask'")
    tab.page.wait_for_function(f"document.querySelector('#examples').innerText.includes({EN!r})")
    assert TEXTS["en"].tagline in tab.page.inner_text("#heading")
    assert TEXTS["en"].renders in tab.page.inner_text("#note")


def test_another_model_goes_without_the_sentence_about_renders(
    serve: Callable[..., str], open_tab: Callable[..., Any]
) -> None:
    tab = open_tab(serve(Replies(), knows_photographs=True))
    assert TEXTS["en"].renders not in tab.page.inner_text("#note")
    assert tab.page.locator("#examples").count() == 0


def test_two_pages_get_their_own_answers(
    serve: Callable[..., str], open_tab: Callable[..., Any], tiny_checkpoint: Path, pictures: list[Path]
) -> None:
    backend = LocalBackend(tiny_checkpoint)
    address = serve(backend)
    first = open_tab(address)
    tabs = [first, first.beside(address), first.beside(address)]  # one more than are computed at a time
    for tab, picture in zip(tabs, pictures, strict=False):
        tab.limit(16)
        tab.fill("Is it hidden?", picture)
    slow(backend)
    for tab in tabs:
        tab.ask()
    for tab, picture in zip(tabs, pictures, strict=False):
        tab.status("done")
        assert tab.answer.split() == in_python(tiny_checkpoint, picture, 16)
    assert threading.active_count() < 100
