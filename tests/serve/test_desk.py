"""The page's parts without a browser."""

from __future__ import annotations

import asyncio
import json
import string
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from occlusight.backends.events import Done, Event, PictureUse, Progress, TextDelta, ThoughtDelta, Timings, Usage
from occlusight.backends.protocol import Backend, CancelCheck, Message, Request
from occlusight.backends.scripted import Scripted
from occlusight.errors import BadData, BadInput, BadPicture, Busy, Cancelled
from occlusight.occlusion.graph import Graph
from occlusight.reasoning.relations import Certainty, Described
from occlusight.serve.fair_queue import Client, FairQueue, Shares
from occlusight.serve.page.desk import Desk, ending
from occlusight.serve.page.examples import shipped_examples
from occlusight.serve.page.question import MOST_TURNS, Question
from occlusight.serve.page.sight import Sight
from occlusight.serve.page.uploads import Uploads
from occlusight.serve.page.words import WEB, all_words, preferred


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_say_everything() -> None:
    zh, en = all_words()["zh"], all_words()["en"]
    assert set(zh) == set(en)
    for name in en:
        assert zh[name].strip()
        assert en[name].strip()
        assert fields(zh[name]) == fields(en[name]), name
        assert name in ("language",) or zh[name] != en[name], name


def test_no_sentence_is_left_over_or_missing() -> None:
    code = "".join(
        path.read_text("utf-8") for path in WEB.parent.rglob("*.*") if path.suffix in (".js", ".html", ".py")
    )
    made = ("e_", "what_", "state_", "detail_", "rel_", "part_")  # of which the rest is said by something else
    for name in all_words()["en"]:
        assert f'"{name}"' in code or name.startswith(made), f"{name} is not said anywhere"


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


class Office(Desk):
    """A desk with its queue and uploads."""

    def __init__(self, backend: Backend, shares: Shares | None = None) -> None:
        self.queue = FairQueue(shares)
        super().__init__(backend, Uploads(), self.queue)

    async def asking(self, question: str, visitor: str = "v", **more: Any) -> list[dict[str, Any]]:
        asked = Question(question=question, pictures=("upload/x",), **more)
        with self.queue.enter(Client("a", visitor)) as place:
            return [news async for news in self.answer(asked, (Path("a.png"),), place)]


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


def asked(desk: Office, question: str, **more: Any) -> list[dict[str, Any]]:
    return asyncio.run(desk.asking(question, **more))


class Slowly(Scripted):
    """Takes a moment for every piece."""

    def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
        for event in super().generate(request):
            time.sleep(0.03)
            yield event


def test_an_answer_grows_and_ends_with_its_figures(office: Callable[..., Office]) -> None:
    backend = Slowly("The lamp post hides the car.", piece=1)
    history = ({"role": "user", "text": "Who?"}, {"role": "assistant", "text": "The car."})
    news = asked(office(backend), "Why?", max_tokens=64, history=history)
    texts = [one["more"] for one in news if one["event"] == "text"]
    assert "".join(texts) == "The lamp post hides the car."
    assert len(texts) > 2
    assert news[-1]["event"] == "done"
    request = backend.requests[0]
    assert request.sampling.max_tokens == 64
    assert request.history == (Message("user", "Who?"), Message("assistant", "The car."))


def test_thoughts_and_what_is_still_to_be_done_are_told_apart(office: Callable[..., Office]) -> None:
    class Thinks(Scripted):
        def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
            for event in (Progress("encoding", 6, 24, 8.2), ThoughtDelta("Hm."), TextDelta("Yes."), Done("stop")):
                yield event
                time.sleep(0.3)

    news = asked(office(Thinks("")), "q")
    assert [one["event"] for one in news] == ["progress", "thought", "text", "done"]
    assert (news[0]["done"], news[0]["total"], news[0]["seconds_left"]) == (6, 24, 8.2)


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (BadPicture("{} is broken"), "picture", "p.png is broken"),
        (BadInput("too long"), "input", "too long"),
        (Busy("full", 7), "full", None),
        (RuntimeError("out of memory in /srv/secret"), "failed", "RuntimeError"),
    ],
)
def test_a_failure_is_told_by_its_kind_and_without_a_path(
    office: Callable[..., Office], error: Exception, kind: str, message: str | None
) -> None:
    desk = office(Scripted(lambda _: (_ for _ in ()).throw(error)))
    if error.args[0] == "{} is broken":
        error.args = (f"{desk.uploads._folder}/abc-_/p.png is broken",)
    last = asked(desk, "q")[-1]
    assert (last["event"], last["kind"]) == ("failed", kind)
    assert last.get("message") == message
    assert "secret" not in str(last)


def test_who_waits_sees_his_place_and_can_give_it_up(office: Callable[..., Office]) -> None:
    backend = Slowly("one two three four", piece=1)
    desk = office(backend, Shares(at_once=1, of_a_member=3))

    async def together() -> list[Any]:
        pages = [asyncio.create_task(desk.asking(f"q{i}", "v")) for i in range(3)]
        await asyncio.sleep(0.1)
        with pytest.raises(Busy):
            await desk.asking("q3", "v")
        pages[2].cancel()
        return await asyncio.gather(*pages, return_exceptions=True)

    first, waited, gave_up = asyncio.run(together())
    assert first[-1]["event"] == "done"
    assert waited[0] == {"event": "waits", "ahead": 0}
    assert waited[-1]["event"] == "done"
    assert isinstance(gave_up, asyncio.CancelledError)
    assert [request.prompt for request in backend.requests] == ["q0", "q1"]
    assert desk.queue.waiting == 0


class OpensForever(Scripted):
    """Opens a picture until it is told to stop."""

    stopped = False

    def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
        while cancelled is None or not cancelled():
            time.sleep(0.01)
        self.stopped = True
        raise Cancelled("stopped while the picture was opened")


def test_stop_ends_the_opening_of_a_picture(office: Callable[..., Office]) -> None:
    backend = OpensForever("x")
    desk = office(backend)

    async def stop() -> None:
        asking = asyncio.create_task(desk.asking("q"))
        await asyncio.sleep(0.2)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        for _ in range(100):
            if backend.stopped:
                return
            await asyncio.sleep(0.05)

    asyncio.run(stop())
    assert backend.stopped
    assert not desk.queue.running


def test_a_place_is_free_once_the_answer_is_there_however_slowly_it_is_read(office: Callable[..., Office]) -> None:
    desk = office(Scripted("one two three", piece=1))

    async def read_one() -> None:
        with desk.queue.enter(Client("a", "v")) as place:
            news = desk.answer(Question(question="q", pictures=("x",)), (Path("a.png"),), place)
            await anext(news)
            await asyncio.sleep(0.3)
            assert not desk.queue.running

    asyncio.run(read_one())


def test_a_graph_is_made_once_for_all_who_wait_for_it() -> None:
    made: list[Path] = []

    def see(path: Path) -> Described:
        made.append(path)
        time.sleep(0.1)
        return Described(Graph(1, 1, ()), {}, Certainty(False))

    async def three(sight: Sight) -> None:
        waiting = [asyncio.create_task(sight.of(Path("a"))) for _ in range(3)]
        await asyncio.sleep(0.02)
        waiting[0].cancel()  # who leaves takes nothing from the others
        found = await asyncio.gather(*waiting[1:])
        assert found[0] is found[1] is await sight.of(Path("a"))

    with ThreadPoolExecutor(2) as threads:
        asyncio.run(three(Sight(see, threads)))
    assert len(made) == 1


def test_the_end_says_how_the_picture_was_read() -> None:
    answering: Any = SimpleNamespace(seconds=3.0)
    use = PictureUse(27, 36, 972, (4032, 3024), (1152, 864), "max_pixels")
    answering.done = Done("length", Usage(1000, 5, 978, (use,)), Timings(0.5, 0.1, 0.7, 2.0, image_cached=True))
    told = json.loads(json.dumps(ending(answering)))
    assert (told["finish_reason"], told["looking_s"], told["first_s"]) == ("length", None, 0.7)
    assert told["pictures"][0]["read_size"] == [1152, 864]
    answering.done = None
    assert ending(answering)["finish_reason"] == "cancelled"


@pytest.mark.parametrize(
    "wrong",
    [
        {"question": ""},
        {"question": "x" * 20_001},
        {"question": 3},
        {"pictures": []},
        {"pictures": ["x"] * 9},
        {"pictures": [{"path": "/etc/passwd"}]},
        {"pictures": "/etc/passwd"},
        {"temperature": 10**400},
        {"temperature": -0.1},
        {"temperature": 2.5},
        {"top_p": 0},
        {"max_tokens": 2049},
        {"max_tokens": 0},
        {"max_tokens": True},
        {"max_tokens": 1e9},
        {"max_pixels": 10},
        {"seed": -1},
        {"history": [{"role": "system", "text": "x"}]},
        {"history": [{"role": "user", "text": "x", "pictures": ["/etc/passwd"]}]},
        {"history": [{"role": "user", "text": "x"}] * (MOST_TURNS + 1)},
        {"more": 1},
    ],
)
def test_a_field_holds_what_it_can_hold_on_the_page(wrong: dict[str, Any]) -> None:
    right = {"question": "q", "pictures": ["a"], "temperature": 0.5, "max_tokens": 64, "seed": 0}
    assert Question.model_validate_json(json.dumps(right)).pictures == ("a",)
    with pytest.raises(ValidationError):
        Question.model_validate_json(json.dumps({**right, **wrong}))


@pytest.mark.parametrize(
    "raw", ['{"question": "\\ud800", "pictures": ["a"]}', '{"question": "q", "pictures": ["\\udfff"]}']
)
def test_half_a_character_is_no_text(raw: str) -> None:
    with pytest.raises(ValidationError):
        Question.model_validate_json(raw)


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
