"""The page's parts without a browser."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import string
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from occlusight.backends.protocol import (
    Backend,
    CancelCheck,
    Done,
    Event,
    PictureUse,
    Progress,
    Request,
    TextDelta,
    Timings,
    Usage,
)
from occlusight.backends.scripted import Scripted
from occlusight.errors import BadData, BadInput, Cancelled
from occlusight.serve.fair_queue import FairQueue, Shares
from occlusight.serve.page.examples import shipped_examples
from occlusight.serve.page.handlers import Desk, coming, ending, line
from occlusight.serve.page.texts import TEXTS, Texts, preferred
from occlusight.serve.page.uploads import Uploads
from occlusight.serve.visitors import Visitor


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


VISITOR = Visitor("v" * 32, "127.0.0.1")


class Office(Desk):
    """A desk with its queue and uploads, and a page in front of it."""

    def __init__(self, backend: Backend, picture: Path | None = None, shares: Shares | None = None) -> None:
        super().__init__(backend, Uploads(), FairQueue(shares))
        self.picture = None
        if picture is not None:
            with picture.open("rb") as file:
                self.picture = {"path": self.uploads.add(VISITOR, picture.name, file)}

    def asking(self, question: str, page: str = "p", visitor: Visitor = VISITOR) -> AsyncIterator[tuple[Any, ...]]:
        request: Any = SimpleNamespace(
            session_hash=page, request=SimpleNamespace(state=SimpleNamespace(visitor=visitor))
        )
        return self.ask(self.picture, question, 0.0, 1.0, 64.0, "en", request)


@pytest.fixture
def office() -> Iterator[Callable[..., Office]]:
    """Open an office; its uploads are removed in the end."""
    with ExitStack() as stack:

        def open_one(*args: Any) -> Office:
            opened = Office(*args)
            stack.callback(opened.uploads.close)
            stack.callback(opened.close)
            return opened

        yield open_one


async def everything(shown: AsyncIterator[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [update async for update in shown]


def asked(desk: Office, question: str) -> list[tuple[Any, ...]]:
    return asyncio.run(everything(desk.asking(question)))


class Slowly(Scripted):
    """Takes a moment for every piece."""

    def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
        for event in super().generate(request):
            time.sleep(0.03)
            yield event


def test_an_answer_grows_and_ends_with_its_figures(pictures: list[Path], office: Callable[..., Office]) -> None:
    backend = Slowly("The lamp post hides the car.", piece=5)
    shown = asked(office(backend, pictures[0]), "Why?")
    texts = [text for text, *_ in shown if isinstance(text, str)]
    assert texts == sorted(texts, key=len)
    assert len(texts) > 2
    assert texts[-1] == "The lamp post hides the car."
    assert "status done" in shown[-1][1]
    assert backend.requests[0].sampling.max_tokens == 64


def test_a_refused_request_is_shown_and_escaped(pictures: list[Path], office: Callable[..., Office]) -> None:
    status = asked(office(Scripted({"<b>": "x"}), pictures[0]), "<i>?")[-1][1]
    assert "status problem" in status
    assert "<i>" not in status


@pytest.mark.parametrize(
    ("named", "question", "text"), [(False, "q", "choose a picture"), (True, "  ", "write a question")]
)
def test_nothing_to_ask(
    pictures: list[Path], office: Callable[..., Office], named: bool, question: str, text: str
) -> None:
    backend = Scripted("x")
    assert text in asked(office(backend, pictures[0] if named else None), question)[-1][1]
    assert backend.requests == []


def test_another_visitors_picture_is_not_there(pictures: list[Path], office: Callable[..., Office]) -> None:
    backend = Scripted("x")
    stranger = Visitor("w" * 32, "127.0.0.1")
    shown = asyncio.run(everything(office(backend, pictures[0]).asking("q", visitor=stranger)))
    assert "choose it again" in shown[-1][1]
    assert backend.requests == []


def test_a_second_question_of_a_page_stops_the_first(pictures: list[Path], office: Callable[..., Office]) -> None:
    desk = office(Slowly("one two three four", piece=1), pictures[0])

    async def three() -> None:
        first = desk.asking("q")
        for _ in range(3):
            await anext(first)
        assert (await everything(desk.asking("q")))[-1][0] == "one two three four"
        assert (await everything(desk.asking("q", page="another")))[-1][0] == "one two three four"
        assert "status stopped" in (await everything(first))[-1][1]

    asyncio.run(three())


def test_a_replaced_answer_leaves_the_page_to_the_next(pictures: list[Path], office: Callable[..., Office]) -> None:
    desk = office(Slowly("one two three four", piece=1), pictures[0])

    async def two() -> None:
        first, second = (desk.asking("q") for _ in range(2))
        for shown in (first, second):
            for _ in range(3):
                await anext(shown)
        assert await everything(first) == []
        assert "status done" in (await everything(second))[-1][1]

    asyncio.run(two())


def test_who_waits_sees_his_place_and_can_give_it_up(pictures: list[Path], office: Callable[..., Office]) -> None:
    backend = Slowly("one two three four", piece=1)
    desk = office(backend, pictures[0], Shares(at_once=1, of_a_member=3))

    async def together() -> list[list[tuple[Any, ...]]]:
        pages = [asyncio.create_task(everything(desk.asking(f"q{i}", page=str(i)))) for i in range(4)]
        await asyncio.sleep(0.1)
        await desk.stop(SimpleNamespace(session_hash="2"))  # type: ignore[arg-type]
        return list(await asyncio.gather(*pages))

    answered, waited, gave_up, refused = asyncio.run(together())
    assert "status done" in answered[-1][1]
    assert "Waiting: 0 questions come before yours" in waited[1][1]
    assert "status done" in waited[-1][1]
    assert "Waiting: 1 questions come before yours" in gave_up[1][1]
    assert "status stopped" in gave_up[-1][1]
    assert "Several of your questions" in refused[-1][1]
    assert [request.prompt for request in backend.requests] == ["q0", "q1"]


class OpensForever(Scripted):
    """Opens a picture until it is told to stop."""

    def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
        while cancelled is None or not cancelled():
            time.sleep(0.01)
        raise Cancelled("stopped while the picture was opened")


def test_stop_ends_the_opening_of_a_picture(pictures: list[Path], office: Callable[..., Office]) -> None:
    desk = office(OpensForever("x"), pictures[0])

    async def stopped() -> list[tuple[Any, ...]]:
        page = asyncio.create_task(everything(desk.asking("q", page="here")))
        await asyncio.sleep(0.2)
        await desk.stop(SimpleNamespace(session_hash="here"))  # type: ignore[arg-type]
        return await asyncio.wait_for(page, 5)

    assert "status stopped" in asyncio.run(stopped())[-1][1]


def test_an_unforeseen_failure_leaves_the_page_usable(
    pictures: list[Path], office: Callable[..., Office], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(request: object) -> str:
        raise RuntimeError("out of memory")

    *_, (_, status, ask, stop) = asked(office(Scripted(fail), pictures[0]), "q")
    assert "No answer: RuntimeError" in status
    assert ask["interactive"]
    assert not stop["interactive"]
    assert "out of memory" in caplog.text


def test_a_message_names_no_folder_of_the_server(pictures: list[Path], office: Callable[..., Office]) -> None:
    def fail(request: Request) -> str:
        raise BadInput(f"{request.pictures[0]} is no picture")

    status = asked(office(Scripted(fail), pictures[0]), "q")[-1][1]
    assert f"No answer: {pictures[0].name} is no picture" in status


def test_a_cut_answer_is_marked() -> None:
    answering: Any = SimpleNamespace(seconds=3.0)
    answering.done = Done("length", Usage(10, 5, 4), Timings(0.5, 0.1, 0.7, 2.0, image_cached=True))
    status = ending(TEXTS["en"], answering)
    assert status.startswith(line("Cut at max_tokens · Done · 5 tokens", "done").removesuffix("</div>"))
    assert "2 tokens/s" in status
    assert "picture seen before" in status


def test_the_status_says_how_the_picture_was_read() -> None:
    answering: Any = SimpleNamespace(seconds=3.0)
    uses = (
        PictureUse(27, 36, 972, (4032, 3024), (1152, 864), "max_pixels"),
        PictureUse(2, 3, 6, (96, 64), (96, 64)),
    )
    answering.done = Done("stop", Usage(1000, 5, 978, uses))
    status = ending(TEXTS["en"], answering)
    assert (
        "the picture was read as 27 x 36 = 972 tokens, reduced from 4032x3024 to 1152x864 pixels · the picture "
        "was read as 2 x 3 = 6 tokens</div>" in status
    )
    assert "图片按 27 行 36 列 = 972 个词元来看，由 4032x3024 缩小到 1152x864 像素" in ending(TEXTS["zh"], answering)


def test_how_far_the_first_word_is_is_shown(pictures: list[Path], office: Callable[..., Office]) -> None:
    class Slow(Scripted):
        def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
            for event in (
                Progress("encoding", 6, 24, 8.2),
                Progress("reading", 10, 300),
                TextDelta("Yes."),
                Done("stop"),
            ):
                yield event
                time.sleep(0.3)

    events = [(text, status) for text, status, *_ in asked(office(Slow(""), pictures[0]), "q")]
    shown = [(text, status) for text, status in events if isinstance(status, str)]
    assert ("", line("Looking at the picture: 6 of 24 blocks, about 8 s left", "working")) in shown
    assert ("", line("Reading the question: 10 of 300 tokens", "working")) in shown
    assert ("Yes.", line("Answering…", "working")) in shown
    assert shown.index(("Yes.", line("Answering…", "working"))) > 2
    assert coming(TEXTS["zh"], Progress("reading", 1, 2, 130.0)) == "正在读题：1 个词元，共 2 个，大约还要 2 分钟"


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
